"""Where a path really leads: abspath and realpath.

realpath has three ways, each of which gives up for the next: the kernel says in one call that no
link is on the path, and then the text is enough; the links are read, in C; every step is taken
as os takes it, through the machine's lstat and readlink. The last decides what is right: it is
the way of other machines, of errors and of loops.
"""

import errno
import stat
import sys

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import Core, failure, is_own, verb
from cython.cimports.ostler.core.pathjoin import join
from cython.cimports.ostler.core.pathtext import normalize, normpath, split
from cython.cimports.ostler.core.walk import owns_path

_UTF8 = cython.declare(
    cython.bint,
    (sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()) == ("utf-8", "surrogateescape"),
)


class Strictness:
    """A value of realpath's `strict` between False and True."""

    __slots__ = ("_name",)

    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return f"os.path.{self._name}"

    def __reduce__(self):
        return self._name


Strictness.__module__ = "ostler.path"


def _strictness(name):
    # Each is the only one of a class, with its name.
    kind = type(name, (Strictness,), {"__slots__": (), "__module__": "ostler.path"})
    return kind(name)


ALLOW_MISSING = _strictness("ALLOW_MISSING")
ALL_BUT_LAST = _strictness("ALL_BUT_LAST")


@cython.cfunc
@cython.exceptval(check=False)
def _source(path, size: cython.pointer(cython.Py_ssize_t)) -> cython.p_const_char:
    # The path's bytes as the kernel gets them, when turning them back gives this very text and
    # they are not too long; else NULL. A subclass may have methods of its own: it is walked.
    text: cython.p_const_char = cython.NULL
    if py.PyUnicode_CheckExact(path):
        if py.PyUnicode_IS_COMPACT_ASCII(path):
            text = py.PyUnicode_DATA(path)
            size[0] = py.PyUnicode_GET_LENGTH(path)
        elif _UTF8:
            text = py.utf8_or_null(path, size)
    elif py.PyBytes_CheckExact(path):
        text = py.PyBytes_AS_STRING(path)
        size[0] = py.PyBytes_GET_SIZE(path)
    if text != cython.NULL and (
        size[0] >= 2048 or libc.strlen(text) != cython.cast(cython.size_t, size[0])
    ):
        return cython.NULL
    return text


@cython.cfunc
def _result(path, text: cython.p_const_char, size: cython.Py_ssize_t):
    if py.PyBytes_Check(path):
        return py.PyBytes_FromStringAndSize(text, size)
    if _UTF8:
        return py.PyUnicode_DecodeUTF8(text, size, b"surrogateescape")
    return py.PyUnicode_DecodeFSDefaultAndSize(text, size)


def _from_here(out, text, size):
    # Write working directory, slash and path to `out`, which has ROOM; the length, or -1.
    at: cython.Py_ssize_t
    at = libc.syscall(libc.SYS_getcwd, out, 2000) - 1  # with the NUL it ends with
    if at <= 0 or out[0] != 47:
        return -1  # too long, gone, or out of this root's reach
    if out[at - 1] != 47:
        out[at] = 47
        at += 1
    libc.memcpy(out + at, text, size + 1)
    return at + size


def abspath(machine, path):
    size: cython.Py_ssize_t = 0
    whole: cython.char[4096]
    out: cython.char[4096]
    text: cython.p_const_char
    path = py.PyOS_FSPath(path)
    if py.PyUnicode_CheckExact(path) and py.PyUnicode_IS_COMPACT_ASCII(path):
        if py.PyUnicode_GET_LENGTH(path) and py.PyUnicode_READ_CHAR(path, 0) == 47:
            return normpath(path)
    text = _source(path, cython.address(size))
    if text != cython.NULL and text[0] != 47 and machine._names is not None:
        if is_own(machine, "getcwdb" if py.PyBytes_Check(path) else "getcwd"):
            # The GIL is kept: the kernel has the answer in memory.
            size = _from_here(whole, text, size)
            if size >= 0:
                return _result(path, out, normalize(whole, size, out))
    if py.PyBytes_Check(path):
        if not path.startswith(b"/"):
            path = join(verb(machine, "getcwdb")(), (path,))
    elif not path.startswith("/"):
        path = join(verb(machine, "getcwd")(), (path,))
    return normpath(path)


def realpath(machine, filename, strict):
    size: cython.Py_ssize_t = 0
    whole: cython.char[4096]
    out: cython.char[4096]
    filename = py.PyOS_FSPath(filename)
    text: cython.p_const_char = _source(filename, cython.address(size))
    lenient: cython.bint = strict is False
    if (
        text != cython.NULL
        and machine._names is not None
        and is_own(machine, "lstat")
        and is_own(machine, "readlink")
        and (py.PY_VERSION_HEX >= 0x030D0000 or owns_path(machine, "join"))
        and is_own(machine, "getcwdb" if py.PyBytes_Check(filename) else "getcwd")
    ):
        with cython.nogil:
            size = _resolve(text, size, whole, out, lenient)
        if size >= 0:
            return _result(filename, out, size)
    if strict is ALLOW_MISSING or strict is ALL_BUT_LAST or py.PY_VERSION_HEX >= 0x030D0000:
        return _step_by_step(machine, filename, strict)
    path, _ = walk(machine, filename[:0], filename, strict, {})
    return abspath(machine, path)


# The kernel's word, and the links read in C


def _resolve(text, size, whole, out, lenient):
    # Write the answer to `out` and return its length; -1: it must be found step by step.
    how: libc.open_how
    fd: cython.int
    how.flags = libc.O_PATH | libc.O_CLOEXEC
    how.mode = 0
    how.resolve = libc.RESOLVE_NO_SYMLINKS
    if size == 0 or (size == 1 and text[0] == 46):
        size = _from_here(whole, text, size)
        return -1 if size < 0 else normalize(whole, size, out)
    if py.PY_VERSION_HEX >= 0x030D0000 and text[0] != 47 and not lenient:
        # The way from the root must be open, as it is for os; before 3.13 the rest is enough.
        size = _from_here(whole, text, size)
        if size < 0:
            return -1
        text = whole
    fd = libc.openat2(libc.AT_FDCWD, text, cython.address(how))
    if fd >= 0:
        libc.close(fd)
    elif not lenient:
        return -1
    error: cython.int = 0 if fd >= 0 else libc.errno
    if text[0] != 47:
        size = _from_here(whole, text, size)
        if size < 0:
            return -1
        text = whole
    return _plain(text, size, out) if fd >= 0 else _follow(text, size, error, whole, out)


def _plain(text, size, out):
    # What a path without links comes to.
    size = normalize(text, size, out)
    if size > 1 and out[0] == 47 and out[1] == 47:  # which only abspath leaves
        libc.memmove(out, out + 1, size)
        size -= 1
    return size


def _follow(text, size, error, rest, out):
    # Find each link by the kernel's word on parts of the path, of which few are asked for, and put
    # its target in its place. `error`: why the kernel has refused the whole. `rest` has the path at
    # the end of its room. What is doubtful is left to _read_each().
    target: cython.char[4096]
    ends: cython.Py_ssize_t[PARTS]
    links: cython.int
    count: cython.int
    free: cython.int  # so many parts have no link among them,
    held: cython.int  # and so many have one
    asked: cython.int
    climbs: cython.bint
    here: cython.p_char
    i: cython.Py_ssize_t
    got: cython.Py_ssize_t
    before: cython.Py_ssize_t
    end: cython.Py_ssize_t
    if size >= 4096:
        return -1
    libc.memmove(rest + 4095 - size, text, size)
    rest[4095] = 0
    for links in range(40):
        here = rest + 4095 - size
        if links:
            error = _refused(here, size)
            if error == 0:
                return _plain(here, size, out)
        count = 0
        climbs = False
        i = 0
        while i < size and count < PARTS:
            if here[i] == 47:
                i += 1
                continue
            before = i
            while i < size and here[i] != 47:
                i += 1
            climbs |= i - before == 2 and here[before] == 46 and here[before + 1] == 46
            ends[count] = i
            count += 1
        if count == PARTS:
            break
        if (error == libc.ENOENT or error == libc.ENOTDIR) and not climbs:
            return _plain(here, size, out)  # no link is before what is missing, nothing behind it
        if error != libc.ELOOP:
            break
        # Most links are the last part of a path: what is before it is asked for first.
        free, held, asked = 0, count, count - 1
        while held - free > 1:
            error = _refused(here, ends[asked - 1])
            if error == 0:
                free = asked
            elif error == libc.ELOOP:
                held = asked
            else:
                break
            asked = (free + held) >> 1
        if held - free != 1:
            break
        end = ends[held - 1]
        before = ends[free - 1] if free else 0
        i = here[end]
        here[end] = 0
        got = libc.readlinkat(libc.AT_FDCWD, here, target, 4096)
        here[end] = cython.cast(cython.char, i)
        if got <= 0:
            break
        # The target takes the link's place.
        size = size - end + got
        if target[0] != 47:
            size += before + 1
        if size >= 4096:
            return -1
        if target[0] != 47:
            libc.memmove(rest + 4095 - size, here, before)
            here = rest + 4095 - size + before
            here[0] = 47
            libc.memcpy(here + 1, target, got)
        else:
            libc.memcpy(rest + 4095 - size, target, got)
    return _read_each(rest + 4095 - size, size, rest, out)


def _refused(text, size):
    # Why the kernel doesn't go by the beginning of a text: ELOOP where a link is; 0: it does.
    how: libc.open_how
    fd: cython.int
    last: cython.char = text[size]
    how.flags = libc.O_PATH | libc.O_CLOEXEC
    how.mode = 0
    how.resolve = libc.RESOLVE_NO_SYMLINKS
    text[size] = 0
    fd = libc.openat2(libc.AT_FDCWD, text, cython.address(how))
    text[size] = last
    if fd < 0:
        return libc.errno
    libc.close(fd)
    return 0


def _read_each(text, size, rest, out):
    # Read link after link. `rest` is what is still to walk, kept at the end of its room so that
    # a link's target can be put before it; `out` is free of links. More than 40 may be a loop.
    target: cython.char[4096]
    links: cython.int = 0
    at: cython.Py_ssize_t = 0
    gone: cython.Py_ssize_t = -1  # from this length on, nothing is there to be a link
    got: cython.Py_ssize_t
    i: cython.Py_ssize_t = 4096 - size
    end: cython.Py_ssize_t
    libc.memmove(rest + i, text, size)
    while True:
        while i < 4096 and rest[i] == 47:
            i += 1
        if i == 4096:
            break
        end = i + 1
        while end < 4096 and rest[end] != 47:
            end += 1
        if rest[i] == 46 and end - i == 1:
            i = end
            continue
        if rest[i] == 46 and end - i == 2 and rest[i + 1] == 46:
            while at and out[at - 1] != 47:
                at -= 1
            if at:
                at -= 1
            if at < gone:
                gone = -1
            i = end
            continue
        if at + 1 + end - i >= 4096:
            return -1
        out[at] = 47
        libc.memcpy(out + at + 1, rest + i, end - i)
        out[at + 1 + end - i] = 0
        got = -1
        if gone < 0:
            got = libc.readlinkat(libc.AT_FDCWD, out, target, 4096)
            if got < 0 and libc.errno != libc.EINVAL:
                if libc.errno != libc.ENOENT and libc.errno != libc.ENOTDIR:
                    return -1
                gone = at + 1 + end - i
        if got < 0:
            at += 1 + end - i
            i = end
            continue
        links += 1
        if links > 40 or got == 0 or got > end:
            return -1
        # The target takes the link's place.
        if target[0] == 47:
            at = 0
        i = end - got
        libc.memcpy(rest + i, target, got)
    if at == 0:
        out[0] = 47
        at = 1
    return at


# Step by step


@cython.cfunc
def _step_by_step(machine: Core, filename, strict):
    # As os walks since 3.13, and with the two values between strict and not strict.
    if py.PyBytes_Check(filename):
        sep, dot, dots, getcwd = b"/", b".", b"..", "getcwdb"
    else:
        sep, dot, dots, getcwd = "/", ".", "..", "getcwd"
    between = strict is ALLOW_MISSING or strict is ALL_BUT_LAST
    ignored = FileNotFoundError if between else () if strict else OSError
    lstat = verb(machine, "lstat")
    readlink = verb(machine, "readlink")
    # Since 3.13.1 also the strict way takes a name for a directory where something follows it.
    names: cython.bint = between or (py.Py_Version >= 0x030D0100 and strict)
    directory = names and filename.endswith(sep)
    path = sep if filename.startswith(sep) else verb(machine, getcwd)()
    # What is still to walk, the next part last. None stands before a link all of whose target
    # has been walked, so that `seen` can remember where it leads; None in `seen`: not yet known.
    if between or py.PY_VERSION_HEX >= 0x030F0000:
        filename = filename.rstrip(sep)
    rest = filename.split(sep)
    rest.reverse()
    left: cython.Py_ssize_t = len(rest)
    seen = {}
    while left:
        name = rest.pop()
        if name is None:
            seen[rest.pop()] = path
            continue
        left -= 1
        if not name or name == dot:
            continue
        if name == dots:
            path = path[: path.rindex(sep)] or sep
            continue
        here = path + name if path == sep else path + sep + name
        try:
            mode = lstat(here).st_mode
            if stat.S_ISLNK(mode):
                if here in seen:
                    path = seen[here]
                    if path is None:
                        if strict and py.PY_VERSION_HEX >= 0x030E0000:
                            raise failure(errno.ELOOP, here)
                        if strict:
                            verb(machine, "stat")(here)  # fails with ELOOP
                        path = here
                    continue
                target = readlink(here)
            else:
                if names and (left or directory) and not stat.S_ISDIR(mode):
                    raise failure(errno.ENOTDIR, here)
                path = here
                continue
        except ignored:
            if left and strict is ALL_BUT_LAST:
                raise
            path = here
            continue
        if target.startswith(sep):
            path = sep
        seen[here] = None
        parts = target.split(sep)
        parts.reverse()
        rest += (here, None)
        rest += parts
        left += len(parts)
    return path


def joined(machine, path, parts):
    # By the join() that a program may have put in the place of ours.
    if owns_path(machine, "join"):
        return join(path, parts)
    return verb(machine, "path").join(path, *parts)


def walk(machine, path, rest, strict, seen):
    # As os walks before 3.13: what is relative stays so, and at a loop the rest is left as it is.
    if py.PyBytes_Check(path):
        sep, dot, dots = b"/", b".", b".."
    else:
        sep, dot, dots = "/", ".", ".."
    if rest.startswith(sep):
        rest = rest[1:]
        path = sep
    while rest:
        name, _, rest = rest.partition(sep)
        if not name or name == dot:
            continue
        if name == dots:
            if not path:
                path = dots
                continue
            path, name = split(path)
            if name == dots:
                path = joined(machine, path, (dots, dots))
            continue
        here = joined(machine, path, (name,))
        try:
            link = stat.S_ISLNK(verb(machine, "lstat")(here).st_mode)
        except OSError:
            if strict:
                raise
            link = False
        if not link:
            path = here
            continue
        if here in seen:
            path = seen[here]
            if path is not None:
                continue
            if not strict:
                return joined(machine, here, (rest,)), False
            verb(machine, "stat")(here)  # fails with ELOOP
        seen[here] = None
        py.Py_EnterRecursiveCall(b" in a chain of links")
        try:
            path, whole = walk(machine, path, verb(machine, "readlink")(here), strict, seen)
        finally:
            py.Py_LeaveRecursiveCall()
        if not whole:
            return joined(machine, path, (rest,)), False
        seen[here] = path
    return path, True
