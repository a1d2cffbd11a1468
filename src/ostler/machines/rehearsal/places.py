"""Places: a tree reached by descriptors alone, name by name; no link in it is ever followed."""

from __future__ import annotations

import errno
import stat

from ostler.core.clearing import clear
from ostler.core.held import held
from ostler.core.status import attribute as attribute_of
from ostler.core.status import listed
from ostler.machine import host
from ostler.machines.rehearsal import contents
from ostler.points.stack import child_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self, TypeVar

    _T = TypeVar("_T")
    from typing import TypeAlias

    from ostler.core.records import stat_result
    from ostler.core.status import Status

    AnyStatus: TypeAlias = Status | stat_result

_ENTER = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC
_LIST = host.O_RDONLY | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC
_READ = host.O_RDONLY | host.O_NOFOLLOW | host.O_NONBLOCK | host.O_CLOEXEC
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_NO_XATTRS = (errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM)


class HeldTree:
    """The tree below an open directory, which it owns; paths are bytes relative to it."""

    fd = -1  # closed, or never had
    unlocks = False  # whether a mode may be changed for a moment, to look at what it keeps shut
    keeps = 64  # directories that are held open

    def __init__(self, fd: int) -> None:
        self._open: dict[bytes, int] = {}
        self.fd = fd

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Where Ctrl-C has come before a close().
        if self.fd >= 0:
            self.close()

    def close(self) -> None:
        """Close the directory and all that is held open below it."""
        self.forget()
        fd, self.fd = self.fd, -1
        if fd >= 0:
            host.close(fd)

    def forget(self) -> None:
        """Close what is held open: names may mean something else from now on."""
        while self._open:
            host.close(self._open.popitem()[1])

    def forget_below(self, path: bytes) -> None:
        """Close what is held open at a path and below it."""
        below = path + b"/"
        for known in [k for k in self._open if k == path or k.startswith(below)]:
            host.close(self._open.pop(known))

    def remove(self, path: bytes) -> None:
        """Remove an object with all below it; what isn't there is no error."""
        status = self.status(path)
        if status is None:
            return
        above, name = self.parent(path)
        if not stat.S_ISDIR(status.st_mode):
            host.unlink(name, dir_fd=above)
            return
        clear(above, name)
        self.forget_below(path)
        above, name = self.parent(path)
        host.rmdir(name, dir_fd=above)

    def directory(self, path: bytes) -> int:
        """A descriptor (O_PATH) of a directory, held here; OSError when it is none."""
        at, names = path, []
        while at and at not in self._open:
            at, _, name = at.rpartition(b"/")
            names.append(name)
        fd = self._open[at] if at else self.fd
        for name in reversed(names):
            below = child_of(at, name)
            fd = self._open[below] = self._within(fd, self._opened, name, _ENTER, fd, at)
            at = below
            if len(self._open) > self.keeps:
                host.close(self._open.pop(next(iter(self._open))))
        return fd

    def _opened(self, name: bytes, flags: int, fd: int, path: bytes) -> int:
        """Open a name in a directory that is held open, by its path, if need be as the only one."""
        try:
            return host.open(name, flags, dir_fd=fd)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
        for known in [known for known in self._open if known != path]:
            host.close(self._open.pop(known))
        return host.open(name, flags, dir_fd=fd)

    def _within(self, above: int, call: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
        """What a call gives that needs the rights of this open directory: ours in an OwnTree.

        A program on the machine may take them from its directories, as it may everywhere.
        """
        try:
            return call(*args, **kwargs)
        except PermissionError as error:
            status = host.fstat(above)
            mode = stat.S_IMODE(status.st_mode)
            if not self.unlocks or mode & 0o700 == 0o700 or status.st_uid != host.geteuid():
                raise
            place = b"/proc/self/fd/%d" % above
            _let_in(error, place, mode)
        try:
            return call(*args, **kwargs)
        finally:
            host.chmod(place, mode)

    def parent(self, path: bytes) -> tuple[int, bytes]:
        """(descriptor of the directory that has the name, name)."""
        above, _, name = path.rpartition(b"/")
        fd = self._open.get(above)  # mostly it is held open
        return self.directory(above) if fd is None else fd, name or b"."

    def status(self, path: bytes) -> stat_result | None:
        """lstat of an object, None when it isn't there."""
        try:
            above, name = self.parent(path)
            return self._within(above, host.stat, name, dir_fd=above, follow_symlinks=False)
        except OSError as error:
            if error.errno in _NOT_THERE:
                return None
            raise

    def there(self, path: bytes) -> stat_result:
        """lstat of an object; FileNotFoundError when it isn't there."""
        status = self.status(path)
        if status is None:
            raise FileNotFoundError(errno.ENOENT, host.strerror(errno.ENOENT), host.fsdecode(path))
        return status

    def is_directory(self, path: bytes) -> bool:
        """Whether there is a directory."""
        status = self.status(path)
        return status is not None and stat.S_ISDIR(status.st_mode)

    def entries(self, path: bytes, quiet: bool = False) -> list[tuple[bytes, Status]]:
        """[(name, Status)] of a directory, sorted; with quiet, what can't be read is empty."""
        try:
            opened = held(self.open, path, _LIST)
        except PermissionError:
            if quiet:
                return []
            raise
        with opened as fd:
            return self._within(fd, listed, fd)

    def open(self, path: bytes, flags: int = _READ) -> int:
        """Open an object; in an OwnTree its owner may, whatever its mode says."""
        above, name = self.parent(path)
        return self._within(above, self._open_whatever, above, name, flags, path)

    def _open_whatever(self, above: int, name: bytes, flags: int, path: bytes) -> int:
        try:
            return self._opened(name, flags, above, path.rpartition(b"/")[0])
        except PermissionError as error:
            if not self.unlocks:
                raise
            status = host.stat(name, dir_fd=above, follow_symlinks=False)
            if status.st_uid != host.geteuid():
                raise
            mode = stat.S_IMODE(status.st_mode)
            _let_in(error, name, mode, above)
        try:
            return host.open(name, flags, dir_fd=above)
        finally:
            host.chmod(name, mode, dir_fd=above)

    def name(self, path: bytes) -> bytes:
        """A path for the calls that take no directory descriptor."""
        return b"/proc/self/fd/%d/%s" % self.parent(path)

    def link(self, path: bytes, above: int, name: bytes) -> None:
        """Give an object one more name, in another directory that is held open."""
        there, old = self.parent(path)
        self._within(
            there, host.link, old, name, src_dir_fd=there, dst_dir_fd=above, follow_symlinks=False
        )

    def put_xattr(self, path: bytes, attribute: str, value: bytes | None) -> None:
        """Set an extended attribute, or with None remove it."""
        above, _ = self.parent(path)
        place = self.name(path)
        if value is None:
            self._within(above, host.removexattr, place, attribute, follow_symlinks=False)
        else:
            self._within(above, host.setxattr, place, attribute, value, follow_symlinks=False)

    def target(self, path: bytes) -> str:
        """Where a link points, as os gives it."""
        above, name = self.parent(path)
        return host.fsdecode(self._within(above, host.readlink, name, dir_fd=above))

    def xattr(self, path: bytes, attribute: str) -> bytes | None:
        """The value of an extended attribute, None when there is none, or none to be read."""
        above, name = self.parent(path)
        try:
            return attribute_of(above, name, attribute)
        except PermissionError:
            pass  # whatever else it takes
        try:
            return self._within(above, self._xattr, path, attribute)
        except PermissionError:
            if self.unlocks:
                raise
            return None

    def _xattr(self, path: bytes, attribute: str) -> bytes | None:
        try:
            return host.getxattr(self.name(path), attribute, follow_symlinks=False)
        except PermissionError:
            if not self.unlocks:
                raise
        except OSError as error:
            if error.errno in _NO_XATTRS:
                return None
            raise
        # Those of a file are read with its mode's rights, and an OwnTree's owner can have more.
        above, name = self.parent(path)
        mode = stat.S_IMODE(host.stat(name, dir_fd=above, follow_symlinks=False).st_mode)
        host.chmod(name, mode | 0o400, dir_fd=above)
        try:
            return host.getxattr(self.name(path), attribute, follow_symlinks=False)
        except OSError as error:
            if error.errno in _NO_XATTRS:
                return None
            raise
        finally:
            host.chmod(name, mode, dir_fd=above)

    def xattrs(self, path: bytes, without: str, opened: bytes | None = None) -> dict[str, bytes]:
        """The extended attributes, but those whose names begin with `without`: a dict.

        `opened`: the name in /proc of a descriptor of the object, if there is one.
        """
        place = self.name(path) if opened is None else opened
        follow = opened is not None
        above, _ = self.parent(path)
        try:
            names = self._within(above, host.listxattr, place, follow_symlinks=follow)
        except OSError as error:
            if error.errno in _NO_XATTRS:
                return {}
            raise
        if not names:
            return {}
        found = {}
        for name in names:
            if not name.startswith(without):
                value: bytes | None
                try:
                    value = host.getxattr(place, name, follow_symlinks=follow)
                except PermissionError:
                    value = self.xattr(path, name)
                except OSError as error:
                    if error.errno not in _NO_XATTRS:
                        raise
                    value = None
                if value is not None:
                    found[name] = value
        return found

    def same_content(self, path: bytes, other: HeldTree, path_there: bytes) -> bool:
        """Whether two files of one size have the same bytes; what can't be read differs."""
        try:
            one = self.open(path)
        except PermissionError:
            return False
        try:
            try:
                two = other.open(path_there)
            except PermissionError:
                return False
            try:
                return contents.same(one, two)
            finally:
                host.close(two)
        finally:
            host.close(one)


def _let_in(refused: PermissionError, path: bytes, mode: int, dir_fd: int | None = None) -> None:
    # Where that can't be had, for it is only read there, what was refused stays so.
    try:
        host.chmod(path, mode | 0o700, dir_fd=dir_fd)
    except OSError as error:
        if error.errno == errno.EROFS:
            raise refused from None
        raise


class OwnTree(HeldTree):
    """A place of our own, whose modes keep only others out."""

    unlocks = True
