"""Rehearsals: a commit killed before every change, and what recover() makes of it."""

import os
import shutil

import pytest

import ostler
from tests.machines.rehearsing import by_steps, forked, put, put_on, snapshot
from tests.test_durable import run_and_kill

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def prepare(base):
    shutil.rmtree(base, ignore_errors=True)
    os.mkdir(base)
    put(f"{base}/kept", "kept")
    put(f"{base}/d/modified", "old")
    put(f"{base}/d/metadata", "m")
    put(f"{base}/gone/below", "x")
    put(f"{base}/becomes", "file")
    put(f"{base}/moves/inside", "i")
    put(f"{base}/old name", "n")
    os.symlink("kept", f"{base}/link")
    for path in (
        "kept",
        "d/modified",
        "d/metadata",
        "gone/below",
        "becomes",
        "moves/inside",
        "old name",
    ):
        os.utime(f"{base}/{path}", ns=(0, 0))
    os.utime(f"{base}/link", ns=(0, 0), follow_symlinks=False)


def rehearse(m):
    put_on(m, "/d/modified", b"new content")
    m.chmod("/d/metadata", 0o600)
    m.makedirs("/new/deep")
    put_on(m, "/new/deep/file", b"f")
    m.link("/kept", "/new/kept too")
    m.unlink("/gone/below")
    m.rmdir("/gone")
    m.unlink("/becomes")
    m.mkdir("/becomes")
    m.unlink("/link")
    m.symlink("elsewhere", "/link")
    m.rename("/moves", "/new/moved")
    m.rename("/old name", "/new/name")
    put_on(m, "/new/moved/more", b"more")
    m.chmod("/d", 0o700)
    for path in ("d/modified", "new/deep/file", "new/moved/more"):
        m.utime("/" + path, ns=(1, 1))
    m.utime("/link", ns=(1, 1), follow_symlinks=False)


def old_and_new(base):
    prepare(base)
    old = snapshot(base)
    with ostler.rehearsal(base) as m:
        rehearse(m)
        m.commit()
    new = snapshot(base)
    assert old != new
    return old, new


def killed_commit(base, stops):
    """Rehearse afresh and kill the commit before its change number `stops`: whether it was over."""
    prepare(base)
    with ostler.rehearsal(base) as m:
        rehearse(m)
        return run_and_kill(m.commit, stops)


def litter(base):
    commits = os.path.join(os.path.dirname(base), "state/ostler/commits")
    left = [name for name in os.listdir(base) if name.startswith(".ostler")]
    if os.path.isdir(commits):
        left += [name for name in os.listdir(commits) if name.endswith(".commit")]
    return left


@by_steps(5)
def test_killed_at_every_system_call(memory, step):
    base = f"{memory}/base"
    old, new = old_and_new(base)
    outcomes = set()
    for stops in range(1, 20_000, step):
        ended = killed_commit(base, stops)
        between = snapshot(base)
        recovered = ostler.rehearsal.recover()
        assert litter(base) == [], f"left at stop {stops}"
        found = snapshot(base)
        assert found in (old, new), f"neither old nor new at stop {stops}: {recovered}"
        assert len(recovered) < 2
        for where, outcome in recovered:
            assert where == base
            assert found == (new if outcome == "finished" else old)
            outcomes.add(outcome)
        if between not in (old, new):
            outcomes.add("in between")
        if ended:
            break
    assert ended
    assert found == new
    assert outcomes == {"finished", "undone", "in between"}


@by_steps(20, 3)
def test_recovery_is_killed_too(memory, step):
    base = f"{memory}/base"
    old, new = old_and_new(base)
    total = 0
    while not killed_commit(base, total + 10):
        ostler.rehearsal.recover()
        total += 10
    for part in (30, 50, 60, 70, 80, 90, 97):
        at = total * part // 100
        for stops in range(1 + at % step, 20_000, step):
            killed_commit(base, at)
            ended = run_and_kill(ostler.rehearsal.recover, stops)
            ostler.rehearsal.recover()
            assert litter(base) == [], f"left at {at}, {stops}"
            assert snapshot(base) in (old, new), f"neither old nor new at {at}, {stops}"
            if ended:
                break
        assert ended


@by_steps(2)
def test_recovery_takes_back_what_cannot_be_finished(memory, step):
    base = f"{memory}/base"
    old, _ = old_and_new(base)
    undone = 0
    for stops in range(1, 20_000, step):
        ended = killed_commit(base, stops)
        if ended:
            break
        between = snapshot(base)
        if b"new" in between or b"gone" in between or between == old:
            ostler.rehearsal.recover()
            continue
        # The name that a new directory is to have is taken by somebody meanwhile.
        os.mkdir(f"{base}/new")
        if ostler.rehearsal.recover() == [(base, "undone")]:
            undone += 1
            os.rmdir(f"{base}/new")
            assert snapshot(base) == old
        assert litter(base) == []
    assert undone


def test_a_living_commit_is_left_alone(memory):
    from ostler.machines.rehearsal.journals import Journal

    os.mkdir(f"{memory}/base")
    journal = Journal()
    forked(lambda: ostler.rehearsal.recover())
    assert os.path.exists(journal.path)
    journal.close()
    assert ostler.rehearsal.recover() == []
    assert not os.path.exists(journal.path)
