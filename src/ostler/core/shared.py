"""A descriptor that several threads use and any of them may close.

Between the moment when a number is read and the call that uses it another thread could close it,
and a third open another file under it. So whoever uses one is counted, and the last one closes it.
"""

import cython


def shared(fd):
    """A Shared of this descriptor."""
    made: Shared = Shared.__new__(Shared)
    made.fd = fd
    return made


@cython.final
@cython.auto_pickle(False)
@cython.cclass
class Shared:
    """A descriptor, and who is inside a call with it. Closing the number is the holder's."""

    def __cinit__(self):
        self.fd = -1

    def enter(self):
        # The number, which stays this file's until leave(). ValueError: it is closed.
        with cython.critical_section(self):
            if self.leaving or self.fd < 0:
                raise ValueError("I/O operation on a closed handle")
            self.users += 1
            return self.fd

    def leave(self):
        # What has to be closed now, else -1.
        with cython.critical_section(self):
            self.users -= 1
            return _given_back(self)

    def shut(self):
        # Nobody enters any more; what has to be closed now, else -1.
        with cython.critical_section(self):
            self.leaving = True
            return _given_back(self)


@cython.cfunc
@cython.exceptval(-2, check=False)
def _given_back(held: Shared) -> cython.int:
    fd: cython.int = held.fd
    if not held.leaving or held.users:
        return -1
    held.fd = -1
    return fd
