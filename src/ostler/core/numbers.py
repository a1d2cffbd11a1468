"""From Python's numbers to C's, with the errors that the interpreter's own os gives."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py

_LEAST = cython.declare(cython.long, -0x80000000)  # of a C int


def any_to_int(o):
    # As the interpreter's `int` arguments: __index__ is honoured, floats are refused.
    overflow: cython.int = 0
    value: cython.long = py.PyLong_AsLongAndOverflow(py.PyNumber_Index(o), cython.address(overflow))
    if overflow or value != cython.cast(cython.int, value):
        raise OverflowError("Python int too large to convert to C int")
    return cython.cast(cython.int, value)


def to_parsed_int(o):
    # As a C int where the interpreter, up to 3.13, parses an argument tuple.
    return any_to_int(o) if py.PY_VERSION_HEX >= 0x030E0000 else to_tuple_int(o)


def to_tuple_int(o):
    # As a C int in a tuple that the interpreter parses: the errors have other words.
    value: cython.long = py.PyLong_AsLong(py.PyNumber_Index(o))
    if value > 0x7FFFFFFF:
        raise OverflowError("signed integer is greater than maximum")
    if value < _LEAST:
        raise OverflowError("signed integer is less than minimum")
    return cython.cast(cython.int, value)


def to_unsigned(o):
    # As the interpreter's `unsigned int` arguments: none negative.
    o = not_negative(o)
    if py.PY_VERSION_HEX >= 0x030E0000 and o > 0xFFFFFFFF:
        raise OverflowError("Python int too large for C unsigned int")
    value: cython.ulong = py.PyLong_AsUnsignedLong(o)
    if is_wide(value):
        raise OverflowError("Python int too large for C unsigned int")
    return cython.cast(cython.uint, value)


def to_unsigned_long_long(o):
    overflow: cython.int = 0
    value: cython.long
    if type(o) is int:
        value = py.PyLong_AsLongAndOverflow(o, cython.address(overflow))
        if value >= 0 and not overflow:
            return cython.cast(cython.ulonglong, value)
    o = not_negative(o)
    if py.PY_VERSION_HEX >= 0x030E0000 and o > 0xFFFFFFFFFFFFFFFF:
        raise OverflowError("Python int too large for C unsigned long long")
    return py.PyLong_AsUnsignedLongLong(o)


def not_negative(o):
    # Up to 3.13 an int itself, since then also what has __index__.
    if py.PY_VERSION_HEX >= 0x030E0000:
        o = py.PyNumber_Index(o)
        if o < 0:
            raise ValueError("Cannot convert negative int")
    else:
        if not isinstance(o, int):
            raise TypeError("an integer is required")
        if o < 0:
            raise ValueError("value must be positive")
    return o


def any_to_fd_or_overflow(o):
    # A descriptor given where a path may stand, or a dir_fd.
    overflow: cython.int = 0
    if py.PY_VERSION_HEX >= 0x030D0000 and py.PyBool_Check(o):
        py.PyErr_WarnEx(RuntimeWarning, b"bool is used as a file descriptor", 1)
    value: cython.long = py.PyLong_AsLongAndOverflow(py.PyNumber_Index(o), cython.address(overflow))
    if overflow > 0 or value > 0x7FFFFFFF:
        raise OverflowError("fd is greater than maximum")
    if overflow < 0 or value < _LEAST:
        raise OverflowError("fd is less than minimum")
    return cython.cast(cython.int, value)


def any_to_dir_fd(o):
    if not py.PyIndex_Check(o):
        raise TypeError(f"argument should be integer or None, not {type(o).__name__}")
    return any_to_fd_or_overflow(o)


def any_to_fildes(o):
    # An integer, or anything with fileno().
    return py.PyObject_AsFileDescriptor(o)


def to_uid(o):
    return _to_id(o, "uid")


def to_gid(o):
    return _to_id(o, "gid")


@cython.cfunc
@cython.exceptval(0xFFFFFFFF, check=True)
def _to_id(o, what: object) -> cython.uint:
    # -1 stands for "unchanged"; everything else must fit in 32 bits.
    overflow: cython.int = 0
    number = o
    if type(o) is not int:
        try:
            number = py.PyNumber_Index(o)
        except BaseException:  # as the interpreter's converter, whatever __index__ raised
            raise TypeError(f"{what} should be integer, not {type(o).__name__}") from None
    value: cython.long = py.PyLong_AsLongAndOverflow(number, cython.address(overflow))
    if overflow > 0:
        raise OverflowError(f"{what} is greater than maximum")
    if overflow < 0 or value < -1 or (value > 0 and is_wide(value)):
        # Too great but within a long is "less" too: so the interpreter's own converter says.
        raise OverflowError(f"{what} is less than minimum")
    return cython.cast(cython.uint, value)


def any_to_offset(o):
    # As off_t.
    return py.PyLong_AsLong(py.PyNumber_Index(o))


def any_to_size(o):
    # As Py_ssize_t.
    return py.PyLong_AsSsize_t(py.PyNumber_Index(o))


def to_unsigned_mask(o):
    # As the interpreter's bitwise `unsigned int`: the low bits of any integer.
    o = py.PyNumber_Index(o)
    if py.PY_VERSION_HEX >= 0x030F0000 and not -0x80000000 <= o <= 0xFFFFFFFF:
        py.PyErr_WarnEx(DeprecationWarning, b"integer value out of range", 1)
    return cython.cast(cython.uint, py.PyLong_AsUnsignedLongMask(o))


def to_named_int(o, names):
    """A number as it is, or what one of the names of sysconf() and the like stands for."""
    if py.PyLong_Check(o) or (py.PY_VERSION_HEX >= 0x030E0000 and py.PyIndex_Check(o)):
        return to_int(o)
    if not py.PyUnicode_Check(o):
        raise TypeError("configuration names must be strings or integers")
    size: cython.Py_ssize_t = 0
    if py.Py_Version >= 0x030D0300:
        number = names.get(o)
    else:
        text: bytes = py.PyUnicode_AsUTF8AndSize(o, cython.address(size))  # what is before a NUL
        number = names.get(text.decode())
    if number is None:
        raise ValueError("unrecognized configuration name")
    return number
