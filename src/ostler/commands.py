"""Commands: programs to run, through a shell, in place of this one, or beside it."""

import cython
from cython.cimports.ostler._core import Core

CONSTANTS = {}
TYPES = {}


@cython.cclass
class Commands(Core):
    """The calls of os that are about commands."""
