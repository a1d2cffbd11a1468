"""Before: what stands before the verbs of a machine, such as faults, or a log.

A machine before whose verbs nothing stands is not touched. The first Stander gives it a class of
its own, in which the verbs in question pass by those that stand before them; with the last one it
gets its own class back.
"""

from functools import partial
from operator import attrgetter

from ostler.core import interpreter
from ostler.core.living import lock_over_forks
from ostler.core.standers import Stander, standing
from ostler.machine import host
from ostler.path import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ostler.machine import Machine

_classes: "dict[tuple[Any, ...], type]" = {}
_lock = lock_over_forks()  # a signal may close a machine while its thread is in here
_NONE: frozenset[str] = frozenset()
_bound: "Any" = None  # what the host's verbs are in the modules' places meanwhile
_supported: "list[tuple[set[Any], set[Any]]]" = []  # and in supports_fd and the like


def stand(machine: "Machine", stander: Stander) -> None:
    """Let something stand before the verbs of a machine, and before what stands there already."""
    with _lock:
        before = standing(machine)
        machine._between = (stander, *before)
        # The short way of all machines that are closed, for which a class was made before.
        short = type(machine).__dict__.get("_with_mixin") if not before else None
        if short is not None and short[0] is stander.mixin and not stander.verbs:
            machine.__class__ = short[1]
        else:
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
    _bound.exchange(new.values(), ours=("ostler", "ostler.path", "ostler.trees"))


def _class(kind, names, mixins):
    # The class of a kind keeps those made of it, so that all of them can go together.
    made = kind.__dict__.get("_with_standers")
    if made is None:
        kind._with_standers = made = {}
    found = made.get((names, mixins))
    if found is None:
        members = {"__slots__": (), "__module__": kind.__module__, "_plain_kind": kind}
        for name in names:
            plain = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
            if plain is not None:
                members[name] = _passing(name, plain)
        for place, base in parts().items() if names else ():
            own = frozenset(name for name in names if name.startswith(place + "."))
            if own:
                members[place] = property(partial(_part, kind, place, base, own))
        found = made[names, mixins] = type(kind.__name__, (*mixins, kind), members)
        if not names and len(mixins) == 1:
            kind._with_mixin = mixins[0], found
    return found


def parts() -> "dict[str, Any]":
    """The classes of what a machine has in parts, by the part's name."""
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
