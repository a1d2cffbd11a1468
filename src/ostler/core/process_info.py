"""What is told of a process: a tuple with names.

It is what collections.namedtuple makes, written out: `import ostler` takes a fifth longer where
collections has to be loaded for it.
"""

import sys
from _collections import _tuplegetter

import cython


class ProcessInfo(tuple):
    """What the kernel tells of a process; proc_pid_stat(5).

    Times are in seconds, memory (resident) in bytes, `started` in seconds of the epoch; `command`
    is a tuple of str, `state` a word.
    """

    __slots__ = ()
    __module__ = "ostler"
    _fields = (
        "pid", "name", "state", "parent", "group", "session", "uid", "gid", "threads", "user",
        "system", "memory", "peak_memory", "started", "command",
    )  # fmt: skip
    _field_defaults = {}  # noqa: RUF012  as a namedtuple has it
    __match_args__ = _fields

    def __new__(
        _cls, pid, name, state, parent, group, session, uid, gid, threads, user, system, memory,
        peak_memory, started, command,
    ):  # fmt: skip
        return tuple.__new__(
            _cls,
            (pid, name, state, parent, group, session, uid, gid, threads, user, system, memory,
             peak_memory, started, command),
        )  # fmt: skip

    @classmethod
    def _make(cls, iterable):
        """One of the values that an iterable gives, in the order of the fields."""
        values = tuple(iterable)
        if len(values) != len(cls._fields):
            raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(values)}")
        return tuple.__new__(cls, values)

    def _replace(self, /, **changes):
        """A copy in which fields have other values."""
        made = self._make(map(changes.pop, self._fields, self))
        if changes:
            # As a namedtuple of this Python has it.
            kind = TypeError if sys.version_info >= (3, 13) else ValueError
            raise kind(f"Got unexpected field names: {list(changes)!r}")
        return made

    if sys.version_info >= (3, 13):  # where copy.replace() asks for it
        __replace__ = _replace

    def _asdict(self):
        """The values by the names of the fields."""
        return dict(zip(self._fields, self, strict=True))

    def __getnewargs__(self):
        return tuple(self)

    def __repr__(self):
        values = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({values})"


for _number, _name in enumerate(ProcessInfo._fields):
    setattr(ProcessInfo, _name, _tuplegetter(_number, f"Alias for field number {_number}"))
del _number, _name
