"""Points on disk when the power goes: what a copy of the device, mounted afresh, gives."""

import os

import pytest

import ostler
from ostler.machines.rehearsal import state_files
from tests.machines.rehearsing import put, put_on, view
from tests.test_durable import mounted_image, own_mounts  # noqa: F401


@pytest.fixture
def disk(tmp_path, own_mounts):  # noqa: F811
    """A mounted image, and what a function says of it after a crash."""
    with mounted_image(tmp_path, 24 << 20) as made:
        yield made


def points_in(base, upper):
    with ostler.rehearsal(base, upper=upper) as m:
        found = {}
        for point in m.points():
            with m.at(point) as then:
                found[point.name] = point.status, view(then)
        m.changes()
        return found


@pytest.mark.parametrize("how", ["added", "anew"])
def test_every_point_is_there(disk, tmp_path, how, monkeypatch):
    """Whether what there is of them is added to the state, or it is written as a whole."""
    if how == "anew":
        monkeypatch.setattr(state_files, "_FEW", 1)
        monkeypatch.setattr(state_files, "_TIMES", 0)
    at, crashed = disk
    base, upper = f"{tmp_path}/base", f"{at}/kept"
    put(f"{base}/file", "base")
    os.mkdir(upper, 0o700)
    known = {}

    def same(point, m):
        known.setdefault(point.name, (point.status, view(m)))
        found = crashed(lambda there: points_in(base, f"{there}/kept"))
        assert found == known

    with ostler.rehearsal(base, upper=upper, sync=True) as m:
        for number in range(4):
            put_on(m, "/file", b"%d" % number * 1000)
            put_on(m, f"/d{number}", b"x" * 10_000)
            same(m.checkpoint(command="make"), m)
            put_on(m, "/lost", b"of what was changed since, a part may be there")
        m.points()[0].ended(3)
        known["1"] = 3, known["1"][1]
        same(m.points()[0], m)
        left = view(m)
        known[m.rollback("2").name] = None, left
        same(m.points()[1], m)
        m.drop("1")
        del known["1"]
        m._history.background.finish()
        same(m.points()[0], m)
        m.discard()
        m.create_file("/again", "")
        known.clear()
        same(m.checkpoint("again"), m)


def test_without_it_they_may_be_lost(disk, tmp_path):
    at, crashed = disk
    base, upper = f"{tmp_path}/base", f"{at}/kept"
    put(f"{base}/file", "base")
    os.mkdir(upper, 0o700)
    with ostler.rehearsal(base, upper=upper) as m:
        os.sync()
        put_on(m, "/file", b"new")
        m.checkpoint()
        assert not crashed(lambda there: points_in(base, f"{there}/kept"))
