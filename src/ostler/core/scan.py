"""Reading directories: names and entries from blocks of getdents64(2)."""

import sys

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import (
    ALLOW_FD,
    ALLOW_NONE,
    Where,
    failure,
    look_at,
    named,
    plain_failure,
    settle,
    struck,
    take,
    take_text,
)
from cython.cimports.ostler.core.records import new_stat

from ostler.core.interpreter import GenericAlias

# Whether bytes under 128 mean themselves in file names, so that they need no decoder.
_ASCII = cython.declare(cython.bint, sys.getfilesystemencoding() in ("utf-8", "ascii", "iso8859-1"))


def decoded(name):
    """A file name as text: surrogates stand for the bytes that do not decode."""
    size: cython.size_t = libc.strlen(name)
    if not _ASCII:
        # A decoder in Python may let another thread in, which takes away what is decoded.
        kept: bytes = py.PyBytes_FromStringAndSize(name, size)
        return py.PyUnicode_DecodeFSDefaultAndSize(py.PyBytes_AS_STRING(kept), size)
    if is_ascii(name, size):
        return py.ascii_text(name, size)
    return py.PyUnicode_DecodeFSDefaultAndSize(name, size)


def is_ascii(name, size):
    i: cython.size_t
    seen: cython.uchar = 0
    for i in range(size):
        seen |= cython.cast(cython.uchar, name[i])
    return seen < 128


def list_names(names, fd, text):
    """Append the names in an open directory but "." and ".."; 0, or the errno that ended it."""
    reading: Reading
    entry: cython.pointer(libc.dirent)
    begin(cython.address(reading), fd)
    while True:
        entry = next_entry(cython.address(reading))
        if entry == cython.NULL:
            return reading.error
        names.append(decoded(entry.d_name) if text else py.PyBytes_FromString(entry.d_name))


def open_directory(machine, w, kept):
    """Open the directory that take() found; a descriptor given in its place is copied."""
    r: cython.int
    fd: cython.int = -1
    if w.fd != -1:
        fd = libc.fcntl(w.fd, libc.F_DUPFD_CLOEXEC, 0)
        r = settle(w, fd)
        if r:
            raise plain_failure(r)
        return fd
    if w.name == cython.NULL:
        w.name = b"."
    with cython.nogil:
        fd = machine.open_at(w, libc.O_RDONLY | libc.O_NONBLOCK | libc.O_DIRECTORY
                             | libc.O_CLOEXEC, 0)  # fmt: skip
        r = settle(w, fd)
    if r:
        raise failure(r, kept)
    return fd


def scan(machine, path):
    """An iterator over the entries of a directory, as os.scandir gives."""
    w: Where
    st: libc.stat_t
    r: cython.int
    kept = take(cython.address(w), path, "scandir", "path", ALLOW_FD | ALLOW_NONE)
    name = named(kept)
    py.audit1(b"os.scandir", b"O", name)
    made: ScandirIterator = ScandirIterator.__new__(ScandirIterator)
    made.kept = kept
    made.fd = -1
    origin: Origin = Origin.__new__(Origin)
    made.origin = origin
    origin.machine = machine
    origin.text = w.name == cython.NULL or py.PyUnicode_Check(name)
    origin.dir = libc.AT_FDCWD
    if w.fd != -1:
        made.rewinds = True
        origin.dir = w.fd
    else:
        if w.name == cython.NULL:
            w.name = b"."
        _set_prefix(origin, w.name)
    made.fd = open_directory(machine, cython.address(w), kept)
    if w.fd != -1:
        with cython.nogil:
            r = libc.fstat(made.fd, cython.address(st))
            if r:
                r = libc.errno
            elif st.st_mode & libc.S_IFMT != libc.S_IFDIR:
                r = libc.ENOTDIR
        if r:
            libc.close(made.fd)
            made.fd = -1
            raise failure(r, kept)
    return made


@cython.cfunc
def _set_prefix(origin: Origin, name: cython.p_const_char):
    size: cython.size_t = libc.strlen(name)
    raw = py.PyBytes_FromStringAndSize(name, size)
    if size and name[size - 1] != b"/"[0]:
        raw = cython.cast(bytes, raw) + b"/"
    origin.raw = raw
    origin.prefix = decoded(raw) if origin.text else raw


@cython.final
@cython.auto_pickle(False)
@cython.cclass
class Origin:
    """Where the entries of one scan come from."""


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
@cython.cclass
class DirEntry:
    """An entry of a directory, as scandir() gives it: a name and what is known of it.

    What it answers is kept: is_dir(), is_file() and is_symlink() seldom need a system call.
    """

    def __reduce__(self):
        raise TypeError("cannot pickle 'posix.DirEntry' object")

    @classmethod
    def __class_getitem__(cls, item, /):
        return GenericAlias(cls, item)

    def __repr__(self):
        return f"<DirEntry {self.called!r}>"

    # Both refuse to be set in os's words.

    @property
    def name(self):
        """The entry's name: text, or bytes if the path that was scanned was bytes."""
        return self.called

    @name.setter
    def name(self, value):
        raise AttributeError("readonly attribute")

    @name.deleter
    def name(self):
        raise AttributeError("readonly attribute")

    @property
    def path(self):
        """The entry's path: the path that was scanned, joined with the name."""
        return self.joined()

    @path.setter
    def path(self, value):
        raise AttributeError("readonly attribute")

    @path.deleter
    def path(self):
        raise AttributeError("readonly attribute")

    def __fspath__(self):
        return self.joined()

    def joined(self):
        with cython.critical_section(self):
            if self.whole is None:
                if self.origin.prefix is None:
                    self.whole = self.called
                elif self.origin.text:
                    self.whole = py.PyUnicode_Concat(self.origin.prefix, self.called)
                else:
                    self.whole = cython.cast(bytes, self.origin.prefix) + self.called
            return self.whole

    def fetched(self, follow):
        # A stat_result, by the path that os would take.
        w: Where
        st: libc.stat_t
        r: cython.int
        path: cython.char[1024]
        before: cython.size_t
        size: cython.size_t
        name: cython.p_const_char
        origin: Origin = self.origin
        if not origin.text:
            raw = self.called
        elif py.PyUnicode_IS_COMPACT_ASCII(self.called):
            raw = None
        else:
            raw = py.PyUnicode_EncodeFSDefault(self.called)
        name = py.PyUnicode_DATA(self.called) if raw is None else py.PyBytes_AS_STRING(raw)
        size = libc.strlen(name)
        if origin.raw is not None:
            before = py.PyBytes_GET_SIZE(origin.raw)
            if before + size < 1024:
                libc.memcpy(path, py.PyBytes_AS_STRING(origin.raw), before)
                libc.memcpy(cython.address(path[before]), name, size + 1)
                name = path
            else:
                raw = cython.cast(bytes, origin.raw) + py.PyBytes_FromStringAndSize(name, size)
                name = py.PyBytes_AS_STRING(raw)
        take_text(cython.address(w), origin.dir, name)
        if origin.machine._hooked is not None:
            where = (origin.dir, self.called) if origin.raw is None else self.joined()
            r = struck(origin.machine, "stat", (where,))
            if r == 0 and not follow:
                r = struck(origin.machine, "lstat", (where,))
            if r:
                raise failure(r, self.joined())
        with cython.nogil:
            r = look_at(origin.machine, cython.address(w), cython.address(st), follow)
        if r:
            raise failure(r, self.joined())
        return new_stat(cython.address(st))

    def looked_up(self, follow):
        # As stat(): the results are kept, and one serves for both where there is no link. Threads
        # that ask at once may each look, but the first answer is everybody's and is kept.
        with cython.critical_section(self):
            found = self.seen if follow else self.looked
        if found is not None:
            return found
        if not follow:
            found = self.fetched(False)
        elif self.kind == libc.DT_LNK or (
            self.kind == libc.DT_UNKNOWN and self.has_kind(False, libc.S_IFLNK)
        ):
            found = self.fetched(True)
        else:
            found = self.looked_up(False)
        with cython.critical_section(self):
            if follow:
                if self.seen is None:
                    self.seen = found
                return self.seen
            if self.looked is None:
                self.looked = found
            return self.looked

    def has_kind(self, follow, wanted):
        mode: cython.uint
        if self.kind == libc.DT_UNKNOWN or (follow and self.kind == libc.DT_LNK):
            try:
                mode = self.looked_up(follow)[0]
            except FileNotFoundError:
                return False
            return mode & libc.S_IFMT == wanted
        if wanted == libc.S_IFDIR:
            return self.kind == libc.DT_DIR
        if wanted == libc.S_IFREG:
            return self.kind == libc.DT_REG
        return self.kind == libc.DT_LNK

    def is_dir(self, *, follow_symlinks=True):
        """Whether it is a directory, or a link to one."""
        return py.PyBool_FromLong(self.has_kind(follow_symlinks, libc.S_IFDIR))

    def is_file(self, *, follow_symlinks=True):
        """Whether it is a regular file, or a link to one."""
        return py.PyBool_FromLong(self.has_kind(follow_symlinks, libc.S_IFREG))

    def is_symlink(self):
        """Whether it is a symbolic link."""
        return py.PyBool_FromLong(self.has_kind(False, libc.S_IFLNK))

    def is_junction(self):
        """Whether it is a junction: never, here."""
        return False

    def stat(self, *, follow_symlinks=True):
        """What the system knows of it, as a stat_result, which is kept; fstatat(2)."""
        return self.looked_up(follow_symlinks)

    def inode(self):
        """Its inode number."""
        return self.serial


@cython.final
@cython.auto_pickle(False)
@cython.cclass
class ScandirIterator:
    """An iterator over the entries of a directory; a context manager that closes it."""

    def __reduce__(self):
        raise TypeError("cannot pickle 'posix.ScandirIterator' object")

    def __iter__(self):
        return self

    def __next__(self):
        entry: cython.pointer(libc.dirent)
        made: DirEntry
        with cython.critical_section(self):
            while self.fd != -1:
                if self.at >= self.size:
                    self.fill()
                    continue
                entry = cython.cast(cython.pointer(libc.dirent), self.block + self.at)
                self.at += entry.d_reclen
                if is_dots(entry.d_name):
                    continue
                made = DirEntry.__new__(DirEntry)
                made.origin = self.origin
                made.serial = entry.d_ino
                made.kind = entry.d_type
                if self.origin.text:
                    made.called = decoded(entry.d_name)
                else:
                    made.called = py.PyBytes_FromString(entry.d_name)
                return made
        raise StopIteration

    def fill(self):
        # Read the next block, or close at the end. The kernel fills it without the GIL: threads
        # that want entries wait for it here, and shut() before it takes the block away.
        size: cython.long = 0
        error: cython.int = 0
        with self.lock:
            if self.fd == -1 or self.at < self.size:
                return 0  # another thread was quicker
            if self.block == cython.NULL:
                self.block = cython.cast(cython.p_char, libc.malloc(BLOCK))
                if self.block == cython.NULL:
                    raise MemoryError
            with cython.nogil:
                size = libc.getdents64(self.fd, self.block, BLOCK)
                if size < 0:
                    error = libc.errno
            self.at = 0
            self.size = size if size > 0 else 0
        if size <= 0:
            self.shut()
            if error and error != libc.ENOENT:
                raise failure(error, self.kept)
        return 0

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.shut()

    def close(self):
        """End the iteration and close the directory."""
        self.shut()

    def shut(self):
        fd: cython.int
        with cython.critical_section(self), self.lock:
            fd = self.fd
            self.fd = -1
            libc.free(self.block)
            self.block = cython.NULL
            self.at = self.size = 0
        if fd != -1:
            if self.rewinds:
                libc.lseek(fd, 0, libc.SEEK_SET)
            with cython.nogil:
                libc.close(fd)
        return 0

    def __del__(self):
        if self.fd != -1:
            try:
                py.PyErr_ResourceWarning(
                    self, 1, b"unclosed scandir iterator %R",
                    cython.cast(cython.pointer(py.PyObject), self),
                )  # fmt: skip
            finally:
                self.shut()


# What a walk, in Python, calls of the two, in which tests put functions of theirs.
_watched = cython.declare(list, [
    (kind, name, vars(kind)[name])
    for kind, names in (
        (DirEntry, ("is_dir", "is_symlink", "is_junction", "name", "path")),
        (ScandirIterator, ("__next__", "__iter__", "__enter__", "__exit__")),
    )
    for name in names
])  # fmt: skip


def untouched():
    for kind, name, method in _watched:
        if py.in_class(kind, name) != cython.cast(cython.pointer(py.PyObject), method):
            return False
    return True


py.forbid_making(Origin)
py.forbid_making(DirEntry)
py.forbid_making(ScandirIterator)
py.show_as(DirEntry, b"posix.DirEntry")
py.show_as(ScandirIterator, b"posix.ScandirIterator")
