"""Installed: what the functions give is of the classes that os has, also of those kept before."""

import functools
import os
from os import DirEntry, stat_result

import pytest

import ostler
from tests.test_installation import in_child

KEPT = {"classes": (os.stat_result, os.statvfs_result), "entry": [os.DirEntry]}


@pytest.fixture
def machine():
    with ostler.scratch() as made:
        made.mkdir("/x")
        yield made


def test_classes_of_what_a_machine_gives(machine):
    before = os.stat("/"), next(os.scandir("/"))
    with machine.installed():
        entry = next(os.scandir("/"))
        assert (os.listdir("/"), entry.name) == (["x"], "x")
        assert isinstance(entry, os.DirEntry) and isinstance(entry, DirEntry)
        assert isinstance(entry, KEPT["entry"][0]) and isinstance(entry, os.PathLike)
        for status in (os.stat("x"), os.lstat("x"), entry.stat()):
            assert isinstance(status, os.stat_result) and isinstance(status, stat_result)
            assert isinstance(status, KEPT["classes"])
        assert isinstance(os.statvfs("/"), os.statvfs_result)
        assert isinstance(os.environ, os._Environ)
        assert isinstance(before[0], ostler.stat_result) and isinstance(before[1], ostler.DirEntry)
        told = functools.singledispatch(lambda value: "other")
        told.register(os.DirEntry, lambda value: "entry")
        assert told(entry) == told(before[1]) == "entry"
        assert issubclass(type(entry), os.DirEntry) and not isinstance("x", os.DirEntry)


@pytest.mark.parametrize("by", ["os", "machine", "a path"])
def test_classes_of_what_is_asked_of_the_machine_itself(machine, by):
    times, uname, sched = os.times_result, os.uname_result, os.sched_param
    with machine.installed():
        asked = os if by == "os" else machine
        status = machine.Path("/x").stat() if by == "a path" else asked.stat("/x")
        assert isinstance(status, KEPT["classes"][0])
        assert isinstance(next(asked.scandir("/")), KEPT["entry"][0])
        assert isinstance(asked.statvfs("/"), KEPT["classes"][1])
        assert isinstance(asked.times(), times) and isinstance(asked.uname(), uname)
        assert isinstance(asked.sched_param(1), sched)
        assert isinstance(asked.terminal_size((1, 2)), os.terminal_size)


def test_classes_are_as_before_afterwards():
    assert (
        in_child("""
        import os
        import ostler
        with ostler.scratch() as machine, machine.installed():
            assert type(os.stat_result) is not type
            assert isinstance(os.stat("/"), os.stat_result)
        assert type(os.DirEntry) is type(os.stat_result) is type(ostler.stat_result) is type
        assert not isinstance(ostler.stat("/"), os.stat_result)
        print("done")
    """)
        == "done\n"
    )


def test_classes_of_what_a_command_gives():
    with ostler.scratch(bind=ostler.machines.SHELL) as shelled, shelled.installed():
        with os.popen("echo it") as stream:
            assert isinstance(stream, os._wrap_close) and stream.read() == "it\n"
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", ":"], {})
        assert isinstance(os.waitid(os.P_PID, pid, os.WEXITED), os.waitid_result)


def test_classes_with_both_ways_of_taking_the_place_of_os(machine):
    """Which ends first does not matter to the other."""
    kept = os.stat_result
    ostler.install()
    try:
        with machine.installed():
            assert isinstance(os.stat("/"), kept)
        assert isinstance(os.stat("/"), kept)
        block = machine.installed()
        block.__enter__()
        ostler.uninstall()
        try:
            assert isinstance(os.stat("/"), kept)
        finally:
            block.__exit__(None, None, None)
    finally:
        ostler.uninstall()
