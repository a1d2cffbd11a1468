"""Variables: os.environ, or os.environb, of the machine that is installed where it is used."""

import copy

from ostler.core.asking import found

# What an object has of itself, whatever it is a mapping of.
_OWN = frozenset(
    """
    __class__ __dict__ __doc__ __getattribute__ __init__ __init_subclass__ __module__ __new__
    __setattr__ __delattr__ __slots__ __subclasshook__ __weakref__ __class_getitem__
    __abstractmethods__ __annotations__ __annotate__ __annotate_func__ __annotations_cache__
    __reduce_cython__ __setstate_cython__ __pyx_vtable__ __sizeof__ __dir__ __hash__
    __static_attributes__ __firstlineno__ __orig_bases__ __parameters__ __type_params__ __reversed__
    """.split()
)
_kinds = {}


class Variables:
    """One mapping, and the class that makes it ask for the machine before each use."""

    def __init__(self, mapping, name):
        self._mapping = mapping
        self._before = type(mapping)
        self._now = _kind(self._before, name)
        # The same variables, of the host whoever asks.
        self.apart = copy.copy(mapping)

    def is_of(self, mapping):
        """Whether this is the mapping."""
        return self._mapping is mapping

    def put_in(self):
        """Let the mapping ask."""
        self._mapping.__class__ = self._now

    def take_out(self):
        """Give the mapping its own class back."""
        self._mapping.__class__ = self._before


def _kind(kind, name):
    key = kind, name
    if key not in _kinds:
        members = {"__slots__": (), "__module__": kind.__module__, "__hash__": kind.__hash__}
        for member in dir(kind):
            value = getattr(kind, member)
            if member in _OWN or (member.startswith("_abc_")):
                continue
            if callable(value):
                members[member] = _method(name, member, value)
            elif hasattr(type(value), "__get__"):  # else it is a mark that the class has for itself
                members[member] = _field(name, member, value)
        if "_data" not in members:
            members["_data"] = _held(name, "_data")
        members["__ior__"] = _update
        _kinds[key] = type(kind.__name__, (kind,), members)
    return _kinds[key]


def _method(name, member, original):
    def method(self, *args, **kwargs):
        machine = found()
        if machine is None:
            return original(self, *args, **kwargs)
        return getattr(getattr(machine, name), member)(*args, **kwargs)

    method.__name__ = member
    method.__doc__ = original.__doc__
    return method


def _field(name, member, original):
    # A property of the class.
    def get(self):
        machine = found()
        return (
            original.__get__(self) if machine is None else getattr(getattr(machine, name), member)
        )

    def put(self, value):
        machine = found()
        if machine is None:
            original.__set__(self, value)
        else:
            setattr(getattr(machine, name), member, value)

    return property(get, put)


def _held(name, member):
    # An attribute of the object.
    def get(self):
        machine = found()
        return self.__dict__[member] if machine is None else getattr(getattr(machine, name), member)

    def put(self, value):
        machine = found()
        if machine is None:
            self.__dict__[member] = value
        else:
            setattr(getattr(machine, name), member, value)

    return property(get, put)


def _update(self, other):
    self.update(other)
    return self
