"""Commits that Ctrl-C, a full disk or a lack of descriptors stops: the real ones, not made up."""

import os
import subprocess

import pytest

import ostler
from ostler.machines.rehearsal import commits
from tests.attacks.commit_kinds import kinds
from tests.attacks.committing import SAYS, FewDescriptors, FullDisk, Interrupting, Trial

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
EVERY = os.environ.get("OSTLER_EVERY_STEP") == "1"
SET = ["retyped", "renamed and changed", "created tree"]


def interrupted(memory, step, paths=None):
    trial = Trial(f"{memory}/base", SET, paths)
    said = trial.each(Interrupting, 1 if EVERY else step, 2)
    assert commits.TAKEN_BACK in said
    return said


def test_ctrl_c(memory, run):
    run(lambda: interrupted(memory, 211))


@pytest.mark.thorough
def test_ctrl_c_at_each_line(memory):
    said = {**interrupted(memory, 29), **interrupted(memory, 83, SET[:2])}
    assert set(said) <= {*SAYS, ""}


FEW = (0, 8, 13, 80, 110, 150, 300)
MANY = (*range(14), 15, 20, 30, 50, 80, 110, 150, 220, 300)


@pytest.mark.parametrize(
    "numbers", [FEW, pytest.param(MANY, marks=pytest.mark.thorough)], ids=["few", "many"]
)
def test_no_descriptors(memory, user, numbers):
    """From none left to enough of them; a commit needs many only where changes lie deep."""
    trial = Trial(f"{memory}/base", kinds(user == "root"))
    said = set()
    for more in numbers:
        with trial.machine() as m:
            said.add(trial.stopped(m, FewDescriptors(more)))
    assert {commits.DONE, commits.TAKEN_BACK} <= said
    assert commits.NOT_CLEARED not in said  # with what it had itself, it can clear away


@pytest.mark.thorough
@pytest.mark.parametrize("inodes", [False, True], ids=["bytes", "inodes"])
def test_a_full_disk(memory, user, run, inodes):
    """A small file system of its own, with the files, the journal and ever less room."""
    if user != "root":
        pytest.skip("mounting a small file system takes root")

    def check():
        ostler.unshare(ostler.CLONE_NEWNS)
        disk = f"{memory}/disk"
        os.mkdir(disk)
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        room = "size=2m,nr_inodes=400"
        subprocess.run(["mount", "-t", "tmpfs", "-o", room, "small", disk], check=True)
        ostler.environ["XDG_STATE_HOME"] = f"{disk}/state"
        trial = Trial(f"{disk}/base", ["modified", "retyped", "created tree", "hard links", "over"])
        said = set()
        for free in range(40):
            with trial.machine() as m:
                how = FullDisk(f"{disk}/ballast", free * (1 if inodes else 4096), inodes)
                said.add(trial.stopped(m, how))
        assert {commits.TAKEN_BACK, commits.DONE} <= said

    run(check)
