"""Verbs of several steps: their errors name what was asked for, not what was done on the way."""

import errno
import os

import pytest

import ostler


@pytest.fixture
def m():
    """A machine with little room left."""
    with ostler.scratch(size=300_000) as made:
        made.makedirs("/tree/d")
        made.create_file("/tree/d/large", b"x" * 200_000)
        made.mkdir("/to")
        yield made


def error_of(function, *args, **kwargs):
    with pytest.raises(OSError) as caught:
        function(*args, **kwargs)
    return caught.value.errno, caught.value.filename, caught.value.filename2


def moved(m, source, to):
    """Move as to another file system."""
    m.faults.add("rename", errno=errno.EXDEV, count=1)
    m.move(source, to)


@pytest.mark.parametrize("kind", [str, os.fsencode])
def test_on_a_full_disk(m, kind):
    to, data = kind("/to/x"), b"x" * 200_000
    assert error_of(m.write_atomic, to, data) == (errno.ENOSPC, to, None)
    assert error_of(m.write_atomic, to, "x" * 200_000) == (errno.ENOSPC, to, None)
    assert error_of(m.create_file, to, data) == (errno.ENOSPC, to, None)
    assert error_of(moved, m, "/tree/d/large", to) == (errno.ENOSPC, "/tree/d/large", to)
    below = kind("/to/x/d/large")
    assert error_of(moved, m, "/tree/", to) == (errno.ENOSPC, "/tree/d/large", below)
    assert m.listdir("/to") == []


@pytest.mark.parametrize("name", ["no/x", "y" * 256])
def test_where_no_file_can_be(m, name):
    to = f"/to/{name}"
    number = errno.ENOENT if "/" in name else errno.ENAMETOOLONG
    m.symlink("nowhere", "/link")
    assert error_of(m.write_atomic, to, b"") == (number, to, None)
    assert error_of(m.replacing(to).__enter__) == (number, to, None)
    with pytest.raises(OSError) as caught:
        m.create_file(to, parents=False)
    assert (caught.value.errno, caught.value.filename) == (number, to)
    for source in ("/tree/d/large", "/link"):
        assert error_of(moved, m, source, to) == (number, source, to)


def test_what_a_writer_raises_is_its_own(tmp_path):
    def fail(file):
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    assert error_of(ostler.write_atomic, tmp_path / "f", fail) == (errno.ECONNRESET, None, None)
    assert os.listdir(tmp_path) == []
