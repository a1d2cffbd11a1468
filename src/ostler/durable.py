"""Durable: replacing a file so that the old or the new content is found, whatever happens."""

import errno
import io
import operator
import stat

import cython
from cython.cimports.ostler import _libc as libc
from cython.cimports.ostler import _python as py
from cython.cimports.ostler._convert import to_dir_fd
from cython.cimports.ostler._core import (
    ENTRY,
    Core,
    Where,
    failure,
    failure2,
    plain_failure,
    settle,
    struck,
    take,
    verb,
)

CONSTANTS = {}
TYPES = {}

_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)
_NO_XATTR = (errno.EOPNOTSUPP, errno.ENODATA)
_BLOCK = 1 << 20
_ACL = "system.posix_acl_access"


@cython.cclass
class Durable(Core):
    """What os lacks: atomic and durable replacement, exchange, renaming without overwriting."""

    def rename_noreplace(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        """Rename src to dst; FileExistsError when dst is there, nothing is ever overwritten.

        Both are one step for every other process. The paths may be relative to directory
        descriptors. A file system without the operation gives OSError with EINVAL;
        renameat2(2), RENAME_NOREPLACE.
        """
        w: Where
        w2: Where
        r: cython.int
        kept = take(cython.address(w), src, "rename_noreplace", "src", 0)
        kept2 = take(cython.address(w2), dst, "rename_noreplace", "dst", 0)
        w.dir = to_dir_fd(src_dir_fd)
        w2.dir = to_dir_fd(dst_dir_fd)
        r = _rename2(self, cython.address(w), cython.address(w2), src, dst, libc.RENAME_NOREPLACE)
        if r:
            raise failure2(r, kept, kept2)

    def exchange(self, first, second, *, first_dir_fd=None, second_dir_fd=None):
        """Swap two names in one step; both must exist and lie on one file system.

        The two may be of different kinds, a file and a directory, say; renameat2(2),
        RENAME_EXCHANGE.
        """
        w: Where
        w2: Where
        r: cython.int
        kept = take(cython.address(w), first, "exchange", "first", 0)
        kept2 = take(cython.address(w2), second, "exchange", "second", 0)
        w.dir = to_dir_fd(first_dir_fd)
        w2.dir = to_dir_fd(second_dir_fd)
        r = _rename2(
            self, cython.address(w), cython.address(w2), first, second, libc.RENAME_EXCHANGE
        )
        if r:
            raise failure2(r, kept, kept2)

    def sync_directory(self, path="."):
        """Make the names in a directory durable: what was created, renamed or removed in it.

        fsync(2) of the directory; OSError as open and fsync give it.
        """
        fd = verb(self, "open")(path, libc.O_RDONLY | libc.O_DIRECTORY)
        try:
            verb(self, "fsync")(fd)
        finally:
            verb(self, "close")(fd)

    def replace_durable(self, src, dst):
        """As replace(), and on return the new content of dst is on the storage device.

        The file's data is synced before the rename, the directories of both after it. A crash
        leaves the old dst or the new one, whole.
        """
        fd = verb(self, "open")(src, libc.O_RDONLY | libc.O_NOFOLLOW | libc.O_NONBLOCK)
        try:
            verb(self, "fsync")(fd)
        finally:
            verb(self, "close")(fd)
        verb(self, "replace")(src, dst)
        folder, other = _folder(self, dst), _folder(self, src)
        self.sync_directory(folder)
        if other != folder:
            self.sync_directory(other)

    def write_atomic(self, path, data_or_writer, *, mode=None, durable=True):
        """Replace the content of the file at path as a whole, or create it.

        data_or_writer: bytes-like data, a str (written as UTF-8), or a function that is given
        a binary file to write. Whoever opens path meanwhile, and whoever looks after a crash,
        finds the old content or the new, never a part. Mode, owner and extended attributes of
        what is replaced are kept, its ACL or that it has none among them, or mode is set when
        given; a new file gets 0o666 less the umask, or what the directory's default ACL says. A
        symbolic link at path is itself replaced, never followed; a directory, a device, a FIFO or
        a socket is refused. With durable=False the syncs are left out: atomic for other
        processes, not against a crash of the machine.

        On any error the old file is untouched and no temporary file stays.
        """
        with self.replacing(path, "wb", mode=mode, durable=durable) as file:
            if isinstance(data_or_writer, str):
                file.write(data_or_writer.encode())
            elif callable(data_or_writer):
                data_or_writer(file)
            else:
                file.write(data_or_writer)

    def replacing(
        self,
        path,
        open_mode="w",
        *,
        encoding=None,
        errors=None,
        newline=None,
        mode=None,
        durable=True,
    ):
        """A context manager that gives a file to write what write_atomic() then puts at path.

        open_mode is "w" or "wb"; encoding, errors and newline are open()'s. When the block
        ends without an error the file takes path's place, as write_atomic() says; when it
        raises, nothing has changed.
        """
        if open_mode not in ("w", "wt", "wb"):
            raise ValueError(f"open_mode must be 'w' or 'wb', not {open_mode!r}")
        if mode is not None:
            mode = operator.index(mode)
            if not 0 <= mode <= 0o7777:
                raise ValueError(f"mode must lie between 0 and 0o7777, not {mode}")
        text = {"encoding": encoding, "errors": errors, "newline": newline}
        return Replacing(self, verb(self, "fspath")(path), open_mode, text, mode, durable)

    def move(self, src, dst):
        """Move a file or a tree to the name dst, also to another file system.

        Where rename() can't (EXDEV) src is copied under a temporary name into dst's directory,
        with everything that can be kept, synced and renamed, and only then removed: at dst
        there is never half a file. An existing file at dst is replaced, as rename() does; an
        existing directory only when it is empty and src is one.
        """
        try:
            verb(self, "rename")(src, dst)
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        found = verb(self, "lstat")(src)
        if stat.S_ISREG(found.st_mode):
            self._move_file(src, dst, found)
        elif stat.S_ISDIR(found.st_mode):
            self._move_tree(src, dst)
        else:
            self._move_special(src, dst)

    def _move_file(self, src, dst, found):
        try:
            if stat.S_ISDIR(verb(self, "lstat")(dst).st_mode):
                raise IsADirectoryError(errno.EISDIR, "Is a directory", src, None, dst)
        except FileNotFoundError:
            pass
        source = verb(self, "open")(src, libc.O_RDONLY | libc.O_NOFOLLOW | libc.O_NONBLOCK)
        try:
            replacing = Replacing(self, verb(self, "fspath")(dst), "wb", {}, None, True)
            replacing.like = (source, found)
            with replacing as file:
                _copy_data(self, source, file.fileno(), found.st_size)
        finally:
            verb(self, "close")(source)
        verb(self, "unlink")(src)

    def _move_tree(self, src, dst):
        src, dst = verb(self, "fspath")(src), verb(self, "fspath")(dst)
        try:
            there = verb(self, "lstat")(dst)
        except FileNotFoundError:
            pass
        else:  # what rename() would say, before all is copied
            if not stat.S_ISDIR(there.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "Not a directory", src, None, dst)
            if verb(self, "listdir")(dst):
                raise OSError(errno.ENOTEMPTY, "Directory not empty", src, None, dst)
        folder, name = _split(self, dst)
        temporary = verb(self, "path").join(folder, _temporary_name(self, name))
        try:
            self.trees.copy(src, temporary)
            _sync_file_system(self, folder)
            verb(self, "rename")(temporary, dst)
        except BaseException:
            if verb(self, "path").lexists(temporary):
                self.trees.remove(temporary)
            raise
        self.sync_directory(folder)
        self.trees.remove(src)

    def _move_special(self, src, dst):
        """Move a link, a FIFO, a socket's name or a device file."""
        from ostler.trees import _copy, _single

        dst = verb(self, "fspath")(dst)
        folder, name = _split(self, dst)
        temporary = verb(self, "path").join(folder, _temporary_name(self, name))
        flags = _copy.flags(True, None, True, True, False, False, True, "refuse")
        try:
            _single.copy_entry(self, src, temporary, self, "raise", None, flags, 0)
            verb(self, "rename")(temporary, dst)
        except BaseException:
            if verb(self, "path").lexists(temporary):
                verb(self, "unlink")(temporary)
            raise
        self.sync_directory(folder)
        verb(self, "unlink")(src)


class Replacing:
    """A file being written that will take a name's place; made by Machine.replacing()."""

    def __init__(self, machine, path, open_mode, text, mode, durable):
        self.machine = machine
        self.path = path
        self.like = None  # (descriptor, stat): whose metadata to give, instead of the old file's
        self._open_mode = open_mode
        self._text = text
        self._mode = mode
        self._durable = durable
        self._folder = self._file = None
        self._name = None  # of a temporary file that has one
        self._standing = None  # the descriptor that faults take for the file at the path

    def __enter__(self):
        m = self.machine
        if self._folder is not None:
            raise RuntimeError("a replacement is used once")
        folder, self._base = _split(m, self.path)
        self._folder = verb(m, "open")(folder, libc.O_RDONLY | libc.O_DIRECTORY)
        try:
            self._old = self._look()
            self._file = self._opened(self._temporary())
        except BaseException:
            self._abandon()
            raise
        return self._file

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self._abandon()
            return
        try:
            self._file.flush()
            fd = self._file.fileno()
            self._give_metadata(fd)
            if self._durable:
                verb(self.machine, "fsync")(fd)
            self._publish(fd)
            if self._durable:
                verb(self.machine, "fsync")(self._folder)
        finally:
            self._abandon()

    def _opened(self, fd):
        if self.machine._hooked is None:
            return io.open(fd, self._open_mode, closefd=True, **self._text)
        from ostler.machines import faults

        faults.stands_for(self.machine, fd, self.path)
        self._standing = fd
        return faults.file_over(self.machine, fd, self._open_mode, self._text)

    def _look(self):
        """What is at the name now: None, or the stat of a regular file or a link."""
        try:
            old = verb(self.machine, "stat")(self._base, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, "Is a directory", self.path)
        if not stat.S_ISREG(old.st_mode) and not stat.S_ISLNK(old.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file, can't be replaced", self.path)
        return old

    def _temporary(self):
        """The descriptor of a new file in the same directory, nameless where that is possible."""
        m = self.machine
        # What replaces something private must be private from its first moment: also of a default
        # ACL of the directory nothing is in force so, and nothing of it stays.
        replaces = self.like is not None or (
            self._old is not None and stat.S_ISREG(self._old.st_mode)
        )
        mode = 0o600 if replaces or self._mode is not None else 0o666
        try:
            fd = verb(m, "open")(".", libc.O_TMPFILE | libc.O_RDWR, mode, dir_fd=self._folder)
        except OSError as error:
            if error.errno not in _NO_TMPFILE:
                raise
            flags = libc.O_CREAT | libc.O_EXCL | libc.O_RDWR | libc.O_NOFOLLOW
            name = _temporary_name(m, self._base)
            fd = verb(m, "open")(name, flags, mode, dir_fd=self._folder)
            self._name = name
        try:
            if replaces:
                _drop_acl(m, fd)
        except BaseException:
            verb(m, "close")(fd)
            raise
        return fd

    def _give_metadata(self, fd):
        """Owner, extended attributes and mode, in the order in which none undoes another."""
        m = self.machine
        if self.like is not None:
            self._give_all(fd, *self.like)
            verb(m, "utime")(fd, ns=(self.like[1].st_atime_ns, self.like[1].st_mtime_ns))
        elif self._old is not None and stat.S_ISREG(self._old.st_mode):
            self._give_old(fd)
        if self._mode is not None:
            verb(m, "fchmod")(fd, self._mode)

    def _give_old(self, fd):
        m = self.machine
        flags = libc.O_RDONLY | libc.O_NOFOLLOW | libc.O_NONBLOCK
        try:
            source = verb(m, "open")(self._base, flags, dir_fd=self._folder)
        except PermissionError:
            # Unreadable to us: there may be attributes, and they could not be kept.
            if verb(m, "listxattr")(self.path, follow_symlinks=False):
                raise
            self._give_all(fd, None, self._old)
            return
        except FileNotFoundError:
            self._give_all(fd, None, self._old)  # somebody has removed it meanwhile
            return
        try:
            self._give_all(fd, source, verb(m, "fstat")(source))
        finally:
            verb(m, "close")(source)

    def _give_all(self, fd, source, kept):
        """Give what an open file (None: no attributes) and its status tell."""
        m = self.machine
        new = verb(m, "fstat")(fd)
        if (new.st_uid, new.st_gid) != (kept.st_uid, kept.st_gid):
            verb(m, "fchown")(fd, kept.st_uid, kept.st_gid)
        mode = stat.S_IMODE(kept.st_mode)
        if source is not None:
            mode &= _give_attributes(m, source, fd)
        verb(m, "fchmod")(fd, mode)

    def _publish(self, fd):
        """Put the file at its name: the one step that others see."""
        m = self.machine
        if self._name is None:
            base = verb(m, "fsencode")(self._base)
            if self._old is None:
                try:
                    self._link(fd, base)
                    return
                except FileExistsError:
                    pass  # somebody made it meanwhile: replaced, as open(path, "w") would
            name = _temporary_name(m, self._base)
            self._link(fd, verb(m, "fsencode")(name))
            self._name = name
        verb(m, "rename")(self._name, self._base, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._name = None

    def _link(self, fd, name):
        number = struck(self.machine, "link", (fd, (self._folder, name)))
        if number:
            raise failure(number, self.path)
        _link(fd, self._folder, name)

    def _abandon(self):
        """Close everything and take away a temporary name that is still there."""
        m = self.machine
        try:
            if self._file is not None:
                self._close_file()
        finally:
            if self._folder is not None and self._folder >= 0:
                if self._name is not None:
                    verb(m, "unlink")(self._name, dir_fd=self._folder)
                    self._name = None
                folder, self._folder = self._folder, -1
                try:
                    verb(m, "close")(folder)
                except OSError:
                    pass  # it was only read: nothing is lost

    def _close_file(self):
        if self._standing is not None:
            from ostler.machines import faults

            faults.stands_no_more(self.machine, self._standing)
        try:
            self._file.close()
        except OSError:
            # What could not be flushed is thrown away with the temporary file; after a
            # successful publication everything was flushed before.
            self._file = None


@cython.cfunc
@cython.exceptval(-1, check=False)
def _rename2(
    machine: Core,
    w: cython.pointer(Where),
    w2: cython.pointer(Where),
    src,
    dst,
    flags: cython.uint,
) -> cython.int:
    """Place two names and rename with flags; 0 or an errno."""
    r: cython.int
    py.PySys_Audit(
        b"os.rename",
        b"OOii",
        cython.cast(cython.pointer(py.PyObject), src),
        cython.cast(cython.pointer(py.PyObject), dst),
        -1 if w.dir == libc.AT_FDCWD else w.dir,
        -1 if w2.dir == libc.AT_FDCWD else w2.dir,
    )
    with cython.nogil:
        r = machine.place(w, ENTRY)
        if r == 0:
            r = machine.place(w2, ENTRY)
        if r == 0:
            r = machine.may_move(w, w2, flags)
        if r == 0:
            r = libc.renameat2(w.dir, w.name, w2.dir, w2.name, flags)
        r = settle(w, r)
        settle(w2, 0)
    return r


@cython.cfunc
def _sync_file_system(machine: Core, folder):
    """Have all of the file system that holds a directory on its device; syncfs(2)."""
    fd: cython.int = verb(machine, "open")(folder, libc.O_RDONLY | libc.O_DIRECTORY)
    r: cython.int
    number: cython.int = struck(machine, "sync", (fd,))
    if number == 0:
        with cython.nogil:
            r = libc.syncfs(fd)
            if r < 0:
                number = libc.errno
    verb(machine, "close")(fd)
    if number:
        raise plain_failure(number)


@cython.cfunc
def _link(fd: cython.int, folder: cython.int, name: bytes):
    """Give a nameless file a name in the directory `folder`; linkat(2)."""
    r: cython.int
    e: cython.int
    text: cython.p_const_char = name
    magic = b"/proc/self/fd/%d" % fd
    nameless: cython.p_const_char = magic
    with cython.nogil:
        r = libc.linkat(fd, b"", folder, text, libc.AT_EMPTY_PATH)
        e = libc.errno
        if r < 0 and e != libc.EEXIST:
            # An older kernel wants CAP_DAC_READ_SEARCH for that form.
            r = libc.linkat(libc.AT_FDCWD, nameless, folder, text, libc.AT_SYMLINK_FOLLOW)
            e = libc.errno
    if r < 0:
        raise OSError(e, libc.strerror(e).decode(), name)


def _copy_data(machine, source, target, size):
    """Copy what can be read from one descriptor to the other, holes kept as holes."""
    m = machine
    verb(m, "ftruncate")(target, size)
    at = 0
    while True:
        try:
            start = verb(m, "lseek")(source, at, libc.SEEK_DATA)
            end = verb(m, "lseek")(source, start, libc.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return  # nothing but a hole is left
        verb(m, "lseek")(source, start, libc.SEEK_SET)
        at = start
        while at < end:
            data = verb(m, "read")(source, min(_BLOCK, end - at))
            if not data:
                return
            done = 0
            while done < len(data):
                done += verb(m, "pwrite")(target, data[done:], at + done)
            at += done


def _drop_acl(machine, fd):
    """Take from a new file the ACL that its directory gave it."""
    try:
        verb(machine, "removexattr")(fd, _ACL)
    except OSError as error:
        if error.errno not in _NO_XATTR:
            raise


def _give_attributes(machine, source, fd):
    """Give a file the extended attributes of another; the bits that its mode may have then.

    What the file system can't keep is left out. Without its ACL nobody has more rights.
    """
    m = machine
    bits = 0o7777
    for name in verb(m, "listxattr")(source):
        try:
            value = verb(m, "getxattr")(source, name)
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise
            continue
        try:
            verb(m, "setxattr")(fd, name, value)
        except OSError as error:
            if error.errno not in _NO_XATTR:
                raise
            if name == _ACL:
                from ostler.trees._metadata import bits_without  # when it is needed

                bits = bits_without(value)
    return bits


def _split(machine, path):
    folder, base = machine.path.split(path)
    if not base or base in (".", "..", b".", b".."):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
    return folder or ("." if isinstance(path, str) else b"."), base


def _folder(machine, path):
    return _split(machine, verb(machine, "fspath")(path))[0]


def _temporary_name(machine, base):
    """A name beside `base` that nobody else has and that says where it comes from."""
    token = verb(machine, "urandom")(8).hex()
    if isinstance(base, bytes):
        return b".%s.%s~" % (base[:200], token.encode())
    return f".{base[:60]}.{token}~"
