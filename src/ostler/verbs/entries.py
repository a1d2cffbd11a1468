"""Entries of directories with what statx tells of them, and directories made for a while."""

import errno
import stat
from _thread import allocate_lock

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import Core, verb
from cython.cimports.ostler.core.shared import Shared, shared

from ostler.core.crossing import the_host

_USUAL = cython.declare(cython.uint, libc.STATX_BASIC_STATS | libc.STATX_BTIME)
_NEEDED = cython.declare(cython.uint, libc.STATX_TYPE | libc.STATX_INO)
_READ = cython.declare(
    cython.int, libc.O_RDONLY | libc.O_DIRECTORY | libc.O_NONBLOCK | libc.O_CLOEXEC
)
_TRIES = 100
_STRETCH = 1000  # characters of a path that are opened at once


class Entry:
    """What a directory has under a name, and what statx tells of it; no call asks again."""

    __slots__ = ("depth", "descend", "info", "name", "path")

    def __init__(self, name, path, info, depth=1):
        self.name = name
        self.path = path
        self.info = info
        self.depth = depth
        self.descend = stat.S_ISDIR(info.stx_mode)

    def is_dir(self):
        """Whether it is a directory; a link to one is not."""
        return stat.S_ISDIR(self.info.stx_mode)

    def is_file(self):
        """Whether it is a regular file; a link to one is not."""
        return stat.S_ISREG(self.info.stx_mode)

    def is_symlink(self):
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.info.stx_mode)

    @property
    def size(self):
        """Its size in bytes."""
        return self.info.stx_size

    def __fspath__(self):
        return self.path

    def __repr__(self):
        return f"<Entry {self.path!r}>"


Entry.__module__ = "ostler"


@cython.cfunc
def _dealt_with(on_error, error):
    # Whether to go on after an error.
    if on_error == "raise":
        raise error
    if on_error != "ignore":
        on_error(error)


@cython.cfunc
def _check(on_error):
    # As for trees (trees/_how.py), but with "ignore" in the place of "collect": what is read entry
    # by entry has no result that could hold the errors.
    if on_error not in ("raise", "ignore") and not callable(on_error):
        raise ValueError(f"on_error must be 'raise', 'ignore' or a function, not {on_error!r}")


@cython.cfunc
def _mask_of(mask):
    return (_USUAL if mask is None else mask) | _NEEDED


def entries_of(machine, path, mask, follow, on_error):
    """What iter_dir() gives."""
    _check(on_error)
    path = py.PyOS_FSPath(path)
    wanted = _mask_of(mask)
    fd = verb(machine, "open")(path, _READ)
    return Entries(machine, path, fd, wanted, bool(follow), on_error, 1)


class Entries:
    """An iterator over the entries of a directory; a context manager that closes it."""

    def __init__(self, machine, path, fd, mask, follow, on_error, depth):
        self._held = shared(fd)
        self._machine = machine
        self._statx = verb(machine, "statx")
        self._mask = mask
        self._follow = follow
        self._on_error = on_error
        self._depth = depth
        self._bytes = isinstance(path, bytes)
        slash = b"/" if self._bytes else "/"
        self._prefix = path if path.endswith(slash) else path + slash
        self._scan = None
        try:
            self._scan = verb(machine, "scandir")(fd)
        except BaseException:
            self.close()
            raise

    def __iter__(self):
        return self

    def __next__(self):
        for found in self._scan:
            name = found.name
            info = self._stat_of(name)
            if info is not None:
                if self._bytes:
                    name = py.PyUnicode_EncodeFSDefault(name)
                return Entry(name, self._prefix + name, info, self._depth)
        self.close()
        raise StopIteration

    def _stat_of(self, name):
        follow = self._follow
        while True:
            try:
                return self._asked(name, follow)
            except FileNotFoundError:
                if not follow:
                    return None
                follow = False  # a link that leads nowhere is there all the same
            except OSError as error:
                error.filename = self._prefix + (
                    py.PyUnicode_EncodeFSDefault(name) if self._bytes else name
                )
                _dealt_with(self._on_error, error)
                return None

    def _asked(self, name, follow):
        own: Shared = self._held
        try:
            fd = own.enter()
        except ValueError:
            raise StopIteration from None  # another thread has closed it
        try:
            return self._statx(name, self._mask, dir_fd=fd, follow_symlinks=follow)
        finally:
            self._give_back(own.leave())

    def _give_back(self, fd):
        if fd >= 0:
            verb(self._machine, "close")(fd)

    def fileno(self):
        """The descriptor of the directory."""
        own: Shared = self._held
        return -1 if own.leaving else own.fd

    def close(self):
        """End the iteration and close the directory."""
        own: Shared = self._held
        if self._scan is not None:
            self._scan.close()
        self._give_back(own.shut())

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __del__(self):
        self.close()


def walking_entries(machine, top, mask, on_error, one_filesystem):
    """What walk_entries() gives."""
    _check(on_error)
    return _walk(machine, py.PyOS_FSPath(top), _mask_of(mask), on_error, bool(one_filesystem))


def _walk(machine, top, mask, on_error, one_filesystem):
    device = None
    stack = [(top, None, 1)]
    while stack:
        path, seen, depth = stack.pop()
        try:
            entries = _opened(machine, path, seen, mask, on_error, depth)
        except OSError as error:
            _dealt_with(on_error, error)
            continue
        below = []
        with entries:
            if one_filesystem and device is None:
                device = verb(machine, "fstat")(entries.fileno()).st_dev
            while True:
                try:
                    entry = next(entries, None)
                except OSError as error:
                    if error.filename is None or isinstance(error.filename, int):
                        error.filename = path
                    if on_error == "raise":
                        raise
                    _dealt_with(on_error, error)
                    break
                if entry is None:
                    break
                if one_filesystem and entry.info.stx_dev != device:
                    entry.descend = False
                yield entry
                if entry.is_dir():
                    below.append(entry)
        stack.extend(
            [(entry.path, entry.info, depth + 1) for entry in reversed(below) if entry.descend]
        )


@cython.cfunc
def _opened(machine: Core, path, seen, mask, on_error, depth):
    # The entries of the directory that was seen, and of no other that has its name now.
    if seen is None:
        fd = verb(machine, "open")(path, _READ)
    else:
        try:
            fd = _open_far(machine, path)
        except OSError as error:
            if error.errno == errno.ELOOP or error.errno == errno.ENOTDIR:
                raise _changed(path) from None
            raise
        found = verb(machine, "fstat")(fd)
        if (found.st_ino, found.st_dev) != (seen.stx_ino, seen.stx_dev):
            verb(machine, "close")(fd)
            raise _changed(path)
    return Entries(machine, path, fd, mask, False, on_error, depth)


@cython.cfunc
def _open_far(machine: Core, path):
    # Open a directory, no link at its end, whose path may be longer than the kernel takes.
    open = verb(machine, "open")
    if len(path) < _STRETCH:
        return open(path, _READ | libc.O_NOFOLLOW)
    slash = b"/" if isinstance(path, bytes) else "/"
    above = None
    try:
        while len(path) >= _STRETCH:
            cut = path.rfind(slash, 1, _STRETCH)
            if cut < 0:
                break
            next = open(path[:cut], libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC, dir_fd=above)
            if above is not None:
                verb(machine, "close")(above)
            above = next
            path = path[cut:].lstrip(slash)
        return open(path, _READ | libc.O_NOFOLLOW, dir_fd=above)
    finally:
        if above is not None:
            verb(machine, "close")(above)


@cython.cfunc
def _identity(found):
    return found.st_dev, found.st_ino


@cython.cfunc
def _changed(path):
    return OSError(errno.ESTALE, "Another file has taken the directory's place", path)


class TemporaryDirectory:
    """A directory that is there for the length of a with block."""

    def __init__(self, machine, prefix, suffix, folder):
        for what, text in (("prefix", prefix), ("suffix", suffix)):
            if not isinstance(text, str):
                raise TypeError(f"{what} should be str, not {type(text).__name__}")
            if "/" in text or "\0" in text:
                raise ValueError(f"{what} must be part of a file name: {text!r}")
        self._machine = machine
        self._prefix = prefix
        self._suffix = suffix
        self._folder = None if folder is None else py.PyOS_FSPath(folder)
        self._holder = self._fd = -1
        self._lock = allocate_lock()
        self.path = None

    def _candidates(self):
        if self._folder is not None:
            return [self._folder]
        environ = verb(self._machine, "environ")
        named = [environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
        return [path for path in named if path] + ["/tmp", "/var/tmp", "."]

    def __enter__(self):
        if self.path is not None:
            raise RuntimeError("a temporary directory is used once")
        candidates = self._candidates()
        for folder in candidates:
            try:
                self._make(folder)
                return self.path
            except OSError as error:
                unsuited = error.errno in (
                    errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EROFS, errno.EPERM
                )  # fmt: skip
                if not unsuited or folder is candidates[-1]:
                    raise
        raise AssertionError

    def _make(self, folder):
        m = self._machine
        if not folder.startswith("/"):
            folder = verb(m, "path").join(verb(m, "getcwd")(), folder)
        self._holder = verb(m, "open")(folder, libc.O_RDONLY | libc.O_DIRECTORY)
        try:
            for _ in range(_TRIES):
                name = self._prefix + verb(m, "urandom")(8).hex() + self._suffix
                try:
                    verb(m, "mkdir")(name, 0o700, dir_fd=self._holder)
                    break
                except FileExistsError:
                    continue
            else:
                raise FileExistsError(errno.EEXIST, "No free name found in", folder)
            self._name = name
            self._fd = verb(m, "open")(name, _READ | libc.O_NOFOLLOW, dir_fd=self._holder)
        except BaseException:
            self._shut()
            raise
        self.path = verb(m, "path").join(folder, name)

    def __exit__(self, *exception):
        self.cleanup()

    def cleanup(self):
        """Remove the directory now."""
        with self._lock:
            self._clean_up()

    def _clean_up(self):
        from ostler.trees._how import How
        from ostler.trees._remove import remove_tree

        m = self._machine
        if self._fd < 0:
            return
        try:
            try:
                found = verb(m, "stat")(self._name, dir_fd=self._holder, follow_symlinks=False)
            except FileNotFoundError:
                return  # removed already, or moved: it is not ours any more
            own = verb(m, "fstat")(self._fd)
            if (found.st_dev, found.st_ino) != (own.st_dev, own.st_ino):
                raise _changed(self.path)
            try:
                remove_tree(m, self.path, How(), self._holder)
            except PermissionError:
                # Directories in it may have been closed to ourselves.
                self._open_up(self._fd)
                remove_tree(m, self.path, How(), self._holder)
        finally:
            self._shut()

    def _open_up(self, fd):
        # Give the directories to ourselves, from the top down. One is open at a time, however
        # deep they lie; the way back is ".." and must lead where we came from.
        host = the_host()
        m = self._machine
        at = host.dup(fd)
        waiting: list = []  # of each level: its identity, and the names still to be gone into
        try:
            waiting.append(self._level(at))
            while True:
                names = waiting[len(waiting) - 1][1]
                name = names.pop() if names else None
                if name is not None:
                    verb(m, "chmod")(name, 0o700, dir_fd=at, follow_symlinks=False)
                    next = verb(m, "open")(name, _READ | libc.O_NOFOLLOW, dir_fd=at)
                else:
                    waiting.pop()
                    if not waiting:
                        return
                    next = host.open("..", _READ, dir_fd=at)
                host.close(at)
                at = next
                if name is not None:
                    waiting.append(self._level(at))
                elif _identity(host.fstat(at)) != waiting[len(waiting) - 1][0]:
                    raise _changed(self.path)
        finally:
            host.close(at)

    def _level(self, fd):
        m = self._machine
        verb(m, "fchmod")(fd, 0o700)
        with verb(m, "scandir")(fd) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        return _identity(verb(m, "fstat")(fd)), names

    def _shut(self):
        for fd in (self._fd, self._holder):
            if fd >= 0:
                verb(self._machine, "close")(fd)
        self._fd = self._holder = -1

    def __repr__(self):
        return f"<TemporaryDirectory {self.path!r}>"
