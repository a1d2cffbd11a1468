"""A rehearsal that is kept within what is rehearsed is itself no part of what is changed."""

import contextlib
import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import errno
import os
import stat

import pytest

import ostler
from ostler.machines.rehearsal import commits, moments, pictures  # noqa: F401
from tests.machines.rehearsing import put

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def within(base):
    """Where it is kept: two directories below the base, in which there is more."""
    put(f"{base}/project/file", "old\n")
    put(f"{base}/project/more/file", "old\n")
    os.mkdir(f"{base}/project/kept", 0o700)
    return f"{base}/project/kept"


def put_on(m):
    """From the first layer on the kernel shows what is kept itself, which can be removed then."""
    m.create_file("/made", "x")


def kinds(changes, base):
    return {os.path.relpath(change.path, base): change.kind for change in changes}


def test_everything_around_it_is_removed(base):
    upper = within(base)
    with ostler.rehearsal(base, upper=upper) as m:
        put_on(m)
        first = m.checkpoint()
        m.unlink("/project/file")
        m.trees.remove("/project/more")
        with contextlib.suppress(OSError):  # what the kernel has at work there can't be
            m.trees.remove("/project/kept")
        assert not m.path.exists("/project/kept/ostler-rehearsal.json")
        removed = dict.fromkeys(["project/file", "project/more", "project/more/file"], "removed")
        assert kinds(m.changes(since=first), base) == removed
        removed["made"] = "created"
        assert kinds(m.changes(), base) == removed
        assert "kept" not in m.diff()
        m.checkpoint()
        assert kinds(m.commit(), base) == removed
        assert m.changes() == []
    assert os.listdir(f"{base}/project") == ["kept"]
    with ostler.rehearsal(base, upper=upper) as m:
        assert m.changes() == []


def test_what_is_written_into_it_is_no_change(base):
    upper = within(base)
    with ostler.rehearsal(base, upper=upper) as m:
        m.create_file("/project/kept/mine", "x")
        assert (m.changes(), m.commit()) == ([], [])
    assert not os.path.exists(f"{upper}/mine")


@pytest.mark.parametrize("instead", ["nothing", "a file"])
def test_what_it_lies_in_is_not_removed(base, instead):
    upper = within(base)
    with ostler.rehearsal(base, upper=upper) as m:
        put_on(m)
    if instead == "nothing":
        os.mknod(f"{upper}/0/upper/project", stat.S_IFCHR, 0)  # as the kernel marks it
    else:
        put(f"{upper}/0/upper/project")
    with ostler.rehearsal(base, upper=upper) as m:
        assert m.path.isdir("/project") is False
        with pytest.raises(OSError, match="rehearsal itself is kept") as failed:
            m.commit()
        assert (failed.value.errno, failed.value.filename) == (errno.EBUSY, f"{base}/project")
        assert kinds(m.commit(f"{base}/made"), base) == {"made": "created"}
    assert os.path.exists(f"{base}/project/more/file")
    assert os.path.exists(f"{upper}/ostler-rehearsal.json")
