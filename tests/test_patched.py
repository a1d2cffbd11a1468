"""What programs put in the place of parts of os is seen wherever os's functions see it."""

import io
import os
import subprocess
import sys
from typing import ClassVar
from unittest import mock

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


# ---- popen, which in os goes through subprocess


class Faked:
    """As the fakes of test libraries: no program runs."""

    def __init__(self, args, **options):
        self.stdout = io.StringIO(f"{args} {sorted(options.items())}")
        self.stdin = io.StringIO()

    def wait(self):
        return 5


class Tracing(subprocess.Popen):
    steps: ClassVar = []

    def wait(self, timeout=None):
        self.steps.append("wait")
        return super().wait(timeout)


def fake_class(patch, steps):
    patch.setattr(subprocess, "Popen", Faked)


def fake_by_subclass(patch, steps):
    patch.setattr(Tracing, "steps", steps)
    patch.setattr(subprocess, "Popen", Tracing)


def fake_by_mock(patch, steps):
    mocked = mock.Mock(side_effect=Faked)
    patch.setattr(subprocess, "Popen", mocked)


def fake_method(name):
    def fake(patch, steps):
        own = vars(subprocess.Popen)[name]

        def told(*args, **kwargs):
            steps.append(name)
            return own(*args, **kwargs)

        patch.setattr(subprocess.Popen, name, told)

    return fake


def fake_fork_exec(patch, steps):
    own = subprocess._fork_exec

    def told(*args):
        steps.append(args[0])
        return own(*args)

    patch.setattr(subprocess, "_fork_exec", told)


# Some versions start a shell by posix_spawn.
IF_IT_FORKS = [fake_fork_exec, fake_method("_posix_spawn")]
FAKES = [
    fake_class, fake_by_subclass, fake_by_mock, fake_method("__init__"),
    fake_method("_execute_child"), fake_method("wait"), fake_method("_get_handles"), *IF_IT_FORKS,
]  # fmt: skip


@pytest.mark.parametrize("fake", FAKES)
@pytest.mark.parametrize("mode", ["r", "w"])
def test_popen_goes_through_what_is_put_in_place_of_subprocess(fake, mode, monkeypatch):
    seen = []
    for system in SYSTEMS:
        steps = []
        with monkeypatch.context() as patch:
            fake(patch, steps)
            stream = system.popen("echo a; exit 3", mode)
            text = stream.read() if mode == "r" else None
            seen.append((text, stream.close(), steps))
    assert seen[0] == seen[1] and (seen[0][1] == 5 << 8 or seen[0][2] or fake in IF_IT_FORKS)


def test_popen_on_a_machine_and_subprocess(monkeypatch):
    with ostler.scratch(bind=ostler.machines.SHELL) as machine:
        machine.create_file("/only-here", "")
        with monkeypatch.context() as patch:
            steps = []
            fake_method("__init__")(patch, steps)
            with machine.installed():
                assert "only-here" in os.popen("echo *").read()
            assert steps == ["__init__"]
            # This one the program asks by its name.
            assert "only-here" in machine.popen("echo *").read() and steps == ["__init__"]
            patch.setattr(subprocess, "Popen", Faked)
            with machine.installed():
                assert os.popen("x").read().startswith("x [('bufsize', ")
