"""Files: names on disk, what the system knows of them, links, times and extended attributes."""

import cython
from cython.cimports.ostler._core import Core

CONSTANTS = {}
TYPES = {}


@cython.cclass
class Files(Core):
    """The calls of os that are about files."""
