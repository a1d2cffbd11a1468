"""Descriptors: open files, pipes, terminals, and what is read and written through them."""

import cython
from cython.cimports.ostler._core import Core

CONSTANTS = {}
TYPES = {}


@cython.cclass
class Descriptors(Core):
    """The calls of os that are about descriptors."""
