"""Programs' arguments and environments, from Python's lists and mappings to arrays of C strings."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.environ import process_entries
from cython.cimports.ostler.core.spawn import Words, words

from ostler.core.environ_overlay import changes_of


def byte_strings(given):
    """A list of bytes from a list or tuple of str, bytes and PathLike."""
    return [py.fs_bytes(argument) for argument in given]


def parse_environment(env):
    """An environment from a mapping, with the errors that os gives."""
    entries = []
    i: cython.Py_ssize_t
    size: cython.Py_ssize_t = py.PyMapping_Size(env)
    keys = py.PyMapping_Keys(env)
    values = py.PyMapping_Values(env)
    for i in range(size):
        if i >= len(keys) or i >= len(values):
            raise IndexError("list index out of range")
        entries.append(_entry(keys[i], values[i]))
    return words(entries)


@cython.cfunc
def _entry(key, value):
    # "key=value" as bytes.
    size: cython.Py_ssize_t = 0
    more: cython.Py_ssize_t = 0
    if not _is_plain(key):
        key = py.fs_bytes(key)
    if not _is_plain(value):
        value = py.fs_bytes(value)
    first = _text_of(key, cython.address(size))
    second = _text_of(value, cython.address(more))
    if size == 0 or libc.memchr(first + 1, b"="[0], size - 1) != cython.NULL:
        raise ValueError("illegal environment variable name")
    entry = py.PyBytes_FromStringAndSize(cython.NULL, size + 1 + more)
    room = cython.cast(cython.p_char, py.PyBytes_AS_STRING(entry))
    libc.memcpy(room, first, size)
    room[size] = b"="[0]
    libc.memcpy(room + size + 1, second, more)
    return entry


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _is_plain(text) -> cython.bint:
    # Text whose characters are its bytes, with no NUL.
    return (
        py.PyUnicode_Check(text)
        and py.PyUnicode_IS_COMPACT_ASCII(text)
        and libc.strlen(py.PyUnicode_DATA(text))
        == cython.cast(cython.size_t, py.PyUnicode_GET_LENGTH(text))
    )


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _text_of(given, size: cython.pointer(cython.Py_ssize_t)) -> cython.p_const_char:
    if py.PyUnicode_Check(given):
        size[0] = py.PyUnicode_GET_LENGTH(given)
        return py.PyUnicode_DATA(given)
    size[0] = py.PyBytes_GET_SIZE(given)
    return py.PyBytes_AS_STRING(given)


def environment_of(machine):
    """A machine's own environment, for the program that takes this one's place."""
    return parse_environment(machine.environ)


def children_entries(machine):
    """What a child gets whose caller names no environment: of the host the process's own.

    A copy, since another thread may change the process's while the child still reads it.
    """
    environ = machine.environ
    if machine._names is not None:
        entries: list = process_entries()
    else:
        entries = parse_environment(environ).kept
    changes: dict = changes_of(environ)
    if changes:
        names = {py.fs_bytes(name) for name in changes}
        entries = [entry for entry in entries if entry.partition(b"=")[0] not in names]
        for name, value in changes.items():
            if value is not None:
                entries.append(py.fs_bytes(name) + b"=" + py.fs_bytes(value))
    return entries


def children_environment(machine):
    """The same as the array that execve takes."""
    return words(children_entries(machine))


def children_block(machine):
    """The same, quicker: where nothing is changed, a plain copy of the process's own table."""
    if machine._names is None or changes_of(machine.environ):
        return words(children_entries(machine))
    copied = Words()
    copied.array = libc.copied_environment()
    if copied.array == cython.NULL:
        raise MemoryError
    return copied


def search_path(machine):
    """The PATH of a machine as bytes; without one, libc's default."""
    if machine._names is None:
        path = machine.environ.get("PATH")
        return b"/bin:/usr/bin" if path is None else py.fs_bytes(path)
    found: cython.p_char = libc.getenv(b"PATH")
    return b"/bin:/usr/bin" if found == cython.NULL else py.PyBytes_FromString(found)
