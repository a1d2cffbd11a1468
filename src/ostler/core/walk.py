"""Walking a tree, on the primitives of a machine.

As in os, a directory is read when the walk comes to it and by the path that names it, so that
what the caller does between two steps is seen.

os asks of every subdirectory, right after the step that told of it, whether it is a link. Of a name
that the directory itself said to be none this is not asked here; it is opened as what is no link.
Should it be one then, its time of change tells whether os would have seen it.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import (
    Core,
    Where,
    failure,
    is_own,
    look_at,
    named,
    settle,
    take,
    take_text,
    verb,
)
from cython.cimports.ostler.core.scan import (
    Reading,
    begin,
    decoded,
    next_entry,
    open_directory,
    untouched,
)

_NO_LINK = cython.declare(
    cython.int,
    libc.O_RDONLY | libc.O_NONBLOCK | libc.O_DIRECTORY | libc.O_CLOEXEC | libc.O_NOFOLLOW,
)

# In place of `followlinks`: links to directories are files, and nothing follows them.
walk_symlinks_as_files = object()


@cython.final
@cython.auto_pickle(False)
@cython.cclass
class Descent:
    """A directory in the midst of the walk, whose subdirectories are being entered."""


@cython.final
@cython.auto_pickle(False)
@cython.cclass
class Listing:
    """What is in one directory."""


def owns_path(machine, name):
    # Whether verb(machine, "path").name is the machine's own function.
    if machine._names is None:
        return is_own(machine, "lstat" if name == "islink" or name == "lexists" else "stat")
    path = verb(machine, "path")
    if path is not machine.path:
        return False
    found = getattr(path, name)
    return py.PyCFunction_Check(found) and py.PyCFunction_GET_SELF(found) == cython.cast(
        cython.pointer(py.PyObject), machine._path
    )


@cython.cfunc
def _list(
    machine: Core,
    top,
    as_files: cython.bint,
    into: cython.bint,
    follow: cython.bint,
    looked: cython.pointer(libc.timespec),
):
    """What is in a directory, sorted into directories and the rest; raises OSError.

    With the time when os would have looked whether it is a link: None when it was one.
    """
    w: Where
    reading: Reading
    error: cython.int
    is_dir: cython.bint
    is_link: cython.bint
    kind: cython.int
    text: cython.bint = py.PyUnicode_Check(top)
    entry: cython.pointer(libc.dirent)
    kept = take(cython.address(w), top, "scandir", "path", 0)
    name = named(kept)
    py.audit1(b"os.scandir", b"O", name)
    length: cython.size_t = libc.strlen(w.name)
    prefix = None
    if into:
        raw = py.PyBytes_FromStringAndSize(w.name, length)
        if length and w.name[length - 1] != b"/"[0]:
            raw = cython.cast(bytes, raw) + b"/"
        prefix = decoded(raw) if text else raw
    made: Listing = Listing.__new__(Listing)
    dirs: list = []
    files: list = []
    made.dirs = dirs
    made.files = files
    made.into = []
    fd: cython.int = -1
    if looked != cython.NULL:
        with cython.nogil:
            fd = machine.open_at(cython.address(w), _NO_LINK, 0)
            error = settle(cython.address(w), fd)
        if error == libc.ELOOP or error == libc.ENOTDIR:
            if _was_link(machine, top, looked):
                return None
            take(cython.address(w), top, "scandir", "path", 0)
        elif error:
            raise failure(error, kept)
    if fd < 0:
        fd = open_directory(machine, cython.address(w), kept)
    try:
        begin(cython.address(reading), fd)
        while True:
            entry = next_entry(cython.address(reading))
            if entry == cython.NULL:
                break
            kind = entry.d_type
            is_dir = kind == libc.DT_DIR
            is_link = kind == libc.DT_LNK
            if is_link and as_files:
                pass
            elif is_link or kind == libc.DT_UNKNOWN:
                is_dir = _is_dir(machine, name, entry.d_name, not as_files)
                if kind == libc.DT_UNKNOWN and is_dir and into and not follow:
                    is_link = not _is_dir(machine, name, entry.d_name, False)
            item = decoded(entry.d_name) if text else py.PyBytes_FromString(entry.d_name)
            if is_dir:
                dirs.append(item)
                if kind != libc.DT_DIR:
                    made.unsure = True
                if into and (follow or not is_link):
                    made.into.append(
                        py.PyUnicode_Concat(prefix, item)
                        if text
                        else cython.cast(bytes, prefix) + item
                    )
            else:
                files.append(item)
    finally:
        with cython.nogil:
            libc.close(fd)
    if reading.error:
        raise failure(reading.error, kept)
    return made


@cython.cfunc
@cython.exceptval(-1)
def _was_link(machine: Core, top, looked: cython.pointer(libc.timespec)) -> cython.bint:
    # Whether this path is a link and was one then.
    w: Where
    st: libc.stat_t
    r: cython.int
    kept = take(cython.address(w), top, "lstat", "path", 0)
    with cython.nogil:
        r = look_at(machine, cython.address(w), cython.address(st), False)
    del kept
    if r or st.st_mode & libc.S_IFMT != libc.S_IFLNK:
        return False
    if st.st_ctim.tv_sec != looked.tv_sec:
        return st.st_ctim.tv_sec < looked.tv_sec
    return st.st_ctim.tv_nsec <= looked.tv_nsec


@cython.cfunc
@cython.exceptval(-1)
def _is_dir(machine: Core, top, name: cython.p_const_char, follow: cython.bint) -> cython.bint:
    # What DirEntry.is_dir() would say; no error is one.
    w: Where
    st: libc.stat_t
    r: cython.int
    # By the path and not by the descriptor: of a long chain of links os sees the end, too.
    path = top if py.PyBytes_Check(top) else py.PyUnicode_EncodeFSDefault(top)
    if not cython.cast(bytes, path).endswith(b"/"):
        path = cython.cast(bytes, path) + b"/"
    path = cython.cast(bytes, path) + py.PyBytes_FromString(name)
    take_text(cython.address(w), libc.AT_FDCWD, py.PyBytes_AS_STRING(path))
    with cython.nogil:
        r = look_at(machine, cython.address(w), cython.address(st), follow)
    return r == 0 and st.st_mode & libc.S_IFMT == libc.S_IFDIR


@cython.cfunc
def _list_by(machine: Core, top, as_files: cython.bint, into: cython.bint, follow: cython.bint):
    """As _list(), by the scandir that a program put in the place of ours."""
    made: Listing = Listing.__new__(Listing)
    made.dirs = []
    made.files = []
    made.into = []
    made.unsure = True  # whether a directory is a link is not known
    with verb(machine, "scandir")(top) as entries:
        for entry in entries:
            try:
                if as_files:
                    is_dir = entry.is_dir(follow_symlinks=False) and not entry.is_junction()
                else:
                    is_dir = entry.is_dir()
            except OSError:
                is_dir = False
            if is_dir:
                made.dirs.append(entry.name)
                if into:
                    try:
                        is_link = not follow and entry.is_symlink()
                    except OSError:
                        is_link = False
                    if not is_link:
                        made.into.append(entry.path)
            else:
                made.files.append(entry.name)
    return made


@cython.cfunc
@cython.exceptval(-1)
def _owns_descent(machine: Core) -> cython.bint:
    # Whether the way into a subdirectory is all our own: join(), islink() and what it calls.
    return owns_path(machine, "join") and owns_path(machine, "islink") and is_own(machine, "lstat")


@cython.cfunc
def _ended(top):
    # Text that a name can follow; None when join() has to be asked.
    if type(top) is not str or not top:
        return None
    return top if cython.cast(str, top).endswith("/") else py.PyUnicode_Concat(top, "/")


@cython.cfunc
def _stem(machine: Core, top, prefix):
    # What a name is added to since 3.15, as it is; None before, when each name was joined.
    if py.PY_VERSION_HEX < 0x030F0000:
        return None
    return verb(machine, "path").join(top, top[:0]) if prefix is None else prefix


@cython.cfunc
def _inside(machine: Core, top, prefix, stem, name, follow: cython.bint):
    """The path of a subdirectory to walk into; None for a link that is not to be followed."""
    w: Where
    st: libc.stat_t
    r: cython.int
    if py.PY_VERSION_HEX >= 0x030F0000:
        path = stem + name
    elif prefix is None or type(name) is not str:
        path = verb(machine, "path").join(top, name)
    elif not name or cython.cast(str, name)[0] == "/":
        path = verb(machine, "path").join(top, name)
    else:
        path = py.PyUnicode_Concat(prefix, name)
    if follow:
        return path
    if prefix is None:
        return None if verb(machine, "path").islink(path) else path
    try:
        kept = take(cython.address(w), path, "lstat", "path", 0)
    except ValueError:
        return path
    with cython.nogil:
        r = look_at(machine, cython.address(w), cython.address(st), False)
    del kept
    return None if r == 0 and st.st_mode & libc.S_IFMT == libc.S_IFLNK else path


def walking(machine, top, topdown, onerror, followlinks):
    """The generator behind walk()."""
    if py.PY_VERSION_HEX < 0x030C0000:
        # Here os checks its argument at the call and not at the first step.
        _audit_walk(top, topdown, onerror, followlinks)
        return _walk(machine, py.PyOS_FSPath(top), topdown, onerror, followlinks, False)
    return _walk(machine, top, topdown, onerror, followlinks, True)


@cython.cfunc
def _audit_walk(top, topdown, onerror, followlinks):
    py.audit4(b"os.walk", b"OOOO", top, topdown, onerror, followlinks)


@cython.cfunc
@cython.exceptval(-1)
def _unchanged(names: list, before: tuple) -> cython.bint:
    # Whether the caller left the list of directories as it was.
    i: cython.Py_ssize_t
    if len(names) != len(before):
        return False
    for i in range(len(before)):
        if names[i] is not before[i]:
            return False
    return True


@cython.cfunc
def _chosen(machine: Core, top, prefix, dirs, before, follow: cython.bint):
    """The subdirectories to walk into: names of no links, and (path,) where it was looked at."""
    if before is not None and _unchanged(dirs, before):
        return before
    known = None if before is None else frozenset(before)
    stem = _stem(machine, top, prefix)
    chosen: list = []
    for name in dirs[::-1]:  # as os does, which tells what of it is wrong
        if known is not None and type(name) is str and name in known:
            chosen.append(name)
            continue
        path = _inside(machine, top, prefix, stem, name, follow)
        if path is not None:
            chosen.append((path,))
    chosen.reverse()
    return chosen


def _walk(machine: Core, top, topdown, onerror, followlinks, audited):
    if audited:
        _audit_walk(top, topdown, onerror, followlinks)
        top = py.PyOS_FSPath(top)
    as_files: cython.bint = followlinks is walk_symlinks_as_files
    follow: cython.bint = bool(followlinks)
    down: cython.bint = bool(topdown)
    found: Listing
    descent: Descent = None
    own: cython.bint = _owns_descent(machine)
    looked: cython.pointer(libc.timespec) = cython.NULL
    stack: list = [top]
    while stack:
        py.PyErr_CheckSignals()
        top = stack[len(stack) - 1]
        looked = cython.NULL
        if type(top) is Descent:
            # Before 3.12 the list is the caller's to change while it is gone through.
            descent = top
            for top in descent.names:
                if py.PY_VERSION_HEX < 0x030C0000:
                    if descent.known is not None and type(top) is str and top in descent.known:
                        libc.clock_gettime(libc.CLOCK_REALTIME, cython.address(descent.looked))
                    else:
                        top = _inside(machine, descent.top, descent.prefix, None, top, follow)
                        if top is None:
                            continue
                        break
                elif type(top) is tuple:
                    top = cython.cast(tuple, top)[0]
                    break
                top = py.PyUnicode_Concat(descent.prefix, top)
                if not follow:
                    looked = cython.address(descent.looked)
                break
            else:
                stack.pop()
                continue
        else:
            stack.pop()
            if type(top) is tuple:
                yield top
                continue
        try:
            if is_own(machine, "scandir") and untouched():
                found = _list(machine, top, as_files, not down, follow, looked)
                if found is None:
                    continue
            else:
                found = _list_by(machine, top, as_files, not down, follow)
        except OSError as error:
            if onerror is not None:
                onerror(error)
            continue
        if not down:
            stack.append((top, found.dirs, found.files))
            stack.extend(reversed(found.into))
            continue
        dirs = found.dirs
        before = None if found.unsure or not dirs else tuple(dirs)
        yield top, dirs, found.files
        if not dirs:
            continue
        descent = Descent.__new__(Descent)
        descent.top = top
        if py.PY_VERSION_HEX < 0x030C0000:
            descent.prefix = _ended(top) if _owns_descent(machine) else None
            if descent.prefix is not None and before is not None:
                descent.known = frozenset(before)
            descent.names = iter(dirs)
        else:
            descent.prefix = _ended(top) if own else None
            if descent.prefix is None:
                before = None
            libc.clock_gettime(libc.CLOCK_REALTIME, cython.address(descent.looked))
            descent.names = iter(_chosen(machine, top, descent.prefix, dirs, before, follow))
        stack.append(descent)
