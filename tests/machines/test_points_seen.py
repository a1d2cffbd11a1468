"""Points of a rehearsal, looked at while it goes on: what differs, what was, what is dropped."""

import errno
import os

import pytest

import ostler
from ostler.machines.rehearsal import layers, moments  # noqa: F401
from tests.machines.rehearsing import put, put_on, snapshot_without_links, view
from tests.machines.test_points import got

pytestmark = pytest.mark.usefixtures("as_user")


def found(changes, base):
    return {os.path.relpath(c.path, base): c.kind for c in changes}


def test_changes_since_a_point(base):
    put(f"{base}/d/file", "one\n")
    put(f"{base}/gone", "x")
    with ostler.rehearsal(base) as m:
        put_on(m, "/d/file", b"two\n")
        put_on(m, "/new", b"new\n")
        first = m.checkpoint()
        assert m.changes(first) == []
        put_on(m, "/d/file", b"three\n")
        m.unlink("/gone")
        second = m.checkpoint("second")
        m.unlink("/new")
        m.mkdir("/e")
        assert found(m.changes(first), base) == {
            "d/file": "modified", "e": "created", "gone": "removed", "new": "removed",
        }  # fmt: skip
        assert found(m.changes(since="second"), base) == {"e": "created", "new": "removed"}
        assert found(m.changes(first, second), base) == {"d/file": "modified", "gone": "removed"}
        assert found(m.changes(until=first), base) == {"d/file": "modified", "new": "created"}
        assert "-two\n+three\n" in m.diff(first, second)
        assert "-new\n" in m.diff(since="second")
        (change,) = (c for c in m.changes(first, second) if c.kind == "modified")
        assert (change.before.size, change.after.size) == (4, 6)


def test_the_way_back_and_aside(base):
    put(f"{base}/file", "base\n")
    put(f"{base}/d/inner", "x")
    with ostler.rehearsal(base) as m:
        root = m.checkpoint()
        put_on(m, "/file", b"one\n")
        m.mkdir("/left")
        put_on(m, "/left/a", b"")
        left = m.checkpoint()
        m.rollback(root)
        put_on(m, "/file", b"two\n")
        for name in ("inner",):
            m.unlink(f"/d/{name}")
        m.rmdir("/d")
        put_on(m, "/d", b"a file")
        right = m.checkpoint()
        assert found(m.changes(left, right), base) == {
            "d": "retyped", "d/inner": "removed", "file": "modified", "left": "removed",
            "left/a": "removed",
        }  # fmt: skip
        assert found(m.changes(right, left), base) == {
            "d": "retyped", "d/inner": "created", "file": "modified", "left": "created",
            "left/a": "created",
        }  # fmt: skip
        assert found(m.changes(left, root), base) == {
            "file": "modified", "left": "removed", "left/a": "removed",
        }  # fmt: skip
        assert "-one\n+two\n" in m.diff(left)
        assert m.changes(right, right) == []


def test_renamed_since(base):
    put(f"{base}/d/file", "one\n" * 100)
    with ostler.rehearsal(base) as m:
        put_on(m, "/new", b"new\n" * 100)
        m.rename("/d", "/e")
        point = m.checkpoint()
        m.rename("/e", "/f")
        m.rename("/new", "/newer")
        changes = {(c.kind, c.path, c.source) for c in m.changes(point)}
        assert changes == {
            ("renamed", f"{base}/f", f"{base}/e"),
            ("renamed", f"{base}/newer", f"{base}/new"),
        }
        changes = {(c.kind, c.path, c.source) for c in m.changes()}
        assert changes == {
            ("renamed", f"{base}/f", f"{base}/d"),
            ("created", f"{base}/newer", None),
        }


def test_a_machine_of_that_moment(base):
    put(f"{base}/file", "base")
    os.mkdir(f"{base}/d")
    with ostler.rehearsal(base) as m:
        put_on(m, "/file", b"one")
        m.rmdir("/d")
        point = m.checkpoint()
        seen = view(m)
        put_on(m, "/file", b"two")
        with m.at(point) as then:
            assert isinstance(then, ostler.machines.read_only.ReadOnly)
            assert view(then) == seen
            with pytest.raises(OSError, match="Read-only") as caught:
                put_on(then, "/file", b"x")
            assert caught.value.errno == errno.EROFS
            m.drop(point)
            m._history.background.finish()
            assert view(then) == seen
        empty = m.checkpoint("empty")
        with m.at("empty") as then:
            assert got(then, "/file") == "two"
    with pytest.raises(ValueError, match="closed"):
        m.at(empty)


def test_the_moment_before_anything(base):
    put(f"{base}/file", "base")
    with ostler.rehearsal(base) as m:
        point = m.checkpoint()
        put_on(m, "/file", b"two")
        with m.at(point) as then:
            assert view(then) == snapshot_without_links(base)
        left = m.rollback(point)
        last = m.at(left)
    with last:
        assert got(last, "/file") == "two"  # the machine itself is closed


def test_points_that_are_dropped(base):
    with ostler.rehearsal(base) as m:
        points = []
        for number in range(6):
            put_on(m, "/file", b"%d" % number * 5000)
            points.append(m.checkpoint())
        m.rollback(points[2])
        put_on(m, "/other", b"x")
        branch = m.checkpoint()
        for number in (3, 4, 1):
            m.drop(points[number])
        assert points[2].parent is points[0]
        assert m.points() == [points[0], points[2], points[5], branch]
        for point in (points[3], points[3].name):
            with pytest.raises(ValueError, match=r"dropped|no point"):
                m.rollback(point)
        m.rollback(points[5])
        assert got(m, "/file") == "5" * 5000
        m.drop(points[5])
        assert got(m, "/file") == "5" * 5000
        put_on(m, "/file", b"on")
        m.rollback(points[0])
        assert got(m, "/file") == "0" * 5000
        m.rollback(branch)
        assert (got(m, "/file"), m.path.exists("/other")) == ("2" * 5000, True)


def test_the_room_of_what_is_dropped_is_given_back(base):
    with ostler.rehearsal(base) as m:

        def used():
            m._history.background.finish()
            room = os.statvfs(f"/proc/self/fd/{m._stores}")
            return (room.f_blocks - room.f_bfree) * room.f_bsize

        first = m.checkpoint()
        before = used()
        for number in range(20):
            put_on(m, "/file", b"%d" % number * 100_000)
            m.checkpoint()
            m.rollback(first)
        assert used() > before + 20 * 100_000
        for point in m.points()[1:]:
            m.drop(point)
        assert used() < before + 100_000
        assert m.changes() == []


def test_what_has_no_points(base):
    with ostler.rehearsal(base) as m:
        for call in (m.at, m.drop, m.changes, m.diff):
            with pytest.raises(ValueError, match="no points"):
                call("1")
