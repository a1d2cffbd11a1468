"""Rooted: what every machine with a root directory of its own offers besides the verbs."""

import io

from ostler import environment
from ostler.machines import Machine, host
from ostler.machines._rooted import RootedCore
from ostler.path import Path


class MachineUnavailable(OSError):
    """This kernel, or this user, can't have the machine that was asked for.

    `reason` says what was refused, `what_would_help` what would change that.
    """

    def __init__(self, reason, what_would_help="", number=None):
        super().__init__(reason)
        self.errno = number
        self.reason = reason
        self.what_would_help = what_would_help

    def __str__(self):
        if not self.what_would_help:
            return self.reason
        return f"{self.reason}; what would help: {self.what_would_help}"

    def __reduce__(self):
        return type(self), (self.reason, self.what_would_help, self.errno)


class Rooted(RootedCore, Machine):
    """A machine with a root directory of its own, held by a descriptor.

    It is a context manager. After close(), every use of it is a ValueError.
    """

    __slots__ = ("__weakref__", "_guarantees")

    def __init__(self):
        raise TypeError(f"{type(self).__name__} is made by its function, such as ostler.scratch()")

    @classmethod
    def _made(cls, root, user_ns=-1, mount_ns=-1, guarantees=()):
        """The machine of a root descriptor, which it owns from now on."""
        machine = cls.__new__(cls)
        machine._take_hold(root, -1, user_ns, mount_ns)
        machine._path = machine.path = Path(machine)
        machine.environ = _own_environ()
        machine._guarantees = tuple(guarantees)
        return machine

    @property
    def closed(self):
        """Whether close() was called."""
        return self._closed

    @property
    def guarantees(self):
        """What is enforced, each with what enforces it: a dict of str to str."""
        return dict(self._guarantees)

    @property
    def trees(self):
        """Whole trees of this machine at once; see ostler.trees."""
        from ostler import trees

        return trees.Trees(self)

    def open_file(
        self,
        file,
        mode="r",
        buffering=-1,
        encoding=None,
        errors=None,
        newline=None,
        closefd=True,
        opener=None,
    ):
        """Open a file of this machine as the built-in open does, and return the file object."""
        if opener is None and not isinstance(file, int):

            def opener(path, flags):
                return self.open(path, flags, 0o666)

        return io.open(file, mode, buffering, encoding, errors, newline, closefd, opener)

    def close(self):
        """Give the machine back to the kernel; nothing of it stays. Closing again does nothing."""
        if not self._closed:
            super().close()
            self.__class__ = _closed_kind(type(self))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __reduce_ex__(self, protocol):
        raise TypeError(f"cannot pickle {type(self).__name__!r} object: it lives in this process")

    def __repr__(self):
        return f"<{self._kind} machine at {id(self):#x}>"

    _kind = "rooted"


_CLOSED = {}
_STILL_THERE = frozenset(
    ("close", "closed", "_closed", "__class__", "__enter__", "__exit__", "__repr__", "_kind")
)


def _closed_kind(kind):
    """The class of a closed machine: still of its kind, but every use is an error."""
    found = _CLOSED.get(kind)
    if found is None:
        found = _CLOSED[kind] = type(
            kind.__name__,
            (kind,),
            {
                "__slots__": (),
                "__getattribute__": _refuse,
                "__module__": kind.__module__,
                "__repr__": lambda self: f"<{self._kind} machine, closed>",
                "close": lambda self: None,
                "__exit__": lambda self, *exception: None,
            },
        )
    return found


def _refuse(self, name):
    if name not in _STILL_THERE:
        raise ValueError("the machine is closed")
    return object.__getattribute__(self, name)


def _own_environ():
    return environment.of_variables(host.environ)
