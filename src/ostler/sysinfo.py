"""Facts of the system: its name, its limits, its processors, its random numbers."""

import cython
from cython.cimports.ostler._core import Core

CONSTANTS = {}
TYPES = {}


@cython.cclass
class SysInfo(Core):
    """The calls of os that are about facts of the system."""
