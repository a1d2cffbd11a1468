"""Between: what stands before the verbs of a machine, such as faults, or a log.

A machine before whose verbs nothing stands is not touched. The first Stander gives it a class of
its own, in which the verbs in question pass by those that stand before them; with the last one it
gets its own class back.

A Between is a whole machine of this kind: it has another one behind it, and all that it is asked
for passes its one method `called`.
"""

import errno
from _thread import RLock
from functools import partial
from operator import attrgetter

from ostler.core import interpreter
from ostler.core.standers import Stander, standing
from ostler.machine import Machine, host
from ostler.path import Path
from ostler.verbs.environment import of_variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

_classes: "dict[tuple[Any, ...], type]" = {}
_lock = RLock()  # a signal may close a machine while its thread is in here
_NONE: frozenset[str] = frozenset()
_bound: "Any" = None  # what the host's verbs are in the modules' places meanwhile
_supported: "list[tuple[set[Any], set[Any]]]" = []  # and in supports_fd and the like


def stand(machine: "Machine", stander: Stander) -> None:
    """Let something stand before the verbs of a machine, and before what stands there already."""
    with _lock:
        machine._between = (stander, *standing(machine))
        _settle(machine)


def leave(machine: "Machine", stander: Stander) -> None:
    """Let it stand there no more; ValueError when it doesn't."""
    with _lock:
        left = list(standing(machine))
        left.remove(stander)
        machine._between = tuple(left)
        _settle(machine)


def settle(machine: "Machine") -> None:
    """What stands before the machine stands before other verbs of it now."""
    with _lock:
        _settle(machine)


def _settle(machine):
    kind = getattr(type(machine), "_plain_kind", type(machine))
    names, steps, mixins = _NONE, kind._own_verbs, ()
    for stander in standing(machine):
        if stander.verbs:
            names |= stander.verbs
            steps = steps | stander.verbs if stander.sees_steps else steps
        if stander.mixin is not None and stander.mixin not in mixins:
            mixins += (stander.mixin,)
    machine._hooked = steps or None  # so that what shortcuts in C doesn't
    machine.__class__ = _class(kind, names, mixins) if names or mixins else kind
    if machine is host:
        _bind(names)


def _bind(names: frozenset[str]) -> None:
    # The host's verbs are the functions of modules, too, and wherever programs have put those.
    global _bound
    if _bound is not None:
        _bound.give_back()
        _bound = None
        for members, added in _supported:
            members -= added
        _supported.clear()
    if not names:
        return
    from ostler import trees
    from ostler.installation.process import Bindings

    facade = host._names
    places: dict[str, Any] = {"": facade, "path": vars(facade["path"]), "trees": vars(trees)}
    new = {}
    for name in names:
        place, _, plain = name.rpartition(".")
        held = places[place].get(plain)
        if held is not None and getattr(held, "__name__", None) == plain:
            new[id(held)] = held, attrgetter(name)(host)
    for name in interpreter.SUPPORTS:
        members = facade[name]
        added = {now for held, now in new.values() if held in members} - members
        members |= added
        _supported.append((members, added))
    _bound = Bindings()
    _bound.exchange(new, ours=("ostler", "ostler.path", "ostler.trees"))


def _class(kind, names, mixins):
    # The class of a kind keeps those made of it, so that all of them can go together.
    made = vars(kind).get("_with_standers")
    if made is None:
        kind._with_standers = made = {}
    found = made.get((names, mixins))
    if found is None:
        members = {"__slots__": (), "__module__": kind.__module__, "_plain_kind": kind}
        for name in names:
            plain = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
            if plain is not None:
                members[name] = _passing(name, plain)
        for place, base in _parts().items() if names else ():
            own = frozenset(name for name in names if name.startswith(place + "."))
            if own:
                members[place] = property(partial(_part, kind, place, base, own))
        found = made[names, mixins] = type(kind.__name__, (*mixins, kind), members)
    return found


def _parts():
    from ostler.trees import Trees

    return {"path": Path, "trees": Trees}


def _part(kind, place, base, names, machine):
    # A machine's path, or its trees, whose verbs of these names pass by what stands before them.
    key = base, names
    passing = _classes.get(key)
    if passing is None:
        members = {}
        for name in names:
            plain = name.removeprefix(place + ".")
            members[plain] = _passing_in_part(name, plain)
        passing = _classes.setdefault(key, type(base.__name__, (base,), members))
    made = passing(machine)
    made.over = machine
    if machine is host and base is Path:
        made.plain = host._path  # its path is the module
    else:
        made.plain = getattr(kind, place).__get__(machine)
    return made


def _passing(name, plain):
    bind = getattr(type(plain), "__get__", None)  # without it, it is a function that needs none

    def method(self, *args, **kwargs):
        go = plain if bind is None else bind(plain, self, type(self))
        return _pass(self, name, go, args, kwargs)

    method.__name__ = name
    method.__doc__ = plain.__doc__
    return method


def _passing_in_part(name, plain):
    def method(self, *args, **kwargs):
        return _pass(self.over, name, getattr(self.plain, plain), args, kwargs)

    method.__name__ = plain
    return method


def _pass(machine, name, go, args, kwargs):
    for stander in reversed(standing(machine)):
        if name in stander.verbs:
            go = _by(stander, machine, name, go)
    return go(*args, **kwargs)


def _by(stander, machine, name, go):
    return lambda *args, **kwargs: stander.called(machine, name, args, kwargs, go)


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
        return attrgetter(verb)(self.behind)(*args, **kwargs)

    @property
    def trees(self) -> "Any":
        """Whole trees of this machine at once; see ostler.trees."""
        return self._part("trees")

    def _part(self, place):
        base = _parts()[place]
        kind = _classes.get((Between, base))
        if kind is None:
            from ostler.verbs import table

            members = {
                verb.name.removeprefix(place + "."): _to_called_of(verb.name)
                for verb in table.touching()
                if verb.name.startswith(place + ".")
            }
            kind = _classes.setdefault((Between, base), type(base.__name__, (base,), members))
        made = kind(self)
        made.over = self
        return made

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *exception: object) -> None:
        if hasattr(self.behind, "__exit__"):  # the host is never left
            self.behind.__exit__(*exception)


def _pass_all():
    # Let all verbs of Between pass `called`, so that `super().stat(...)` does, too. This is done
    # when the first kind is derived: the table is not loaded before.
    if Between._own_verbs:
        return
    from ostler.verbs import table

    names = [verb.name for verb in table.touching() if "." not in verb.name]
    for name in names:
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
