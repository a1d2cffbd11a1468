"""The text of paths: joining, splitting, normalizing, by the rules of os.path.

Each function has a fast way for exact str and bytes, and a plain way, in Python's own operations,
for their subclasses and for what goes wrong; the plain way decides what is right.
"""

import sys

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py

from ostler.core import interpreter

_ENCODING = sys.getfilesystemencoding()
_ERRORS = sys.getfilesystemencodeerrors()


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _is_text(o) -> cython.bint:
    # Exactly str, in the form whose characters can be read.
    return py.PyUnicode_CheckExact(o) and py.PyUnicode_IS_READY(o)


@cython.cfunc
def _sep(path):
    return b"/" if py.PyBytes_Check(path) else "/"


def check_arg_types(function, args):
    # Say what is wrong with arguments that failed to go together.
    text: cython.bint = False
    data: cython.bint = False
    for s in args:
        if isinstance(s, str):
            text = True
        elif isinstance(s, bytes):
            data = True
        else:
            raise TypeError(
                f"{function}() argument must be str, bytes, or os.PathLike object, "
                f"not {s.__class__.__name__!r}"
            ) from None
    if text and data:
        raise TypeError("Can't mix strings and bytes in path components") from None


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _last_in(
    data: cython.p_const_char,
    character: cython.int,
    start: cython.Py_ssize_t,
    size: cython.Py_ssize_t,
) -> cython.Py_ssize_t:
    # Where this byte stands last from start on, -1: nowhere. Not memrchr: names are short.
    i: cython.Py_ssize_t = size
    while i > start:
        i -= 1
        if data[i] == character:
            return i
    return -1


@cython.cfunc
@cython.inline
@cython.exceptval(-2)
def _last(text, character: cython.int, start: cython.Py_ssize_t) -> cython.Py_ssize_t:
    if py.PyUnicode_KIND(text) == 1:
        return _last_in(py.PyUnicode_DATA(text), character, start, py.PyUnicode_GET_LENGTH(text))
    return py.PyUnicode_FindChar(text, character, start, py.PyUnicode_GET_LENGTH(text), -1)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _last_byte(data, character: cython.int, start: cython.Py_ssize_t) -> cython.Py_ssize_t:
    return _last_in(py.PyBytes_AS_STRING(data), character, start, py.PyBytes_GET_SIZE(data))


@cython.cfunc
@cython.inline
def _part(text, start: cython.Py_ssize_t, end: cython.Py_ssize_t):
    if start == 0 and end == py.PyUnicode_GET_LENGTH(text):
        return text
    if py.PyUnicode_IS_COMPACT_ASCII(text) and end > start:
        return py.ascii_text(py.PyUnicode_DATA(text) + start, end - start)
    return py.PyUnicode_Substring(text, start, end)


@cython.cfunc
def _part_bytes(data, start: cython.Py_ssize_t, end: cython.Py_ssize_t):
    if start == 0 and end == py.PyBytes_GET_SIZE(data):
        return data
    return py.PyBytes_FromStringAndSize(py.PyBytes_AS_STRING(data) + start, end - start)


@cython.cfunc
def _head(text, end: cython.Py_ssize_t):
    # The text before end, without the slashes at its end if it is more than slashes.
    i: cython.Py_ssize_t = end
    while i and py.PyUnicode_READ_CHAR(text, i - 1) == 47:
        i -= 1
    return _part(text, 0, i if i else end)


@cython.cfunc
def _head_bytes(data, end: cython.Py_ssize_t):
    i: cython.Py_ssize_t = end
    text = py.PyBytes_AS_STRING(data)
    while i and text[i - 1] == 47:
        i -= 1
    return _part_bytes(data, 0, i if i else end)


@cython.cfunc
def _head_plain(p, i):
    sep = _sep(p)
    head = p[:i]
    if head and head != sep * len(head):
        head = head.rstrip(sep)
    return head


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _is_ascii(o) -> cython.bint:
    # The most usual kind of path, of which this says all.
    return py.PyUnicode_CheckExact(o) and py.PyUnicode_IS_COMPACT_ASCII(o)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _head_end(data: cython.p_const_char, end: cython.Py_ssize_t) -> cython.Py_ssize_t:
    # Where the text before end stops, without the slashes at its end if it is more than slashes.
    i: cython.Py_ssize_t = end
    while i and data[i - 1] == 47:
        i -= 1
    return i if i else end


def split(p):
    i: cython.Py_ssize_t
    size: cython.Py_ssize_t
    data: cython.p_const_char
    if _is_ascii(p):
        size = py.PyUnicode_GET_LENGTH(p)
        data = py.PyUnicode_DATA(p)
        i = _last_in(data, 47, 0, size) + 1
        if 0 < i < size:
            return (
                py.ascii_text(data, _head_end(data, i)),
                py.ascii_text(data + i, size - i),
            )
        return (p[:0], p) if i == 0 else (_head(p, i), p[:0])
    if not _is_text(p):
        p = py.PyOS_FSPath(p)
    if _is_text(p):
        i = _last(p, 47, 0) + 1
        return _head(p, i), _part(p, i, py.PyUnicode_GET_LENGTH(p))
    if py.PyBytes_CheckExact(p):
        i = _last_byte(p, 47, 0) + 1
        return _head_bytes(p, i), _part_bytes(p, i, py.PyBytes_GET_SIZE(p))
    cut = p.rfind(_sep(p)) + 1
    tail = p[cut:]
    return _head_plain(p, cut), tail


def basename(p):
    i: cython.Py_ssize_t
    size: cython.Py_ssize_t
    data: cython.p_const_char
    if _is_ascii(p):
        size = py.PyUnicode_GET_LENGTH(p)
        data = py.PyUnicode_DATA(p)
        i = _last_in(data, 47, 0, size) + 1
        if i == 0:
            return p
        return py.ascii_text(data + i, size - i)
    if not _is_text(p):
        p = py.PyOS_FSPath(p)
    if _is_text(p):
        return _part(p, _last(p, 47, 0) + 1, py.PyUnicode_GET_LENGTH(p))
    if py.PyBytes_CheckExact(p):
        return _part_bytes(p, _last_byte(p, 47, 0) + 1, py.PyBytes_GET_SIZE(p))
    return p[p.rfind(_sep(p)) + 1 :]


def dirname(p):
    i: cython.Py_ssize_t
    data: cython.p_const_char
    if _is_ascii(p):
        data = py.PyUnicode_DATA(p)
        i = _last_in(data, 47, 0, py.PyUnicode_GET_LENGTH(p)) + 1
        return _part(p, 0, _head_end(data, i))
    if not _is_text(p):
        p = py.PyOS_FSPath(p)
    if _is_text(p):
        return _head(p, _last(p, 47, 0) + 1)
    if py.PyBytes_CheckExact(p):
        return _head_bytes(p, _last_byte(p, 47, 0) + 1)
    return _head_plain(p, p.rfind(_sep(p)) + 1)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _dot_in(data: cython.p_const_char, size: cython.Py_ssize_t) -> cython.Py_ssize_t:
    # Where the last name's extension starts, -1: it has none.
    dot: cython.Py_ssize_t = -1
    i: cython.Py_ssize_t = size
    while i and data[i - 1] != 47:
        i -= 1
        if data[i] == 46 and dot < 0:
            dot = i
    while i < dot:
        if data[i] != 46:
            return dot
        i += 1
    return -1


def splitext(p):
    i: cython.Py_ssize_t
    dot: cython.Py_ssize_t
    data: cython.p_const_char
    if _is_ascii(p):
        data = py.PyUnicode_DATA(p)
        i = py.PyUnicode_GET_LENGTH(p)
        dot = _dot_in(data, i)
        if dot < 0:
            return p, ""
        return py.ascii_text(data, dot), py.ascii_text(data + dot, i - dot)
    if not _is_text(p):
        p = py.PyOS_FSPath(p)
    if _is_text(p):
        if py.PyUnicode_KIND(p) == 1:
            dot = _dot_in(py.PyUnicode_DATA(p), py.PyUnicode_GET_LENGTH(p))
        else:
            i = _last(p, 47, 0) + 1
            dot = _last(p, 46, i)
            while i < dot and py.PyUnicode_READ_CHAR(p, i) == 46:
                i += 1
            if i >= dot:
                dot = -1
        if dot < 0:
            return p, ""
        return _part(p, 0, dot), _part(p, dot, py.PyUnicode_GET_LENGTH(p))
    if py.PyBytes_CheckExact(p):
        dot = _dot_in(py.PyBytes_AS_STRING(p), py.PyBytes_GET_SIZE(p))
        if dot < 0:
            return p, b""
        return _part_bytes(p, 0, dot), _part_bytes(p, dot, py.PyBytes_GET_SIZE(p))
    return splitext_plain(p, _sep(p), None, b"." if py.PyBytes_Check(p) else ".")


def splitext_plain(p, sep, altsep, extsep):
    """Split the extension from a pathname, whatever its separators are."""
    start = p.rfind(sep)
    if altsep:
        start = max(start, p.rfind(altsep))
    dot = p.rfind(extsep)
    for i in range(start + 1, dot):
        if p[i : i + 1] != extsep:
            return p[:dot], p[dot:]
    return p, p[:0]


def splitroot(p):
    if py.PY_VERSION_HEX >= 0x030D0000:
        p = _as_native(p, "_path_splitroot_ex")
    else:
        p = py.PyOS_FSPath(p)
    sep = _sep(p)
    empty = b"" if py.PyBytes_Check(p) else ""
    if p[:1] != sep:
        return empty, empty, p
    if p[1:2] != sep or p[2:3] == sep:
        return empty, sep, p[1:]
    return empty, p[:2], p[2:]


@cython.cfunc
def _as_native(p, function):
    # Where the interpreter's function is one of C: its own words for a wrong type, and no
    # subclasses in what it returns.
    if not py.PyUnicode_Check(p) and not py.PyBytes_Check(p):
        if getattr(type(p), "__fspath__", None) is None:
            raise TypeError(
                f"{function}: path should be string, bytes or os.PathLike, not {type(p).__name__}"
            )
        p = py.PyOS_FSPath(p)
    if py.PyUnicode_CheckExact(p) or py.PyBytes_CheckExact(p):
        return p
    if py.PyUnicode_Check(p):
        return str.__str__(p)
    return bytes.__getitem__(p, slice(None))


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def tidy(source: cython.p_const_char, size: cython.Py_ssize_t) -> cython.Py_ssize_t:
    # The length of the beginning, up to the end of a name, that surely is normal: before the
    # first slash that a slash, a dot or nothing follows.
    i: cython.Py_ssize_t = 0
    if size == 0 or source[0] == 46:
        return 0
    while i < size:
        if source[i] == 47 and (i + 1 == size or source[i + 1] == 47 or source[i + 1] == 46):
            return i
        i += 1
    return size


def normalize(source, size, out):
    # Write the normal form of a path to `out`, which has room for it and a byte more; return
    # its length.
    return normalize_from(source, size, out, tidy(source, size))


def normalize_from(source, size, out, start):
    i: cython.Py_ssize_t = 0
    end: cython.Py_ssize_t
    at: cython.Py_ssize_t = 0  # length so far
    root: cython.Py_ssize_t  # of this, the root's slashes
    floor: cython.Py_ssize_t  # and what '..' must not take away
    byte: cython.char
    if size and source[0] == 47:
        out[0] = 47
        at = 1
        if size > 1 and source[1] == 47 and (size == 2 or source[2] != 47):
            out[1] = 47
            at = 2
    root = floor = at
    if at < 2 and start > 16:  # less is quicker done again
        libc.memcpy(out, source, start)
        at = i = start
    while i < size:
        byte = source[i]
        if byte == 47:
            i += 1
            continue
        if byte == 46:
            end = i + 1
            if end == size or source[end] == 47:
                i = end
                continue
            end += 1
            if source[i + 1] == 46 and (end == size or source[end] == 47):
                i = end
                if at > floor:
                    while at > floor and out[at - 1] != 47:
                        at -= 1
                    if at > root:
                        at -= 1
                elif root == 0:
                    if at:
                        out[at] = 47
                        at += 1
                    out[at] = 46
                    out[at + 1] = 46
                    at += 2
                    floor = at
                continue
        if at > root:
            out[at] = 47
            at += 1
        while True:
            out[at] = byte
            at += 1
            i += 1
            if i == size:
                break
            byte = source[i]
            if byte == 47:
                break
    if at == 0:
        out[0] = 46
        at = 1
    return at


def normpath(p):
    size: cython.Py_ssize_t = 0
    length: cython.Py_ssize_t
    room: cython.char[1024]
    out: cython.p_char = room
    source: cython.p_const_char
    if _is_ascii(p) and py.PyUnicode_GET_LENGTH(p) < 1023:
        source = py.PyUnicode_DATA(p)
        size = py.PyUnicode_GET_LENGTH(p)
        length = tidy(source, size)
        if length == size and size:
            return p
        length = normalize_from(source, size, room, length)
        return p if length == size and size else py.ascii_text(room, length)
    if py.PY_VERSION_HEX >= 0x030D0000:
        if not py.PyUnicode_CheckExact(p):
            p = _as_native(p, "_path_normpath")
    elif not py.PyUnicode_CheckExact(p):
        p = py.PyOS_FSPath(p)
    ascii: cython.bint = False
    if py.PyBytes_Check(p):
        source = py.PyBytes_AS_STRING(p)
        size = py.PyBytes_GET_SIZE(p)
    elif py.PyUnicode_IS_COMPACT_ASCII(p):
        ascii = True
        source = py.PyUnicode_DATA(p)
        size = py.PyUnicode_GET_LENGTH(p)
    else:
        source = py.utf8_or_null(p, cython.address(size))
        if source == cython.NULL:
            return _normpath_plain(p)
    exact: cython.bint = py.PyUnicode_CheckExact(p) or py.PyBytes_CheckExact(p)
    start: cython.Py_ssize_t = tidy(source, size)
    if exact and size and start == size:
        return p
    if size >= 1023:
        long_room = py.PyBytes_FromStringAndSize(cython.NULL, size + 1)
        out = cython.cast(cython.p_char, py.PyBytes_AS_STRING(long_room))
    length = normalize_from(source, size, out, start)
    if exact and size and length == size:
        return p  # nothing but shortening happens, except to nothing at all
    if ascii:
        return py.ascii_text(out, length)
    if py.PyBytes_Check(p):
        return py.PyBytes_FromStringAndSize(out, length)
    return py.PyUnicode_DecodeUTF8(out, length, cython.NULL)


@cython.cfunc
def _normpath_plain(p):
    # For text with surrogates, which has no UTF-8 form of its own.
    return normpath(str.encode(p, "utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def commonprefix(m):
    if not m:
        return ""
    if not isinstance(m[0], (list, tuple)):
        m = tuple([py.PyOS_FSPath(p) for p in m])
    least = min(m)
    greatest = max(m)
    for i, c in enumerate(least):
        if c != greatest[i]:
            return least[:i]
    return least


def commonpath(paths):
    if py.PY_VERSION_HEX < 0x030D0000 and not paths:
        raise ValueError("commonpath() arg is an empty sequence")
    paths = tuple([py.PyOS_FSPath(p) for p in paths])
    if py.PY_VERSION_HEX >= 0x030D0000 and not paths:
        raise ValueError("commonpath() arg is an empty sequence")
    if isinstance(paths[0], bytes):
        sep, dot = b"/", b"."
    else:
        sep, dot = "/", "."
    try:
        lists = [path.split(sep) for path in paths]
        if py.PY_VERSION_HEX < 0x030D0000:
            rooted = {path[:1] == sep for path in paths}
        else:
            rooted = {path.startswith(sep) for path in paths}
        if len(rooted) > 1:
            raise ValueError("Can't mix absolute and relative paths")
        lists = [[c for c in parts if c and c != dot] for parts in lists]
        least = min(lists)
        greatest = max(lists)
        common = least
        for i, c in enumerate(least):
            if c != greatest[i]:
                common = least[:i]
                break
        return (sep if True in rooted else sep[:0]) + sep.join(common)
    except (TypeError, AttributeError):
        check_arg_types("commonpath", paths)
        raise


# Whether os.path takes "${" without an end for a name of its own, which has no value: since 3.14,
# and in later releases of the versions before.
_BY_SUB = cython.declare(cython.bint, "_varpattern" in interpreter.PATH_NAMES)
_varprogs = None  # the pattern for text and that for bytes, both or none


@cython.cfunc
def _pattern(data: cython.bint):
    global _varprogs
    found = _varprogs
    if found is None:
        import re

        text = r"\$(\w+|\{[^}]*\}?)" if _BY_SUB else r"\$(\w+|\{[^}]*\})"
        found = _varprogs = re.compile(text, re.ASCII), re.compile(text.encode(), re.ASCII)
    return found[data]


def expandvars(path, environ):
    data: cython.bint = py.PyBytes_Check(path)
    if type(path) is not str and type(path) is not bytes:
        if not _BY_SUB:
            return _expanded(path, _pattern(data), environ)
        kind = bytes if data else str
        path = kind.__getitem__(path, slice(None))  # as a pattern's sub() takes it
    parts = []
    done: cython.Py_ssize_t = 0
    for match in _pattern(data).finditer(path):
        name = match[1]
        if name[:1] in ("{", b"{"):
            if name[-1:] not in ("}", b"}"):
                continue
            name = name[1 : len(name) - 1]
        try:
            value = environ[name]
        except KeyError:
            continue
        parts.append(path[done : match.start()])
        parts.append(value)
        done = match.end()
    if not parts:
        return path
    parts.append(path[done:])
    return path[:0].join(parts)


@cython.cfunc
def _expanded(path, pattern, environ):
    # As os does it, by the operations of the path itself, which may be a subclass's own.
    start: object = 0
    while True:
        match = pattern.search(path, start)
        if match is None:
            return path
        start, end = match.span()
        name = match[1]
        if name[:1] in ("{", b"{"):
            name = name[1 : len(name) - 1]
        try:
            value = environ[name]
        except KeyError:
            start = end
            continue
        tail = path[end:]
        path = path[:start] + value
        start = len(path)
        path += tail


def fsencode(filename):
    filename = py.PyOS_FSPath(filename)
    if py.PyUnicode_CheckExact(filename):
        return py.PyUnicode_EncodeFSDefault(filename)
    if py.PyUnicode_Check(filename):
        return filename.encode(_ENCODING, _ERRORS)
    return filename


def fsdecode(filename):
    filename = py.PyOS_FSPath(filename)
    if py.PyBytes_CheckExact(filename):
        return py.PyUnicode_DecodeFSDefaultAndSize(
            py.PyBytes_AS_STRING(filename), py.PyBytes_GET_SIZE(filename)
        )
    if py.PyBytes_Check(filename):
        return filename.decode(_ENCODING, _ERRORS)
    return filename
