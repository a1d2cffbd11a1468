"""Audit events: every call raises those that os raises, with the same arguments.

One fresh process per os, because a hook can't be taken away again; both make the same calls, each
in a directory of its own, and the events are compared call by call.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ostler.verbs import table

CALLS = Path(__file__).with_name("audit_calls.py")


def told(name, directory):
    directory.mkdir()
    command = [sys.executable, str(CALLS), name, str(directory)]
    # A process group of its own, since killpg is called for it.
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, process_group=0)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    directory = tmp_path_factory.mktemp("audit")
    return told("os", directory / "theirs"), told("ostler", directory / "ours")


def test_events_are_those_of_os(both):
    theirs, ours = both
    assert theirs.keys() == ours.keys()
    differing = {call: (theirs[call], ours[call]) for call in theirs if theirs[call] != ours[call]}
    assert not differing


def test_the_calls_do_raise_events(both):
    theirs, _ = both
    raised = {event[0] for _, *events in theirs.values() for event in events}
    assert len(raised) > 30, sorted(raised)


def test_what_acts_on_files_or_starts_programs_is_called(both):
    """By the table; of exec and spawn, which are made of one another, some."""
    called = {call.partition("(")[0] for call in both[0]}
    verbs = {
        verb.name
        for verb in table.every()
        if hasattr(os, verb.name) and verb.touches in (table.FILES, table.PROGRAMS)
    }
    missing = {name for name in verbs - called if not name.startswith(("exec", "spawn"))}
    assert missing == {"getcwd", "getcwdb", "pathconf", "umask"}  # of which os raises no event
