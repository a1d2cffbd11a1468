"""What is in a file, copied: shared blocks, ranges inside the kernel, or bytes; holes stay."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.trees._engine import maybe_tick
from cython.cimports.ostler.trees._task import CLONE_ALWAYS, CLONE_NEVER, CopyTask, task_of

_BUFFER = cython.declare(cython.long, 262144)
_STEP = cython.declare(cython.long, 8 << 20)  # between two looks at signals
_ALL = cython.declare(cython.long, 0x7FFFFFFFFFFFFFFF)


def large_buffer(worker):
    if worker.own == cython.NULL:
        worker.own = libc.malloc(2 * _BUFFER)
    return cython.cast(cython.p_char, worker.own)


def copy_content(worker, fd, to, st):
    # 0, an errno, or -1 when the operation was stopped meanwhile.
    task: cython.pointer(CopyTask) = task_of(worker)
    at: cython.long = 0
    end: cython.long
    number: cython.int
    if task.clone != CLONE_NEVER and (st.st_size > task.unshared or task.clone == CLONE_ALWAYS):
        if libc.clone_file(to, fd) == 0:
            worker.tally.bytes += st.st_size
            return 0
        if task.clone == CLONE_ALWAYS:
            return libc.errno
        task.clone = CLONE_NEVER  # not between these file systems
    if not task.keep.sparse or st.st_blocks * 512 >= st.st_size:
        if st.st_size <= _BUFFER or not task.ranges:
            # Sizes of 0 are also those of files that the kernel makes up, as in /proc.
            return copy_bytes(worker, fd, to, -1, st.st_size if st.st_size else _ALL)
        return copy_range(worker, fd, to, 0, st.st_size)
    while True:
        at = libc.lseek(fd, at, libc.SEEK_DATA)
        if at < 0:
            if libc.errno == libc.ENXIO:  # nothing but a hole is left
                break
            if libc.errno == libc.EINVAL:  # holes are not told here
                return copy_bytes(worker, fd, to, 0, _ALL)
            return libc.errno
        end = libc.lseek(fd, at, libc.SEEK_HOLE)
        if end < 0:
            return libc.errno
        number = copy_range(worker, fd, to, at, end - at)
        if number:
            return number
        at = end
    end = libc.lseek(fd, 0, libc.SEEK_END)
    if end >= 0 and libc.ftruncate(to, end) == 0:
        return 0
    return libc.errno


def copy_range(worker, fd, to, at, size):
    task: cython.pointer(CopyTask) = task_of(worker)
    source: libc.off_t = at
    target: libc.off_t = at
    n: cython.long
    while size > 0 and task.ranges:
        n = libc.copy_file_range(
            fd,
            cython.address(source),
            to,
            cython.address(target),
            _STEP if size > _STEP else size,
            0,
        )
        if n < 0:
            if libc.errno == libc.EINTR:
                continue
            if libc.errno in (libc.EXDEV, libc.EINVAL, libc.ENOSYS, libc.EOPNOTSUPP):
                task.ranges = 0
                break
            return libc.errno
        if n == 0:
            if source == at:  # some file systems say nothing and do nothing
                break
            return 0
        size -= n
        worker.tally.bytes += n
        if maybe_tick(worker):
            return -1
    return copy_bytes(worker, fd, to, source, size) if size > 0 else 0


def write_all(to, data, size, at, placed):
    n: cython.long
    while size > 0:
        n = libc.pwrite(to, data, size, at) if placed else libc.write(to, data, size)
        if n < 0:
            if libc.errno == libc.EINTR:
                continue
            return libc.errno
        data += n
        size -= n
        at += n
    return 0


def copy_bytes(worker, fd, to, at, size):
    # From the position `at`, or from where both stand when it is -1.
    placed: cython.bint = at >= 0
    buffer: cython.p_char = large_buffer(worker)
    n: cython.long
    number: cython.int
    if buffer == cython.NULL:
        return libc.ENOMEM
    while size > 0:
        n = _BUFFER if size > _BUFFER else size
        n = libc.pread(fd, buffer, n, at) if placed else libc.read(fd, buffer, n)
        if n < 0:
            if libc.errno == libc.EINTR:
                continue
            return libc.errno
        if n == 0:
            return 0
        number = write_all(to, buffer, n, at, placed)
        if number:
            return number
        at += n
        size -= n
        worker.tally.bytes += n
        if maybe_tick(worker):
            return -1
    return 0


def give_up(worker, node, name, to):
    # A part of a file is no copy; but the name may be another's by now, who does the same work.
    mine: libc.stat_t
    there: libc.stat_t
    if (
        libc.fstat(to, cython.address(mine)) == 0
        and libc.fstatat(node.fd[1], name, cython.address(there), libc.AT_SYMLINK_NOFOLLOW) == 0
        and mine.st_ino == there.st_ino
        and mine.st_dev == there.st_dev
    ):
        libc.unlinkat(node.fd[1], name, 0)
