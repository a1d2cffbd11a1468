"""Directories: what is in them, where this process stands, making, walking and removing them."""

import cython
from cython.cimports.ostler._core import Core

CONSTANTS = {}
TYPES = {}


@cython.cclass
class Directories(Core):
    """The calls of os that are about directories."""
