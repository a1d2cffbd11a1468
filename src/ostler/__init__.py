"""Python's os, built again from the kernel up: `import ostler as os`.

The functions here are the bound methods of `ostler.host`, the Machine that this process stands
on; `ostler.path` is its os.path.

PYTEST_DONT_REWRITE: pytest would rewrite the package of its plugin, and warns if it is loaded.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  any interpreter may come by here
    raise ImportError(
        "ostler needs Python 3.11 or newer, and this is Python " + sys.version.split()[0] + ": "
        "start it with python3.13, or another that is new enough"
    )

_path = __path__
del __path__


def __getattr__(name):
    # Until all of this has run. A thread that asks for the path is about to import something below
    # ostler: another one than that which runs this waits.
    if name != "__path__":
        raise AttributeError("module 'ostler' has no attribute " + repr(name))
    from _frozen_importlib import _lock_unlock_module

    _lock_unlock_module("ostler")
    return globals().get("__path__") or _path


from ostler._compiled import begin

begin()
del begin

# os has some names from elsewhere, which programs and tests take from it; so they are here too.
import abc
import stat as st
from _collections_abc import Mapping, MutableMapping, _check_methods

from ostler import _later, path
from ostler.core import interpreter
from ostler.core.interpreter import GenericAlias
from ostler.machine import CommitConflict, Machine, MachineUnavailable, MergeConflict, host
from ostler.verbs.topics import offer as _offer

# Names with an underscore that the standard library and programs take from os.
_PRIVATE = (
    "_Environ", "_clearenv", "_create_environ", "_execvpe", "_exit", "_spawnvef",
    "_walk_symlinks_as_files", "_wrap_close",
)  # fmt: skip
host.path = path
_offer(vars(path), host._path, path.PRIVATE)
for _name, _variant in path.VARIANTS.items():
    setattr(path, _name, getattr(host._path, _variant))
path.os = sys.modules[__name__]
path.__all__ = [name for name in interpreter.PATH_ALL if hasattr(path, name)]
_offer(globals(), host, _PRIVATE)
if sys.version_info >= (3, 13):  # where these are functions of posix
    _path_normpath, _path_splitroot_ex = path.normpath, path.splitroot
_fspath = host.fspath
_later.offer(globals())
for _name, _members in interpreter.SUPPORTS.items():
    globals()[_name] = {globals()[_member] for _member in _members if _member in globals()}
host._names = globals()
__all__ = [name for name in interpreter.OS_ALL if name in globals()]


def _get_exports_list(module):
    # What multiprocessing and tests ask for the public names of a module.
    try:
        return list(module.__all__)
    except AttributeError:
        return [name for name in dir(module) if name[0] != "_"]


def _exists(name):
    return name in globals()


__path__ = _path
del _path, __getattr__
