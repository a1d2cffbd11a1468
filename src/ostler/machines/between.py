"""Between: a machine over another one, whose one method `called` all verbs pass."""

import errno
from operator import attrgetter

from ostler.machine import Machine, host
from ostler.machines.before import parts
from ostler.verbs.environment import of_variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

# What close() closes when no descriptor is given.
THIS: "Any" = type("This", (), {"__repr__": lambda self: "<the machine>"})()
_parts: "dict[str, type]" = {}  # the classes of a Between's own path and trees


class Between(Machine):
    """A machine over another: derive a kind from it, and say in `called` what is different.

    `behind` is the other one, or None for a kind that has none. Text alone is not asked of
    anybody: `fsencode`, `path.join` and the like are as everywhere.
    """

    _acts = True

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        _pass_all()

    def __init__(self, behind: "Any") -> None:
        _pass_all()
        super().__init__()
        self.behind = behind
        self.environ = of_variables() if behind is None else behind.environ
        self.path = self._part("path")
        self._hooked = self._own_verbs

    def called(self, verb: str, args: tuple, kwargs: dict) -> "Any":
        """What a verb gives; here what it gives on the machine behind.

        `verb` is its name: "stat", or "path.exists", or "trees.copy".
        """
        if self.behind is None:
            raise OSError(errno.ENOSYS, f"{type(self).__name__} has no {verb}")
        if kwargs.get("machine") is self:  # two trees of one machine
            kwargs = {**kwargs, "machine": self.behind}
        return attrgetter(verb)(self.behind)(*args, **kwargs)

    @property
    def trees(self) -> "Any":
        """Whole trees of this machine at once; see ostler.trees."""
        return self._part("trees")

    def _part(self, place):
        base = parts()[place]
        kind = _parts.get(place)
        if kind is None:
            from ostler.verbs import table

            members = {
                verb.name.removeprefix(place + "."): _to_called_of(verb.name)
                for verb in table.touching()
                if verb.name.startswith(place + ".")
            }
            kind = _parts.setdefault(place, type(base.__name__, (base,), members))
        made = kind(self)
        made.over = self
        return made

    # --- what machines have besides the verbs, which does not pass `called` ----------------------

    @property
    def closed(self) -> bool:
        """Whether the machine behind is closed."""
        return getattr(self.behind, "closed", False)  # which the host never is

    @property
    def guarantees(self) -> "dict[str, str]":
        """What is enforced on the machine behind, each with what enforces it."""
        return getattr(self.behind, "guarantees", {})

    @property
    def faults(self) -> "Any":
        """Calls of this machine that fail on purpose; those of the one behind are its own."""
        from ostler.machines.faults import Faults

        return Faults(self)

    def installed(
        self, *, threads: bool = False, strict: bool = False, everywhere: bool = False
    ) -> "Any":
        """A context manager: inside, os, open and what is built on them pass `called`.

        As with other machines. Programs are started by `run` and the like alone: those of the
        module subprocess are refused with ENOSYS.
        """
        from ostler.installation.installed import Installed

        return Installed(self, bool(threads), bool(strict), bool(everywhere))

    def close(self, fd: "Any" = THIS) -> None:
        """Close the machine behind, unless that is the host; with an argument, that descriptor."""
        if fd is not THIS:
            self.called("close", (fd,), {})
        elif self.behind is not None and self.behind is not host:
            self.behind.close()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.behind!r}>"


def _pass_all():
    # Let all verbs of Between pass `called`, so that `super().stat(...)` does, too. This is done
    # when the first kind is derived: the table is not loaded before.
    if Between._own_verbs:
        return
    from ostler.verbs import table

    names = [verb.name for verb in table.touching() if "." not in verb.name]
    for name in names:
        if name != "close":  # which closes the machine, too
            setattr(Between, name, _to_called(name))
    Between._own_verbs = frozenset(names)


def _to_called(name):
    def method(self, *args, **kwargs):
        return self.called(name, args, kwargs)

    method.__name__ = name
    method.__qualname__ = f"Between.{name}"
    method.__doc__ = getattr(Machine, name, open).__doc__  # open_file is as open()
    return method


def _to_called_of(name):
    def method(self, *args, **kwargs):
        return self.over.called(name, args, kwargs)

    method.__name__ = name.rpartition(".")[2]
    return method
