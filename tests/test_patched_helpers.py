"""Which helpers of os's functions are seen when a program puts something in their place.

os's functions that are written in Python find each other in the globals of their modules. For each
of them, each helper that its code names is replaced, in os and in ostler: where os calls what is
put there, ostler does too, but for what is listed here and in the README.
"""

import os
import posixpath
import sys
from types import BuiltinFunctionType, CodeType, FunctionType

import pytest

import ostler

# Text is worked on in one piece, and paths are converted by the interpreter's own function.
NEVER = {"fspath"}
_TEXT = {"abspath", "fsdecode", "fsencode", "isabs", "join", "normpath", "split"}
NOT_SEEN = {
    "abspath": _TEXT - {"abspath"},
    "relpath": _TEXT | {"commonprefix"},
    "expanduser": {"fsencode"},
}
if sys.version_info < (3, 13):  # where these two are made of such, too
    NOT_SEEN["realpath"] = _TEXT - {"join"}
    NOT_SEEN["ismount"] = NOT_SEEN["realpath"] | {"realpath"}
MODULES = {False: (os, ostler), True: (posixpath, ostler.path)}
TRUE = ["true"]
CALLS = {
    "makedirs": [("n/a/b",), ("d/e", 0o777, True), ("d/e/x/", 0o777, True)],
    "removedirs": [("away/a/b",)],
    "renames": [("moved/a", "to/b/c")],
    "walk": [(".",), (".", False), (".", True, None, True)],
    "fwalk": [(".",), ("d", False)],
    "getenv": [("HOME",), ("OSTLER_NONE", "x")],
    "getenvb": [(b"HOME",)],
    "get_exec_path": [(), ({"PATH": "/a:/b"},)],
    "fsencode": [("x",)],
    "fsdecode": [(b"x",)],
    "spawnv": [(os.P_WAIT, "/bin/true", TRUE)],
    "spawnvp": [(os.P_WAIT, "true", TRUE)],
    "spawnlpe": [(os.P_WAIT, "true", "true", {"PATH": "/bin:/usr/bin"})],
    "execl": [("/no/where", "x")],
    "execle": [("/no/where", "x", {})],
    "execlp": [("ostler-no-program", "x")],
    "execlpe": [("ostler-no-program", "x", {})],
    "execvp": [("ostler-no-program", ["x"])],
    "execvpe": [("ostler-no-program", ["x"], {})],
}
OF_PATH = {
    "join": [("a", "b"), (b"a", b"b")],
    "split": [("a/b",)],
    "basename": [("a/b",)],
    "dirname": [("a/b",)],
    "splitext": [("a.b",)],
    "splitdrive": [("a/b",)],
    "splitroot": [("/a",)],
    "isabs": [("/a",)],
    "normcase": [("A",)],
    "normpath": [("a/../b",)],
    "abspath": [("a",), (b"a",), ("/a",)],
    "realpath": [("l/e",), (b"l",), ("dead",), ("/a/../b",), ("../x",)],
    "relpath": [("a/b", "c"), ("/a",)],
    "commonpath": [(["a/b", "a/c"],)],
    "commonprefix": [(["a/b", "a/c"],)],
    "expanduser": [("~/x",), ("~root/x",), (b"~",), ("x",)],
    "expandvars": [("$HOME/x",), (b"$HOME",), ("x",)],
    "samefile": [("d", "l")],
    "sameopenfile": [(0, 1)],
}
for _name in (
    "exists", "lexists", "isdir", "isfile", "islink", "ismount", "getsize", "getmtime", "getatime",
    "getctime", "isjunction", "isdevdrive",
):  # fmt: skip
    OF_PATH[_name] = [("d",), ("l",), ("absent",)]
CASES = [(name, False) for name in CALLS] + [(name, True) for name in OF_PATH]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Made anew by what it returns."""
    monkeypatch.chdir(tmp_path)
    real = {name: getattr(os, name) for name in ("makedirs", "symlink", "readlink", "rmdir")}
    walk, unlink, islink = os.walk, os.unlink, os.path.islink

    def fresh():
        for top, dirs, files in walk(".", False):
            for name in files + [name for name in dirs if islink(f"{top}/{name}")]:
                unlink(f"{top}/{name}")
            if top != ".":
                real["rmdir"](top)
        for name in ("d/e", "away/a/b", "moved/a"):
            real["makedirs"](name)
        real["symlink"]("d", "l")
        real["symlink"]("nothing", "dead")

    return fresh


def names_of(code):
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= names_of(constant)
    return names


def helpers_of(function, known=()):
    """Functions of os and its parts that its code names, and that those name: (module's, name)."""
    found = set()
    for name in names_of(function.__code__) - set(known):
        for of_path, (module, _) in MODULES.items():
            helper = getattr(module, name, None)
            if isinstance(helper, (FunctionType, BuiltinFunctionType)):
                found.add((of_path, name))
                if isinstance(helper, FunctionType):
                    found |= helpers_of(helper, (*known, name))
    return found


def is_seen(number, name, of_path, args, helper, monkeypatch):
    """Whether the call is one of what was put in the place of the helper."""
    module = MODULES[helper[0]][number]
    own, calls = getattr(module, helper[1]), []

    def told(*args, **kwargs):
        calls.append(args)
        return own(*args, **kwargs)

    function = getattr(MODULES[of_path][number], name)
    with monkeypatch.context() as patch:
        patch.setattr(module, helper[1], told)
        try:
            result = function(*args)
            if name in ("walk", "fwalk"):
                list(result)
        except OSError:
            pass
    return bool(calls)


@pytest.mark.parametrize(("name", "of_path"), CASES, ids=[name for name, _ in CASES])
def test_helpers_that_are_replaced_are_seen(name, of_path, tree, monkeypatch):
    function = getattr(MODULES[of_path][0], name, None)
    if not isinstance(function, FunctionType):
        return  # in this version it is not there, or written in C: it has no helpers
    missing = set()
    for helper in helpers_of(function):
        if helper == (of_path, name) or helper[1] in NEVER or helper[1].startswith("_"):
            continue
        for args in (OF_PATH if of_path else CALLS)[name]:
            seen = []
            for number in (0, 1):
                tree()
                seen.append(is_seen(number, name, of_path, args, helper, monkeypatch))
            if seen[0] and not seen[1]:
                missing.add(helper[1])
    assert missing <= NOT_SEEN.get(name, set())
