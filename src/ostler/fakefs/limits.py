"""Limits: room that is counted in bytes, and functions that are called when a file is written.

The kernel counts a file system's room in pages. Where a test asks for 100 bytes, this stands before
the calls that make files longer, and counts the bytes of all files, as pyfakefs does. What the
kernel itself can count, it counts, too: for child processes, and whatever else this does not see.
"""

import errno
import io
from functools import partial

from ostler.core.standers import OF_FILES, Stander, file_over
from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PAGE = host.sysconf("SC_PAGE_SIZE")
LEAST_OF_KERNEL = 64 * 1024  # from here on, in whole pages, the kernel's own limit is that size
_SLACK = 4096 * PAGE  # for a smaller one: so many files may end within a page
UNLIMITED = 2**40  # what is told where no limit is set: one tebibyte

_GROW = frozenset(
    "write pwrite writev pwritev sendfile copy_file_range splice truncate ftruncate "
    "posix_fallocate create_file write_atomic".split()
)


def of_kernel(total: int) -> int:
    """The room that the kernel shall give where a test asks for `total` bytes."""
    if total >= LEAST_OF_KERNEL and total % PAGE == 0:
        return total
    return -(-total // PAGE) * PAGE + _SLACK


class Counting(Stander):
    """Stands before the calls that write, while there is a limit or a side effect."""

    def __init__(self, filesystem: "Any") -> None:
        self._filesystem = filesystem
        self.effects: dict[tuple[int, int], Callable[[], object]] = {}
        self.verbs = _GROW | OF_FILES | {"open_file", "fdopen", "statvfs", "fstatvfs"}

    def called(self, machine, verb, args, kwargs, go):
        """Let a call through as far as there is room; ENOSPC where there is none."""
        if verb == "open_file":
            return self._open(machine, *args, **kwargs)
        if verb == "fdopen":
            return self._open(machine, *args, **kwargs)
        if verb in ("statvfs", "fstatvfs"):
            return self._told(go(*args, **kwargs), args, kwargs)
        ask = getattr(self, f"_{verb}", None)
        return go(*args, **kwargs) if ask is None else ask(machine, go, *args, **kwargs)

    # --- the calls

    def _write(self, machine, go, fd, data):
        return self.written(fd, data, partial(go, fd))

    def _pwrite(self, machine, go, fd, data, offset):
        return self.written(fd, data, lambda part: go(fd, part, offset), offset)

    def _writev(self, machine, go, fd, buffers):
        return self.written(fd, b"".join(buffers), partial(machine.write, fd))

    def _pwritev(self, machine, go, fd, buffers, offset, flags=0):
        data = b"".join(buffers)
        return self.written(fd, data, lambda part: go(fd, [part], offset, flags), offset)

    def _sendfile(self, machine, go, out_fd, in_fd, offset, count, **more):
        return go(out_fd, in_fd, offset, self._fits(out_fd, count), **more)

    def _copy_file_range(self, machine, go, src, dst, count, *more, **named):
        return go(src, dst, self._fits(dst, count), *more, **named)

    def _splice(self, machine, go, src, dst, count, *more, **named):
        return go(src, dst, self._fits(dst, count), *more, **named)

    def _truncate(self, machine, go, path, length):
        status = machine.fstat(path) if isinstance(path, int) else machine.stat(path)
        self._ask(status.st_dev, length - status.st_size)
        done = go(path, length)
        self.tell(status)
        return done

    def _ftruncate(self, machine, go, fd, length):
        return self._truncate(machine, go, fd, length)

    def _posix_fallocate(self, machine, go, fd, offset, length):
        status = host.fstat(fd)
        self._ask(status.st_dev, offset + length - status.st_size)
        return go(fd, offset, length)

    # --- what they ask

    def written(
        self, fd: int, data: "Any", write: "Callable[[Any], int]", offset: "int | None" = None
    ) -> int:
        """Write as much as there is room for; how much. ENOSPC where there is none."""
        status = host.fstat(fd)
        data = memoryview(data).cast("B")
        room = self._room(status.st_dev)
        if room is not None and status.st_mode & 0o170000 == 0o100000:
            if offset is None:
                offset = _position(fd, status)
            grows = offset + len(data) - status.st_size
            if grows > max(room, 0):
                fits = len(data) - (grows - max(room, 0))
                if fits <= 0:
                    raise OSError(errno.ENOSPC, host.strerror(errno.ENOSPC))
                data = data[:fits]
        count = write(data)
        self.tell(status)
        return count

    def tell(self, status: "Any") -> None:
        """Call the function that is to be called when this file is written."""
        effect = self.effects.get((status.st_dev, status.st_ino))
        if effect is not None:
            effect()

    def _room(self, device: int) -> "int | None":
        found: int | None = self._filesystem._room(device)
        return found

    def _ask(self, device, grows):
        room = self._room(device)
        if room is not None and grows > max(room, 0):
            raise OSError(errno.ENOSPC, host.strerror(errno.ENOSPC))

    def _fits(self, fd, count):
        status = host.fstat(fd)
        room = self._room(status.st_dev)
        if room is None or status.st_mode & 0o170000 != 0o100000:
            return count
        free = status.st_size - _position(fd, status) + max(room, 0)
        if free <= 0 < count:
            raise OSError(errno.ENOSPC, host.strerror(errno.ENOSPC))
        return min(count, free)

    def _told(self, result, args, kwargs):
        # In bytes, as they are counted here.
        usage = self._filesystem._usage_at(args[0] if args else next(iter(kwargs.values())))
        if usage is None:
            return result
        total, _, free = usage
        return type(result)(
            (1, 1, total, free, free, *tuple(result)[5:10]), {"f_fsid": result.f_fsid}
        )

    def _open(
        self, machine, file, mode="r", buffering=-1, encoding=None, errors=None, newline=None,
        closefd=True, opener=None,
    ):  # fmt: skip
        if opener is None and not isinstance(file, int):

            def opener(path, flags):
                return machine.open(path, flags, 0o666)

        raw = partial(_CountedFile, self)
        opened = file_over(
            machine, file, mode, buffering, encoding, errors, newline, closefd, opener, raw
        )
        if "w" in mode and not isinstance(file, int) and self.effects:
            self.tell(host.fstat(opened.fileno()))
        return opened


def _position(fd, status):
    import fcntl

    appends = fcntl.fcntl(fd, fcntl.F_GETFL) & host.O_APPEND
    return status.st_size if appends else host.lseek(fd, 0, host.SEEK_CUR)


class _CountedFile(io.FileIO):
    """A file whose writes pass by a Counting."""

    def __init__(self, watch, machine, *args, **kwargs):
        self._counting = watch
        self._has_told = False
        super().__init__(*args, **kwargs)

    def write(self, data):
        self._has_told = True
        return self._counting.written(self.fileno(), data, super().write)

    def truncate(self, size=None):
        status = host.fstat(self.fileno())
        size = self.tell() if size is None else size
        self._counting._ask(status.st_dev, size - status.st_size)
        size = super().truncate(size)
        self._counting.tell(status)
        return size

    def close(self):
        if self.closed:
            return
        status = host.fstat(self.fileno()) if self.writable() and not self._has_told else None
        super().close()
        if status is not None:
            self._counting.tell(status)
