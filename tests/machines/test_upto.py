"""Commits up to a point: the base is what the point was, and what came after it stays."""

import errno
import json  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import os
import random
import shutil
from functools import partial

import pytest

import ostler
from ostler.machines.rehearsal import branches, commits, flat, layers, moments, upto  # noqa: F401
from ostler.points import history
from tests.machines.rehearsing import (
    by_steps,
    got,
    kinds,
    put,
    put_on,
    snapshot,
    snapshot_without_links,
    text,
    view,
)
from tests.machines.test_rehearsal_killed import litter
from tests.machines.test_rehearsal_random import furnish, operate, timeless
from tests.test_durable import run_and_kill

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_what_came_until_then(base):
    put(f"{base}/text", "base")
    put(f"{base}/gone", "base")
    with ostler.rehearsal(base) as m:
        put_on(m, "/text", b"one")
        first = m.checkpoint("first")
        m.unlink("/gone")
        second = m.checkpoint("second")
        put_on(m, "/text", b"three")
        third = m.checkpoint("third")
        put_on(m, "/more", b"four")
        done = m.commit(upto="second")
        assert [(c.kind, os.path.basename(c.path)) for c in done] == [
            ("removed", "gone"), ("modified", "text")
        ]  # fmt: skip
        assert (os.listdir(base), text(f"{base}/text")) == (["text"], "one")
        assert m.points() == [second, third]
        assert (second.parent, third.parent) == (None, second)
        assert kinds(m, base) == {"text": "modified", "more": "created"}
        assert [c.kind for c in m.changes(since=second)] == ["created", "modified"]
        assert [c.kind for c in m.changes(since=third)] == ["created"]
        with pytest.raises(ValueError, match="dropped"):
            m.rollback(first)
        left = m.rollback(second)
        assert (m.listdir("/"), got(m, "/text"), m.changes()) == (["text"], "one", [])
        m.redo()
        assert (got(m, "/text"), got(m, "/more")) == ("three", "four")
        m.commit(upto=left)
        assert text(f"{base}/more") == "four"
        assert (m.changes(), m.points()) == ([], [left])
        m.mkdir("/d")
        m.commit()
    assert sorted(os.listdir(base)) == ["d", "more", "text"]


def test_which_point(base):
    with ostler.rehearsal(base) as m:
        with pytest.raises(ValueError, match="no points"):
            m.commit(upto="1")
        start = m.checkpoint("start")
        put_on(m, "/one", b"")
        one = m.checkpoint("one")
        m.rollback(start)
        put_on(m, "/two", b"")
        with pytest.raises(ValueError, match="not both"):
            m.commit(f"{base}/two", upto=one)
        with pytest.raises(ValueError, match="does not lie upon"):
            m.commit(upto=one)
        with pytest.raises(ValueError, match="no point"):
            m.commit(upto="three")
        assert m.commit(upto=start) == []
        two = m.checkpoint("two")
        m.commit(upto=two)
        assert m.points() == [two]
        assert os.listdir(base) == ["two"]


def test_a_directory_that_is_renamed_again_and_again(base):
    put(f"{base}/a/file", "a")
    put(f"{base}/b/file", "b")
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/c")
        m.rename("/b", "/a")
        point = m.checkpoint()
        m.rename("/a", "/d")
        m.checkpoint()
        m.rename("/c", "/e")
        seen = view(m)
        m.commit(upto=point)
        assert sorted(os.listdir(base)) == ["a", "c"]
        assert text(f"{base}/a/file") == "b"
        assert view(m) == seen
        assert kinds(m, base) == {"d": "renamed", "e": "renamed"}
        m.commit()
        assert sorted(os.listdir(base)) == ["d", "e"]
        assert text(f"{base}/e/file") == "a"


@pytest.mark.parametrize("seed", range(8))
def test_at_random(folder, base, seed, monkeypatch):
    course(folder, seed, 10, monkeypatch)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 200))
def test_more_of_it(folder, base, seed, monkeypatch):
    course(folder, seed, 40, monkeypatch)


def course(folder, seed, steps, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 3)
    rng = random.Random(seed)
    real = f"{folder}/real"
    furnish(real, seed)
    with ostler.rehearsal(real) as m:
        seen = {}
        for step in range(steps):
            operate(m, seed * 1000 + step, rng.choice((1, 3, 8)), False)
            act = rng.random()
            if act < 0.6 or not seen:
                known = view(m)
                seen[m.checkpoint()] = known
            elif act < 0.75:
                point = rng.choice(list(seen))
                known = view(m)
                seen[m.rollback(point)] = known
            else:
                point, known = rng.choice(list(seen.items())), view(m)
                try:
                    m.commit(upto=point[0])
                except ValueError:
                    continue
                assert timeless(snapshot_without_links(real)) == timeless(point[1])
                assert view(m) == known
                seen = {p: tree for p, tree in seen.items() if p in m.points()}
                assert point[0] in seen
                for known_point, tree in seen.items():
                    with m.at(known_point) as then:
                        assert view(then) == tree
        known = view(m)
        m.commit()
        assert timeless(snapshot_without_links(real)) == timeless(known)


def test_a_conflict_leaves_everything(base):
    put(f"{base}/text", "base")
    with ostler.rehearsal(base) as m:
        put_on(m, "/text", b"one")
        point = m.checkpoint()
        put_on(m, "/other", b"two")
        put(f"{base}/text", "somebody else's")
        with pytest.raises(ostler.CommitConflict) as caught:
            m.commit(upto=point)
        assert caught.value.paths == [f"{base}/text"]
        assert m.points() == [point]
        assert kinds(m, base) == {"text": "modified", "other": "created"}
        put(f"{base}/new", "somebody else's")  # nothing of ours
        m.rollback(point)
        assert got(m, "/text") == "one"


def test_who_is_in_the_way(base):
    with ostler.rehearsal(base) as m:
        put_on(m, "/one", b"")
        point = m.checkpoint()
        with m.open_file("/log", "w"):
            with pytest.raises(OSError, match="open for writing") as caught:
                m.commit(upto=point)
            assert caught.value.errno == errno.EBUSY
        assert os.listdir(base) == []
        m.commit(upto=point)
        assert (os.listdir(base), sorted(m.listdir("/"))) == (["one"], ["log", "one"])


def test_branches_go_on(base):
    with ostler.rehearsal(base) as m:
        put_on(m, "/one", b"1")
        point = m.checkpoint()
        put_on(m, "/two", b"2")
        early = m.branch()
        put_on(m, "/three", b"3")
        m.commit(upto=point)
        late = m.branch()
        assert sorted(early.listdir("/")) == ["one", "two"]
        with pytest.raises(ValueError, match="committed"):
            m.merge(early)
        put_on(late, "/four", b"4")
        assert len(m.merge(late)) == 1
        early.rollback(early.branched_at)
        assert kinds(early, base) == {"two": "created"}
        put_on(early, "/one", b"early")
        with pytest.raises(ostler.CommitConflict):
            early.commit()
        early.close()
        late.commit(upto=late.branched_at)
        assert sorted(os.listdir(base)) == ["one", "three", "two"]
        assert kinds(late, base) == {"four": "created"}
        late.close()


def test_no_room_to_go_on(base, monkeypatch):
    with ostler.rehearsal(base) as m:
        put_on(m, "/one", b"")
        point = m.checkpoint()
        put_on(m, "/two", b"")

        def full(*args, **kwargs):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(upto.points, "squash_into", full)
            with pytest.raises(OSError, match="No space"):
                m.commit(upto=point)
        assert (os.listdir(base), m.points()) == ([], [point])
        put_on(m, "/goes-on", b"")
        monkeypatch.setattr(layers, "new_overlays", full)
        assert len(m.commit(upto=point)) == 1
        assert os.listdir(base) == ["one"]
        with pytest.raises(ValueError, match="the commit is done"):
            m.listdir("/")


def test_what_is_kept_on_disk(base, folder):
    os.mkdir(f"{folder}/upper")
    with ostler.rehearsal(base, upper=f"{folder}/upper") as m:
        put_on(m, "/one", b"1")
        m.checkpoint("first")
        m.mkdir("/d")
        point = m.checkpoint("second")
        put_on(m, "/two", b"2")
        m.checkpoint("third")
        put_on(m, "/three", b"3")
        m.commit(upto=point)
        shown = view(m)
    with ostler.rehearsal(base, upper=f"{folder}/upper") as m:
        assert view(m) == shown
        assert [p.name for p in m.points()] == ["second", "third"]
        assert kinds(m, base) == {"two": "created", "three": "created"}
        m.rollback("second")
        assert sorted(m.listdir("/")) == ["d", "one"]
        m.rollback("third")
        assert sorted(m.listdir("/")) == ["d", "one", "two"]
        m.commit(upto="third")
    assert sorted(os.listdir(base)) == ["d", "one", "two"]


def test_a_point_that_is_later_than_those_above_it(base, folder):
    """It comes first then, and what is kept can be taken up."""
    os.mkdir(f"{folder}/upper")
    with ostler.rehearsal(base, upper=f"{folder}/upper") as m:
        put_on(m, "/one", b"1")
        first = m.checkpoint("first")
        put_on(m, "/two", b"2")
        m.checkpoint("second")
        m.rollback(first)
        later = m.checkpoint("later")  # the same state as the first
        m.drop(first)
        m.rollback("second")
        m.commit(upto=later)
        assert [p.name for p in m.points()] == ["later", "second"]
        assert [p.parent for p in m.points()] == [None, later]
        shown = view(m)
    with ostler.rehearsal(base, upper=f"{folder}/upper") as m:
        assert view(m) == shown
        assert [p.name for p in m.points()] == ["later", "second"]
        m.rollback("later")
        assert m.listdir("/") == os.listdir(base) == ["one"]
        m.redo()
        assert view(m) == shown


def test_what_was_renamed_since_keeps_its_data_when_its_old_name_is_committed(base):
    with ostler.rehearsal(base) as m:
        put_on(m, "/file", b"file")
        m.mkdir("/d")
        point = m.checkpoint()
        m.rename("/file", "/d/moved")
        put_on(m, "/other", b"other")
        m.commit(upto=point)
        shown = view(m)
        m.commit(f"{base}/file")
        assert timeless(view(m)) == timeless(shown)
        m.commit()
    assert text(f"{base}/d/moved") == "file"


def prepare(base):
    shutil.rmtree(base, ignore_errors=True)
    os.mkdir(base)
    for path in ("kept", "d/modified", "gone/below", "moves/inside"):
        put(f"{base}/{path}", path)
        os.utime(f"{base}/{path}", ns=(0, 0))


def rehearse(m):
    put_on(m, "/d/modified", b"new content")
    m.unlink("/gone/below")
    m.checkpoint()
    m.rename("/moves", "/moved")
    put_on(m, "/moved/more", b"more")
    for path in ("/d/modified", "/moved/more"):
        m.utime(path, ns=(1, 1))
    point = m.checkpoint()
    put_on(m, "/after", b"after")
    m.unlink("/moved/inside")
    return point


def commit_in_copy(m, point):
    m._history._process = os.getpid()  # it would refuse to be committed by a copy of the process
    m.commit(upto=point)


@by_steps(23)
def test_killed_while_it_is_kept(memory, step):
    base = f"{memory}/base"
    for stops in range(1, 20_000, step):
        prepare(base)
        upper = f"{memory}/upper-{stops}"
        os.mkdir(upper)
        with ostler.rehearsal(base, upper=upper) as m:
            point = rehearse(m)
            seen = view(m)
            ended = run_and_kill(partial(commit_in_copy, m, point), stops)
        ostler.rehearsal.recover()
        with ostler.rehearsal(base, upper=upper) as m:
            assert litter(base) == [], f"left at stop {stops}"
            assert timeless(view(m)) == timeless(seen), f"at stop {stops}"
            if ended:
                break
    assert ended
    assert snapshot_without_links(base).keys() != seen.keys()


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "kept"])
def test_what_layers_that_were_made_one_have(base, folder, kept, monkeypatch):
    """Above the point, and of points that were dropped: it is in no layer of its own any more."""
    monkeypatch.setattr(history, "BLOCK", 2)
    put(f"{base}/x/sub/f", "f")
    put(f"{base}/gone", "gone")
    upper = f"{folder}/kept" if kept else None
    if kept:
        os.mkdir(upper, 0o700)
    with ostler.rehearsal(base, upper=upper) as m:
        m.rename("/x", "/y")
        point = m.checkpoint()
        m.unlink("/gone")
        others = []
        for number in range(6):
            put_on(m, f"/n{number}", str(number).encode())
            others.append(m.checkpoint())
            m._history.background.finish()
        for other in others[:-1]:
            m.drop(other)
        m.rename("/y/sub", "/z")  # whose place in the base is another one afterwards
        m.rollback(m.checkpoint())
        m._history.background.finish()
        seen = view(m)
        m.commit(upto=point)
        assert view(m) == seen
    if kept:
        with ostler.rehearsal(base, upper=upper) as m:
            assert view(m) == seen
            m.commit()
            assert timeless(snapshot_without_links(base)) == timeless(seen)


def test_a_further_name_in_a_directory_that_was_renamed_before(base):
    """Where layers become one for the time of a commit both names still have the file's content."""
    put(f"{base}/a/file", "content")
    put(f"{base}/d/file", "x")
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/b")
        m.checkpoint()
        m.chmod("/b/file", 0o600)
        m.link("/b/file", "/b/other")
        m.checkpoint()
        m.chmod("/d", 0o700)
        seen = view(m)
        m.commit([f"{base}/d"])
        assert view(m) == seen
        m.commit()
    assert text(f"{base}/b/other") == "content"


@by_steps(9)
def test_killed_at_every_system_call(memory, step):
    base = f"{memory}/base"
    prepare(base)
    old = snapshot(base)
    with ostler.rehearsal(base) as m:
        m.commit(upto=rehearse(m))
    new = snapshot(base)
    assert old != new
    found = []
    for stops in range(1, 20_000, step):
        prepare(base)
        with ostler.rehearsal(base) as m:
            ended = run_and_kill(partial(commit_in_copy, m, rehearse(m)), stops)
        ostler.rehearsal.recover()
        assert litter(base) == [], f"left at stop {stops}"
        found.append(snapshot(base))
        assert found[-1] in (old, new), f"neither old nor new at stop {stops}"
        if ended:
            break
    assert ended
    assert found[-1] == new
    assert old in found
