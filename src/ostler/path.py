"""Paths: the text of them, and the questions about what they name; all of os.path."""

import cython
from cython.cimports.ostler._core import Core

CONSTANTS = {"curdir": ".", "pardir": "..", "extsep": ".", "sep": "/", "altsep": None,
             "pathsep": ":", "defpath": "/bin:/usr/bin", "devnull": "/dev/null"}


@cython.cclass
class Path:
    """The os.path of one machine."""

    def __init__(self, machine: Core, /):
        self.machine = machine

    def __reduce__(self):
        return getattr, (self.machine, "_path")
