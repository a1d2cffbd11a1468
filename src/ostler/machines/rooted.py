"""Rooted: what every machine with a root directory of its own offers besides the verbs."""

from functools import wraps

from ostler.core import mounts
from ostler.core.living import Living
from ostler.core.standers import Stander, standing
from ostler.machine import Machine, MachineUnavailable, host
from ostler.machines.before import stand
from ostler.machines.below_root import RootedCore
from ostler.machines.between import THIS
from ostler.verbs import environment

_WALKED = "name by name from the machine's root, no link followed unseen: openat2 is refused here"
PATHS = "openat2 below the machine's root: no link, '..' or magic link leads out (kernel)"


def children_in(made):
    """What is enforced for the children of a machine that was made of mounts."""
    namespaces = "a mount namespace" if made.user_ns < 0 else "a user and a mount namespace"
    return f"live in {namespaces} whose root is the machine"


def staying(function):
    """The function of a machine, inside which none of its descriptors is closed."""

    @wraps(function)
    def inside(machine, *args, **kwargs):
        RootedCore._come_in(machine)
        try:
            return function(machine, *args, **kwargs)
        finally:
            RootedCore._leave(machine)  # which may have been closed inside

    return inside


class Rooted(RootedCore, Machine):
    """A machine with a root directory of its own, held by a descriptor.

    It is a context manager. After close(), every use of it is a ValueError.
    """

    __slots__ = ("__weakref__", "_between", "_guarantees")

    def __init__(self):
        raise TypeError(f"{type(self).__name__} is made by its function, such as ostler.scratch()")

    @classmethod
    def _made(cls, made, guarantees=()):
        """The machine of what was made for it, which it owns from now on."""
        machine = cls.__new__(cls)
        machine._become(made.root, made.user_ns, made.mount_ns, guarantees, -1, made)
        return machine

    def _become(self, root, user_ns, mount_ns, guarantees, stores, *owners):
        self._take_hold(root, user_ns, mount_ns, stores, owners)
        _LIVING.add(self)
        self._between = ()
        self.environ = environment.of_variables(host.environ)
        self._guarantees = dict(guarantees)
        if self._walks:
            self._guarantees["paths"] = _WALKED

    def _stand_as_process(self, base):
        """Start in the process's working directory where that is below the base (bytes)."""
        try:
            here = host.getcwdb()
            if base != b"/" and (here + b"/").startswith(base + b"/"):
                here = here[len(base) :] or b"/"
            elif base != b"/":
                return
            self.chdir(here)
        except OSError:
            pass

    @property
    def closed(self):
        """Whether close() was called."""
        return self._closed

    @property
    def guarantees(self):
        """What is enforced, each with what enforces it: a dict of str to str."""
        return dict(self._guarantees)

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

        return open(file, mode, buffering, encoding, errors, newline, closefd, opener)

    @property
    def faults(self):
        """Calls that fail on purpose: add(call=, path=, errno=, after=, count=), remove, clear."""
        from ostler.machines.faults import Faults

        return Faults(self)

    def installed(self, *, threads=False, strict=False, everywhere=False):
        """A context manager: inside, os, open and what is built on them act on this machine.

        For the code of this thread, or in a task of this task, and what it begins; other threads
        go on as before. With `threads`, those that are started inside act on it, too; with
        `everywhere`, all code of the process does, whatever its thread or context. On the way
        out everything is given back; what was begun inside and runs later gets RuntimeError. What
        opens files without Python (sqlite3, other C code) is not caught: with `strict`, which
        implies `threads`, it is refused as far as the interpreter tells of it. `ostler run` and
        `ostler exec` put whole programs on a machine.
        """
        from ostler.installation.installed import Installed

        threads = threads or strict
        strict = strict and not self._is_here  # C code of a process that lives here acts here
        return Installed(self, bool(threads), bool(strict), bool(everywhere))

    def close(self, fd=THIS):
        """Close this machine, of which nothing stays; with an argument, that descriptor.

        The one name that a machine and os have in common for two things. Closing a machine
        again does nothing.
        """
        if fd is not THIS:
            return super().close(fd)
        if not self._closed:
            self._shut()
            stand(self, _CLOSED)

    def _close_because(self, reason):
        """Close this machine, which can't go on: every use of it says why."""
        self.close()
        stand(self, Closed(reason))

    @staying
    def _change(self, size, inodes, read_only, whole=False):
        number, step = mounts.resize(
            self._root, self._user_ns, self._mount_ns, size, inodes, read_only, whole
        )
        if number:
            raise type(OSError(number, ""))(number, f"{self.strerror(number)}: {step}")
        if read_only is not None and not whole:
            self._leave_namespace()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __reduce_ex__(self, protocol):
        raise TypeError(f"cannot pickle {type(self).__name__!r} object: it lives in this process")

    def __repr__(self):
        return f"<{self._kind} machine at {id(self):#x}>"

    _kind = "rooted"


_LIVING = Living(RootedCore._forked)

_STILL_THERE = frozenset(
    ("close", "closed", "_closed", "__class__", "__repr__", "_kind", "_between", "_hooked")
)


class Closed(Stander):
    """Stands before every use of a machine that is closed: a ValueError, with the reason if any."""

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason

    class mixin:
        """What a closed machine is to those who still have it: of its kind, but of no use."""

        __slots__ = ()

        def __getattribute__(self, name):
            if name not in _STILL_THERE:
                _refuse(self)
            return object.__getattribute__(self, name)

        def __repr__(self):
            return f"<{self._kind} machine, closed>"

        def close(self, fd=THIS):
            """Closing it again does nothing; a descriptor is one of this process."""
            if fd is not THIS:
                host.close(fd)

        def __enter__(self):
            _refuse(self)

        def __exit__(self, *exception):
            pass


_CLOSED = Closed()  # one for all machines that are closed without a reason


def _refuse(machine):
    reason = next(s.reason for s in standing(machine) if isinstance(s, Closed))
    raise ValueError("the machine is closed" + (f": {reason}" if reason else ""))
