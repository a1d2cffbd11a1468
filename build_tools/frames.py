"""Takes out of Cython's C what adds a line of ours to an error's traceback.

Cython adds one for every compiled function on an error's way, 200 to 350 ns each; errors leave os's
functions without.
"""

import re

# Cython's call; not the one of an `except` that looks at its exception, which must find a traceback
# on it. OSTLER_FRAME does nothing (setup.py defines it so).
FRAME = re.compile(r'(?:__Pyx_AddTraceback|OSTLER_FRAME)(\("[^\n]*\n)(\s*if \(__Pyx_GetException)?')
# Every call that Cython may have made, in whatever form; the other places declare the function.
CALL = re.compile(r"(?<!static void )__Pyx_AddTraceback\s*\(")


def _frame(match):
    name = "__Pyx_AddTraceback" if match[2] else "OSTLER_FRAME"
    return name + match[1] + (match[2] or "")


def without_frames(text):
    """C without those calls. ValueError when some are left that FRAME does not know."""
    changed = FRAME.sub(_frame, text)
    meant = sum(bool(match[2]) for match in FRAME.finditer(changed))
    left = len(CALL.findall(changed))
    if left != meant:
        raise ValueError(f"{left - meant} traceback lines of Cython's are not where FRAME looks")
    return changed
