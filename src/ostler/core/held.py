"""A descriptor held for a block of code, and given back whatever happens."""

import cython
from cython.cimports.ostler.core import libc


@cython.cclass
class held:
    """with held(call, ...) as fd: the descriptor that a call returns, closed in any case.

    Between a call and the `try` that follows it Ctrl-C can strike: then what it has opened would be
    nobody's. Here it is an object's, which goes with the last reference to it.
    """

    def __cinit__(self, call, *args, **kwargs):
        self._fd = -1
        self._fd = call(*args, **kwargs)

    def __dealloc__(self):
        self._end()

    def __enter__(self):
        return self._fd

    def __exit__(self, *exception):
        self._end()

    def _end(self):
        fd: cython.int = self._fd
        self._fd = -1
        return libc.close(fd) if fd >= 0 else 0
