"""Name patterns, those of fnmatch, compared as UTF-8 without Python."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py


def _character(text, size):
    # The character that starts here and how many bytes it has; a stray byte stands for itself.
    byte: cython.uint = cython.cast(cython.uchar, text[0])
    more: cython.int = 0
    i: cython.int
    if byte >= 0xF0:
        more = 3
    elif byte >= 0xE0:
        more = 2
    elif byte >= 0xC0:
        more = 1
    value: cython.uint = byte & (0x7F >> (more + 1)) if more else byte
    for i in range(1, more + 1):
        if cython.cast(cython.uchar, text[i]) & 0xC0 != 0x80:
            size[0] = 1
            return 0xDC00 + byte
        value = (value << 6) | (cython.cast(cython.uchar, text[i]) & 0x3F)
    size[0] = more + 1
    return value if more or byte < 0x80 else 0xDC00 + byte


def _bracket(pattern, character, size):
    # Whether [...] holds this character; `size` is 0 when the bracket is not closed.
    at: cython.int = 1
    n: cython.int = 0
    found: cython.int = 0
    low: cython.uint
    high: cython.uint
    inverted: cython.int = pattern[at] == 0x21
    if inverted:
        at += 1
    first: cython.int = at
    while pattern[at] and (pattern[at] != 0x5D or at == first):
        low = _character(pattern + at, cython.address(n))
        at += n
        high = low
        if pattern[at] == 0x2D and pattern[at + 1] and pattern[at + 1] != 0x5D:
            high = _character(pattern + at + 1, cython.address(n))
            at += 1 + n
        if low <= character and character <= high:
            found = 1
    size[0] = at + 1 if pattern[at] == 0x5D else 0
    return found != inverted


def _glob(pattern, name):
    star: cython.p_const_char = cython.NULL
    mark: cython.p_const_char = cython.NULL
    n: cython.int = 0
    size: cython.int = 0
    character: cython.uint
    matched: cython.int
    while name[0]:
        if pattern[0] == 0x2A:
            pattern += 1
            star = pattern
            mark = name
            continue
        matched = 0
        if pattern[0]:
            character = _character(name, cython.address(n))
            if pattern[0] == 0x3F:
                matched = 1
                size = 1
            elif pattern[0] == 0x5B:
                matched = _bracket(pattern, character, cython.address(size))
                if size == 0:
                    matched = name[0] == 0x5B
                    size = 1
            else:
                matched = _character(pattern, cython.address(size)) == character
        if matched:
            pattern += size
            name += n
        elif star != cython.NULL:
            _character(mark, cython.address(n))
            mark += n
            name = mark
            pattern = star
        else:
            return 0
    while pattern[0] == 0x2A:
        pattern += 1
    return pattern[0] == 0


def _matches(p, name, length):
    if p.way == EXACT:
        return length == p.length and libc.memcmp(name, p.text, length) == 0
    if p.way == PREFIX:
        return length >= p.length and libc.memcmp(name, p.text, p.length) == 0
    if p.way == SUFFIX:
        return length >= p.length and libc.memcmp(name + length - p.length, p.text, p.length) == 0
    return p.way == EVERY or _glob(p.text, name)


def matches_any(p, count, name, length):
    i: cython.int
    for i in range(count):
        if _matches(cython.address(p[i]), name, length):
            return 1
    return 0


def compile_all(texts):
    # The patterns and what they point into, in one piece of memory that free() gives back: the
    # workers may outlive any object of Python's.
    i: cython.int
    at: cython.p_char
    each: bytes
    every = [t if isinstance(t, bytes) else py.PyUnicode_EncodeFSDefault(t) for t in texts]
    made: cython.pointer(Pattern) = cython.cast(
        cython.pointer(Pattern),
        libc.calloc(
            1, (len(every) + 1) * cython.sizeof(Pattern) + sum([len(t) + 1 for t in every])
        ),
    )
    if made == cython.NULL:
        raise MemoryError
    at = cython.cast(cython.p_char, cython.address(made[len(every) + 1]))
    for i in range(len(every)):
        each = every[i]
        libc.memcpy(at, py.PyBytes_AS_STRING(each), len(each) + 1)
        _compile(each, at, cython.address(made[i]))
        at += len(each) + 1
    return made


def _compile(text, raw, pattern):
    # The cheapest way to compare a pattern; it points into `raw`, a copy of the text.
    size: cython.Py_ssize_t = len(text)
    pattern.text = raw
    pattern.length = size
    if not any(c in text for c in b"*?["):
        pattern.way = EXACT
    elif text == b"*":
        pattern.way = EVERY
    elif text.startswith(b"*") and not any(c in text[1:] for c in b"*?["):
        pattern.way = SUFFIX
        pattern.text = raw + 1
        pattern.length = size - 1
    elif text.endswith(b"*") and not any(c in text[: size - 1] for c in b"*?["):
        pattern.way = PREFIX
        pattern.length = size - 1
    else:
        pattern.way = GLOB
