"""Commits were killed, and then their base or their stash is gone: no journal hinders another."""

import os
import shutil
import signal

import pytest

import ostler
from ostler.machines.rehearsal import commits, journals, places, steps, work
from tests.machines.rehearsing import put

pytestmark = pytest.mark.usefixtures("as_user")

NAMES = "abcd"


class KilledAfterTwo:
    """The host, on which the process is killed before the third name is moved."""

    def __init__(self):
        self.count = 0

    def __getattr__(self, name):
        if name in ("rename", "rename_noreplace", "exchange"):
            self.count += 1
            if self.count > 2:
                os.kill(os.getpid(), signal.SIGKILL)
        return getattr(ostler.host, name)


def kill_a_commit(base):
    for name in NAMES:
        put(f"{base}/{name}", "old")
    child = os.fork()
    if child == 0:
        try:
            machine = ostler.rehearsal(base)
            for name in NAMES:
                machine.write_atomic(f"/{name}", b"new")
            calls = KilledAfterTwo()
            for module in (commits, journals, steps, work, places):
                module.host = calls
            machine.commit()
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def test_each_journal_has_its_own_outcome(memory):
    bases = [f"{memory}/{kind}" for kind in ("base", "stash", "whole")]
    for base in bases:
        kill_a_commit(base)
    shutil.rmtree(bases[0])
    (stash,) = (name for name in os.listdir(bases[1]) if name.startswith(".ostler-commit"))
    shutil.rmtree(f"{bases[1]}/{stash}")
    for expected in ("finished", None):
        found = {outcome[0]: outcome for outcome in ostler.rehearsal.recover()}
        assert [found[base][1] for base in bases[:2]] == ["left", "left"]
        assert all(found[base][3] for base in bases[:2])
        assert (found[bases[2]][1] if bases[2] in found else None) == expected
    assert sorted(os.listdir(bases[2])) == list(NAMES)
    for name in NAMES:
        with open(f"{bases[2]}/{name}") as file:
            assert file.read() == "new"
