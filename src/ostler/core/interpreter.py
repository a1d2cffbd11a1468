"""The doors into the interpreter that have no other key.

This is the one file that imports the interpreter's own `posix` or `os`; a test fails when
another does. What is taken, and why:

- `posix.register_at_fork`: the lists of callables live in the interpreter's private state; the
  C API runs them (PyOS_BeforeFork and its relatives) but has no call that adds to them.
- `posix.sched_param`: a parameter made by os is one of ours, too.
- how `posixpath.splitroot` names its argument, which differs within the releases of 3.13.
- `os.__all__` and the names in `os` and `os.path`: only the lists of names are read, so that
  what ostler exports follows the running interpreter. Likewise the names of the functions in the
  sets `supports_dir_fd` and its relatives.

Beside them stand the interpreter's types that have no name of their own but in the module `types`,
which gets them in the same way: it is a file that few programs need so early.
"""

import os
import posixpath
from _collections_abc import Mapping
from posix import register_at_fork as register_at_fork
from posix import sched_param as sched_param

import cython

GenericAlias = type(list[int])
BuiltinFunctionType = type(len)
ModuleType = type(os)
FunctionType = type(Mapping.get)  # any function that is written in Python


def _names_p(function):
    # Whether a function's first argument has the name p; 3.11 has no such function.
    code = getattr(function, "__code__", None)
    if code is not None:
        return code.co_varnames[0] == "p"
    text = getattr(function, "__text_signature__", None) or ""
    return "path" not in text.partition("(")[2]


SPLITROOT_TAKES_P = _names_p(getattr(posixpath, "splitroot", None))
OS_ALL = tuple(os.__all__)
PATH_ALL = tuple(posixpath.__all__)
OS_NAMES = frozenset(vars(os))
PATH_NAMES = frozenset(vars(posixpath))
SUPPORTS = {
    name: tuple(function.__name__ for function in vars(os)[name])
    for name in ("supports_dir_fd", "supports_effective_ids", "supports_fd",
                 "supports_follow_symlinks")
}  # fmt: skip
