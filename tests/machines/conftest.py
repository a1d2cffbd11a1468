"""Fixtures of the tests of rehearsals: a user, a directory of that user's, and who runs there."""

import inspect
import os
import tempfile

import pytest

import ostler
from tests.machines import ORDINARY, let_all_in
from tests.machines.rehearsing import USER, forked, remove_all


def users():
    """The users to test as: both where this is root."""
    return ["root", "ordinary"] if os.getuid() == 0 else ["ordinary"]


@pytest.fixture(params=users())
def user(request):
    return request.param


@pytest.fixture
def folder(user):
    """A directory of the user's own on the disk, gone afterwards."""
    path = tempfile.mkdtemp(prefix="ostler-rehearsal-")
    if user == "ordinary" and os.getuid() == 0:
        os.chown(path, USER, USER)
    yield path
    remove_all(path)


@pytest.fixture
def run(user):
    """Runs a function as the user of this test."""
    switch = user == "ordinary" and os.getuid() == 0
    return lambda function: forked(function, USER if switch else None)


@pytest.fixture
def as_user(request, run):
    """The whole test runs as its user, in a process of its own.

    It is for whole modules, by `pytestmark`. A test that takes `run` tells itself what runs so.
    """
    test = request.node.obj
    if "run" not in inspect.signature(test).parameters:
        request.node.obj = lambda **given: run(lambda: test(**given))
    yield
    request.node.obj = test


@pytest.fixture
def base(folder, run, monkeypatch):
    """A directory to rehearse in; the journals of commits are kept beside it."""
    monkeypatch.setenv("XDG_STATE_HOME", f"{folder}/state")
    monkeypatch.setitem(ostler.environ, "XDG_STATE_HOME", f"{folder}/state")
    run(lambda: os.mkdir(f"{folder}/base"))
    return f"{folder}/base"


@pytest.fixture
def memory(user, monkeypatch):
    """A directory in memory, where syncing costs nothing."""
    path = tempfile.mkdtemp(prefix="ostler-rehearsal-", dir="/dev/shm")
    if user == "ordinary" and os.getuid() == 0:
        os.chown(path, USER, USER)
    monkeypatch.setitem(ostler.environ, "XDG_STATE_HOME", f"{path}/state")
    yield path
    remove_all(path)


@pytest.fixture
def directory(tmp_path):
    """A directory that everybody may use, with a file in it."""
    let_all_in(tmp_path)
    place = tmp_path / "base"
    place.mkdir()
    (place / "file").write_text("text")
    tmp_path.chmod(0o1777)  # as /tmp: an upper of anybody's may lie in it
    for path in (place, place / "file"):
        path.chmod(0o777)
        if os.getuid() == 0:
            os.chown(path, ORDINARY, ORDINARY)
    return str(place)
