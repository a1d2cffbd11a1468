"""Rehearsals: who writes to one that is to be committed or discarded is told of, or told no."""

import errno
import mmap
import os
import shutil
import time

import pytest

import ostler
from ostler.core import mounts
from ostler.machines.rehearsal import layers
from tests.machines.rehearsing import commit_both, kinds, put, put_on, text

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
ENDS = ["commit", "discard"]


def refused(m, end, *args):
    with pytest.raises(OSError, match=r"open for writing|still runs") as caught:
        getattr(m, end)(*args)
    assert caught.value.errno == errno.EBUSY
    return caught.value


@pytest.mark.parametrize("end", ENDS)
def test_an_open_writer(base, end):
    with ostler.rehearsal(base) as m:
        m.mkdir("/d")
        f = m.open_file("/d/log", "w")
        f.write("one")
        error = refused(m, end)
        assert error.filename == f"{base}/d/log"
        assert "this process" in str(error)
        assert os.listdir(base) == []
        put_on(m, "/another", b"it goes on")
        f.write("two")
        f.close()
        getattr(m, end)()
        assert m.changes() == []
    if end == "commit":
        assert text(f"{base}/d/log") == "onetwo"
        assert text(f"{base}/another") == "it goes on"
    else:
        assert os.listdir(base) == []


@pytest.mark.parametrize("end", ENDS)
def test_it_is_not_done_where_the_kernel_would_let_others_write_meanwhile(base, end, monkeypatch):
    with ostler.rehearsal(base) as m:
        put_on(m, "/new", b"new")
        with monkeypatch.context() as patch:
            patch.setattr(mounts, "still", lambda *_: errno.EPERM)
            with pytest.raises(PermissionError, match="read-only meanwhile") as caught:
                getattr(m, end)()
        assert caught.value.filename == base
        assert kinds(m, base) == {"new": "created"}
        assert os.listdir(base) == []


def test_a_part_of_it(base):
    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"a")
        with m.open_file("/log", "w") as f:
            f.write("one")
            assert refused(m, "commit", f"{base}/a").filename == f"{base}/log"
        assert len(m.commit(f"{base}/a")) == 1
        assert kinds(m, base) == {"log": "created"}


@pytest.mark.parametrize("end", ENDS)
def test_a_file_that_is_mapped(base, end):
    put(f"{base}/a", "x" * 4096)
    with ostler.rehearsal(base) as m:
        fd = m.open("/a", m.O_RDWR)
        mapped = mmap.mmap(fd, 4096)
        m.close(fd)
        assert refused(m, end).filename == f"{base}/a"
        mapped[0:3] = b"new"
        mapped.close()
        getattr(m, end)()
    assert text(f"{base}/a")[:3] == ("new" if end == "commit" else "xxx")


def started(m, script):
    """A shell that goes on until a pipe is closed, and has made PATH: (pid, PATH, the pipe)."""
    path = f"/var/tmp/ostler-busy-{os.getpid()}"
    reader, writer = os.pipe()
    pid = m.posix_spawn(
        "/bin/sh",
        ["sh", "-c", script.replace("PATH", path)],
        {},
        file_actions=[(os.POSIX_SPAWN_DUP2, reader, 0)],
    )
    os.close(reader)
    while not m.path.exists(path):
        time.sleep(0.001)
    return pid, path, writer


@pytest.mark.parametrize("end", ENDS)
def test_a_child_that_runs(user, end):
    with ostler.rehearsal() as m:
        pid, path, writer = started(m, "echo new > PATH; read line; echo more >> PATH")
        error = refused(m, end, *([path] if end == "commit" else []))
        assert f"process {pid} (sh) still runs there" in str(error)
        os.close(writer)
        os.waitpid(pid, 0)
        with m.open_file(path) as file:
            assert file.read() == "new\nmore\n"
        m.discard()
        assert not m.path.exists(path)


def test_a_child_that_writes(user):
    with ostler.rehearsal() as m:
        pid, path, writer = started(m, "exec > PATH; read line")
        error = refused(m, "discard")
        assert f"open for writing in process {pid} (sh)" in str(error)
        assert error.filename == path
        os.close(writer)
        os.waitpid(pid, 0)
        m.discard()


def test_a_forked_writer(base):
    with ostler.rehearsal(base) as m:
        fd = m.open("/log", m.O_CREAT | m.O_WRONLY)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        os.close(reader)
        m.close(fd)
        assert f"open for writing in process {pid} (" in str(refused(m, "commit"))
        os.close(writer)
        os.waitpid(pid, 0)
        m.commit()
    assert os.listdir(base) == ["log"]


def test_left_behind(base):
    """Who is left behind gets an error with what it begins afterwards."""
    put(f"{base}/d/x", "x")
    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"a")
        before = m.open("/d", m.O_RDONLY)
        f = m.open_file("/a", "r+")
        m.commit(leave_behind=True)
        f.close()
        put_on(m, "/b", b"b")
        assert kinds(m, base) == {"b": "created"}
        m.commit()
        # The directory is that of the first mount, on which a file was open.
        m.close(before)
        before = m.open("/d", m.O_RDONLY)
        m.unlink("/d/x")
        m.commit()
        assert m.listdir(before) == []
        with pytest.raises(OSError, match="Read-only") as caught:
            m.open("late", m.O_CREAT | m.O_WRONLY, dir_fd=before)
        assert caught.value.errno == errno.EROFS
        m.close(before)
    assert sorted(os.listdir(base)) == ["a", "b", "d"]


@pytest.mark.parametrize("part", [False, True])
def test_left_behind_by_a_machine_that_can_not_go_on(base, monkeypatch, part):
    """The commit is done, but nothing can be mounted anew: what is written then is an error."""
    put(f"{base}/d/x", "x")
    m = ostler.rehearsal(base)
    put_on(m, "/a", b"a")
    put_on(m, "/b", b"b")
    before = m.open("/d", m.O_RDONLY)

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(layers, "mounted", full)
    m.commit(f"{base}/a" if part else None)
    assert sorted(os.listdir(base)) == (["a", "d"] if part else ["a", "b", "d"])
    with pytest.raises(ValueError, match="the commit is done, but"):
        m.listdir("/")
    with pytest.raises(OSError, match="Read-only"):
        os.open("late", os.O_CREAT | os.O_WRONLY, dir_fd=before)
    os.close(before)


def test_what_is_read_does_not_count(base):
    put(f"{base}/a", "a")
    put(f"{base}/gone", "gone")
    with ostler.rehearsal(base) as m:
        m.mkdir("/d")
        m.chdir("/d")
        m.rmdir("/d")
        put_on(m, "/b", b"b")
        with m.open_file("/a") as one, m.open_file("/gone") as two:
            m.unlink("/gone")
            m.commit()
            assert (one.read(), two.read()) == ("a", "gone")
        assert m.getcwd() == "/"
        m.mkdir("/it goes on")
        m.commit()
    assert sorted(os.listdir(base)) == ["a", "b", "it goes on"]


def test_a_copy_goes_on(base):
    """A rehearsal on a copy is the same files afterwards: writers need not be refused."""
    from ostler.machines.rehearsal.copied import copied_rehearsal

    refusal = ostler.MachineUnavailable("for the test")
    with copied_rehearsal(refusal, base, None) as m:
        f = m.open_file("/log", "w")
        f.write("one")
        f.flush()
        m.commit()
        assert text(f"{base}/log") == "one"
        f.write("two")
        f.flush()
        assert kinds(m, base) == {"log": "modified"}
        m.commit()
        assert text(f"{base}/log") == "onetwo"
        assert refused(m, "discard").filename == f"{base}/log"
        f.close()
        m.discard()


def test_no_memory_of_a_refusal(base):
    """Many in turn: nothing stays read-only, and no descriptor is left."""
    with ostler.rehearsal(base) as m:
        f = m.open_file("/log", "w")
        before = len(os.listdir("/proc/self/fd"))
        for number in range(6):
            refused(m, "commit")
            f.write(f"{number}\n")
            put_on(m, f"/{number}", b"")
        assert len(os.listdir("/proc/self/fd")) == before
        f.close()
        m.commit()
    assert len(os.listdir(base)) == 7


@pytest.mark.parametrize("turns", [8, pytest.param(40, marks=pytest.mark.thorough)])
def test_two_machines_at_once(base, turns):
    """Whatever two commits do to the same tree at once: one of them is done, or both."""

    def operate(m, who, turn):
        match turn % 4:
            case 0:
                m.trees.remove("/t")
                put_on(m, "/t", who.encode())
            case 1:
                m.rename("/t/a", f"/t/{who}")
                m.chmod("/t/b", 0o600 if who == "one" else 0o640)
            case 2:
                m.trees.remove("/t/s")
                m.mkdir(f"/t/{who}")
            case 3:
                put_on(m, "/t/s/c", who.encode())
                m.makedirs("/t/new/deep")

    for turn in range(turns):
        shutil.rmtree(base)
        for name in ("a", "b", "s/c", "s/d/e"):
            put(f"{base}/t/{name}", name)
        ended = commit_both(base, lambda m, who, turn=turn: operate(m, who, turn))
        # What one has removed is nothing that the other has to do.
        assert sorted(ended) in ([0, 1], [0, 0]), f"in turn {turn}"
