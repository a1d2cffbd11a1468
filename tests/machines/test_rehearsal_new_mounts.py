"""Commits, where the host has got mounts since the rehearsal began: nothing there is touched."""

import ctypes
import errno
import os
import subprocess

import pytest

import ostler
from tests.machines.rehearsing import forked, put, put_on, snapshot


def remove_all(m, top):
    m.trees.remove(top)


def retype(m, path):
    m.trees.remove(path)
    put_on(m, path, b"now a file")


def over(m, source, target):
    m.trees.remove(target)
    m.rename(source, target)


# Changes, and on which names of the base a mount is in their way.
CHANGES = {
    "content": (lambda m: put_on(m, "/d/x", b"new"), ("d", "d/x")),
    "content below": (lambda m: put_on(m, "/d/sub/y", b"new"), ("d", "d/sub", "d/sub/y")),
    "metadata": (lambda m: m.chmod("/d/x", 0o600), ("d", "d/x")),
    "metadata of a directory": (lambda m: m.chmod("/d/sub", 0o700), ("d", "d/sub")),
    "a new file": (lambda m: put_on(m, "/d/new", b"new"), ("d",)),
    "a new directory": (lambda m: m.makedirs("/d/sub/new/newer"), ("d", "d/sub")),
    "removed": (lambda m: m.unlink("/d/x"), ("d", "d/x")),
    "a directory removed": (lambda m: remove_all(m, "/d"), ("d", "d/sub", "d/x", "d/sub/y")),
    "a file instead of a directory": (lambda m: retype(m, "/d"), ("d", "d/sub", "d/x", "d/sub/y")),
    "a directory instead of a file": (
        lambda m: (m.unlink("/d/x"), m.mkdir("/d/x"), put_on(m, "/d/x/in", b"")),
        ("d", "d/x"),
    ),
    "renamed away": (lambda m: m.rename("/d/x", "/z"), ("d", "d/x")),
    "renamed to there": (lambda m: m.rename("/f", "/d/z"), ("d", "f")),
    "renamed over": (lambda m: m.rename("/f", "/d/x"), ("d", "d/x", "f")),
    "a directory renamed": (lambda m: m.rename("/d", "/e"), ("d",)),
    "a directory renamed over": (lambda m: over(m, "/empty", "/d"), ("d", "d/sub", "empty")),
    "one more name": (lambda m: m.link("/d/x", "/d/sub/x"), ("d", "d/sub")),
    "a link": (lambda m: m.symlink("x", "/d/link"), ("d",)),
}
CASES = [(what, at) for what, (_, points) in CHANGES.items() for at in points]
NOT_IN_THE_WAY = [
    ("content", "d/sub"),
    ("metadata of a directory", "d/sub/y"),
    ("a directory renamed", "d/sub"),
    ("a new file", "d/sub"),
    ("removed", "empty"),
    ("renamed to there", "d/sub"),
]


def alone(function):
    """Run it where the mounts that it makes are its own."""
    if os.getuid() != 0:
        pytest.skip("only root can mount")

    def check():
        assert ctypes.CDLL(None).unshare(0x20000) == 0  # CLONE_NEWNS
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        function()

    forked(check)


def planted(top):
    for name in ("d/x", "d/sub/y", "f"):
        put(f"{top}/{name}", f"the real {name}")
    os.mkdir(f"{top}/empty")


def mounted(path, other):
    """Mount something on a path that is as old as what is there."""
    subprocess.run(["mount", "--bind", other, path], check=True)


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", f"{tmp_path}/state")
    base, other = f"{tmp_path}/base", f"{tmp_path}/other"
    planted(base)
    planted(other)
    return base, other


@pytest.mark.parametrize(("what", "at"), CASES)
def test_it_is_refused_before_anything_is_done(places, what, at):
    base, other = places

    def check():
        before, others = snapshot(base), snapshot(other)
        with ostler.rehearsal(base) as m:
            CHANGES[what][0](m)
            listed = [repr(change) for change in m.changes()]
            mounted(f"{base}/{at}", f"{other}/{at}")
            with pytest.raises(OSError) as failed:
                m.commit()
            assert (failed.value.errno, failed.value.filename) == (errno.EBUSY, f"{base}/{at}")
            assert not os.path.exists(f"{base}/../state")  # no journal was begun
            assert snapshot(other) == others
            subprocess.run(["umount", f"{base}/{at}"], check=True)
            assert snapshot(base) == before
            assert [repr(change) for change in m.changes()] == listed
            m.commit()
        assert snapshot(base) != before
        assert snapshot(other) == others

    alone(check)


@pytest.mark.parametrize(("what", "at"), NOT_IN_THE_WAY)
def test_what_is_not_in_the_way_stays_mounted(places, what, at):
    base, other = places

    def check():
        with ostler.rehearsal(base) as m:
            CHANGES[what][0](m)
            mounted(f"{base}/{at}", f"{other}/{at}")
            others = snapshot(other)
            assert len(m.commit()) > 0
            at_last = at.replace("d/", "e/") if what == "a directory renamed" else at
            subprocess.run(["umount", f"{base}/{at_last}"], check=True)
        assert snapshot(other) == others

    alone(check)


def test_the_directory_itself(places):
    base, other = places

    def check():
        before, others = snapshot(base), snapshot(other)
        with ostler.rehearsal(base) as m:
            put_on(m, "/new", b"new")
            mounted(base, other)
            with pytest.raises(OSError) as failed:
                m.commit()
            assert (failed.value.errno, failed.value.filename) == (errno.EBUSY, base)
            subprocess.run(["umount", base], check=True)
            subprocess.run(["mount", "-t", "tmpfs", "none", base], check=True)
            with pytest.raises(OSError) as failed:
                m.commit()
            assert (failed.value.errno, failed.value.filename) == (errno.EBUSY, base)
            assert os.listdir(base) == []
            subprocess.run(["umount", base], check=True)
            assert (snapshot(base), snapshot(other)) == (before, others)
            m.commit()
        assert os.path.exists(f"{base}/new")

    alone(check)
