"""Rehearsals: what goes wrong in the middle of a commit, and two commits at once."""

import errno
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

import ostler
from ostler.machines.rehearsal import (
    commits,
    journals,
    ours,
    places,
    plan,
    stage,
    stashes,
    steps,
    work,
)
from tests.machines.rehearsing import by_steps, commit_both, kinds, put, put_on, snapshot, text
from tests.machines.rehearsing import journals as journals_of
from tests.machines.test_rehearsal_killed import litter, prepare, rehearse

pytestmark = pytest.mark.usefixtures("as_user")

MUTATING = (
    "chmod chown exchange fsync ftruncate link mkdir mknod removexattr rename rename_noreplace "
    "rmdir sendfile setxattr symlink unlink utime write"
).split()

PARTS = (commits, journals, ours, places, plan, stage, stashes, steps, work)


class Failing:
    """The host, but the call number `at` of those that change something fails."""

    def __init__(self, at, number):
        self.at = at
        self.number = number
        self.count = 0

    def __getattr__(self, name):
        call = getattr(ostler.host, name)
        if name not in MUTATING:
            return call

        def counted(*args, **kwargs):
            self.count += 1
            if self.count == self.at:
                raise OSError(self.number, os.strerror(self.number))
            return call(*args, **kwargs)

        return counted


@by_steps(6)
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_every_call_fails_once(base, run, monkeypatch, number, step):
    monkeypatch.setitem(ostler.environ, "XDG_STATE_HOME", os.path.dirname(base) + "/state")

    def check():
        prepare(base)
        old = snapshot(base)
        with ostler.rehearsal(base) as m:
            rehearse(m)
            wanted = kinds(m, base)
            for at in range(1 + number % step, 1000, step):
                failing = Failing(at, number)
                for module in PARTS:
                    module.host = failing
                try:
                    m.commit()
                    failed = False
                except OSError as error:
                    assert error.errno == number
                    failed = True
                finally:
                    for module in PARTS:
                        module.host = ostler.host
                if not failed:
                    break
                # Taken back, but for what can't be cleared away just now.
                ostler.rehearsal.recover()
                assert snapshot(base) == old, f"not taken back at call {at}"
                assert litter(base) == []
                assert kinds(m, base) == wanted
            assert at > 50
            ostler.rehearsal.recover()
            assert litter(base) == []
            assert snapshot(base) != old
            assert m.changes() == []

    run(check)


def test_a_disk_that_is_full(base, user, run):
    """A real one: no room for the new file, and then there is."""
    if user != "root":
        pytest.skip("mounting a small file system takes root")

    def check():
        ostler.unshare(ostler.CLONE_NEWNS)
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", base], check=True)
        put(f"{base}/a", b"old" * 1000)
        put(f"{base}/ballast", bytes(600_000))
        before = snapshot(base)
        with ostler.rehearsal(base) as m:
            put_on(m, "/a", bytes(500_000))
            put_on(m, "/b", b"b")
            with pytest.raises(OSError, match="No space") as caught:
                m.commit()
            assert caught.value.errno == errno.ENOSPC
            assert snapshot(base) == before
            assert journals_of(base) == []
            m.unlink("/ballast")
            m.commit(f"{base}/ballast")
            m.commit()
        assert sorted(os.listdir(base)) == ["a", "b"]
        assert os.stat(f"{base}/a").st_size == 500_000

    run(check)


@pytest.mark.parametrize("turns", [3, pytest.param(20, marks=pytest.mark.thorough)])
def test_two_at_once(base, turns):
    """Two processes commit the same files at the same moment: one of them does."""

    def operate(m, who):
        for name in "abcdefgh" if who == "one" else "hgfedcba":
            put_on(m, f"/{name}", who.encode())
        put_on(m, f"/{who}", b"")

    for turn in range(turns):
        shutil.rmtree(base)
        os.mkdir(base)
        for name in "abcdefgh":
            put(f"{base}/{name}", "old")
        ended = commit_both(base, operate)
        assert sorted(ended) == [0, 1], f"in turn {turn}"
        winner = ("one", "two")[ended.index(0)]
        assert {text(f"{base}/{name}") for name in "abcdefgh"} == {winner}
        assert sorted(os.listdir(base)) == [*sorted("abcdefgh"), winner]
        assert journals_of(base) == []


def test_a_commit_waits_for_another(base):
    put(f"{base}/a", "a")
    journal = journals.Journal()
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            journal.close()  # the parent's goes on
            with ostler.rehearsal(base) as m:
                m.unlink("/a")
                m.commit()
            os._exit(0)
        finally:
            os._exit(1)
    with ostler.rehearsal(base) as m:
        put_on(m, "/b", b"b")
    assert os.listdir(base) == ["a"]
    journal.remove()
    journal.close()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert os.listdir(base) == []


@pytest.mark.parametrize("kind", ["bytes", "Path", "relative", "relative bytes", "Change", "slash"])
def test_paths_of_every_kind(base, kind):
    put(f"{base}/d/a", "a")
    with ostler.rehearsal(base) as m:
        m.makedirs("/new/deeper")
        put_on(m, "/new/deeper/x", b"x")
        put_on(m, "/new/y", b"y")
        m.unlink("/d/a")
        path = f"{base}/new/deeper/x"
        os.chdir(base)
        path = {
            "bytes": os.fsencode(path),
            "Path": pathlib.Path(path),
            "relative": "new/deeper/x",
            "relative bytes": b"./new/../new/deeper/x",
            "Change": next(c for c in m.changes() if c.path == path),
            "slash": f"{base}/new/deeper/",
        }[kind]
        done = m.commit([path])
        assert [os.path.relpath(c.path, base) for c in done] == [
            "new", "new/deeper", "new/deeper/x",
        ]  # fmt: skip
        assert kinds(m, base) == {"d/a": "removed", "new/y": "created"}
    assert os.listdir(f"{base}/new") == ["deeper"]
