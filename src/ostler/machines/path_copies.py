"""Copies: what a path's copy() and move() do, on one machine and between two."""

import errno
from stat import S_IMODE, S_ISDIR, S_ISLNK, S_ISREG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ostler.machines.paths import MachinePath

_PIECE = 1 << 20
# What a file system may refuse about an extended attribute without the copy being worth less.
_MAY_REFUSE = (errno.EPERM, errno.ENOTSUP, errno.ENODATA, errno.EINVAL, errno.EACCES)


def copy(source: "MachinePath", target: "MachinePath", follow: bool, metadata: bool) -> None:
    """Copy a file or tree; OSError (EINVAL) where it would be a copy of itself or into itself."""
    if source == target:
        raise _invalid("Source and target are the same path", source, target)
    if source in target.parents:
        raise _invalid("Source path is a parent of target path", source, target)
    # In a tree whose links are followed each directory knows those that it lies in.
    todo = [(source, target, None)]
    made = []
    while todo:
        one, other, above = todo.pop()
        found = one.stat(follow_symlinks=follow)
        if not S_ISDIR(found.st_mode):
            _copy_one(one, other, found, follow, metadata)
            continue
        above = _below(one, found, above)
        other.mkdir()
        made.append((one, other, found))
        for child in one.iterdir():
            todo.append((child, other / child.name, above))
    for one, other, found in reversed(made if metadata else ()):
        _copy_metadata(one, other, found, follow)


def _below(source, found, above):
    identity = found.st_dev, found.st_ino
    outer = above
    while outer is not None:
        if outer[0] == identity:
            raise OSError(errno.ELOOP, "a link leads to a directory that it is in", str(source))
        outer = outer[1]
    return identity, above


def _copy_one(source, target, found, follow, metadata):
    if S_ISLNK(found.st_mode):
        target.machine.symlink(source.machine.readlink(source), target)
    elif S_ISREG(found.st_mode):
        _refuse_same_file(source, target)
        _copy_contents(source, target)
    elif not follow:
        target.machine.mknod(target, found.st_mode, found.st_rdev)
    else:  # which may have no end
        raise OSError(errno.EINVAL, "Neither a file nor a directory nor a link", str(source))
    if metadata:
        _copy_metadata(source, target, found, follow)


def move(source: "MachinePath", target: "MachinePath") -> None:
    """Rename a file or tree, or copy it and remove it where it can't be renamed to there."""
    if source.machine is target.machine:
        _refuse_same_file(source, target)
        try:
            source.machine.replace(source, target)
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
    copy(source, target, False, True)
    if S_ISDIR(source.lstat().st_mode):
        source.machine.trees.remove(str(source))
    else:
        source.unlink()


def _refuse_same_file(source, target):
    try:
        same = source.samefile(target)
    except (OSError, ValueError):
        return  # one of them is missing
    if same:
        raise _invalid("Source and target are the same file", source, target)


def _copy_contents(source, target):
    with source.open("rb", 0) as given, target.open("wb", 0) as taken:
        _pass_on(given, taken)


def _pass_on(given, taken):
    while piece := given.read(_PIECE):
        view = memoryview(piece)
        while view:
            view = view[taken.write(view) :]


def _copy_metadata(source, target, found, follow):
    here, there = source.machine, target.machine
    follow = follow or not S_ISLNK(found.st_mode)
    times = found.st_atime_ns, found.st_mtime_ns
    for name in _attributes(here, source, follow):
        _copy_attribute(here, there, source, target, name, follow)
    if follow:  # a link has no mode
        there.chmod(target, S_IMODE(found.st_mode))
    there.utime(target, ns=times, follow_symlinks=follow)


def _attributes(machine, path, follow):
    try:
        return machine.listxattr(path, follow_symlinks=follow)
    except OSError as error:
        if error.errno not in _MAY_REFUSE:
            raise
        return []


def _copy_attribute(here, there, source, target, name, follow):
    try:
        value = here.getxattr(source, name, follow_symlinks=follow)
        there.setxattr(target, name, value, follow_symlinks=follow)
    except OSError as error:
        if error.errno not in _MAY_REFUSE:
            raise


def _invalid(text, source, target):
    return OSError(errno.EINVAL, text, str(source), None, str(target))
