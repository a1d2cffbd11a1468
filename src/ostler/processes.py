"""Processes: this one, its children and others: fork, wait, signals, scheduling."""

import cython
from cython.cimports.ostler._core import Core

CONSTANTS = {}
TYPES = {}


@cython.cclass
class Processes(Core):
    """The calls of os that are about processes."""
