"""Renaming: a directory of the base that the kernel won't rename in a rehearsal.

An overlay of an ordinary user has no redirected directories: there rename(2) fails with EXDEV. So
it is done name by name, and where the directory comes from is noted in the upper layer.
"""

import errno
import stat

from ostler.machines import host
from ostler.machines.places import Store

MOVED = "moved"  # after the prefix of the overlay's own marks, none of which is called so


def moved(machine, src, dst, src_dir_fd, dst_dir_fd):
    """Move a directory as the kernel's rename would, name by name; False: not our affair."""
    status = machine.stat(src, dir_fd=src_dir_fd, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode):
        return False
    overlay, origin = _place(machine, src, src_dir_fd)
    other, place = _place(machine, dst, dst_dir_fd)
    if overlay is None or overlay is not other:  # where the real rename would not have worked
        return False
    try:
        machine.mkdir(dst, 0o700, dir_fd=dst_dir_fd)
    except FileExistsError:
        there = machine.stat(dst, dir_fd=dst_dir_fd, follow_symlinks=False)
        if not stat.S_ISDIR(there.st_mode):
            raise NotADirectoryError(
                errno.ENOTDIR, machine.strerror(errno.ENOTDIR), src, None, dst
            ) from None
        machine.rmdir(dst, dir_fd=dst_dir_fd)
        machine.mkdir(dst, 0o700, dir_fd=dst_dir_fd)
    flags = machine.O_RDONLY | machine.O_DIRECTORY | machine.O_NOFOLLOW
    source = machine.open(src, flags, dir_fd=src_dir_fd)
    try:
        target = machine.open(dst, flags, dir_fd=dst_dir_fd)
        try:
            for name in machine.listdir(source):
                machine.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
            for name in machine.listxattr(source):
                machine.setxattr(target, name, machine.getxattr(source, name))
            _note(machine, overlay, place, origin)
            machine.chmod(target, status.st_mode & 0o7777)
            machine.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            machine.close(target)
    finally:
        machine.close(source)
    machine.rmdir(src, dir_fd=src_dir_fd)
    return True


def _place(machine, path, dir_fd):
    """(the Overlay that a name lies in, or None; its path below that)."""
    above, name = machine.path.split(machine.fsencode(path).rstrip(b"/"))
    fd = machine.open(above or b".", machine.O_PATH | machine.O_DIRECTORY, dir_fd=dir_fd)
    try:
        where = host.readlink(b"/proc/self/fd/%d" % fd)[1:]
    finally:
        host.close(fd)
    best = None
    for overlay in machine._overlays:
        target = overlay.target
        if (where == target or not target or where.startswith(target + b"/")) and (
            best is None or len(target) > len(best.target)
        ):
            best = overlay
    if best is None:
        return None, name
    inside = where[len(best.target) :].lstrip(b"/")
    return best, inside + b"/" + name if inside else name


def _note(machine, overlay, place, origin):
    """Write down where the base has the directory that now stands at a place."""
    mark = machine._prefix_of_marks + MOVED.encode()
    stores = b"/proc/self/fd/%d" % machine._stores
    with Store(host.open(stores, host.O_PATH | host.O_DIRECTORY)) as store:
        try:
            name = store.name(overlay.store + b"/upper/" + place)
            host.setxattr(name, mark, b"/" + origin, follow_symlinks=False)
        except PermissionError:
            pass  # then it is listed as removed and created
