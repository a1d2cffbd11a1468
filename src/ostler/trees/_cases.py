"""Patterns and expressions for which capital and small letters are the same."""

import re
from fnmatch import translate

from ostler.core.crossing import the_host


def expression_of(patterns, regex):
    """A function of the path below a tree's root: whether its last name matches one of the
    patterns, if there are any, and the expression is found in it."""
    names = "|".join(f"(?:{translate(the_host().fsdecode(pattern))})" for pattern in patterns)
    matches = re.compile(names, re.IGNORECASE).match
    searched = None if regex is None else re.compile(regex, re.IGNORECASE).search

    def wanted(path):
        if patterns:
            slash = b"/" if isinstance(path, bytes) else "/"
            if not matches(the_host().fsdecode(path.rpartition(slash)[2])):
                return False
        return searched is None or searched(path)

    return wanted
