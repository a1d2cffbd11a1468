"""The environment: variables as one coherent mapping, text and bytes."""

import cython
from cython.cimports.ostler._core import Core

CONSTANTS = {}
TYPES = {}


@cython.cclass
class Environment(Core):
    """The calls of os that are about the environment."""
