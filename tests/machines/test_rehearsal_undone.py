"""Kept rehearsals: a killed commit that recover() has taken back is no change by somebody else."""

import os

import pytest

import ostler
from tests.machines.rehearsing import by_steps, put_on, snapshot, view
from tests.machines.test_rehearsal_killed import prepare, rehearse
from tests.test_durable import run_and_kill

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def killed(base, upper, stops, paths):
    """What is kept, and its commit killed before its change number `stops`: whether it was over."""
    prepare(base)
    os.mkdir(upper, 0o700)
    with ostler.rehearsal(base, upper=upper) as m:
        rehearse(m)
        put_on(m, "/more", b"more")
        chosen = None if paths is None else [f"{base}/{path}" for path in paths]
        return run_and_kill(lambda: m.commit(chosen), stops)


@by_steps(17)
@pytest.mark.parametrize("paths", [None, ["d/modified", "d/metadata", "gone", "becomes", "new"]])
def test_it_can_be_committed_afterwards(memory, step, paths):
    base = f"{memory}/base"
    prepare(base)
    old = snapshot(base)
    outcomes = []
    for stops in range(1, 20_000, step):
        upper = f"{memory}/upper-{stops}"
        if killed(base, upper, stops, paths):
            break
        between = snapshot(base)
        # The name that a new directory is to have is taken, so that it can only be taken back.
        taken = b"new" not in between and between != old
        if taken:
            os.mkdir(f"{base}/new")
        outcomes += [outcome.outcome for outcome in ostler.rehearsal.recover()]
        if taken:
            os.rmdir(f"{base}/new")
        with ostler.rehearsal(base, upper=upper) as m:
            seen = view(m)
            m.commit()
            assert m.changes() == []
        assert snapshot(base).keys() == seen.keys(), f"stopped at {stops}"
    assert outcomes.count("undone") > 1
    assert "finished" in outcomes


@by_steps(5)
def test_before_it_has_begun_it_has_changed_nothing(memory, step):
    """Also the time of the directory in which it prepares is what it was."""
    base = f"{memory}/base"
    stages = []
    for stops in range(1, 20_000, step):
        prepare(base)
        os.utime(base, ns=(1, 10**9))
        before = snapshot(base)
        upper = f"{memory}/upper-{stops}"
        os.mkdir(upper, 0o700)
        with ostler.rehearsal(base, upper=upper) as m:
            rehearse(m)
            over = run_and_kill(m.commit, stops)
        if over:
            break
        prepared = any(name.startswith(".ostler-commit-") for name in os.listdir(base))
        same = os.stat(base).st_mtime_ns == 10**9
        said = [outcome.outcome for outcome in ostler.rehearsal.recover()]
        if said == ["undone"]:
            stages.append((prepared, same))
            assert snapshot(base) == before, f"stopped at {stops}"
            assert (os.stat(base).st_mtime_ns == 10**9) == same, f"stopped at {stops}"
    assert stages.count((True, True)) > 3
    assert stages.count((True, False)) <= 1  # between making a directory there and the next call
