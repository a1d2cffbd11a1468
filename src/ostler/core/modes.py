"""Checking a symbolic mode, so that a typo is told where it stands."""

import cython

_WHO = "ugoa"
_ACTS = "+-="
_PERMISSIONS = "rwxXst"


def checked_mode(mode):
    """A number, or a symbolic mode without a mistake; octal digits become the number."""
    if not isinstance(mode, str):
        return mode
    if mode.isdigit() and mode.isascii():
        if set(mode) & set("89"):
            raise ValueError(f"invalid mode {mode!r}: digits are octal, 0 to 7")
        number = int(mode, 8)
        if number > 0o7777:
            raise ValueError(f"invalid mode {mode!r}: more than 7777")
        return number
    start = 0
    for clause in mode.split(","):
        _check_clause(mode, clause, start)
        start += len(clause) + 1
    return mode


def _check_clause(mode, clause, start):
    at = 0
    while at < len(clause) and clause[at] in _WHO:
        at += 1
    if at == len(clause):
        raise _mistake(mode, start + at, "+, - or = is missing")
    if clause[at] not in _ACTS:
        raise _mistake(mode, start + at, f"one of {_WHO}{_ACTS} expected, not {clause[at]!r}")
    while at < len(clause):
        if clause[at] not in _ACTS:
            raise _mistake(mode, start + at, f"one of {_PERMISSIONS} expected, not {clause[at]!r}")
        at += 1
        if at < len(clause) and clause[at] in "ugo":
            at += 1
            continue
        while at < len(clause) and clause[at] in _PERMISSIONS:
            at += 1


def _mistake(mode, at, what):
    return ValueError(f"invalid mode {mode!r}: at position {at + 1}, {what}")
