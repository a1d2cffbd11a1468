"""Programs' arguments and environments, from Python's lists and mappings to arrays of C strings."""

import cython
from cython.cimports.ostler import _libc as libc
from cython.cimports.ostler import _python as py
from cython.cimports.ostler._environ import process_entries
from cython.cimports.ostler._spawn import words

from ostler._overlay import changes_of


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
        key = py.fs_bytes(keys[i])
        value = py.fs_bytes(values[i])
        if not key or b"=" in key[1:]:
            raise ValueError("illegal environment variable name")
        entries.append(key + b"=" + value)
    return words(entries)


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


def search_path(machine):
    """The PATH of a machine as bytes; without one, libc's default."""
    if machine._names is None:
        path = machine.environ.get("PATH")
        return b"/bin:/usr/bin" if path is None else py.fs_bytes(path)
    found: cython.p_char = libc.getenv(b"PATH")
    return b"/bin:/usr/bin" if found == cython.NULL else py.PyBytes_FromString(found)
