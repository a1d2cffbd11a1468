"""No loop of an interpreted module stands directly in a `try` or `with` that cleans up.

From 3.12 on CPython leaves some jumps back, those of a `while` and of a loop that ends with an `if`
among them, out of the table by which an exception finds its handler. They are also where signal
handlers are run: what one of them raises there passes by the `finally`, the `except` or the
`__exit__` around the loop. A call is in the table; so such a loop stands in a function of its own.
Which jumps it are differs by version: the rule is for all loops, and what this interpreter makes is
looked at, too.
"""

import ast
import dis
import sys
import types
from pathlib import Path

import pytest

from build_tools.modules import is_compiled

SOURCE = Path(__file__).parent.parent / "src"
MODULES = [path for path in sorted(SOURCE.rglob("*.py")) if not is_compiled(path)]

_LOOPS = ast.For | ast.AsyncFor | ast.While | ast.ListComp | ast.SetComp | ast.DictComp
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | ast.GeneratorExp


def name_of(path):
    return path.relative_to(SOURCE).as_posix()


def _last_name(node):
    return getattr(node, "id", getattr(node, "attr", None))


def _cleans_up(handler):
    # For a signal's exception, that is: one of a certain class is passed by in any case.
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return handler.type is None or "BaseException" in map(_last_name, kinds)


def _suppresses(item):
    call = item.context_expr
    return isinstance(call, ast.Call) and _last_name(call.func) == "suppress"


def _becomes_a_loop(node):
    # From 3.14 on the interpreter makes one of such a call.
    return (
        isinstance(node, ast.Call)
        and _last_name(node.func) in ("any", "all", "tuple")
        and any(isinstance(given, ast.GeneratorExp) for given in node.args)
    )


def loops(tree):
    """The lines of the loops directly in a `try` or `with` that cleans up."""
    found = []
    todo = [(tree, False)]
    while todo:
        node, guarded = todo.pop()
        if guarded and (isinstance(node, _LOOPS) or _becomes_a_loop(node)):
            found.append(node.lineno)
        if isinstance(node, _SCOPES):
            guarded = False
        inside, within = [], guarded
        if isinstance(node, ast.With | ast.AsyncWith):
            inside, within = node.body, guarded or not all(map(_suppresses, node.items))
        elif isinstance(node, ast.Try | ast.TryStar):
            inside, within = node.body, guarded or any(map(_cleans_up, node.handlers))
            if node.finalbody:
                inside, within = [*node.body, *node.handlers, *node.orelse], True
        todo += [(child, within if child in inside else guarded)
                 for child in ast.iter_child_nodes(node)]  # fmt: skip
    return sorted(found)


def passing(code):
    """The lines of the jumps back, by the bytecode, from which nothing leads to a clean-up."""
    instructions = {step.offset: step for step in dis.get_instructions(code)}
    table = dis._parse_exception_table(code)

    def handlers(offset):
        found = set()
        while True:
            targets = [entry.target for entry in table if entry.start <= offset < entry.end]
            if not targets or targets[0] in found:
                return {target for target in found if _begins_cleaning(instructions, target)}
            offset = targets[0]
            found.add(offset)

    found = [
        step.positions.lineno
        for step in instructions.values()
        if step.opname == "JUMP_BACKWARD"
        and instructions[step.argval].opname != "END_SEND"  # of a `yield from` that was thrown into
        and handlers(step.argval) - handlers(step.offset)
    ]
    inner = [part for part in code.co_consts if isinstance(part, types.CodeType)]
    return sorted(found + [line for part in inner for line in passing(part)])


def _begins_cleaning(instructions, offset):
    # Not where a comprehension gives a variable back, nor an `except` of certain classes.
    steps = [instructions[at] for at in sorted(instructions) if at >= offset][:6]
    if steps[0].opname != "PUSH_EXC_INFO":
        return False
    checks = [step for step in steps if step.opname == "CHECK_EXC_MATCH"]
    return not checks or any(step.argval == "BaseException" for step in steps)


SAMPLE = """
def those_that_count(x):
    with x:
        for a in x:
            if a:
                x()
    try:
        while x():
            pass
    finally:
        x()
    try:
        b = [a for a in x if a]
    except BaseException:
        raise
    try:
        x()
    except OSError:
        for a in x:
            if a:
                x()
    finally:
        x()
    with x:
        any(a for a in x)

def others(x, suppress):
    for a in x:
        with x:
            x()
    with suppress(OSError):
        x(a for a in x)
    try:
        for a in x:
            x()
    except OSError:
        pass
    with x:
        def inner():
            for a in x:
                x()
        x(inner)
"""


def test_such_loops_are_found():
    assert loops(ast.parse(SAMPLE)) == [4, 8, 13, 19, 25]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="3.11 has the jumps in its table")
def test_their_jumps_back_pass_by_the_clean_up():
    expected = {5, 8, 13, 20}
    if sys.version_info >= (3, 14):
        expected = {5, 13, 20, 25}
    if sys.version_info >= (3, 15):
        expected = set()  # all of them are in the table
    assert set(passing(compile(SAMPLE, "sample", "exec"))) == expected


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_loop_stands_in_what_cleans_up(path):
    assert loops(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="3.11 has the jumps in its table")
@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_jump_back_passes_by_a_clean_up(path):
    text = path.read_text(encoding="utf-8")
    assert passing(compile(text, str(path), "exec")) == []
