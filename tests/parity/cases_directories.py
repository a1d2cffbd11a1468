"""Cases of directories.py."""

import copy
import pickle
from os import listdir

from tests.parity import BAD_INTS, BAD_PATHS, Named, attempt, case, plain, touch


def tree(os):
    for name in ("a", "a/b", "a/b/c", "z", "z/empty"):
        os.mkdir(name)
    for name in ("top", "a/one", "a/b/two", "z/\udcff", "z/é"):
        touch(os, name)
    os.symlink("../z", "a/to_z")
    os.symlink("nowhere", "dangling")
    os.symlink("loop", "loop")


@case
def mkdir_and_rmdir(os):
    out = [attempt(os.mkdir, name) for name in ("d", b"e", "d", "d/x", "no/x", "é", "\udcff")]
    out += [attempt(os.mkdir, path) for path in BAD_PATHS]
    out += [attempt(os.mkdir, "m", mode) for mode in BAD_INTS]
    out += [attempt(os.mkdir, "n", dir_fd=fd) for fd in BAD_INTS]
    out += [attempt(os.rmdir, path) for path in (*BAD_PATHS, "d", b"e", "d/x", "é", "\udcff")]
    out += [attempt(os.rmdir, "n", dir_fd=fd) for fd in BAD_INTS]
    return [*out, sorted(os.listdir())]


@case
def mkdir_in_an_open_directory(os):
    os.mkdir("d", 0o700)
    fd = os.open("d", os.O_RDONLY)
    try:
        out = [attempt(os.mkdir, "x", 0o711, dir_fd=fd), attempt(os.mkdir, "x", dir_fd=fd)]
        out += [os.listdir("d"), oct(os.stat("d/x").st_mode)]
        return [*out, attempt(os.rmdir, "x", dir_fd=fd), os.listdir("d")]
    finally:
        os.close(fd)


@case
def listdir_of_everything(os):
    tree(os)
    out = []
    for path in (*BAD_PATHS, ".", b".", "a", "a/", "dangling", "loop", "top", "a/to_z"):
        result = attempt(os.listdir, path)
        if result[0] == "value":
            result = ("value", sorted(result[1][1]), result[2])
        out.append(result)
    return out


@case
def listdir_by_descriptor(os):
    tree(os)
    fd = os.open("a", os.O_RDONLY)
    try:
        return [sorted(os.listdir(fd)), sorted(os.listdir(fd))]
    finally:
        os.close(fd)


@case
def chdir_and_back(os):
    tree(os)
    home = os.open(".", os.O_RDONLY)
    out = []
    try:
        for path in (*BAD_PATHS, "dangling", "loop", "top"):
            if path != "" and path != b"":
                out.append(attempt(os.chdir, path))
        for path in ("a", b"b", "../to_z"):
            out.append(
                (
                    attempt(os.chdir, path),
                    os.path.basename(os.getcwd()),
                    os.path.basename(os.getcwdb()),
                )
            )
        out += [attempt(os.fchdir, fd) for fd in (*BAD_INTS, 1.5, object)]
    finally:
        os.fchdir(home)
        os.close(home)
    return [*out, sorted(os.listdir())]


@case
def chroot_refused(os):
    return [attempt(os.chroot, path) for path in ("missing", 3.5, "a\0b", None, 0)]


def described(entry):
    out = [entry.name, entry.path, entry.__fspath__(), repr(entry), entry.is_symlink()]
    for follow in (True, False):
        out.append(attempt(entry.is_dir, follow_symlinks=follow))
        out.append(attempt(entry.is_file, follow_symlinks=follow))
        out.append(attempt(lambda follow=follow: entry.stat(follow_symlinks=follow).st_mode))
    return [*out, entry.inode() == entry.stat(follow_symlinks=False).st_ino]


@case
def scandir_of_everything(os):
    tree(os)
    out = [
        attempt(lambda path=path: sorted(entry.name for entry in os.scandir(path)))
        for path in BAD_PATHS
    ]
    for path in (None, ".", b".", "a", "a/", b"z"):
        with os.scandir(path) as entries:
            out.append(sorted(map(described, entries), key=repr))
    return out


@case
def scandir_by_descriptor(os):
    tree(os)
    fd = os.open("a", os.O_RDONLY)
    try:
        with os.scandir(fd) as entries:
            return sorted(map(described, entries), key=repr)
    finally:
        os.close(fd)


@case
def scandir_entry_that_has_gone(os):
    touch(os, "f")
    os.symlink("f", "l")
    with os.scandir() as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    os.remove("f")
    os.remove("l")
    return [
        (
            attempt(e.is_dir), attempt(e.is_file), attempt(e.is_symlink),
            attempt(e.stat), attempt(e.stat, follow_symlinks=False),
        )
        for e in found
    ]  # fmt: skip


@case
def scandir_closed(os):
    touch(os, "f")
    entries = os.scandir()
    entries.close()
    entries.close()
    return [list(entries), attempt(os.DirEntry)[:2]]


@case
def makedirs_of_everything(os):
    tree(os)
    out = []
    for there in (False, True):
        for path in (*BAD_PATHS, "a", "a/b/", "new/a/b", b"bnew/x/", "dot/x/.", "top/x", "dangling",
                     "dangling/x", "loop/x", "a/..", "/", "."):  # fmt: skip
            out.append((path, attempt(os.makedirs, path, exist_ok=there)))
        out += [attempt(os.makedirs, "a", mode, there) for mode in BAD_INTS]
    os.makedirs("modes/x/y", 0o700)
    out += [oct(os.stat(name).st_mode) for name in ("modes", "modes/x", "modes/x/y")]
    return out


@case
def removedirs_of_everything(os):
    tree(os)
    out = [attempt(os.removedirs, path) for path in BAD_PATHS]
    os.makedirs("r/s/t")
    touch(os, "r/file")
    out += [attempt(os.removedirs, path) for path in ("r/s/t/", "z/empty", "z", "top", b"a/b/c")]
    return [*out, sorted(os.listdir("r")), sorted(os.listdir("a/b"))]


def walked(os, walk, top, **options):
    errors = []
    steps = []
    for step in walk(top, onerror=errors.append, **options):
        if options.get("topdown", True):
            step[1].sort()
        steps.append((step[0], sorted(step[1]), sorted(step[2])))
    return steps, [(e.errno, e.filename) for e in errors]


@case
def walk_of_everything(os):
    tree(os)
    out = []
    for walk in (os.walk, os.fwalk):
        for top in (".", b".", "a", "a/", "missing", "top", "dangling", 3.5, None, "a\0b", ""):
            out.append(attempt(walked, os, walk, top))
    out.append(walked(os, os.walk, "a", followlinks=True))
    out.append(walked(os, os.fwalk, "a", follow_symlinks=True))
    return out


@case
def walk_bottom_up(os):
    tree(os)
    return [
        [(top, sorted(dirs), sorted(files)) for top, dirs, files in os.walk("a", topdown=False)],
        [(step[0], sorted(step[1])) for step in os.fwalk("a", topdown=False)],
    ]


@case
def walk_pruned_and_led(os):
    tree(os)
    out = []
    for top, dirs, files in os.walk("."):
        out.append((top, sorted(dirs), sorted(files)))
        dirs[:] = ["z", "a/b", "missing", "top", "dangling"] if top == "." else []
    return out


@case
def what_is_no_directory_by_its_descriptor(os):
    touch(os, "file", b"content")
    os.symlink("file", "link")
    os.mkdir("d")
    found = []
    for name, flags in (
        ("file", os.O_RDWR), ("file", os.O_WRONLY), ("file", os.O_PATH), ("d", os.O_PATH),
        ("link", os.O_PATH | os.O_NOFOLLOW),
    ):  # fmt: skip
        for call in (os.listdir, os.scandir, lambda fd: list(os.walk(fd, onerror=found.append))):
            fd = os.open(name, flags)
            if not flags & os.O_PATH:
                os.lseek(fd, 3, os.SEEK_SET)
            outcome = attempt(lambda call=call, fd=fd: sorted(map(str, call(fd))))
            # The error names the descriptor, whose number may be another one.
            found.append([part == ("int", fd) or part for part in outcome])
            found.append(attempt(os.lseek, fd, 0, os.SEEK_CUR))
            os.close(fd)
    return [plain(f.args) if isinstance(f, OSError) else f for f in found]


class Name(str):
    def __radd__(self, other):
        return "radd"


# What a program may put into the list of directories.
OTHERS = [
    "b", b"b", Name("b"), Named("b"), Named(b"b"), Named(OSError(5, "no name")), 5, None, 1.5, -1,
    "missing", "", ".", "..", "b/c", "b\0", "/b", b"/b", Name("/b"), Named("/b"),
]  # fmt: skip


@case
def walk_with_other_names(os):
    """Since 3.15 a name is put behind the path of its directory as it is, and not joined."""
    os.makedirs("a/b/c")
    os.makedirs("a/x")
    os.symlink("x", "a/link")
    found = []
    for top in ("a", b"a", "a/", "a//", Named("a"), Name("a"), Name("a/")):
        for other in OTHERS:
            for options in ({}, {"followlinks": True}, {"topdown": False}):
                found.append(attempt(_walked_with, os, top, other, options))
    return found


def _walked_with(os, top, other, options):
    steps = []
    for step in os.walk(top, onerror=steps.append, **options):
        step[1].sort()
        steps.append((step[0], list(step[1]), step[2]))
        if len(steps) == 1:
            step[1][1:1] = [other, "link" if isinstance(step[0], str) else b"link"]
        elif len(steps) > 5:
            break
    return [plain(s.args) if isinstance(s, OSError) else plain(s) for s in steps]


@case
def fwalk_with_other_names(os):
    os.makedirs("a/b/c")
    os.makedirs("a/x")
    found = []
    for top in ("a", b"a", Name("a")):
        for other in OTHERS:
            for place in ("before", "after"):
                for follow in (False, True):
                    found.append(_fwalked(os, top, other, place, follow))
    return found


def _fwalked(os, top, other, place, follow):
    before, steps, errors = _descriptors(), [], []

    def walk():
        walking = os.fwalk(top, onerror=lambda e: errors.append(e.args), follow_symlinks=follow)
        for at, dirs, files, _ in walking:
            steps.append(plain((at, sorted(map(str, dirs)), files)))
            if len(steps) == 1:
                dirs[:] = [other, "b"] if place == "before" else ["b", other]
            if len(steps) > 8:
                break

    outcome = attempt(walk)
    return outcome, steps, plain(errors), _descriptors() - before


def _descriptors():
    # Of this process, whatever machine it is that has no /proc of its own.
    return len(listdir("/proc/self/fd"))


@case
def attributes_of_an_entry(os):
    os.mkdir("d")
    with os.scandir() as entries:
        entry = next(entries)
    found = [
        (attempt(setattr, entry, name, 1), attempt(delattr, entry, name))
        for name in ("name", "path", "other", "is_dir")
    ]
    for one in (entry, entries):
        found += [
            attempt(type(one)),
            attempt(getattr, one, "other"),
            attempt(len, one),
            attempt(lambda one=one: one < one),
            attempt(copy.copy, one),
            *(attempt(pickle.dumps, one, protocol) for protocol in (2, 3, 4)),
        ]
    return found


@case
def fwalk_by_descriptor(os):
    tree(os)
    fd = os.open("a", os.O_RDONLY)
    try:
        return sorted(
            (top, sorted(dirs), sorted(files), sorted(os.listdir(at)))
            for top, dirs, files, at in os.fwalk("b", dir_fd=fd)
        )
    finally:
        os.close(fd)
