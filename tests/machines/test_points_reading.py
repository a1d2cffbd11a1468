"""What was changed since a point is told without taking up what is kept."""

import os

import ostler
from ostler.machines.rehearsal import moments, reading  # noqa: F401
from tests.machines.rehearsing import put_on


def test_changes_since_a_point(folder, base, run):
    upper = f"{folder}/kept"

    def check():
        os.mkdir(upper, 0o700)
        assert reading.changes_since(upper, "1") is None
        with ostler.rehearsal(base, upper=upper) as m:
            put_on(m, "/early", b"1")
            m.checkpoint()
            put_on(m, "/early", b"2")
            m.mkdir("/between")
            m.checkpoint()
            m.rename("/between", "/after")
            put_on(m, "/late", b"3")
            wanted = [(c.kind, c.path) for c in m.changes("1")]
            assert reading.changes_since(upper, "1") is None  # somebody has it
        state = os.stat(f"{upper}/ostler-rehearsal.json")
        found = [(c.kind, c.path) for c in reading.changes_since(upper, "1")]
        assert found == wanted and len(found) == 3
        assert len(reading.changes_since(upper, "2")) in (1, 2, 3)
        now = os.stat(f"{upper}/ostler-rehearsal.json")
        assert (state.st_ino, state.st_mtime_ns) == (now.st_ino, now.st_mtime_ns)
        with ostler.rehearsal(base, upper=upper) as m:
            assert [(c.kind, c.path) for c in m.changes("1")] == wanted

    run(check)
