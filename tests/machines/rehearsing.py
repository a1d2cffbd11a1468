"""What the tests of rehearsals share: running as root and as an ordinary user, trees as values."""

import os
import shutil
import stat
import traceback

import pytest

import ostler

# An ordinary user can't read the interpreter's files everywhere: all is loaded before.
from ostler.machines.rehearsal import layers, pictures, walk  # noqa: F401
from tests.machines import as_self, as_user

USER = 1234


def forked(function, user=None):
    """Run function in a child, as this user when one is given; its failure is ours."""

    def check():
        function()  # what it returns need not be what can be sent

    try:
        as_self(check) if user is None else as_user(check, user=user)
    except AssertionError as failed:
        pytest.fail(f"in the child:\n{failed}", pytrace=False)


def by_steps(few, each=1):
    """A test with a `step`: how many of what it goes through it takes; make attacks takes more."""
    more = pytest.param(each, marks=pytest.mark.thorough)
    return pytest.mark.parametrize("step", [few, more])


def put(path, content="", mode=0o644):
    """Write a file, with the directories above it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w" if isinstance(content, str) else "wb") as file:
        file.write(content)
    os.chmod(path, mode)


def kinds(machine, base):
    """{path below the base: kind} of the changes."""
    return {os.path.relpath(c.path, base): c.kind for c in machine.changes()}


def remove_all(top):
    """Remove a directory with all below it, as root or as its owner.

    It may be that its owner can't enter some yet, such as those in which an overlay works.
    """
    for above, directories, _ in os.walk(top):
        for name in directories if os.getuid() != 0 else ():
            path = f"{above}/{name}"
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode | 0o700)
    shutil.rmtree(top)


def snapshot(top, times=True):
    """A tree as a value: everything that a commit must put right."""
    top = os.fsencode(top)
    found, inodes = {}, {}
    waiting = [b""]
    while waiting:
        at = waiting.pop()
        path = os.path.join(top, at) if at else top
        status = os.lstat(path)
        kind = stat.S_IFMT(status.st_mode)
        entry = [kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid]
        if times and kind != stat.S_IFDIR:
            entry.append(status.st_mtime_ns)
        attributes = {}
        for name in os.listxattr(path, follow_symlinks=False):
            attributes[name] = os.getxattr(path, name, follow_symlinks=False)
        entry.append(attributes)
        if kind == stat.S_IFLNK:
            entry.append(os.readlink(path))
        elif kind == stat.S_IFREG:
            with open(path, "rb") as file:
                entry.append(file.read())
            if status.st_nlink > 1:
                names = inodes.setdefault(status.st_ino, [])
                names.append(at)
                entry.append(names)
        elif kind == stat.S_IFDIR:
            waiting += [os.path.join(at, name) for name in os.listdir(path)]
        else:
            entry.append(status.st_rdev)
        found[at] = entry
    for names in inodes.values():
        names.sort()
    return found


def put_on(machine, path, content):
    with machine.open_file(path, "wb") as file:
        file.write(content)


def got(machine, path):
    with machine.open_file(path) as file:
        return file.read()


def journals(base):
    path = f"{base}/../state/ostler/commits"
    names = os.listdir(path) if os.path.exists(path) else []
    return [name for name in names if name.endswith(".commit")]


def commit(machine, base, *args):
    """Commit, and see that the base is what the rehearsal showed, and that nothing is left."""
    os_view = {}
    if not args:
        os_view = view(machine)
    done = machine.commit(*args)
    assert journals(base) == []
    if not args:
        assert snapshot_without_links(base) == os_view
        assert machine.changes() == []
        assert view(machine) == os_view
    return done


def view(machine, top="/", without=()):
    """The machine's tree as `snapshot_without_links` gives the real one, `without` these paths."""
    found = {}
    waiting = [os.fsencode(top)]
    while waiting:
        path = waiting.pop()
        status = machine.lstat(path)
        entry = [stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)]
        entry += [status.st_uid, status.st_gid, status.st_mtime_ns]
        entry.append(
            {
                name: machine.getxattr(path, name, follow_symlinks=False)
                for name in machine.listxattr(path, follow_symlinks=False)
                if ".overlay." not in name
            }
        )
        if stat.S_ISLNK(status.st_mode):
            entry.append(machine.readlink(path))
        elif stat.S_ISREG(status.st_mode):
            with machine.open_file(path, "rb") as file:
                entry.append(file.read())
        elif stat.S_ISDIR(status.st_mode):
            inside = [os.path.join(path, name) for name in machine.listdir(path)]
            waiting += [each for each in inside if each not in without]
        found[path.lstrip(b"/")] = entry
    return found


def snapshot_without_links(base):
    with ostler.confined(base) as machine:
        return view(machine)


def text(path):
    with open(path) as file:
        return file.read()


def commit_both(base, operate):
    """Two processes commit at one moment what `operate(machine, who)` did, "one" and "two" being
    who: what became of each, 0, or 1 for a CommitConflict.
    """
    ready, go = os.pipe(), os.pipe()
    children = []
    for who in ("one", "two"):
        pid = os.fork()
        if pid == 0:
            status = 99
            try:
                with ostler.rehearsal(base) as m:
                    operate(m, who)
                    os.write(ready[1], b".")
                    os.close(go[1])
                    os.read(go[0], 1)
                    try:
                        m.commit()
                        status = 0
                    except ostler.CommitConflict:
                        status = 1
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        children.append(pid)
    for _ in children:
        os.read(ready[0], 1)
    for fd in go:
        os.close(fd)
    ended = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    for fd in ready:
        os.close(fd)
    return ended
