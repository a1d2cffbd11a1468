"""Real files: what a FakeFilesystem shows of the host. They are copies, which nothing leads back
from; a directory too large to be copied is the host's own, read-only.
"""

import errno
import stat

from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A directory that holds more is not copied, but shown, where nothing is to be changed in it.
_MOST = 64 * 2**20


def _host_path(path: "Any") -> str:
    text: str = host.path.abspath(host.fsdecode(path))
    return text


def _taken(filesystem, target):
    if filesystem.exists(target, check_link=True):
        raise FileExistsError(errno.EEXIST, host.strerror(errno.EEXIST), target)


def add_file(filesystem: "Any", source: "Any", read_only: bool, target: "Any") -> str:
    """Copy a file of the host; the path at which it is."""
    source = _host_path(source)
    to: str = source if target is None else filesystem._text(target)
    status = host.stat(source)
    _taken(filesystem, to)
    if not stat.S_ISREG(status.st_mode):
        kind = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        raise OSError(kind, "a real file is wanted", source)
    with filesystem._as_root():
        filesystem._make_parents(to)
        _copy_file(filesystem.machine, source, to, status, read_only)
        filesystem._own(to)
    return to


def _copy_file(machine, source, to, status, read_only):
    mode = status.st_mode & (0o444 if read_only else 0o7777)
    fd = machine.open(to, host.O_WRONLY | host.O_CREAT | host.O_EXCL, 0o600)
    try:
        with open(source, "rb", buffering=0) as file:
            _pour(machine, file, fd)
        machine.fchmod(fd, mode)
        machine.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        machine.close(fd)


def _pour(machine, file, fd):
    while data := file.read(2**20):
        done = 0
        while done < len(data):
            done += machine.write(fd, data[done:])


def add_link(filesystem: "Any", source: "Any", target: "Any") -> str:
    """Copy a symbolic link of the host; the path at which it is."""
    source = _host_path(source)
    to: str = source if target is None else filesystem._text(target)
    leads = host.readlink(source)
    with filesystem._as_root():
        filesystem._make_parents(to)
        filesystem.machine.symlink(leads, to)
    return to


def add_directory(filesystem: "Any", source: "Any", read_only: bool, target: "Any") -> str:
    """Copy a directory of the host, with all below it; the path at which it is."""
    source = _host_path(source)
    to: str = source if target is None else filesystem._text(target)
    status = host.stat(source)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "Mapping target is not a directory")
    machine = filesystem.machine
    with filesystem._as_root():
        new = not filesystem.exists(to, check_link=True)
        filesystem._make_parents(to)
        if new and read_only and source == to and _is_large(source):
            filesystem._show([host.fsencode(source)])
            return to
        if new and to != "/":
            host.trees.copy(source, to, machine=machine, owners=False, xattrs=False, special=False)
            _finish(filesystem, to, read_only)
        else:
            _merge(filesystem, source, to, read_only)
    return to


def _is_large(source):
    return host.trees.size(source, on_error="collect").disk > _MOST


def _finish(filesystem, top, read_only):
    machine = filesystem.machine
    for above, directories, files in machine.walk(top):
        for name in files if read_only else ():
            path = f"{above}/{name}"
            mode = machine.lstat(path).st_mode
            if stat.S_ISREG(mode):
                machine.chmod(path, mode & 0o444)
        filesystem._own(above, *(f"{above}/{name}" for name in (*directories, *files)))


def _merge(filesystem, source, to, read_only):
    machine = filesystem.machine
    for above, directories, files in host.walk(source):
        here = to.rstrip("/") + above[len(source) :]
        machine.makedirs(here or "/", exist_ok=True)
        for name in (*directories, *files):
            path, there = f"{above}/{name}", f"{here}/{name}"
            status = host.lstat(path)
            if stat.S_ISDIR(status.st_mode):
                continue
            _taken(filesystem, there)
            if stat.S_ISLNK(status.st_mode):
                machine.symlink(host.readlink(path), there)
            elif stat.S_ISREG(status.st_mode):
                _copy_file(machine, path, there, status, read_only)
            filesystem._own(there)
