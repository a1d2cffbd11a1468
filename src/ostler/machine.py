"""Machine: an operating system as a value. The host is one; all other kinds stand in machines/."""

import errno

from ostler.core import crossing, interpreter
from ostler.path import Path
from ostler.verbs import environment, topics


def _supports(name):
    # A machine's own functions; for the host the set that the module has.
    def members(self):
        if self._names is not None:
            return self._names[name]
        names = interpreter.SUPPORTS[name]
        return {getattr(self, member) for member in names if hasattr(self, member)}

    return property(members)


class Machine(*topics.CLASSES):
    """An operating system: a root directory, a working directory, an environment, an identity.

    Its methods are the functions of os, its attributes os's constants and types. Which system they
    act on, a kind of machine says. One that says nothing has no files, no programs and no
    variables: all verbs but those about text and this process itself fail with ENOSYS.
    """

    __slots__ = ()
    _own_verbs = frozenset()  # the verbs that a kind of machine written in Python has itself

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if not cls._acts:
            _refuse(cls)

    def __init__(self):
        if type(self) is Machine:
            raise TypeError("Machine is the class of all machines: derive a kind from it")
        if not self._acts:
            self.path = Path(self)
            self.environ = environment.of_variables()
            self._hooked = self._own_verbs  # so that no short cut in C passes these by

    name = "posix"
    linesep = "\n"
    error = OSError

    @property
    def trees(self):
        """Whole trees of this machine: walk, find, size, remove, copy, change, compare, digest."""
        from ostler.trees import Trees

        return Trees(self)

    # At once: each attribute that a class gets later costs more.
    vars().update(topics.given(), **{name: _supports(name) for name in interpreter.SUPPORTS})


def _refuse(kind):
    """Let each verb fail that a kind of machine hasn't got of itself, and that is not text."""
    from ostler.verbs import table

    own = set()
    for verb in table.every():
        if "." in verb.name:
            continue
        plain = getattr(kind, verb.name, None) is getattr(Machine, verb.name, None)
        if plain and verb.touches not in table.ALONE:
            setattr(kind, verb.name, _refusing(verb.name))
            plain = False
        if not plain:
            own.add(verb.name)
    kind._own_verbs = frozenset(own)


def _refusing(name):
    def method(self, *args, **kwargs):
        raise OSError(errno.ENOSYS, f"{type(self).__name__} has no {name}")

    method.__name__ = name
    return method


_names = {"path", "environ"}.union(*map(vars, Machine.__mro__))
Machine.__all__ = tuple(name for name in interpreter.OS_ALL if name in _names)
del _names


class CommitConflict(OSError):
    """Some of what a commit would change was changed by somebody else since; nothing is done.

    - `paths`: of the real files in question, as they are called in the base, as os gives paths
    - `now`: a dict with the path that each of them has in the rehearsal, where that is another
    """

    def __init__(self, paths, now=()):
        paths = list(paths)
        super().__init__(errno.ESTALE, "changed since the rehearsal began", *paths[:1])
        self.paths = paths
        self.now = dict(now)

    def __str__(self):
        new = self.now.get(self.filename)
        new = f" ({new!r} in the rehearsal)" if new is not None else ""
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return f"changed since the rehearsal began: {self.filename!r}{new}{more}"

    def __reduce__(self):
        return type(self), (self.paths, self.now)


class MergeConflict(OSError):
    """Some of what a merge would change was changed on the other side, too; nothing is done.

    - `paths`: of the real files in question, sorted, as os gives paths
    """

    def __init__(self, paths):
        paths = list(paths)
        super().__init__(errno.ESTALE, "changed on both sides", *paths[:1])
        self.paths = paths

    def __str__(self):
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return f"changed on both sides: {self.filename!r}{more}"

    def __reduce__(self):
        return type(self), (self.paths,)


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


class Host(crossing.HostCore, Machine):
    """The machine that this process stands on."""

    __slots__ = ("_between",)

    def __reduce__(self):
        return "host"

    def __repr__(self):
        return "<ostler.host>"


host = Host()
crossing.be_host(host)
host.environ = environment.of_process(host)
host._path = Path(host)
