"""Directories: what is in them, where this process stands, making, walking and removing them."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core import python_signatures as signatures
from cython.cimports.ostler.core.crossing import (
    ALLOW_FD,
    ALLOW_NONE,
    ENTRY,
    TARGET,
    Core,
    HostCore,
    Where,
    again,
    dir_shown,
    failure,
    is_own,
    look_at,
    named,
    plain_failure,
    settle,
    take,
    verb,
)
from cython.cimports.ostler.core.fwalk import fwalking
from cython.cimports.ostler.core.numbers import to_dir_fd, to_fildes, to_int
from cython.cimports.ostler.core.scan import decoded, list_names, open_directory, scan
from cython.cimports.ostler.core.walk import owns_path, walking

from ostler.core.scan import DirEntry
from ostler.core.walk import walk_symlinks_as_files
from ostler.verbs.entries import Entry, TemporaryDirectory, entries_of, walking_entries

CONSTANTS = {"_walk_symlinks_as_files": walk_symlinks_as_files}
TYPES = {"DirEntry": DirEntry, "Entry": Entry}


@cython.cclass
class Directories(Core):
    """The calls of os that are about directories."""

    def getcwd(self):
        """The working directory, as text; getcwd(3)."""
        _only_host(self)
        return _where_we_stand(True)

    def getcwdb(self):
        """The working directory, as bytes; getcwd(3)."""
        _only_host(self)
        return _where_we_stand(False)

    def chdir(self, path):
        """Make a path, or an open directory's descriptor, the working directory; chdir(2)."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "chdir", "path", ALLOW_FD)
        name = named(kept)
        py.audit1(b"os.chdir", b"(O)", name)
        with cython.nogil:
            r = self.place(cython.address(w), TARGET) if w.name != cython.NULL else 0
            if r == 0:
                # A descriptor of -1 counts as no path at all (EFAULT), as in os.
                r = libc.fchdir(w.fd) if w.fd != -1 else libc.chdir(w.name)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

    def fchdir(self, fd):
        """Make an open directory the working directory; fchdir(2)."""
        _only_host(self)
        number: cython.int = to_fildes(fd)
        r: cython.int
        e: cython.int = 0
        py.PySys_Audit(b"os.chdir", b"(i)", number)
        while True:
            with cython.nogil:
                r = libc.fchdir(number)
                if r:
                    e = libc.errno
            if r == 0:
                return
            again(e)

    def chroot(self, path):
        """Make a directory this process's root; chroot(2)."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "chroot", "path", 0)
        with cython.nogil:
            r = self.place(cython.address(w), TARGET)
            if r == 0:
                r = libc.chroot(w.name)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

    def mkdir(self, path, mode=0o777, *, dir_fd=None):
        """Make a directory with these permission bits, less the umask; mkdirat(2)."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "mkdir", "path", 0)
        bits: cython.int = to_int(mode)
        w.dir = to_dir_fd(dir_fd)
        name = named(kept)
        py.audit1(b"os.mkdir", b"Oii", name, bits, dir_shown(w.dir))
        with cython.nogil:
            r = self.mkdir_at(cython.address(w), bits)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

    def rmdir(self, path, *, dir_fd=None):
        """Remove an empty directory; unlinkat(2)."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "rmdir", "path", 0)
        w.dir = to_dir_fd(dir_fd)
        name = named(kept)
        py.audit1(b"os.rmdir", b"Oi", name, dir_shown(w.dir))
        with cython.nogil:
            r = self.place(cython.address(w), ENTRY)
            if r == 0:
                r = self.may_go(cython.address(w), True)
            if r == 0:
                r = libc.unlinkat(w.dir, w.name, libc.AT_REMOVEDIR)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

    def listdir(self, path=None):
        """The names in a directory, in the kernel's order, without "." and "..".

        `path` may be an open descriptor; None is the working directory. Bytes give bytes.
        getdents64(2).
        """
        w: Where
        r: cython.int = 0
        fd: cython.int
        kept = take(cython.address(w), path, "listdir", "path", ALLOW_FD | ALLOW_NONE)
        name = named(kept)
        text: cython.bint = w.name == cython.NULL or py.PyUnicode_Check(name)
        py.audit1(b"os.listdir", b"O", name)
        fd = open_directory(self, cython.address(w), kept)
        names: list = []
        try:
            r = list_names(names, fd, text)
            if r == libc.EBADF and not _is_directory(fd):
                r = libc.ENOTDIR  # opened with O_PATH
        finally:
            # The position in what is no directory is its owner's.
            if w.fd != -1 and r != libc.ENOTDIR:
                libc.lseek(fd, 0, libc.SEEK_SET)
            libc.close(fd)
        if r:
            raise failure(r, kept)
        return names

    def scandir(self, path=None):
        """An iterator over the entries of a directory, as DirEntry objects.

        `path` may be an open descriptor; None is the working directory. Bytes give bytes.
        getdents64(2).
        """
        return scan(self, path)

    @cython.embedsignature(False)
    def makedirs(self, name, mode=0o777, exist_ok=False, *, parent_mode=None):
        """makedirs($self, name, mode=511, exist_ok=False)\n--\n
        Make a directory and those above it that are missing.

        `mode` is for the last one; the others get `parent_mode`, a keyword, or all bits, less
        the umask. With exist_ok a directory that is there already is no error.
        """
        if exist_ok and _is_there(self, name, mode):
            return
        path = verb(self, "path")
        mkdir = verb(self, "mkdir")
        missing: list = []
        while True:
            head, tail = path.split(name)
            if not tail:
                head, tail = path.split(head)
            if not (head and tail) or path.exists(head):
                break
            missing.append((name, tail))
            name = head
        # From the top down; what another made meanwhile is as good.
        first: cython.bint = True
        while True:
            bits = mode if not missing else 0o777 if parent_mode is None else parent_mode
            try:
                if first or not tail == (b"." if type(tail) is bytes else "."):
                    try:
                        mkdir(name, bits)
                    except OSError:
                        if not exist_ok or not path.isdir(name):
                            raise
            except FileExistsError:
                if not missing:
                    raise
            if not missing:
                return
            name, tail = missing.pop()
            first = False

    def removedirs(self, name):
        """Remove an empty directory, then those above it as long as they are empty."""
        rmdir = verb(self, "rmdir")
        path = verb(self, "path")
        rmdir(name)
        head, tail = path.split(name)
        if not tail:
            head, tail = path.split(head)
        while head and tail:
            try:
                rmdir(head)
            except OSError:
                break
            head, tail = path.split(head)

    def walk(self, top, topdown=True, onerror=None, followlinks=False):
        """Go through a tree: yields (path, names of directories, names of the rest).

        Topdown, the caller may change the list of directories to say what comes next. onerror is
        called with the OSError of a directory that can't be read; else there is silence.
        """
        return walking(self, top, topdown, onerror, followlinks)

    def fwalk(self, top=".", topdown=True, onerror=None, *, follow_symlinks=False, dir_fd=None):
        """As walk(), yielding a descriptor of the directory as well, which serves until the
        next step; links can't lead it astray unless they are to be followed.
        """
        return fwalking(self, top, topdown, onerror, follow_symlinks, dir_fd)

    # --- what os lacks ---------------------------------------------------------------------------

    def iter_dir(self, path=".", *, mask=None, follow_symlinks=False, on_error="raise"):
        """An iterator over the entries of a directory, however many, each an Entry.

        An entry has name, path and info, a statx_result of what `mask` (STATX_ constants; by
        default the basic ones and the birth time) asks, taken as the entry is read. Names that
        are gone by then are left out. on_error is for entries that can't be looked at: "raise",
        "ignore", or a function that is given the OSError. A context manager that closes it;
        getdents64(2), statx(2).
        """
        return entries_of(self, path, mask, follow_symlinks, on_error)

    def walk_entries(self, top, *, mask=None, on_error="raise", one_filesystem=False):
        """Go through a tree: yields an Entry for all that is below `top`, its `depth` from 1 on.

        All entries of a directory come before those below them; an entry whose `descend` the
        caller sets to False is not gone into. Links are never followed, also when one takes a
        directory's place meanwhile. on_error as for iter_dir(), also for directories.
        """
        return walking_entries(self, top, mask, on_error, one_filesystem)

    def temporary_directory(self, prefix="tmp", suffix="", dir=None):
        """A context manager: a new directory for this user alone, removed at the end.

        It gives the path, below `dir` or else TMPDIR, TEMP, TMP of the environ, /tmp, /var/tmp.
        It is removed by descriptor: no link inside, and none that has taken its or another
        directory's place, leads the removal anywhere else.
        """
        return TemporaryDirectory(self, prefix, suffix, dir)


@cython.cfunc
def _is_directory(fd: cython.int) -> cython.bint:
    st: libc.stat_t
    return libc.fstat(fd, cython.address(st)) == 0 and st.st_mode & libc.S_IFMT == libc.S_IFDIR


@cython.cfunc
@cython.exceptval(-1)
def _is_there(machine: Core, name, mode) -> cython.bint:
    # Whether makedirs() has nothing to do: one look, in place of three and an exception.
    w: Where
    st: libc.stat_t
    r: cython.int
    bits: cython.int
    if (type(name) is not str and type(name) is not bytes) or not (
        is_own(machine, "mkdir")
        and is_own(machine, "stat")
        and owns_path(machine, "isdir")
        and owns_path(machine, "exists")
        and owns_path(machine, "split")
    ):
        return False
    try:
        kept = take(cython.address(w), name, "mkdir", "path", 0)
    except ValueError:
        return False
    bits = to_int(mode)
    with cython.nogil:
        r = look_at(machine, cython.address(w), cython.address(st), True)
    if r or st.st_mode & libc.S_IFMT != libc.S_IFDIR:
        return False
    py.audit1(b"os.mkdir", b"Oii", name, bits, -1)
    return True


@cython.cfunc
def _only_host(machine: Core):
    # Where this process stands is the host's alone: a kind of machine that asks super() for it,
    # or a closed one of which it is asked, has none.
    if not isinstance(machine, HostCore):
        raise plain_failure(libc.ENOSYS)


@cython.cfunc
def _where_we_stand(text: cython.bint):
    # The working directory, as bytes or as text; the path may be longer than PATH_MAX.
    room: cython.char[4096]
    found: cython.p_char
    error: cython.int = 0
    with cython.nogil:
        found = libc.getcwd(room, 4096)
        if found == cython.NULL:
            error = libc.errno
    if found != cython.NULL:
        return decoded(found) if text else py.PyBytes_FromString(found)
    if error == libc.ERANGE:
        error = 0
        with cython.nogil:
            found = libc.getcwd(cython.NULL, 0)
            if found == cython.NULL:
                error = libc.errno
        if found != cython.NULL:
            try:
                return decoded(found) if text else py.PyBytes_FromString(found)
            finally:
                libc.free(found)
    raise plain_failure(error)


if py.PY_VERSION_HEX >= 0x030F0000:
    signatures.sign(
        Directories, b"makedirs", b"name, mode=511, exist_ok=False, *, parent_mode=None"
    )
