"""Points that are copies, of a machine in which somebody is in the middle of something."""

import errno
import json  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import os
import threading

import pytest

import ostler
from ostler.machines.rehearsal import branches, copies, layers, moments, taking_up  # noqa: F401
from ostler.points import history
from tests.machines.rehearsing import got, put, put_on, view
from tests.machines.test_rehearsal_random import furnish, operate

pytestmark = pytest.mark.usefixtures("as_user")


def test_nobody_is_in_the_way(base):
    put(f"{base}/gone", "base")
    with ostler.rehearsal(base) as m:
        device = m.stat("/").st_dev
        m.unlink("/gone")
        with m.open_file("/log", "w") as log:
            log.write("one")
            log.flush()
            point = m.checkpoint(children="copy")
            log.write("two")
        assert m.stat("/").st_dev == device
        assert (got(m, "/log"), m.points()) == ("onetwo", [point])
        assert [c.kind for c in m.changes(since=point)] == ["modified"]
        with m.at(point) as then:
            assert (then.listdir("/"), got(then, "/log")) == (["log"], "one")
        put_on(m, "/more", b"")
        second = m.checkpoint()
        assert second.parent is point
        m.rollback(point)
        assert (m.listdir("/"), got(m, "/log")) == (["log"], "one")
        m.redo()
        assert sorted(m.listdir("/")) == ["log", "more"]
        with pytest.raises(ValueError, match="does not lie upon"):
            m.commit(upto=point)
        for call in (lambda: m.rollback(point, "copy"), lambda: m.branch(1, "copy")):
            with pytest.raises(ValueError, match="children"):
                call()
        m.drop(point)
        m.rollback(second)


def test_nothing_was_changed(base):
    with ostler.rehearsal(base) as m:
        assert m.checkpoint(children="copy") in m.points()
        assert m._history.layers == {}


@pytest.mark.parametrize("seed", range(6))
def test_it_is_all_there(base, folder, seed, monkeypatch):
    """A copy is what the machine is, whatever there is in it."""
    monkeypatch.setattr(history, "BLOCK", 3)
    furnish(f"{folder}/real", seed)
    with ostler.rehearsal(f"{folder}/real") as m:
        seen = {}
        for step in range(8):
            operate(m, seed * 1000 + step, 9, seed % 2 == 0)
            if step % 3 == 2:
                m.checkpoint()
            else:
                known = view(m)
                seen[m.checkpoint(children="copy")] = known
                assert view(m) == known
        for point, known in seen.items():
            with m.at(point) as then:
                assert view(then) == known
            m.rollback(point)
            assert view(m) == known


def test_while_others_write(base):
    with ostler.rehearsal(base) as m:
        stop = threading.Event()

        def work():
            number = 0
            while not stop.is_set():
                number += 1
                m.mkdir(f"/d{number}")
                put_on(m, f"/d{number}/x", b"%d" % number)
                m.rename(f"/d{number}", f"/e{number}")
                if number > 3:
                    m.unlink(f"/e{number - 3}/x")
                    m.rmdir(f"/e{number - 3}")

        thread = threading.Thread(target=work)
        thread.start()
        try:
            points = [m.checkpoint(children="copy") for _ in range(15)]
        finally:
            stop.set()
            thread.join()
        last = view(m)
        for point in points:
            with m.at(point) as then:
                view(then)
        assert view(m) == last


def test_no_room(base, monkeypatch):
    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"1")
        m.checkpoint()
        put_on(m, "/b", b"2")
        known = m.points(), m._history.paths()

        def full(*args):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(copies, "copy_data", full)
            with pytest.raises(OSError, match="No space"):
                m.checkpoint("x", children="copy")
        assert (m.points(), m._history.paths()) == known
        m.checkpoint("x", children="copy")


def test_it_is_kept(base, folder):
    os.mkdir(f"{folder}/upper")
    with ostler.rehearsal(base, upper=f"{folder}/upper") as m:
        put_on(m, "/a", b"1")
        m.checkpoint("first", children="copy")
        put_on(m, "/b", b"2")
    with ostler.rehearsal(base, upper=f"{folder}/upper") as m:
        assert sorted(m.listdir("/")) == ["a", "b"]
        m.rollback("first")
        assert m.listdir("/") == ["a"]
