"""The rules of a .gitignore file, read and matched as git does, byte for byte."""

import cython
from cython.cimports.ostler import _python as py

_NEGATIVE = cython.declare(cython.int, 1)
_DIRECTORY = cython.declare(cython.int, 2)  # the rule is about directories alone
_BY_NAME = cython.declare(cython.int, 4)  # it is about the last name, wherever that is
_SPECIAL = b"*?[\\"
_SPACES = (0x09, 0x0A, 0x0D, 0x20)  # git's own; neither form feed nor vertical tab is one


class Rules:
    """The rules of one file, of which the last that fits a path decides."""

    __slots__ = ("_rules",)

    def __init__(self, text):
        """`text`: the content of the file, bytes."""
        rules = []
        for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
            if not line.startswith(b"#"):
                rule = _rule(_trimmed(line.removesuffix(b"\r").partition(b"\0")[0]))
                if rule is not None:
                    rules.append(rule)
        rules.reverse()
        self._rules = rules

    def __bool__(self):
        return bool(self._rules)

    def says(self, path, directory):
        """True when the path is ignored, False when a rule says it is not, None when none fits.

        `path`: bytes, relative to the directory that the rules are for; `directory`: whether it
        is one.
        """
        flags: cython.int
        plain: cython.Py_ssize_t
        is_directory: cython.bint = directory
        whole: bytes = path
        last: bytes = whole[whole.rfind(b"/") + 1 :]
        pattern: bytes
        for flags, plain, pattern in self._rules:
            if flags & _DIRECTORY and not is_directory:
                continue
            if _fits(pattern, plain, last if flags & _BY_NAME else whole, flags & _BY_NAME):
                return not flags & _NEGATIVE
        return None


def _trimmed(line):
    # Spaces at the end are left out, but one after a backslash.
    end = len(line)
    while end and line[end - 1] == 0x20:
        before = len(line[: end - 1]) - len(line[: end - 1].rstrip(b"\\"))
        if before % 2:
            break
        end -= 1
    return line[:end]


def _rule(pattern):
    # (flags, how many bytes at its beginning mean themselves, pattern); None when it fits nothing.
    flags = 0
    if pattern.startswith(b"!"):
        flags |= _NEGATIVE
        pattern = pattern[1:]
    plain = next((i for i, byte in enumerate(pattern) if byte in _SPECIAL), len(pattern))
    if pattern.endswith(b"/"):
        flags |= _DIRECTORY
        pattern = pattern[:-1]
        plain = min(plain, len(pattern))
    if not pattern:
        return None
    if b"/" not in pattern:
        return flags | _BY_NAME, plain, pattern
    if pattern.startswith(b"/"):
        pattern = pattern[1:]
        plain -= 1
    return flags, plain, pattern


@cython.cfunc
@cython.exceptval(check=False)
def _fits(
    pattern: bytes, plain: cython.Py_ssize_t, text: bytes, by_name: cython.int
) -> cython.bint:
    p: cython.p_const_uchar = cython.cast(cython.p_const_uchar, py.PyBytes_AS_STRING(pattern))
    t: cython.p_const_uchar = cython.cast(cython.p_const_uchar, py.PyBytes_AS_STRING(text))
    size: cython.Py_ssize_t = len(pattern)
    length: cython.Py_ssize_t = len(text)
    i: cython.Py_ssize_t
    if length < plain:
        return False
    for i in range(plain):
        if p[i] != t[i]:
            return False
    if plain == size:
        return length == size
    return _wild(p + plain, size - plain, t + plain, length - plain, not by_name)


@cython.cfunc
@cython.exceptval(check=False)
def _wild(
    p: cython.p_const_uchar, size: cython.Py_ssize_t, t: cython.p_const_uchar,
    length: cython.Py_ssize_t, path: cython.bint,
) -> cython.bint:  # fmt: skip
    """Whether a pattern fits a whole text. In a path only "**", as a whole name, passes a slash.

    The latest "*" and the latest "**" are the places to come back to: what an earlier one could
    take more, a later one can.
    """
    i: cython.Py_ssize_t = 0
    j: cython.Py_ssize_t = 0
    begin: cython.Py_ssize_t
    step: cython.Py_ssize_t
    star: cython.Py_ssize_t = -1  # where the pattern goes on after a "*", and what it has taken
    star_text: cython.Py_ssize_t = 0
    passing: cython.Py_ssize_t = -1  # likewise after one that passes slashes
    passing_text: cython.Py_ssize_t = 0
    while True:
        if i < size and p[i] == 0x2A:
            begin = i
            while i < size and p[i] == 0x2A:
                i += 1
            if not path or (
                i - begin > 1
                and (begin == 0 or p[begin - 1] == 0x2F)
                and (
                    i == size
                    or p[i] == 0x2F
                    or (p[i] == 0x5C and i + 1 < size and p[i + 1] == 0x2F)
                )
            ):
                star = -1
                passing = i
                passing_text = j + 1
                if path and i < size and p[i] == 0x2F:
                    # "**/" may be nothing at all.
                    i += 1
                    passing_text = j
            else:
                star = i
                star_text = j
            continue
        if i == size:
            if j == length:
                return True
        elif j < length:
            step = _one(p + i, size - i, t[j], path)
            if step < 0:
                return False
            if step:
                i += step
                j += 1
                continue
        if star >= 0 and star_text < length and t[star_text] != 0x2F:
            star_text += 1
            i = star
            j = star_text
            continue
        star = -1
        if passing < 0 or passing_text > length:
            return False
        i = passing
        j = passing_text
        passing_text += 1


@cython.cfunc
@cython.exceptval(check=False)
def _one(
    p: cython.p_const_uchar, size: cython.Py_ssize_t, byte: cython.int, path: cython.bint
) -> cython.Py_ssize_t:
    """How much of the pattern stands for this byte: 0 when it does not, -1 when nothing can fit."""
    if p[0] == 0x3F:
        return 0 if path and byte == 0x2F else 1
    if p[0] == 0x5B:
        return _bracket(p, size, byte, path)
    if p[0] == 0x5C:
        return 2 if size > 1 and p[1] == byte else 0
    return p[0] == byte


@cython.cfunc
@cython.exceptval(check=False)
def _bracket(
    p: cython.p_const_uchar, size: cython.Py_ssize_t, byte: cython.int, path: cython.bint
) -> cython.Py_ssize_t:
    # As `_one`, of [...]; one that is not closed, or has a class that there isn't, fits nothing.
    at: cython.Py_ssize_t = 1
    end: cython.Py_ssize_t
    here: cython.int
    before: cython.int = 0  # what a range would begin with
    held: cython.int
    found: cython.bint = False
    negated: cython.bint = size > 1 and (p[1] == 0x21 or p[1] == 0x5E)
    if negated:
        at = 2
    first: cython.Py_ssize_t = at
    while True:
        if at >= size:
            return -1
        here = p[at]
        if here == 0x5D and at > first:
            break
        if here == 0x5C:
            at += 1
            if at >= size:
                return -1
            here = p[at]
            found = found or here == byte
        elif here == 0x2D and before and at + 1 < size and p[at + 1] != 0x5D:
            at += 1
            here = p[at]
            if here == 0x5C:
                at += 1
                if at >= size:
                    return -1
                here = p[at]
            found = found or (before <= byte and byte <= here)
            here = 0
        elif here == 0x5B and at + 1 < size and p[at + 1] == 0x3A:
            end = at + 2
            while end < size and p[end] != 0x5D:
                end += 1
            if end == size:
                return -1
            if end - at < 3 or p[end - 1] != 0x3A:
                found = found or byte == 0x5B  # no class: a "[" like any
            else:
                held = _is_of_class(p + at + 2, end - at - 3, byte)
                if held < 0:
                    return -1
                found = found or held == 1
                at = end
                here = 0
        else:
            found = found or here == byte
        before = here
        at += 1
    if found == negated or (path and byte == 0x2F):
        return 0
    return at + 1


@cython.cfunc
@cython.exceptval(check=False)
def _is_of_class(name: cython.p_const_uchar, size: cython.Py_ssize_t, c: cython.int) -> cython.int:
    # Whether a byte is of [:name:], -1 when there is no such class.
    upper: cython.bint = c >= 0x41 and c <= 0x5A
    lower: cython.bint = c >= 0x61 and c <= 0x7A
    digit: cython.bint = c >= 0x30 and c <= 0x39
    graph: cython.bint = c > 0x20 and c < 0x7F
    word: bytes = cython.cast(cython.p_const_char, name)[:size]
    if word == b"alnum":
        return upper or lower or digit
    if word == b"alpha":
        return upper or lower
    if word == b"blank":
        return c == 0x20 or c == 0x09
    if word == b"cntrl":
        return c < 0x20 or c == 0x7F
    if word == b"digit":
        return digit
    if word == b"graph":
        return graph
    if word == b"lower":
        return lower
    if word == b"print":
        return graph or c == 0x20
    if word == b"punct":
        return graph and not (upper or lower or digit)
    if word == b"space":
        return c in _SPACES
    if word == b"upper":
        return upper
    if word == b"xdigit":
        return digit or (c >= 0x41 and c <= 0x46) or (c >= 0x61 and c <= 0x66)
    return -1
