"""What ostler.capabilities() and `ostler doctor` say of points and recordings."""

import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import errno
import json
import select  # noqa: F401
import socket  # noqa: F401
import tempfile  # noqa: F401

import pytest

import ostler
from ostler.machines import abilities, refusals
from ostler.machines.rehearsal import branches, kept_points, points  # noqa: F401
from ostler.record import recorder  # noqa: F401
from tests.command_line import called

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
WHAT = ("points", "points, kept", "recording", "recording, exact")


def test_they_are_tried():
    found = ostler.capabilities(refresh=True)
    assert set(WHAT) <= set(found)
    with ostler.scratch() as m:
        m.checkpoint()
    assert found["points"]["available"]
    with ostler.host.recorded(children=True) as log:
        ostler.host.run(["true"])
    assert log.processes
    assert found["recording"]["available"]


def test_what_is_missing_is_told(monkeypatch):
    def refused(*args, **kwargs):
        raise OSError(errno.EPERM, "not here")

    monkeypatch.setattr(type(ostler.host), "recorded", refused)
    monkeypatch.setattr(points, "checkpoint", refused)
    monkeypatch.setattr(abilities, "_found", {})
    status, printed, _ = called("doctor", "--json")
    report = json.loads(printed)["capabilities"]
    assert status == 1
    for what in WHAT:
        assert (report[what]["available"], "not here" in report[what]["reason"]) == (False, True)


def test_proc_that_can_only_be_read():
    error = refusals.unavailable("a rehearsal", errno.EROFS, "setgroups")
    assert "within an ordinary user's rehearsal" in error.reason
    assert "root" in error.what_would_help
