"""Walking a tree by descriptors, on the primitives of a machine.

Where a primitive is the machine's own, its system calls are made here, without the objects that
would carry their results from one to the next.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import (
    Core,
    Where,
    again_at,
    failure,
    is_own,
    look_at,
    named,
    settle,
    take,
    take_text,
    verb,
)
from cython.cimports.ostler.core.scan import Reading, begin, decoded, next_entry, untouched
from cython.cimports.ostler.core.walk import owns_path


@cython.final
@cython.auto_pickle(False)
@cython.cclass
class Visit:
    """A directory in the midst of the walk, whose subdirectories are being entered."""


def fwalking(machine, top, topdown, onerror, follow_symlinks, dir_fd):
    """The generator behind fwalk()."""
    return _fwalk(machine, top, topdown, onerror, follow_symlinks, dir_fd)


def _fwalk(machine: Core, top, topdown, onerror, follow_symlinks, dir_fd):
    py.audit5(b"os.fwalk", b"OOOOO", top, topdown, onerror, follow_symlinks, dir_fd)
    top = py.PyOS_FSPath(top)
    down: cython.bint = bool(topdown)
    follow: cython.bint = bool(follow_symlinks)
    text: cython.bint = not py.PyBytes_Check(top)
    child: Visit
    at: Visit
    own: cython.bint
    kept_order: cython.bint = not down and not follow
    stack: list = []
    try:
        at = _entered(machine, dir_fd, top, None, follow)
        stack.append(at)  # from here on it is closed, whatever a signal handler or a name raises
        at.top = top
        if not _is_same(machine, at, True):
            return
        while True:
            py.PyErr_CheckSignals()
            if at is not None:
                # A directory that was just entered: read it before anything in it is.
                path = at.top
                own = _owns_entering(machine)
                dirs = []
                files = []
                entries = None
                if own:
                    _read(machine, at.fd, text, dirs, files)
                else:
                    dirs, files, entries = _sorted(machine, at.fd, text, kept_order)
                if down:
                    yield path, dirs, files, at.fd
                else:
                    at.result = (path, dirs, files, at.fd)
                if py.PY_VERSION_HEX >= 0x030D0000:
                    at.names = iter(list(dirs))
                    if dirs:
                        at.top = _ended(machine, path)
                        if not _are_plain(dirs, type(at.top)):
                            at.paths = iter(_joined(at.top, dirs))
                else:
                    at.names = iter(dirs)
                at.entries = None if entries is None else iter(entries)
                at = None
            if not stack:
                return
            child = stack[len(stack) - 1]
            own = _owns_entering(machine)
            for name in child.names:
                entry = None if child.entries is None else next(child.entries)
                try:
                    if own and entry is None:
                        at = _stepped(machine, child.fd, name, follow, kept_order)
                    else:
                        at = _entered(machine, child.fd, name, entry, follow)
                except OSError as error:
                    if child.paths is not None:
                        next(child.paths)
                    if onerror is not None:
                        onerror(error)
                    continue
                path = None if child.paths is None else next(child.paths)
                if at is None:
                    continue
                stack.append(at)
                if not _is_same(machine, at, False):
                    stack.pop()
                    _close(machine, at.fd)
                    at = None
                    continue
                if path is not None:
                    at.top = path
                elif py.PY_VERSION_HEX >= 0x030D0000:
                    at.top = child.top + name
                else:
                    at.top = verb(machine, "path").join(child.top, name)
                break
            else:
                if child.result is not None:
                    result = child.result
                    child.result = None
                    yield result
                stack.pop()
                _close(machine, child.fd)
    finally:
        while stack:
            verb(machine, "close")(cython.cast(Visit, stack.pop()).fd)


@cython.cfunc
def _ended(machine: Core, top):
    # So that a name can follow.
    if type(top) is str and top and owns_path(machine, "join"):
        return top if cython.cast(str, top).endswith("/") else py.PyUnicode_Concat(top, "/")
    return verb(machine, "path").join(top, top[:0])


@cython.cfunc
@cython.exceptval(check=False)
def _are_plain(names: list, kind) -> cython.bint:
    # Whether each name is text of just this type: then no join can fail.
    if kind is not str and kind is not bytes:
        return False
    for name in names:
        if type(name) is not kind:
            return False
    return True


@cython.cfunc
def _joined(top, names: list):
    # The paths of all names before any is entered, the last one first, as os makes them.
    paths = [top + name for name in names[::-1]]
    paths.reverse()
    return paths


@cython.cfunc
@cython.exceptval(-1)
def _is_same(machine: Core, at: Visit, is_root: cython.bint) -> cython.bint:
    # Whether what was opened is the very directory that was looked at.
    if at.before is None:
        return True
    before = at.before
    at.before = None
    if is_root and before.st_mode & libc.S_IFMT != libc.S_IFDIR:
        return False
    return bool(verb(machine, "path").samestat(before, verb(machine, "stat")(at.fd)))


@cython.cfunc
@cython.exceptval(-1)
def _owns_entering(machine: Core) -> cython.bint:
    # Whether all that it takes to enter a directory is our own.
    return (
        is_own(machine, "stat")
        and is_own(machine, "open")
        and is_own(machine, "scandir")
        and owns_path(machine, "samestat")
        and untouched()
    )


@cython.cfunc
def _close(machine: Core, fd):
    number: cython.int = fd
    if is_own(machine, "close"):
        with cython.nogil:
            number = libc.close(number)
        if number == 0:
            return
    verb(machine, "close")(fd)


@cython.cfunc
def _stepped(machine: Core, dir_fd, name, follow: cython.bint, by_entry: cython.bint) -> Visit:
    """As _entered() of a name in a directory, by the system calls alone."""
    w: Where
    before: libc.stat_t
    after: libc.stat_t
    flags: cython.int = libc.O_RDONLY | libc.O_CLOEXEC
    directory: cython.int = dir_fd
    fd: cython.int = -1
    r: cython.int = 0
    if type(name) is not str and type(name) is not bytes:
        return _entered(machine, dir_fd, name, None, follow)
    if py.PY_VERSION_HEX >= 0x030D0000:
        flags |= libc.O_NONBLOCK
    if not follow:
        kept = take(cython.address(w), name, "stat", "path", 0)
        w.dir = directory
        with cython.nogil:
            r = look_at(machine, cython.address(w), cython.address(before), False)
        if r and by_entry and py.PyBytes_Check(name):
            # os asks an entry of the descriptor, whose names are text.
            raise failure(r, decoded(py.PyBytes_AS_STRING(name)))
        if r:
            raise failure(r, kept)
    kept = take(cython.address(w), name, "open", "path", 0)
    w.dir = directory
    text = named(kept)
    py.audit2(b"open", b"OOi", text, None, flags)
    while True:
        with cython.nogil:
            fd = machine.open_at(cython.address(w), flags, 0o777)
            r = settle(cython.address(w), fd)
            if r == 0 and not follow:
                r = -1 if libc.fstat(fd, cython.address(after)) < 0 else 0
        if r <= 0:
            break
        again_at(r, kept)
    if r == 0 and not follow and (before.st_ino != after.st_ino or before.st_dev != after.st_dev):
        with cython.nogil:
            libc.close(fd)
        return None
    if r < 0:
        with cython.nogil:
            libc.close(fd)
        return _entered(machine, dir_fd, name, None, follow)
    made: Visit = Visit.__new__(Visit)
    made.fd = fd
    return made


@cython.cfunc
@cython.exceptval(-1)
def _read(machine: Core, directory, text: cython.bint, dirs: list, files: list) -> cython.int:
    """As _sorted(), by the system calls alone, into these lists."""
    st: libc.stat_t
    reading: Reading
    r: cython.int
    is_dir: cython.bint
    left_out: cython.bint = False
    fd: cython.int = directory
    entry: cython.pointer(libc.dirent)
    py.audit1(b"os.scandir", b"O", directory)
    begin(cython.address(reading), fd)
    while True:
        entry = next_entry(cython.address(reading))
        if entry == cython.NULL:
            break
        is_dir = entry.d_type == libc.DT_DIR
        if entry.d_type == libc.DT_LNK or entry.d_type == libc.DT_UNKNOWN:
            with cython.nogil:
                r = _stat_at(machine, fd, entry.d_name, True, cython.address(st))
                is_dir = r == 0 and st.st_mode & libc.S_IFMT == libc.S_IFDIR
                if r and r != libc.ENOENT and entry.d_type == libc.DT_UNKNOWN:
                    # What can't be looked at is told only where it is a link.
                    r = _stat_at(machine, fd, entry.d_name, False, cython.address(st))
                    left_out = r != 0 or st.st_mode & libc.S_IFMT != libc.S_IFLNK
            if left_out:
                left_out = False
                continue
        item = decoded(entry.d_name) if text else py.PyBytes_FromString(entry.d_name)
        if is_dir:
            dirs.append(item)
        else:
            files.append(item)
    libc.lseek(fd, 0, libc.SEEK_SET)
    if reading.error:
        raise failure(reading.error, directory)
    return 0


def _stat_at(machine, fd, name, follow, st):
    w: Where
    take_text(cython.address(w), fd, name)
    return look_at(machine, cython.address(w), st, follow)


@cython.cfunc
def _entered(machine: Core, dir_fd, name, entry, follow: cython.bint) -> Visit:
    # Open a directory; _is_same() tells whether it is what was looked at and no link to another.
    before = None
    if not follow:
        if entry is not None:
            before = entry.stat(follow_symlinks=False)
        else:
            before = verb(machine, "stat")(name, follow_symlinks=False, dir_fd=dir_fd)
    flags: cython.int = libc.O_RDONLY
    if py.PY_VERSION_HEX >= 0x030D0000:
        flags |= libc.O_NONBLOCK  # a pipe in the directory's place is not waited for
    made: Visit = Visit.__new__(Visit)
    made.before = before
    made.fd = verb(machine, "open")(name, flags, dir_fd=dir_fd)
    return made


@cython.cfunc
def _sorted(machine: Core, fd, text: cython.bint, with_entries: cython.bint):
    dirs: list = []
    files: list = []
    entries: list = [] if with_entries else None
    for entry in verb(machine, "scandir")(fd):
        name = entry.name
        if not text:
            name = py.PyUnicode_EncodeFSDefault(name)
        try:
            if entry.is_dir():
                dirs.append(name)
                if with_entries:
                    entries.append(entry)
            else:
                files.append(name)
        except OSError:
            try:
                if entry.is_symlink():
                    files.append(name)
            except OSError:
                pass
    return dirs, files, entries
