"""Transfers: what is read, written and copied through descriptors."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import Core, again, plain_failure
from cython.cimports.ostler.core.numbers import to_int, to_offset, to_size, to_unsigned

CONSTANTS = {
    "POSIX_FADV_DONTNEED": libc.POSIX_FADV_DONTNEED,
    "POSIX_FADV_NOREUSE": libc.POSIX_FADV_NOREUSE,
    "POSIX_FADV_NORMAL": libc.POSIX_FADV_NORMAL,
    "POSIX_FADV_RANDOM": libc.POSIX_FADV_RANDOM,
    "POSIX_FADV_SEQUENTIAL": libc.POSIX_FADV_SEQUENTIAL,
    "POSIX_FADV_WILLNEED": libc.POSIX_FADV_WILLNEED,
    "RWF_APPEND": libc.RWF_APPEND,
    "RWF_ATOMIC": libc.RWF_ATOMIC,
    "RWF_DONTCACHE": libc.RWF_DONTCACHE,
    "RWF_DSYNC": libc.RWF_DSYNC,
    "RWF_HIPRI": libc.RWF_HIPRI,
    "RWF_NOWAIT": libc.RWF_NOWAIT,
    "RWF_SYNC": libc.RWF_SYNC,
    "SEEK_CUR": libc.SEEK_CUR,
    "SEEK_DATA": libc.SEEK_DATA,
    "SEEK_END": libc.SEEK_END,
    "SEEK_HOLE": libc.SEEK_HOLE,
    "SEEK_SET": libc.SEEK_SET,
    "SPLICE_F_MORE": libc.SPLICE_F_MORE,
    "SPLICE_F_MOVE": libc.SPLICE_F_MOVE,
    "SPLICE_F_NONBLOCK": libc.SPLICE_F_NONBLOCK,
}
TYPES = {}


@cython.cfunc
def _shortened(made: cython.pointer(py.PyObject), size: cython.Py_ssize_t, full: cython.bint):
    # The bytes that were made, cut to what was read; takes the reference over.
    if not full:
        py.resize_bytes(cython.address(made), size)
    result: object = cython.cast(object, made)
    py.Py_DECREF(made)
    return result


@cython.cfunc
def _vector(
    fd: cython.int, buffers, offset: libc.off_t, flags: cython.int, what: cython.int, name: str
):
    # readv, writev, preadv and pwritev: 0 to 3.
    writing: cython.int = what & 1
    held: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    n: cython.Py_ssize_t = 0
    e: cython.int = 0
    if not py.PySequence_Check(buffers):
        raise TypeError(f"{name}() arg 2 must be a sequence")
    count: cython.Py_ssize_t = py.PySequence_Size(buffers)
    parts: cython.pointer(libc.iovec) = cython.cast(
        cython.pointer(libc.iovec), libc.malloc((count + 1) * cython.sizeof(libc.iovec))
    )
    views: cython.pointer(py.Py_buffer) = cython.cast(
        cython.pointer(py.Py_buffer), libc.malloc((count + 1) * cython.sizeof(py.Py_buffer))
    )
    try:
        if parts == cython.NULL or views == cython.NULL:
            raise MemoryError
        for i in range(count):
            item = py.PySequence_GetItem(buffers, i)
            py.PyObject_GetBuffer(
                item, cython.address(views[i]), py.PyBUF_SIMPLE if writing else py.PyBUF_WRITABLE
            )
            held += 1
            parts[i].iov_base = views[i].buf
            parts[i].iov_len = views[i].len
        while True:
            with cython.nogil:
                if what == 0:
                    n = libc.readv(fd, parts, count)
                elif what == 1:
                    n = libc.writev(fd, parts, count)
                elif what == 2:
                    n = libc.preadv2(fd, parts, count, offset, flags)
                else:
                    n = libc.pwritev2(fd, parts, count, offset, flags)
                if n < 0:
                    e = libc.errno
            if n >= 0:
                return n
            again(e)
    finally:
        for i in range(held):
            py.PyBuffer_Release(cython.address(views[i]))
        libc.free(parts)
        libc.free(views)


@cython.cfunc
@cython.inline
def _read(fd: cython.int, size: cython.Py_ssize_t, offset: libc.off_t, placed: cython.bint):
    # read, or pread when it is placed.
    n: cython.Py_ssize_t
    e: cython.int = 0
    if size < 0:
        raise plain_failure(libc.EINVAL)
    while True:
        made: cython.pointer(py.PyObject) = py.own_bytes(cython.NULL, size)
        room: cython.p_char = py.bytes_room(made)
        with cython.nogil:
            n = libc.pread(fd, room, size, offset) if placed else libc.read(fd, room, size)
            if n < 0:
                e = libc.errno
        if n >= 0:
            return _shortened(made, n, n == size)
        py.Py_DECREF(made)
        again(e)


@cython.cfunc
@cython.inline
def _write(fd: cython.int, data, offset, placed: cython.bint):
    # write, or pwrite when it is placed.
    view: py.Py_buffer
    start: libc.off_t = 0
    n: cython.Py_ssize_t
    e: cython.int = 0
    py.PyObject_GetBuffer(data, cython.address(view), py.PyBUF_SIMPLE)
    try:
        if placed:
            start = to_offset(offset)
        while True:
            with cython.nogil:
                if placed:
                    n = libc.pwrite(fd, view.buf, view.len, start)
                else:
                    n = libc.write(fd, view.buf, view.len)
                if n < 0:
                    e = libc.errno
            if n >= 0:
                return n
            again(e)
    finally:
        py.PyBuffer_Release(cython.address(view))


@cython.cclass
class Transfers(Core):
    """The calls of os that read, write and copy through descriptors."""

    def read(self, fd, length, /):
        """Up to length bytes; empty at the end of the file; read(2)."""
        number: cython.int = to_int(fd)
        return _read(number, to_size(length), 0, False)

    def pread(self, fd, length, offset, /):
        """Up to length bytes from an offset on; the position stays; pread(2)."""
        number: cython.int = to_int(fd)
        size: cython.Py_ssize_t = to_size(length)
        return _read(number, size, to_offset(offset), True)

    def readinto(self, fd, buffer, /):
        """Read into a writable buffer; the number of bytes read; read(2)."""
        view: py.Py_buffer
        number: cython.int = to_int(fd)
        n: cython.Py_ssize_t
        e: cython.int = 0
        if py.PyObject_CheckBuffer(buffer):
            try:
                py.PyObject_GetBuffer(buffer, cython.address(view), py.PyBUF_WRITABLE)
            except BufferError:
                raise _not_writable(buffer) from None
        else:
            raise _not_writable(buffer)
        try:
            while True:
                with cython.nogil:
                    n = libc.read(number, view.buf, view.len)
                    if n < 0:
                        e = libc.errno
                if n >= 0:
                    return n
                again(e)
        finally:
            py.PyBuffer_Release(cython.address(view))

    def write(self, fd, data, /):
        """Write bytes; the number written, which may be less; write(2)."""
        return _write(to_int(fd), data, None, False)

    def pwrite(self, fd, buffer, offset, /):
        """Write bytes at an offset; the position stays; pwrite(2)."""
        return _write(to_int(fd), buffer, offset, True)

    def readv(self, fd, buffers, /):
        """Read into writable buffers, one after the other; the bytes read; readv(2)."""
        return _vector(to_int(fd), buffers, 0, 0, 0, "readv")

    def writev(self, fd, buffers, /):
        """Write buffers, one after the other; the bytes written; writev(2)."""
        return _vector(to_int(fd), buffers, 0, 0, 1, "writev")

    def preadv(self, fd, buffers, offset, flags=0, /):
        """Read into writable buffers from an offset on, with RWF_ flags; preadv2(2)."""
        number: cython.int = to_int(fd)
        start: libc.off_t = to_offset(offset)
        return _vector(number, buffers, start, to_int(flags), 2, "preadv2")

    def pwritev(self, fd, buffers, offset, flags=0, /):
        """Write buffers at an offset, with RWF_ flags; pwritev2(2)."""
        number: cython.int = to_int(fd)
        start: libc.off_t = to_offset(offset)
        return _vector(number, buffers, start, to_int(flags), 3, "pwritev")

    def lseek(self, fd, position, whence, /):
        """Move a descriptor's position, from SEEK_SET, SEEK_CUR or SEEK_END; lseek(2)."""
        number: cython.int = to_int(fd)
        where: libc.off_t = to_offset(position)
        how: cython.int = to_int(whence)
        r: libc.off_t
        e: cython.int = 0
        with cython.nogil:
            r = libc.lseek(number, where, how)
            if r < 0:
                e = libc.errno
        if r < 0:
            raise plain_failure(e)
        return r

    def sendfile(self, out_fd, in_fd, offset, count):
        """Send bytes of a file, from an offset or (None) its position; sendfile(2)."""
        target: cython.int = to_int(out_fd)
        source: cython.int = to_int(in_fd)
        size: cython.Py_ssize_t = to_size(count)
        if py.PY_VERSION_HEX >= 0x030F0000 and size < 0:
            raise ValueError("count cannot be negative")
        start: libc.off_t = 0
        at: cython.pointer(libc.off_t) = cython.NULL
        n: cython.Py_ssize_t
        e: cython.int = 0
        if offset is not None:
            start = to_offset(offset)
            at = cython.address(start)
        while True:
            with cython.nogil:
                n = libc.sendfile(target, source, at, size)
                if n < 0:
                    e = libc.errno
            if n >= 0:
                return n
            again(e)

    def copy_file_range(self, src, dst, count, offset_src=None, offset_dst=None):
        """Copy bytes from file to file within the kernel; copy_file_range(2)."""
        return _between(src, dst, count, offset_src, offset_dst, 0, False)

    def splice(self, src, dst, count, offset_src=None, offset_dst=None, flags=0):
        """Move bytes between a pipe and a descriptor, with SPLICE_F_ flags; splice(2)."""
        return _between(src, dst, count, offset_src, offset_dst, flags, True)

    def posix_fallocate(self, fd, offset, length, /):
        """Make sure that a part of a file has its blocks; posix_fallocate(3)."""
        number: cython.int = to_int(fd)
        start: libc.off_t = to_offset(offset)
        size: libc.off_t = to_offset(length)
        r: cython.int
        while True:
            with cython.nogil:
                r = libc.posix_fallocate(number, start, size)
            if r == 0:
                return
            again(r)

    def posix_fadvise(self, fd, offset, length, advice, /):
        """Tell how a part of a file will be used, a POSIX_FADV_; posix_fadvise(2)."""
        number: cython.int = to_int(fd)
        start: libc.off_t = to_offset(offset)
        size: libc.off_t = to_offset(length)
        how: cython.int = to_int(advice)
        r: cython.int
        while True:
            with cython.nogil:
                r = libc.posix_fadvise(number, start, size, how)
            if r == 0:
                return
            again(r)


@cython.cfunc
def _not_writable(buffer):
    shown = py.type_named(buffer)
    return TypeError(f"readinto() argument 2 must be read-write bytes-like object, not {shown}")


@cython.cfunc
def _between(src, dst, count, offset_src, offset_dst, flags, splicing: cython.bint):
    # splice, or else copy_file_range, which has no flags.
    source: cython.int = to_int(src)
    target: cython.int = to_int(dst)
    size: cython.Py_ssize_t = to_size(count)
    if py.PY_VERSION_HEX >= 0x030F0000 and size < 0:
        raise ValueError("count cannot be negative")
    bits: cython.uint = to_unsigned(flags)
    if size < 0:
        raise ValueError("negative value for 'count' not allowed")
    from_: libc.off_t = 0
    to: libc.off_t = 0
    first: cython.pointer(libc.off_t) = cython.NULL
    second: cython.pointer(libc.off_t) = cython.NULL
    n: cython.Py_ssize_t
    e: cython.int = 0
    if offset_src is not None:
        from_ = to_offset(offset_src)
        first = cython.address(from_)
    if offset_dst is not None:
        to = to_offset(offset_dst)
        second = cython.address(to)
    while True:
        with cython.nogil:
            if splicing:
                n = libc.splice(source, first, target, second, size, bits)
            else:
                n = libc.copy_file_range(source, first, target, second, size, 0)
            if n < 0:
                e = libc.errno
        if n >= 0:
            return n
        again(e)
