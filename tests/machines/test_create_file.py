"""create_file: what tests begin with, on each kind of machine."""

import os
import stat

import pytest

import ostler


@pytest.fixture(params=["host", "scratch", "rehearsal", "confined"])
def place(request, tmp_path):
    """(a machine, an empty directory on it)"""
    if request.param == "host":
        yield ostler.host, str(tmp_path)
    elif request.param == "scratch":
        with ostler.scratch() as machine:
            yield machine, "/"
    else:
        with getattr(ostler, request.param)(tmp_path) as machine:
            yield machine, "/"


def opened(machine, *args):
    return open(*args) if machine is ostler.host else machine.open_file(*args)


CONTENTS = {
    "nothing": (b"", b""),
    "bytes": (b"\0\xff", b"\0\xff"),
    "text": ("ä\n", "ä\n".encode()),
    "a buffer": (memoryview(bytearray(b"abcd")).cast("H"), b"abcd"),
    "much": (b"x" * (1 << 21), b"x" * (1 << 21)),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_contents(place, case):
    machine, top = place
    given, expected = CONTENTS[case]
    path = machine.path.join(top, "a/b/file")
    assert machine.create_file(path, given) is None
    with opened(machine, path, "rb") as file:
        assert file.read() == expected
    with opened(machine, os.fsencode(path) + b"2", "xb") as file:
        plain = machine.fstat(file.fileno()).st_mode
    assert machine.stat(path).st_mode == plain  # as a file that open() makes


def test_modes(place):
    machine, top = place
    before = machine.umask(0o077)
    try:
        for mode in (0, 0o400, 0o644, 0o777, 0o6755, None):
            path = machine.path.join(os.fsencode(top), b"%s" % str(mode).encode())
            machine.create_file(path, b"x", mode=mode)
            expected = 0o600 if mode is None else mode
            assert stat.S_IMODE(machine.stat(path).st_mode) == expected
        for mode in (-1, 0o10000):
            with pytest.raises(ValueError, match="mode must lie between"):
                machine.create_file(machine.path.join(top, "wrong"), mode=mode)
    finally:
        machine.umask(before)
    assert not machine.path.exists(machine.path.join(top, "wrong"))


def test_what_is_there_stays(place, monkeypatch):
    machine, top = place
    if machine is ostler.host:
        monkeypatch.chdir(top)
    else:
        machine.chdir(top)
    machine.create_file("file", "old")
    machine.symlink("nowhere", "link")
    machine.mkdir("directory")
    for name in ("file", "link", "directory"):
        with pytest.raises(FileExistsError) as caught:
            machine.create_file(name, "new")
        assert caught.value.filename == name
    with pytest.raises((NotADirectoryError, FileExistsError)):
        machine.create_file("file/below", "new")
    with pytest.raises(FileNotFoundError):
        machine.create_file("missing/file", parents=False)
    for name in ("new/", "", "."):
        with pytest.raises(OSError):
            machine.create_file(name)
    with pytest.raises(TypeError):
        machine.create_file("wrong", 7)
    assert sorted(machine.listdir()) == ["directory", "file", "link"]
    with opened(machine, "file") as file:
        assert file.read() == "old"


def test_no_room_leaves_no_file():
    with ostler.scratch(size="64K") as machine:
        with pytest.raises(OSError):
            machine.create_file("/a/big", b"x" * 100_000)
        assert machine.listdir("/a") == []
        machine.create_file("/a/small", b"x" * 65_536)
