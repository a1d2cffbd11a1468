"""The rules of a .gitignore file, read and matched as git does, byte for byte."""

import cython
from cython.cimports.ostler.core import libc


@cython.cclass
class Rules:
    """The rules of one file, of which the last that fits a path decides."""

    def __init__(self, text: bytes):
        """`text`: the content of the file."""
        raw: cython.p_const_char = text
        at: cython.int = 3 if text.startswith(b"\xef\xbb\xbf") else 0
        self.rules = ruleset_new(raw + at, len(text) - at)
        if self.rules == cython.NULL:
            raise MemoryError

    def __dealloc__(self):
        libc.free(self.rules)

    def __bool__(self):
        return self.rules.count > 0

    def says(self, path: bytes, directory):
        """True when the path is ignored, False when a rule says it is not, None when none fits.

        `path`: relative to the directory that the rules are for; `directory`: whether it is one.
        """
        said: cython.int = ruleset_says(self.rules, path, len(path), bool(directory))
        return None if said < 0 else said == 1


def ruleset_new(text, size):
    # The rules of this text, in one piece of memory that free() gives back; NULL without any.
    lines: cython.long = 1
    i: cython.long
    end: cython.long
    for i in range(size):
        lines += text[i] == 0x0A
    made: cython.pointer(Ruleset) = cython.cast(
        cython.pointer(Ruleset),
        libc.malloc(cython.sizeof(Ruleset) + lines * cython.sizeof(Rule) + size),
    )
    if made == cython.NULL:
        return cython.NULL
    made.count = 0
    copy: cython.p_char = cython.cast(cython.p_char, cython.address(made.rule[lines]))
    libc.memcpy(copy, text, size)
    i = 0
    while i < size:
        end = i
        while end < size and copy[end] != 0x0A:
            end += 1
        made.count += _read(copy + i, end - i, cython.address(made.rule[made.count]))
        i = end + 1
    return made


def _read(line, size, rule):
    # Whether this line is a rule, and which.
    i: cython.long
    nul: cython.p_const_char
    if size and line[size - 1] == 0x0D:
        size -= 1
    nul = cython.cast(cython.p_const_char, libc.memchr(line, 0, size))
    if nul != cython.NULL:
        size = nul - line
    size = _trimmed(line, size)
    if size == 0 or line[0] == 0x23:
        return 0
    rule.flags = 0
    if line[0] == 0x21:
        rule.flags |= NEGATIVE
        line += 1
        size -= 1
    if size and line[size - 1] == 0x2F:
        rule.flags |= DIRECTORY
        size -= 1
    if size == 0:
        return 0
    if libc.memchr(line, 0x2F, size) == cython.NULL:
        rule.flags |= BY_NAME
    elif line[0] == 0x2F:
        line += 1
        size -= 1
    rule.text = cython.cast(cython.p_const_uchar, line)
    rule.length = size
    i = 0
    while i < size and not (
        line[i] == 0x2A or line[i] == 0x3F or line[i] == 0x5B or line[i] == 0x5C
    ):
        i += 1
    rule.plain = i
    return 1


def _trimmed(line, size):
    # Spaces at the end are left out, but one after a backslash.
    before: cython.long
    while size and line[size - 1] == 0x20:
        before = size - 1
        while before and line[before - 1] == 0x5C:
            before -= 1
        if (size - 1 - before) & 1:
            break
        size -= 1
    return size


def ruleset_says(rules, path, length, directory):
    # 1 when the path is ignored, 0 when a rule says that it is not, -1 when none fits.
    i: cython.int
    rule: cython.pointer(Rule)
    last: cython.long = length
    while last and path[last - 1] != 0x2F:
        last -= 1
    for i in range(rules.count - 1, -1, -1):
        rule = cython.address(rules.rule[i])
        if rule.flags & DIRECTORY and not directory:
            continue
        if rule.flags & BY_NAME:
            if _fits(rule, cython.cast(cython.p_const_uchar, path + last), length - last):
                return not rule.flags & NEGATIVE
        elif _fits(rule, cython.cast(cython.p_const_uchar, path), length):
            return not rule.flags & NEGATIVE
    return -1


def _fits(rule, text, length):
    plain: cython.Py_ssize_t = rule.plain
    if length < plain or libc.memcmp(rule.text, text, plain) != 0:
        return False
    if plain == rule.length:
        return length == plain
    return _wild(
        rule.text + plain, rule.length - plain, text + plain, length - plain,
        not rule.flags & BY_NAME,
    )  # fmt: skip


def _wild(p, size, t, length, path):
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


def _one(p, size, byte, path):
    """How much of the pattern stands for this byte: 0 when it does not, -1 when nothing can fit."""
    if p[0] == 0x3F:
        return 0 if path and byte == 0x2F else 1
    if p[0] == 0x5B:
        return _bracket(p, size, byte, path)
    if p[0] == 0x5C:
        return 2 if size > 1 and p[1] == byte else 0
    return p[0] == byte


def _bracket(p, size, byte, path):
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


def _is_of_class(name, size, c):
    # Whether a byte is of [:name:], -1 when there is no such class.
    upper: cython.bint = c >= 0x41 and c <= 0x5A
    lower: cython.bint = c >= 0x61 and c <= 0x7A
    digit: cython.bint = c >= 0x30 and c <= 0x39
    graph: cython.bint = c > 0x20 and c < 0x7F
    if _is(name, size, b"alnum"):
        return upper or lower or digit
    if _is(name, size, b"alpha"):
        return upper or lower
    if _is(name, size, b"blank"):
        return c == 0x20 or c == 0x09
    if _is(name, size, b"cntrl"):
        return c < 0x20 or c == 0x7F
    if _is(name, size, b"digit"):
        return digit
    if _is(name, size, b"graph"):
        return graph
    if _is(name, size, b"lower"):
        return lower
    if _is(name, size, b"print"):
        return graph or c == 0x20
    if _is(name, size, b"punct"):
        return graph and not (upper or lower or digit)
    if _is(name, size, b"space"):
        # Git's own; neither form feed nor vertical tab is one.
        return c == 0x20 or c == 0x09 or c == 0x0A or c == 0x0D
    if _is(name, size, b"upper"):
        return upper
    if _is(name, size, b"xdigit"):
        return digit or (c >= 0x41 and c <= 0x46) or (c >= 0x61 and c <= 0x66)
    return -1


def _is(name, size, word):
    return libc.strlen(word) == cython.cast(cython.size_t, size) and (
        libc.memcmp(name, word, size) == 0
    )
