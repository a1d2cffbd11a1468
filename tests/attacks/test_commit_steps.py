"""Commits that an error or a kill stops at any step, with every kind of change: the whole table.

`make attacks` tries every few steps, of each kind other ones; all of them with the variable
OSTLER_EVERY_STEP=1, which takes a quarter of an hour.
"""

import errno
import os

import pytest

from ostler.machines.rehearsal import commits
from tests.attacks.commit_kinds import kinds
from tests.attacks.committing import CHANGING, LOOKING, RECOVERY, Failing, Trial
from tests.machines.rehearsing import snapshot

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
EVERY = os.environ.get("OSTLER_EVERY_STEP") == "1"
SORTS = ((errno.EIO, False), (errno.ENOSPC, True))  # once, and from then on


def table(user, step):
    """(name of the kind, step, first): each kind begins elsewhere, so that all have their turn."""
    step = 1 if EVERY else step
    for number, name in enumerate(kinds(user == "root")):
        wide = step * 5 if name == "deep" and not EVERY else step  # as many steps as ten others
        yield name, wide, 1 + (number + (user == "root")) % step


def errors(trial, names, step=1, first=1):
    """What is said when it fails at its steps, once and from then on; some of it was taken back."""
    said = failing(trial, names, step, first)
    assert commits.TAKEN_BACK in said
    return said


def failing(trial, names, step, first):
    """The same, of so few steps that perhaps none of them is one that is taken back."""
    said = set()
    for number, lasting in SORTS:
        found = trial.each(lambda at: Failing(at, number, names, lasting), step, first)  # noqa: B023
        # What fails once can be done or taken back, always.
        assert lasting or not any("neither" in note for note in found), found
        said.update(found)
    return said


def test_all_kinds_at_once(memory, user, run, tried):
    """The quick one: every few steps of all kinds together, and some kills."""

    def check():
        trial = Trial(f"{memory}/base", kinds(user == "root"))
        said = failing(trial, CHANGING, 173, 1) | failing(trial, LOOKING, 1499, 7)
        assert commits.TAKEN_BACK in said
        assert trial.each_kill(229, 30) <= {"finished", "undone"}
        assert trial.stops > 12

    run(check)
    tried(12)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("names", "step"), [(CHANGING, 3), (LOOKING, 11)], ids=["changing", "looking"]
)
def test_an_error_at_each_step_of_each_kind(memory, user, names, step):
    for name, wide, first in table(user, step):
        trial = Trial(f"{memory}/base", [name])
        errors(trial, names, wide, first)


@pytest.mark.thorough
def test_a_kill_at_each_step_of_each_kind(memory, user):
    seen = set()
    for name, wide, first in table(user, 7):
        trial = Trial(f"{memory}/base", [name])
        seen |= trial.each_kill(wide, first)
    assert seen == {"finished", "undone"}


@pytest.mark.thorough
def test_some_of_the_kinds(memory, user):
    """Half of what was rehearsed is committed; the rest stays in the rehearsal, at each stop."""
    names = kinds(user == "root")
    trial = Trial(f"{memory}/base", names, names[::2])
    step = 1 if EVERY else 31
    errors(trial, CHANGING, step, 3)
    errors(trial, LOOKING, step * 9, 5)
    trial.each_kill(step, 30)


@pytest.mark.thorough
def test_a_quiet_commit(memory, user):
    """Who writes is looked for first; that can fail, too."""
    trial = Trial(f"{memory}/base", ["renamed and changed"])
    trial.commit = lambda m: m.commit()
    errors(trial, LOOKING, 1 if EVERY else 29, 2)


@pytest.mark.thorough
@pytest.mark.parametrize("names", [CHANGING, LOOKING], ids=["changing", "looking"])
def test_an_error_at_each_step_of_a_recovery(memory, user, names):
    """One that fails leaves all as it is, or tells; the next one is like the first."""
    trial = Trial(f"{memory}/base", ["retyped", "renamed and changed", "hard links", "metadata"])
    last = 1
    while not trial.killed(last):
        trial.recovered(last)
        last += 20
    trial.recovered(last)
    step = 1 if EVERY else 23
    for part in (40, 60, 70, 80, 95):
        for number, lasting in SORTS:
            at = 1 + part % step
            while True:
                ended = trial.killed(last * part // 100)
                between = snapshot(trial.base)
                how = Failing(at, number, names, lasting, RECOVERY)
                with how:
                    first = trial.outcomes()
                outcomes = trial.recovered((part, at, first, between == trial.old))
                trial.settled(ended, outcomes)
                if how.count < at:
                    break
                at += step
