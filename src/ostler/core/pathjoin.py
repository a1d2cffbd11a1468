"""Paths from parts: a fast way for exact str and bytes, a plain way for all others."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.pathtext import check_arg_types


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _is_text(o) -> cython.bint:
    # Exactly str, in the form whose characters can be read.
    return py.PyUnicode_CheckExact(o) and py.PyUnicode_IS_READY(o)


def join(a, parts):
    everything = (a, *parts)
    return join_given(
        cython.cast(cython.pointer(py.PyTupleObject), everything).ob_item, len(everything)
    )


def join_given(given, count):
    # Of one part or more, the caller's own references.
    if py.is_exact_text(given[0]) and py.is_ascii_text(given[0]):
        whole = _join_ascii(given, count)
        if whole is not None:
            return whole
    a = cython.cast(object, given[0])
    if not _is_text(a):
        a = py.PyOS_FSPath(a)
    if _is_text(a):
        whole = _join_text(a, given, count)
        if whole is not None:
            return whole
    elif py.PyBytes_CheckExact(a):
        whole = _join_bytes(a, given, count)
        if whole is not None:
            return whole
    return _join_plain(a, tuple([cython.cast(object, given[i]) for i in range(1, count)]))


@cython.cfunc
@cython.inline
def _join_ascii(
    given: cython.pointer(cython.pointer(py.PyObject)), count: cython.Py_ssize_t
):  # fmt: skip
    # The most usual case. None: a part is something else.
    i: cython.Py_ssize_t
    first: cython.Py_ssize_t = 0  # the last absolute part, where the result starts
    size: cython.Py_ssize_t = py.text_size(given[0])
    total: cython.Py_ssize_t = size
    data: cython.p_const_char = py.text_data(given[0])
    slashed: cython.bint = size == 0 or data[size - 1] == 47
    for i in range(1, count):
        if not py.is_exact_text(given[i]) or not py.is_ascii_text(given[i]):
            return None
        size = py.text_size(given[i])
        data = py.text_data(given[i])
        if data[0] == 47:
            first = i
            total = size
        else:
            total += size if slashed else size + 1
        slashed = data[size - 1] == 47 if size else True
    size = py.text_size(given[first])
    if size == total:
        return cython.cast(object, given[first])
    whole = py.PyUnicode_New(total, 127)
    room = cython.cast(cython.p_char, py.PyUnicode_DATA(whole))
    libc.memcpy(room, py.text_data(given[first]), size)
    slashed = size == 0 or room[size - 1] == 47
    room += size
    for i in range(first + 1, count):
        if not slashed:
            room[0] = 47
            room += 1
        size = py.text_size(given[i])
        libc.memcpy(room, py.text_data(given[i]), size)
        room += size
        slashed = room[-1] == 47 if size else True
    return whole


@cython.cfunc
def _join_text(
    a, given: cython.pointer(cython.pointer(py.PyObject)), count: cython.Py_ssize_t
):  # fmt: skip
    # None: a part is no plain text.
    first: cython.Py_ssize_t = 0  # the last absolute part, where the result starts
    i: cython.Py_ssize_t
    size: cython.Py_ssize_t = py.PyUnicode_GET_LENGTH(a)
    total: cython.Py_ssize_t = size
    greatest: cython.uint = py.PyUnicode_MAX_CHAR_VALUE(a)
    slashed: cython.bint = size == 0 or py.PyUnicode_READ_CHAR(a, size - 1) == 47
    for i in range(1, count):
        part = cython.cast(object, given[i])
        if not _is_text(part):
            return None
        size = py.PyUnicode_GET_LENGTH(part)
        if size == 0:
            if not slashed:
                total += 1
                slashed = True
            continue
        if py.PyUnicode_READ_CHAR(part, 0) == 47:
            first = i
            total = size
            greatest = py.PyUnicode_MAX_CHAR_VALUE(part)
        else:
            total += size if slashed else size + 1
            greatest |= py.PyUnicode_MAX_CHAR_VALUE(part)
        slashed = py.PyUnicode_READ_CHAR(part, size - 1) == 47
    head = cython.cast(object, given[first]) if first else a
    size = py.PyUnicode_GET_LENGTH(head)
    if size == total:
        return head
    whole = py.PyUnicode_New(total, greatest)
    if greatest < 256:  # one byte a character
        room = cython.cast(cython.p_char, py.PyUnicode_DATA(whole))
        libc.memcpy(room, py.PyUnicode_DATA(head), size)
        slashed = size == 0 or room[size - 1] == 47
        total = size
        for i in range(first + 1, count):
            part = cython.cast(object, given[i])
            size = py.PyUnicode_GET_LENGTH(part)
            if not slashed:
                room[total] = 47
                total += 1
            libc.memcpy(room + total, py.PyUnicode_DATA(part), size)
            total += size
            slashed = total == 0 or room[total - 1] == 47
    else:
        py.PyUnicode_CopyCharacters(whole, 0, head, 0, size)
        slashed = size == 0 or py.PyUnicode_READ_CHAR(head, size - 1) == 47
        total = size
        for i in range(first + 1, count):
            part = cython.cast(object, given[i])
            size = py.PyUnicode_GET_LENGTH(part)
            if not slashed:
                py.PyUnicode_WriteChar(whole, total, 47)
                total += 1
            py.PyUnicode_CopyCharacters(whole, total, part, 0, size)
            total += size
            slashed = total == 0 or py.PyUnicode_READ_CHAR(whole, total - 1) == 47
    return whole


@cython.cfunc
def _join_bytes(
    a, given: cython.pointer(cython.pointer(py.PyObject)), count: cython.Py_ssize_t
):  # fmt: skip
    first: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    size: cython.Py_ssize_t
    total: cython.Py_ssize_t
    at: cython.Py_ssize_t
    slashed: cython.bint
    for i in range(1, count):
        part = cython.cast(object, given[i])
        if not py.PyBytes_CheckExact(part):
            return None
        if py.PyBytes_GET_SIZE(part) and py.PyBytes_AS_STRING(part)[0] == 47:
            first = i
    head = cython.cast(object, given[first]) if first else a
    if first == count - 1:
        return head
    total = py.PyBytes_GET_SIZE(head)
    slashed = total == 0 or py.PyBytes_AS_STRING(head)[total - 1] == 47
    for i in range(first + 1, count):
        part = cython.cast(object, given[i])
        size = py.PyBytes_GET_SIZE(part)
        if not slashed:
            total += 1
        total += size
        slashed = size == 0 or py.PyBytes_AS_STRING(part)[size - 1] == 47
    whole = py.PyBytes_FromStringAndSize(cython.NULL, total)
    room = cython.cast(cython.p_char, py.PyBytes_AS_STRING(whole))
    at = py.PyBytes_GET_SIZE(head)
    libc.memcpy(room, py.PyBytes_AS_STRING(head), at)
    slashed = at == 0 or room[at - 1] == 47
    for i in range(first + 1, count):
        part = cython.cast(object, given[i])
        size = py.PyBytes_GET_SIZE(part)
        if not slashed:
            room[at] = 47
            at += 1
        libc.memcpy(room + at, py.PyBytes_AS_STRING(part), size)
        at += size
        slashed = at == 0 or room[at - 1] == 47
    return whole


@cython.cfunc
def _join_plain(a, parts: tuple):
    sep = b"/" if py.PyBytes_Check(a) else "/"
    path = a
    try:
        if not parts:
            path[:0] + sep
        for part in parts:
            part = py.PyOS_FSPath(part)
            if part.startswith(sep) or (py.PY_VERSION_HEX >= 0x030D0000 and not path):
                path = part
            elif not path or path.endswith(sep):
                path += part
            else:
                path += sep + part
    except (TypeError, AttributeError, BytesWarning):
        check_arg_types("join", (a, *parts))
        raise
    return path


def relative(origin, goal):
    # The way from one path to another, both as abspath gives them. None: it is not to be had here,
    # since they are no bytes, and no text of plain characters; or it is long.
    out: cython.char[4096]
    a: cython.p_const_char
    b: cython.p_const_char
    size: cython.Py_ssize_t = 0
    a_size: cython.Py_ssize_t
    b_size: cython.Py_ssize_t
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    is_text: cython.bint = _is_ascii(origin) and _is_ascii(goal)
    if is_text:
        a, a_size = py.PyUnicode_DATA(origin), py.PyUnicode_GET_LENGTH(origin)
        b, b_size = py.PyUnicode_DATA(goal), py.PyUnicode_GET_LENGTH(goal)
    elif py.PyBytes_CheckExact(origin) and py.PyBytes_CheckExact(goal):
        a, a_size = py.PyBytes_AS_STRING(origin), py.PyBytes_GET_SIZE(origin)
        b, b_size = py.PyBytes_AS_STRING(goal), py.PyBytes_GET_SIZE(goal)
    else:
        return None
    i, j = _part_after(a, a_size, 0), _part_after(b, b_size, 0)
    while i < a_size and j < b_size:
        size = _part_end(a, a_size, i) - i
        if _part_end(b, b_size, j) - j != size or libc.memcmp(a + i, b + j, size) != 0:
            break
        i, j = _part_after(a, a_size, i + size), _part_after(b, b_size, j + size)
    size = 0
    while i < a_size:
        if size + 3 > 2048:
            return None
        libc.memcpy(out + size, cython.cast(cython.p_const_char, b"../"), 3)
        size += 3
        i = _part_after(a, a_size, _part_end(a, a_size, i))
    if j < b_size:
        if b_size - j > 2048:
            return None
        libc.memcpy(out + size, b + j, b_size - j)
        size += b_size - j
    elif size:
        size -= 1
    else:
        out[0] = 46
        size = 1
    return py.ascii_text(out, size) if is_text else py.PyBytes_FromStringAndSize(out, size)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _is_ascii(o) -> cython.bint:
    return _is_text(o) and py.PyUnicode_IS_COMPACT_ASCII(o)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _part_after(
    text: cython.p_const_char, size: cython.Py_ssize_t, at: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    while at < size and text[at] == 47:
        at += 1
    return at


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _part_end(
    text: cython.p_const_char, size: cython.Py_ssize_t, at: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    while at < size and text[at] != 47:
        at += 1
    return at
