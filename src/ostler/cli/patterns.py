"""Patterns of names as the shell and find have them, for the trees, which take those of fnmatch."""

from ostler.cli import UsageError


def of_names(option, patterns):
    """The patterns that were given with an option, as fnmatch's; what can't be one is refused."""
    made = []
    for pattern in patterns:
        try:
            made.append(as_fnmatch(pattern))
        except ValueError as error:
            raise UsageError(f"{option} {pattern!r}: {error}") from None
    return made


def as_fnmatch(pattern):
    r"""A pattern of fnmatch's that matches what one of the shell's does.

    There a backslash takes the next character as it is, and [^a] is what is not a; in fnmatch both
    would match other names without a word.
    """
    if "/" in pattern:
        raise ValueError("a pattern is for names, in which no / is")
    made = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        end = _end_of_set(pattern, at) if char == "[" else -1
        if end > 0:
            made.append(_set(pattern[at + 1 : end]))
            at = end
        elif char == "\\":
            at += 1
            if at == len(pattern):
                raise ValueError("nothing stands behind the last backslash")
            made.append(_literal(pattern[at]))
        else:
            made.append(_literal(char) if char == "[" else char)
        at += 1
    return "".join(made)


def _literal(char):
    return f"[{char}]" if char in "*?[" else char


def _end_of_set(pattern, at):
    """Where the set that begins here ends, or -1: a bracket that is never closed is itself."""
    at += 1
    if pattern[at : at + 1] in ("!", "^"):
        at += 1
    return pattern.find("]", at + 1)


def _set(inner):
    if "\\" in inner or any(begin in inner for begin in ("[:", "[=", "[.")):
        raise ValueError("in [] only characters and ranges can stand, as in [a-z_] or [!0-9]")
    return f"[!{inner[1:]}]" if inner.startswith("^") else f"[{inner}]"
