"""Durable: replacing a file so that the old or the new content is found, whatever happens."""

import errno
import stat

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import (
    ENTRY,
    Core,
    Where,
    dir_shown,
    failure2,
    plain_failure,
    settle,
    struck,
    take,
    verb,
)
from cython.cimports.ostler.core.numbers import to_dir_fd
from cython.cimports.ostler.verbs.links import place_second

CONSTANTS = {}
TYPES = {}

_BLOCK = 1 << 20


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

    def create_file(self, path, contents=b"", *, mode=None, parents=True):
        """Create a file with these contents, and the directories above it that are missing.

        contents: bytes-like data, or a str (written as UTF-8). `mode` is what the file has then, by
        default 0o666 less the umask. FileExistsError where anything has the name; with
        parents=False a missing directory is FileNotFoundError. On an error no file stays.
        """
        data = contents.encode() if isinstance(contents, str) else memoryview(contents).cast("B")
        bits = 0o666 if mode is None else py.PyNumber_Index(mode)
        if not 0 <= bits <= 0o7777:
            raise ValueError(f"mode must lie between 0 and 0o7777, not {mode}")
        path = verb(self, "fspath")(path)
        if parents:
            above, name = verb(self, "path").split(path)
            if above and name:
                verb(self, "makedirs")(above, exist_ok=True)
        fd = verb(self, "open")(path, libc.O_WRONLY | libc.O_CREAT | libc.O_EXCL, bits & 0o666)
        try:
            try:
                done = 0
                while done < len(data):
                    done += verb(self, "write")(fd, data[done:])
                if mode is not None:
                    verb(self, "fchmod")(fd, bits)
            finally:
                verb(self, "close")(fd)
        except BaseException as error:
            verb(self, "unlink")(path)
            if isinstance(error, OSError):
                _named(error, path)
            raise

    def write_atomic(
        self,
        path,
        data_or_writer,
        *,
        mode=None,
        owner="keep",
        durable=True,
        follow_symlinks=False,
    ):
        """Replace the content of the file at path as a whole, or create it.

        data_or_writer: bytes-like data, a str (written as UTF-8), or a function that is given
        a binary file to write. Whoever opens path meanwhile, and whoever looks after a crash,
        finds the old content or the new, never a part. Mode, owner and extended attributes of
        what is replaced are kept, its ACL or that it has none among them, or mode is set when
        given; a new file gets 0o666 less the umask, or what the directory's default ACL says. A
        symbolic link at path is itself replaced, or with follow_symlinks=True what it leads to; a
        directory, a device, a FIFO or a socket is refused. With durable=False the syncs are left
        out: atomic for other processes, not against a crash of the machine.

        An owner that can't be kept, since the file is another user's, is a PermissionError; with
        owner=None the file becomes yours then, without its setuid and setgid bits, and a group
        that can't be kept gives its successor no right that others have not.

        On any error the old file is untouched and no temporary file stays.
        """
        with self.replacing(
            path, "wb", mode=mode, owner=owner, durable=durable, follow_symlinks=follow_symlinks
        ) as file:
            if callable(data_or_writer):
                data_or_writer(file)
                return
            data = data_or_writer.encode() if isinstance(data_or_writer, str) else data_or_writer
            try:
                file.write(data)
            except OSError as error:
                _named(error, verb(self, "fspath")(path))
                raise

    def replacing(
        self,
        path,
        open_mode="w",
        *,
        encoding=None,
        errors=None,
        newline=None,
        mode=None,
        owner="keep",
        durable=True,
        follow_symlinks=False,
    ):
        """A context manager that gives a file to write what write_atomic() then puts at path.

        open_mode is "w" or "wb"; encoding, errors and newline are open()'s. When the block
        ends without an error the file takes path's place, as write_atomic() says; when it
        raises, nothing has changed.
        """
        if open_mode not in ("w", "wt", "wb"):
            raise ValueError(f"open_mode must be 'w' or 'wb', not {open_mode!r}")
        if mode is not None:
            mode = py.PyNumber_Index(mode)
            if not 0 <= mode <= 0o7777:
                raise ValueError(f"mode must lie between 0 and 0o7777, not {mode}")
        if owner not in ("keep", None):
            raise ValueError(f"owner must be 'keep' or None, not {owner!r}")
        from ostler.verbs.replacing import Replacing  # when it is needed

        text = {"encoding": encoding, "errors": errors, "newline": newline}
        replacing = Replacing(self, verb(self, "fspath")(path), open_mode, text, mode, durable)
        replacing.keeps_owner = owner is not None
        replacing.follows = bool(follow_symlinks)
        return replacing

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
        bare, place = _without_slashes(self, src), _without_slashes(self, dst)
        if _no_name(bare) or _no_name(place):  # as rename() says, before all is copied
            raise OSError(errno.EBUSY, verb(self, "strerror")(errno.EBUSY), src, None, dst)
        found = verb(self, "lstat")(bare)
        if stat.S_ISDIR(found.st_mode):
            self._move_tree(bare, place)
        elif (bare, place) != (verb(self, "fspath")(src), verb(self, "fspath")(dst)):
            # Only a directory's name may end so: a link's would lead to what it means.
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", src, None, dst)
        else:
            try:
                if stat.S_ISREG(found.st_mode):
                    self._move_file(src, dst, found)
                else:
                    self._move_special(src, dst)
            except OSError as error:
                _named(error, src, dst)
                raise

    def _move_file(self, src, dst, found):
        from ostler.verbs.replacing import Replacing

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
        from ostler.verbs.replacing import split, temporary_name

        try:
            there = verb(self, "lstat")(dst)
        except FileNotFoundError:
            pass
        else:  # what rename() would say, before all is copied
            if not stat.S_ISDIR(there.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "Not a directory", src, None, dst)
            if verb(self, "listdir")(dst):
                raise OSError(errno.ENOTEMPTY, "Directory not empty", src, None, dst)
        folder, name = split(self, dst)
        temporary = verb(self, "path").join(folder, temporary_name(self, name))
        try:
            self.trees.copy(src, temporary)
            _sync_file_system(self, folder)
            verb(self, "rename")(temporary, dst)
        except BaseException as error:
            if verb(self, "path").lexists(temporary):
                self.trees.remove(temporary)
            if isinstance(error, OSError):
                _named_in_tree(error, src, dst, temporary)
            raise
        self.sync_directory(folder)
        self.trees.remove(src)

    def _move_special(self, src, dst):
        """Move a link, a FIFO, a socket's name or a device file."""
        from ostler.trees._how import How
        from ostler.trees._single import copy_entry
        from ostler.trees.operations import kept
        from ostler.verbs.replacing import split, temporary_name

        dst = verb(self, "fspath")(dst)
        folder, name = split(self, dst)
        temporary = verb(self, "path").join(folder, temporary_name(self, name))
        try:
            copy_entry(self, src, temporary, self, How(threads=1), kept(), 0)
            verb(self, "rename")(temporary, dst)
        except BaseException:
            if verb(self, "path").lexists(temporary):
                verb(self, "unlink")(temporary)
            raise
        self.sync_directory(folder)
        verb(self, "unlink")(src)


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
    py.audit2(b"os.rename", b"OOii", src, dst, dir_shown(w.dir), dir_shown(w2.dir))
    with cython.nogil:
        r = machine.place(w, ENTRY)
        if r == 0:
            r = place_second(machine, w, w2, False)
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


def _folder(machine, path):
    from ostler.verbs.replacing import split

    return split(machine, verb(machine, "fspath")(path))[0]


def _named(error, path, path2=None):
    from ostler.verbs.replacing import named

    named(error, path, path2)


def _named_in_tree(error, src, dst, temporary):
    # What is below src is named itself, and where it was to be, below dst.
    place = error.filename2
    if error.filename in (None, temporary):
        _named(error, src, dst)
    elif place is not None and place.startswith(temporary):
        error.filename2 = dst + place[len(temporary) :]


def _no_name(path):
    # Whether a path ends in a way to a directory, and not in its name.
    name = path.rpartition("/" if isinstance(path, str) else b"/")[2]
    return name in ("", ".", "..") if isinstance(name, str) else name in (b"", b".", b"..")


def _without_slashes(machine, path):
    path = verb(machine, "fspath")(path)
    slash = "/" if isinstance(path, str) else b"/"
    return path.rstrip(slash) or path
