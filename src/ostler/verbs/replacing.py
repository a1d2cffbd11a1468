"""A file that is written beside another and then takes its place, in one step."""

import errno
import io
import stat

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.crossing import failure, struck, verb

_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)
_NO_XATTR = (errno.EOPNOTSUPP, errno.ENODATA)
_ACL = "system.posix_acl_access"
_KEPT_OF_A_NAME = 100  # bytes, in a temporary one


class Replacing:
    """A file being written that will take a name's place; made by Machine.replacing()."""

    def __init__(self, machine, path, open_mode, text, mode, durable):
        self.machine = machine
        self.path = path
        self.like = None  # (descriptor, stat): whose metadata to give, instead of the old file's
        self.keeps_owner = True  # or the file becomes the caller's, if it must
        self.follows = False  # a link at the path
        self._open_mode = open_mode
        self._text = text
        self._mode = mode
        self._durable = durable
        self._folder = self._file = None
        self._name = None  # of a temporary file that has one
        self._promised = None  # the descriptor that standers take for the file at the path

    def __enter__(self):
        m = self.machine
        if self._folder is not None:
            raise RuntimeError("a replacement is used once")
        folder, self._base = split(m, self.path)
        try:
            if self.follows:
                folder, self._base = split(m, verb(m, "path").realpath(self.path))
            self._folder = verb(m, "open")(folder, libc.O_RDONLY | libc.O_DIRECTORY)
            self._old = self._standing_at()
            self._file = self._opened(self._temporary())
        except BaseException as error:
            self._abandon()
            if isinstance(error, OSError):
                named(error, self.path)
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
        except OSError as caught:
            named(caught, self.path)
            raise
        finally:
            self._abandon()

    def _opened(self, fd):
        if self.machine._hooked is None:
            return io.open(fd, self._open_mode, closefd=True, **self._text)
        from ostler.core import standers

        standers.promise(self.machine, fd, self.path)
        self._promised = fd
        return standers.file_over(self.machine, fd, self._open_mode, **self._text)

    def _standing_at(self):
        """What is at the name now: None, or the stat of a regular file or a link."""
        try:
            old = verb(self.machine, "stat")(self._base, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, "Is a directory", self.path)
        if self.follows and stat.S_ISLNK(old.st_mode):  # to itself, or it is new
            raise failure(errno.ELOOP, self.path)
        if self.like is not None:
            return old  # a move: what is no directory is replaced, as by rename()
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
            name = temporary_name(m, self._base)
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
        """Owner, extended attributes and mode, in the order in which none undoes another.

        By the machine's verbs, and with what may be refused; trees/_metadata.py, in C, asks the
        kernel alone.
        """
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
            if self._has_attributes():
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

    def _has_attributes(self):
        """Whether the old file, which can't be opened, has extended attributes."""
        m = self.machine
        old = verb(m, "open")(self._base, libc.O_PATH | libc.O_NOFOLLOW, dir_fd=self._folder)
        try:
            return bool(verb(m, "listxattr")(f"/proc/self/fd/{old}"))
        finally:
            verb(m, "close")(old)

    def _give_owner(self, fd, kept):
        """Give owner and group; the bits that the mode may have then."""
        m = self.machine
        new = verb(m, "fstat")(fd)
        if (new.st_uid, new.st_gid) == (kept.st_uid, kept.st_gid):
            return 0o7777
        try:
            verb(m, "fchown")(fd, kept.st_uid, kept.st_gid)
            return 0o7777
        except PermissionError as error:
            if self.keeps_owner:
                refusal = failure(error.errno, self.path)
                refusal.add_note("its owner can't be kept; owner=None replaces it all the same")
                raise refusal from None
        try:
            verb(m, "fchown")(fd, -1, kept.st_gid)
        except PermissionError:
            return 0o1707 | (kept.st_mode & 0o007) << 3
        return 0o1777

    def _give_all(self, fd, source, kept):
        """Give what an open file (None: no attributes) and its status tell."""
        m = self.machine
        mode = stat.S_IMODE(kept.st_mode) & self._give_owner(fd, kept)
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
            name = temporary_name(m, self._base)
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
        if self._promised is not None:
            from ostler.core import standers

            standers.keep_promise(self.machine, self._promised)
        try:
            self._file.close()
        except OSError:
            # What could not be flushed is thrown away with the temporary file; after a
            # successful publication everything was flushed before.
            self._file = None


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


def named(error, path, path2=None):
    """Have an OSError name what was asked for, and not what was done for that on the way."""
    error.filename = path
    if path2 is not None:
        error.filename2 = path2
    elif error.filename2 is not None:
        del error.filename2


def split(machine, path):
    """The directory and the last name of a path."""
    folder, base = machine.path.split(path)
    if not path:
        raise failure(errno.ENOENT, path)
    if not base or base in (".", "..", b".", b".."):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
    return folder or ("." if isinstance(path, str) else b"."), base


def temporary_name(machine, base):
    """A name beside `base` that nobody else has and that says where it comes from."""
    name = b".%s.%s~" % (
        verb(machine, "fsencode")(base)[:_KEPT_OF_A_NAME],
        verb(machine, "urandom")(8).hex().encode(),
    )
    return name if isinstance(base, bytes) else verb(machine, "fsdecode")(name)
