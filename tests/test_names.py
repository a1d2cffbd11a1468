"""Every name of the running os and os.path is in ostler: the same kind, signature and value."""

import inspect
import os
import posixpath
import types

import pytest

import ostler

# Functions of os whose own signature cannot be read, on one version or another.
WITHOUT_SIGNATURE = {
    "chmod", "get_terminal_size", "link", "posix_spawn", "posix_spawnp", "register_at_fork",
    "utime",
}  # fmt: skip
# Modules and classes that os.py happens to import for itself.
IMPORTED = {"GenericAlias", "Mapping", "MutableMapping", "abc", "st", "sys", "os", "stat",
            "errno", "genericpath"}  # fmt: skip


def public(module):
    return sorted(n for n in vars(module) if not n.startswith("_") and n not in IMPORTED)


def kind(value):
    if isinstance(value, type):
        return "exception" if issubclass(value, BaseException) else "class"
    if callable(value):
        return "function"
    return "module" if isinstance(value, types.ModuleType) else type(value).__name__


def class_of(module, name):
    """The class of this name; that of what scandir gives has a name in no module."""
    if name == "ScandirIterator":
        with module.scandir() as entries:
            return type(entries)
    return getattr(module, name)


def said(call, cls):
    """What came of the call, as text that does not tell whose class it was."""
    try:
        result = call(cls)
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    return str(result).replace("posix.", "").replace("os.", "").replace("ostler.", "")


BOTH = [(os, ostler, name) for name in public(os)] + [
    (posixpath, ostler.path, name) for name in public(posixpath)
]


@pytest.mark.parametrize(
    ("theirs", "ours", "name"), BOTH, ids=[f"{a.__name__}.{name}" for a, _, name in BOTH]
)
def test_name(theirs, ours, name):
    expected, found = getattr(theirs, name), getattr(ours, name)
    if name not in {"environ", "environb"}:  # mappings of a class of our own
        assert kind(found) == kind(expected)
    if isinstance(expected, set):  # supports_dir_fd and the like: functions, ours in ours
        assert {f.__name__ for f in found} == {f.__name__ for f in expected}
    elif isinstance(expected, (int, str, dict, type(None))) and not callable(expected):
        assert found == expected
    elif kind(expected) == "function":
        try:
            signature = inspect.signature(expected)
        except ValueError:  # os's own text of it is invalid: there is nothing to be equal to
            assert name in WITHOUT_SIGNATURE
        else:
            # As lseek's last argument, which only its place tells, was named by older ones of 3.11.
            signature = str(signature).replace("position, how,", "position, whence,")
            assert str(inspect.signature(found)) == signature


def test_exported():
    assert sorted(ostler.__all__) == sorted(os.__all__)
    assert sorted(ostler.path.__all__) == sorted(posixpath.__all__)


@pytest.mark.parametrize(
    "name",
    ["supports_dir_fd", "supports_effective_ids", "supports_fd", "supports_follow_symlinks"],
)
def test_what_supports_is_told_of_our_own_functions(name):
    names = {function.__name__ for function in getattr(os, name)}
    assert names
    assert getattr(ostler, name) == {getattr(ostler, member) for member in names}
    assert getattr(ostler.host, name) == {getattr(ostler.host, member) for member in names}


# What each class of os that no program makes by itself, or derives from, says to those who try.
TRIED = {
    "made": lambda cls: cls(),
    "made of one thing": lambda cls: cls(1),
    "made by __new__": lambda cls: cls.__new__(cls),
    "derived from": lambda cls: type("Derived", (cls,), {}).__bases__ == (cls,),
}
CLASSES = [
    name
    for name in [*public(os), "ScandirIterator"]
    if isinstance(class_of(os, name), type) and name not in {"PathLike", "error"}
]


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("way", TRIED)
def test_classes_are_made_and_derived_from_as_in_os(name, way):
    assert said(TRIED[way], class_of(ostler, name)) == said(TRIED[way], class_of(os, name))


@pytest.mark.parametrize("name", CLASSES)
def test_classes_can_be_changed_where_those_of_os_can(name):
    def changed(cls):
        cls.ostler_tests = 1
        del cls.ostler_tests

    assert said(changed, class_of(ostler, name)) == said(changed, class_of(os, name))
