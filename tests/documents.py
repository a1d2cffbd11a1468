"""Reading the documentation's code, and running it as a reader would type it.

Of a block in Python each statement is run. Behind an expression, a comment that is a value is what
the expression must give, `...` in it being anything; one that begins with an exception's name is
what it must raise; behind print() stands what is printed. Other comments are prose. As a program
this file runs the pages that stand on its standard input, as JSON, each in a process of its own and
in its own directory, and prints what went wrong.
"""

import ast
import contextlib
import io
import json
import re
import signal
import sys
import tokenize
import traceback
from collections import namedtuple

Block = namedtuple("Block", "line language text")
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RAISED = re.compile(
    r"((?:ostler\.)?[A-Z]\w*(?:Error|Failed|Timeout|Conflict|Exists))(?:: (.*)|,.*)?"
)


def blocks(text):
    """The fenced blocks of a page."""
    return [
        Block(text.count("\n", 0, found.start(2)) + 1, found[1], found[2])
        for found in _FENCE.finditer(text)
    ]


def commands(text):
    """The command lines of a page that stand indented, each with its line's number."""
    fenced = {
        line
        for block in blocks(text)
        for line in range(block.line, block.line + block.text.count("\n"))
    }
    for number, line in enumerate(text.split("\n"), 1):
        found = re.match(r" {4}(?=(?:ostler|make|python|pip|for) )(.+?)(?: {3,}|$)", line)
        if found and number not in fenced:
            yield number, found[1]


def is_value(node):
    """Whether an expression is a value written down, with `...` where it may be anything."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return all(map(is_value, node.elts))
    if isinstance(node, ast.Dict):
        return all(map(is_value, [*node.keys, *node.values]))
    if isinstance(node, ast.Call):
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        return isinstance(node.func, ast.Name) and all(map(is_value, values))
    return isinstance(node, ast.UnaryOp) and is_value(node.operand)


def expected(comment):
    """What a comment promises: ("value", a pattern), ("raises", name, text) or None."""
    found = _RAISED.fullmatch(comment)
    if found:
        return "raises", found[1].removeprefix("ostler."), found[2] or ""
    try:
        node = ast.parse(comment, mode="eval").body
    except SyntaxError:
        return None
    if not is_value(node):
        return None
    return "value", re.escape(comment).replace(re.escape("..."), ".*")


def comments(text):
    """The comments by line."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {
        token.start[0]: token.string.lstrip("# ").rstrip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }


class _Checks(ast.NodeTransformer):
    # Each expression with a promise becomes a call of __promised.

    def __init__(self, said):
        self.said = said
        self.found = 0

    def visit_Expr(self, node):
        said = self.said.get(node.end_lineno, "")
        printed = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "print"
        promise = ("printed", said) if printed and said else expected(said)
        if promise is None:
            return node
        self.found += 1
        empty = ast.parse("lambda: 0", mode="eval").body.args
        call = ast.Call(
            ast.Name("__promised", ast.Load()),
            [ast.parse(repr(promise), mode="eval").body, ast.Lambda(empty, node.value)],
            [],
        )
        return ast.copy_location(ast.Expr(call), node)


def promised(promise, function):
    """Call a function, and see that it keeps the promise."""
    kind, what, *text = promise
    if kind == "printed":
        with contextlib.redirect_stdout(io.StringIO()) as out:
            function()
        assert out.getvalue() == f"{what}\n", f"{out.getvalue()!r} is not {what!r}"
        return
    if kind == "value":
        value = function()
        assert re.fullmatch(what, repr(value), re.DOTALL), f"{value!r} is not {what}"
        return
    try:
        value = function()
    except Exception as error:
        names = [kind.__name__ for kind in type(error).__mro__]
        assert what in names and text[0] in str(error), f"{error!r} is no {what}: {text[0]}"
    else:
        raise AssertionError(f"{value!r} instead of {what}")


@contextlib.contextmanager
def limited(seconds):
    """TimeoutError in what waits longer: an example would wait for ever for what never comes."""

    def over(number, frame):
        raise TimeoutError(f"it was not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run(page, parts, seconds=60):
    """Run (line, text) of a page in one namespace: (how many promises, the failures)."""
    names = {"__name__": "__main__", "__promised": promised}
    found, failures = 0, []
    for line, text in parts:
        checks = _Checks(comments(text))
        tree = checks.visit(ast.parse(text))
        ast.increment_lineno(ast.fix_missing_locations(tree), line - 1)
        found += checks.found
        try:
            with contextlib.redirect_stdout(io.StringIO()), limited(seconds):
                exec(compile(tree, page, "exec"), names)
        except BaseException as error:
            at = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
                  if frame.filename == page]  # fmt: skip
            failures.append(f"{page}:{at[0] if at else line}: {type(error).__name__}: {error}")
    return found, failures


def run_apart(page, parts, top, variables):
    """run() in a child in the directory `top`, with these variables, as the program would be."""
    import os

    import ostler

    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what programs of the page print
            os.chdir(top)
            for environ in (os.environ, ostler.environ):
                environ.update(variables)
            with open(writing, "w") as file:
                json.dump(run(page, parts), file)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as file:
        said = file.read()
    os.waitpid(pid, 0)
    return json.loads(said) if said else (0, [f"{page}: it ended before it told of anything"])


if __name__ == "__main__":
    print(json.dumps([run_apart(*job) for job in json.load(sys.stdin)]))
