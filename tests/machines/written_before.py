"""Commits that an earlier ostler had prepared, as files: the tree that it left, and its journal.

A journal names objects by inode number and change time, which nobody can choose. So it is kept as
text with `<inode N>` and `<ctime N>`, N being the number of an object in the list of the tree;
`<uid>` and `<gid>` are the user's, `<base>` is where the tree stands.

`python -m tests.machines.written_before` writes these files with the ostler that there is. They
are what journals in the world look like: it is for a new kind of step, and for a new format, whose
files come beside those of the old one.
"""

import json
import os
import re
import stat
import sys
from pathlib import Path

FILES = Path(__file__).parent / "journals"
MARK = re.compile(r"<(inode|ctime|uid|gid)(?: (\d+))?>")
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "device",
}


def text_of(path):
    return os.fsencode(path).decode("latin-1")


def path_of(text):
    return os.fsdecode(text.encode("latin-1"))


def tree_of(base):
    """[[path, kind, mode, uid, gid, mtime, xattrs, more]] of a base, each after what it lies in."""
    found, names, waiting = [], {}, [""]
    while waiting:
        at = waiting.pop()
        path = os.path.join(base, at) if at else base
        status = os.lstat(path)
        kind = _KINDS[stat.S_IFMT(status.st_mode)]
        xattrs = {
            name: os.getxattr(path, name, follow_symlinks=False).decode("latin-1")
            for name in sorted(os.listxattr(path, follow_symlinks=False))
        }
        more = None
        if kind == "directory":
            waiting += [os.path.join(at, name) for name in sorted(os.listdir(path))[::-1]]
        elif kind == "link":
            more = text_of(os.readlink(path))
        elif kind == "device":
            more = status.st_rdev
        elif kind == "file":
            more = Path(path).read_bytes().decode("latin-1")
        if kind != "directory" and status.st_nlink > 1:
            first = names.setdefault(status.st_ino, at)
            kind, more = ("name", text_of(first)) if first != at else (kind, more)
        user = "uid" if status.st_uid == os.geteuid() else status.st_uid
        group = "gid" if status.st_gid == os.getegid() else status.st_gid
        mode = stat.S_IMODE(status.st_mode)
        found.append([text_of(at), kind, mode, user, group, status.st_mtime_ns, xattrs, more])
    return found


def make(tree, base):
    """Make a tree that `tree_of` has told; what was there must be gone."""
    for at, kind, _, _, _, _, _, more in tree:
        path = os.path.join(base, path_of(at)) if at else base
        if kind == "directory":
            os.mkdir(path, 0o700)
        elif kind == "link":
            os.symlink(path_of(more), path)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "device":
            os.mknod(path, 0o600 | stat.S_IFCHR, more)
        elif kind == "name":
            os.link(os.path.join(base, path_of(more)), path, follow_symlinks=False)
        else:
            Path(path).write_bytes(more.encode("latin-1"))
    for at, kind, mode, user, group, mtime, xattrs, _ in reversed(tree):
        path = os.path.join(base, path_of(at)) if at else base
        if {user, group} != {"uid", "gid"}:
            os.lchown(path, user, group)
        for name, value in xattrs.items():
            os.setxattr(path, name, value.encode("latin-1"), follow_symlinks=False)
        if kind != "link":
            os.chmod(path, mode)
        os.utime(path, ns=(mtime, mtime), follow_symlinks=False)


def filled(journal, tree, base):
    """The text of a journal about a tree that was made in `base`."""

    def known(found):
        word, number = found[1], found[2]
        if number:
            at = path_of(tree[int(number)][0])
            status = os.lstat(os.path.join(base, at) if at else base)
            return str(status.st_ino if word == "inode" else status.st_ctime_ns)
        return str({"uid": os.geteuid(), "gid": os.getegid()}[word])

    return MARK.sub(known, journal).replace("<base>", json.dumps(text_of(base))[1:-1])


def with_marks(text, tree, base):
    """A journal as it is kept; what `filled` makes of that is the journal again."""
    numbers, times = {}, {}
    for number, (at, *_) in reversed(list(enumerate(tree))):
        status = os.lstat(os.path.join(base, path_of(at)) if at else base)
        numbers[status.st_ino], times[status.st_ino] = number, status.st_ctime_ns

    def look(known):
        if known is None or known.startswith("tree"):
            parts = known and known.split(" ")
            return known and " ".join(["tree", f"<inode {numbers[int(parts[1])]}>", *parts[2:]])
        inode, *parts = known.split(" ")
        if len(parts) > 2:
            assert int(parts[2]) == times[int(inode)]
            parts[2] = f"<ctime {numbers[int(inode)]}>"
        return " ".join([f"<inode {numbers[int(inode)]}>", *parts])

    begin, go = map(json.loads, text.splitlines())
    me = [os.geteuid(), os.getegid()]
    for step in go[1]:
        at = 3 if step[0] == "meta" else 4
        step[at] = f"<inode {numbers[step[at]]}>"
        for side in step[4:] if step[0] == "meta" else ():
            if "owner" in side:
                marks = zip(side["owner"], me, ("<uid>", "<gid>"), strict=True)
                side["owner"] = [mark if one == mine else one for one, mine, mark in marks]
    for entry in go[2]:
        entry[3] = f"<inode {numbers[entry[3]]}>"
    go[3] = [[look(known) for known in pair] for pair in go[3]]
    kept = json.dumps(begin).replace(json.dumps(base), '"<base>"') + "\n" + json.dumps(go) + "\n"
    kept = re.sub(r'"(<(?:inode|uid|gid)[^<>]*>)"', r"\1", kept)
    assert filled(kept, tree, base) == text
    return kept


def written(name, as_root):
    """What is kept of the commit of one kind of change, stopped when its journal is complete."""
    import shutil
    import tempfile

    import ostler
    from ostler.machines.rehearsal import commits
    from tests.attacks.commit_kinds import prepare, rehearse

    top = tempfile.mkdtemp(prefix="ostler-written-", dir="/dev/shm")
    base = f"{top}/base"
    ostler.environ["XDG_STATE_HOME"] = f"{top}/state"
    try:
        prepare(base, [name])
        old = tree_of(base)

        def commit():
            commits.Work.finish = lambda *_: os._exit(0)
            with ostler.rehearsal(base) as m:
                rehearse(m, [name])
                m.commit()

        pid = os.fork()
        if pid == 0:
            try:
                commit()
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0, "the commit did not come that far"
        (journal,) = Path(f"{top}/state/ostler/commits").glob("*.commit")
        tree = tree_of(base)
        text = with_marks(journal.read_text(), tree, base)
        assert ostler.rehearsal.recover() == [(base, "finished")]
        return {
            "name": name, "root": as_root, "journal": text.splitlines(), "tree": tree,
            "old": old, "new": tree_of(base),
        }  # fmt: skip
    finally:
        for path, _, _ in os.walk(top):
            os.chmod(path, 0o700)
        shutil.rmtree(top)


def save(found):
    """Write a file, one line for each record and each object."""
    lines = []
    for key, value in found.items():
        if isinstance(value, list):
            value = "[\n" + ",\n".join(json.dumps(each) for each in value) + "\n]"
        else:
            value = json.dumps(value)
        lines.append(f'"{key}": {value}')
    path = FILES / f"{found['name'].replace(' ', '_')}.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    from tests.attacks.commit_kinds import KINDS, ROOTS
    from tests.machines.rehearsing import USER, forked

    for name in KINDS:
        if name in ROOTS:
            save(written(name, True))
            continue
        reader, writer = os.pipe()
        forked(
            lambda name=name, writer=writer: write_all(writer, json.dumps(written(name, False))),
            USER,
        )
        os.close(writer)
        with open(reader) as file:
            save(json.loads(file.read()))


def write_all(fd, text):
    # A pipe holds little; the other end is read only when this process has ended.
    import fcntl

    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 1 << 20)
    os.write(fd, text.encode())


if __name__ == "__main__":
    sys.exit(main())
