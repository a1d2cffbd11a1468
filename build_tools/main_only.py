"""Lets the main interpreter alone import the shared object, whichever is the first to try.

Cython's modules are of one interpreter, that which imports them first: a subinterpreter that was
quicker would keep the main one from it for the rest of the process.
"""

FIRST = "static PY_INT64_T main_interpreter_id = -1;"
SAYS = '"Interpreter change detected - this module can only be loaded into one interpreter per process."'  # noqa: E501
INSTEAD = '"ostler can be imported in the main interpreter alone, not in a subinterpreter"'


def main_only(text):
    """C for which the main interpreter, whose number is 0, was the first. ValueError: other C."""
    if text.count(SAYS) + text.count(INSTEAD) != 1:
        raise ValueError("Cython checks the interpreter in another way than main_only.py knows")
    return text.replace(FIRST, FIRST.replace("-1", "0")).replace(SAYS, INSTEAD)
