"""What programs put in the place of parts of os is seen wherever os's functions see it."""

import os
import sys

import pytest

import ostler

SYSTEMS = [os, ostler]
NAMES = (
    "is_dir", "is_file", "is_symlink", "is_junction", "stat", "inode", "__fspath__", "__repr__",
)  # fmt: skip
SETTABLE = sys.version_info < (3, 15)


def kind_of_iterator(system):
    with system.scandir() as entries:
        return type(entries)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "f").touch()
    (tmp_path / "l").symlink_to("d")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_classes_of_entries_are_named_as_posix_names_them():
    for kind, other in (
        (ostler.DirEntry, os.DirEntry),
        (kind_of_iterator(ostler), kind_of_iterator(os)),
    ):
        assert (kind.__module__, kind.__name__, kind.__qualname__, repr(kind)) == (
            other.__module__, other.__name__, other.__qualname__, repr(other),
        )  # fmt: skip
        said = []
        for made in (kind, other):
            with pytest.raises(TypeError) as error:
                made()
            said.append(str(error.value))
        assert said[0] == said[1]


@pytest.mark.skipif(not SETTABLE, reason="from 3.15 on posix's are immutable, too")
@pytest.mark.parametrize("system", SYSTEMS, ids=["os", "ostler"])
@pytest.mark.parametrize("name", NAMES)
def test_methods_of_entries_can_be_put(system, name, tree, monkeypatch):
    if not hasattr(os.DirEntry, name):
        pytest.skip("os has it from 3.12 on")
    entry = next(system.scandir())
    before = getattr(entry, name)()
    own = vars(system.DirEntry)[name]
    with monkeypatch.context() as patch:
        patch.setattr(system.DirEntry, name, lambda self: f"{self.name} is asked")
        assert getattr(entry, name)() == f"{entry.name} is asked"
        if name == "__fspath__":
            assert system.fspath(entry) == f"{entry.name} is asked"
        if name == "__repr__":
            assert repr(entry) == f"{entry.name} is asked"
    assert vars(system.DirEntry)[name] is own and getattr(entry, name)() == before


@pytest.mark.skipif(not SETTABLE, reason="from 3.15 on posix's are immutable, too")
@pytest.mark.parametrize("system", SYSTEMS, ids=["os", "ostler"])
def test_new_attributes_of_entries(system, tree, monkeypatch):
    entry = next(system.scandir())
    with monkeypatch.context() as patch:
        patch.setattr(system.DirEntry, "suffix", property(lambda self: "." + self.name), False)
        assert entry.suffix == "." + entry.name
    assert not hasattr(entry, "suffix")


def walked(system):
    yield "walk", lambda: sorted(step[0] for step in system.walk("."))
    yield "walk, from below", lambda: sorted(step[0] for step in system.walk(".", topdown=False))
    yield "fwalk", lambda: sorted(step[0] for step in system.fwalk("."))
    yield "fwalk, from below", lambda: sorted(step[0] for step in system.fwalk(".", topdown=False))


@pytest.mark.skipif(not SETTABLE, reason="from 3.15 on posix's are immutable, too")
@pytest.mark.parametrize("way", [name for name, _ in walked(os)])
def test_walks_see_what_is_put_in_place_of_methods(way, tree, monkeypatch):
    """Blocking calls are found so in asynchronous tests, by each step of scandir's iterator."""
    seen = {}
    for system in SYSTEMS:
        iterator, walk = kind_of_iterator(system), dict(walked(system))[way]
        plain = walk()
        steps = []
        for kind, name in (
            (iterator, "__next__"),
            (system.DirEntry, "is_dir"),
            (system.DirEntry, "is_symlink"),
        ):
            own = getattr(kind, name)

            def told(self, *args, own=own, name=name, steps=steps, **kwargs):
                steps.append(name)
                return own(self, *args, **kwargs)

            with monkeypatch.context() as patch:
                patch.setattr(kind, name, told)
                assert walk() == plain
        with monkeypatch.context() as patch:
            patch.setattr(system.DirEntry, "is_dir", lambda self, **kwargs: False)
            without = walk()
        assert walk() == plain != without
        seen[system] = sorted(steps), without
    assert seen[os] == seen[ostler]
