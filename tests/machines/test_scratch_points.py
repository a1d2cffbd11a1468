"""Points, branches and merges of scratch machines, whose size is exact over all layers."""

import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import difflib  # noqa: F401
import errno
import os
import random
from contextlib import suppress
from pathlib import Path

import pytest

import ostler
from ostler import fakefs
from ostler.installation import installed  # noqa: F401
from ostler.machines import SHELL, scratch_directory, scratch_points
from ostler.machines.rehearsal import (  # noqa: F401
    branches,
    copies,
    merge,
    moments,
    pictures,
    points,
)
from ostler.points import history
from tests.machines.rehearsing import got, put_on, view
from tests.machines.test_rehearsal_random import NAMES, operate

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_a_point(user):
    with ostler.scratch() as m:
        for path in ("/a", "/0", "/base", "/layers", "/d/e/f"):
            m.create_file(path, path)
        m.chmod("/", 0o750)
        m.setxattr("/", "user.x", b"1") if user == "root" else None
        m.chdir("/d")
        m.umask(0o27)
        seen = view(m)
        first = m.checkpoint("first")
        assert (view(m), m.getcwd(), m.umask(0o22)) == (seen, "/d", 0o27)
        put_on(m, "/a", b"two\n")
        m.unlink("/0")
        second = m.checkpoint()
        assert (m.points(), second.parent) == ([first, second], first)
        assert [(c.kind, c.path) for c in m.changes(first)] == [
            ("removed", "/0"), ("modified", "/a")
        ]  # fmt: skip
        assert "+two\n" in m.diff(first)
        left = m.rollback("first")
        assert (left, view(m)) == (second, seen)
        m.redo()
        assert got(m, "/a") == "two\n"
        with m.at(first) as then:
            assert got(then, "/a") == "/a"
        m.drop(first)
        with pytest.raises(ValueError, match="dropped"):
            m.rollback(first)


def test_an_empty_one():
    with ostler.scratch() as m:
        first = m.checkpoint()
        put_on(m, "/a", b"")
        m.rollback(first)
        assert m.listdir("/") == []
        assert m.branched_at is None


def test_without_points():
    with ostler.scratch() as m:
        assert m.points() == []
        for call in (lambda: m.rollback("1"), lambda: m.changes("1"), lambda: m.drop("1")):
            with pytest.raises(ValueError, match="no points"):
                call()
        with m.branch() as branch:
            put_on(branch, "/a", b"1")
            assert len(m.points()) == 1
            assert [c.path for c in m.merge(branch)] == ["/a"]
            assert got(m, "/a") == "1"
            branch.unlink("/a")
            put_on(m, "/a", b"2")
            with pytest.raises(ostler.MergeConflict) as caught:
                m.merge(branch)
            assert caught.value.paths == ["/a"]


@pytest.mark.parametrize("seed", range(4))
def test_at_random(seed, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 3)
    rng = random.Random(seed)
    with ostler.scratch() as m:
        for name in NAMES[:2]:
            m.create_file(f"/{name}/{name}/c", name)
        seen, machines = {}, [m]
        for step in range(25):
            one = rng.choice(machines)
            operate(one, seed * 1000 + step, 5, False)
            known = view(one)
            act = rng.random()
            if act < 0.5 or not one.points():
                seen[one.checkpoint()] = known
            elif act < 0.6:
                seen[one.checkpoint(children="copy")] = known
            elif act < 0.8 and len(machines) < 4:
                machines.append(one.branch())
                seen[machines[-1].branched_at] = known
                assert view(machines[-1]) == known
            else:
                point = rng.choice(one.points())
                seen[one.rollback(point)] = known
                assert view(one) == seen[point]
        for one in machines:
            for point in one.points():
                with one.at(point) as then:
                    assert view(then) == seen[point]
        for one in machines[1:]:
            one.close()


def test_its_size_is_exact():
    with ostler.scratch(size="1M") as m:
        m.create_file("/a", b"x" * (256 << 10))
        point = m.checkpoint()
        m.create_file("/b", b"x" * (256 << 10))
        m.checkpoint()
        with pytest.raises(OSError, match="No space") as caught:
            m.create_file("/c", b"x" * (600 << 10))
        assert caught.value.errno == errno.ENOSPC
        assert m.statvfs("/").f_blocks * m.statvfs("/").f_frsize == 1 << 20
        m.create_file("/c", b"x" * (400 << 10))
        with m.branch() as branch:
            with pytest.raises(OSError, match="No space"):
                branch.create_file("/d", b"x" * (200 << 10))
        with pytest.raises(OSError, match=r"EINVAL|Invalid"):
            m.resize("512K")
        m.resize("2M")
        m.create_file("/d", b"x" * (900 << 10))
        m.rollback(point)  # even when it is full
        for known in m.points():
            if known is not point:
                m.drop(known)
        m._history.background.finish()
        m._share.family.background.finish()
        m.create_file("/d", b"x" * (1500 << 10))


def test_no_room_in_the_middle_of_a_merge():
    with ostler.scratch(size="1M") as m:
        m.create_file("/a", b"a" * 1000)
        with m.branch() as branch:
            branch.create_file("/0/first", b"x")
            branch.create_file("/big", b"x" * (600 << 10))
            branch.unlink("/a")
            m.create_file("/mine", b"m")
            seen = view(m)
            with pytest.raises(OSError, match="No space") as caught:
                m.merge(branch)
            assert caught.value.errno == errno.ENOSPC
            assert view(m) == seen
            m.resize("2M")
            assert len(m.merge(branch)) == 4
            assert sorted(m.listdir("/")) == ["0", "big", "mine"]


def test_who_is_in_the_middle_of_something():
    with ostler.scratch() as m:
        m.mkdir("/d")
        folder = m.open("/d", os.O_RDONLY)
        with m.open_file("/log", "w") as log:
            with pytest.raises(OSError, match="open for writing in this process") as caught:
                m.checkpoint()
            assert (caught.value.errno, caught.value.filename) == (errno.EBUSY, "/log")
            log.write("goes on")
        m.mkdir("/e")  # it can be changed as before
        point = m.checkpoint()
        with pytest.raises(OSError, match="Read-only"):
            m.mkdir("x", dir_fd=folder)
        m.close(folder)
        assert (got(m, "/log"), sorted(m.listdir("/"))) == ("goes on", ["d", "e", "log"])
        with m.open_file("/log", "a"), pytest.raises(OSError, match="open for writing"):
            m.rollback(point)


def test_no_room_for_the_first(monkeypatch):
    with ostler.scratch() as m:
        for name in "abc":
            m.create_file(f"/{name}", name)
        seen = view(m)

        def full(*args, **kwargs):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        for module, function in (
            (scratch_points.layers, "mounted_again"),
            (scratch_points, "_look_like"),
        ):
            with monkeypatch.context() as patch:
                patch.setattr(module, function, full)
                with pytest.raises(OSError, match="No space"):
                    m.checkpoint()
            assert (view(m), m.points()) == (seen, [])
            put_on(m, "/goes-on", b"")
            m.unlink("/goes-on")
            m.utime("/", ns=(0, seen[b""][4]))
            assert view(m) == seen
        m.checkpoint()
        assert view(m) == seen


def leave(m, inodes):
    """Make files until no more are left than so many."""
    count = 0
    with suppress(OSError):
        while True:
            m.create_file(f"/more{count}")
            count += 1
    for n in range(max(0, count - inodes), count):
        m.unlink(f"/more{n}")


@pytest.mark.parametrize("call", ["first", "checkpoint", "rollback", "redo", "branch"])
def test_too_few_files(call):
    """Also where the kernel has an overlay without room for it read-only: all is as it was."""
    outcomes = set()
    for inodes in range(15, 45):
        with ostler.scratch(inodes=inodes) as m:
            m.create_file("/a", "one")
            m.mkdir("/d")
            try:
                if call != "first":
                    m.checkpoint("one")
                    put_on(m, "/a", b"two")
                    if call == "redo":
                        m.rollback("one")
                        m._history.background.finish()  # which gives inodes back
                        leave(m, inodes % 16)
            except OSError:
                continue
            shown = view(m)
            try:
                if call == "branch":
                    m.branch().close()
                elif call == "redo":
                    m.redo()
                elif call == "rollback":
                    m.rollback("one")
                else:
                    m.checkpoint()
                outcomes.add("done")
            except OSError as error:
                assert error.errno == errno.ENOSPC and "resize() gives more" in str(error)
                assert view(m) == shown
                outcomes.add("refused")
            assert not m.statvfs("/").f_flag & os.ST_RDONLY
            m.resize(inodes=1000)
            put_on(m, "/a", b"three")
            m.rmdir("/d")
            m.checkpoint("later")
            assert got(m, "/a") == "three"
    assert outcomes == {"done", "refused"}


def test_which_have_none():
    from ostler.machine import MachineUnavailable

    why = MachineUnavailable("the kernel said no", "", 1)
    with scratch_directory.scratch_directory(why, None, None) as m:
        with pytest.raises(OSError, match=r"is a directory .* the kernel said no") as caught:
            m.branch()
        assert caught.value.errno == errno.EOPNOTSUPP
    with fakefs.Patcher() as patcher:
        patcher.fs.add_mount_point("/other")
        with pytest.raises(OSError, match="another file system is mounted") as caught:
            patcher.fs.machine.checkpoint()
        assert caught.value.errno == errno.EOPNOTSUPP


# What is shown of the host


PARTS = (b"/usr", b"/proc", b"/dev", b"/etc")


def said(m, command):
    with m.popen(command) as output:
        return output.read()


def test_shell_commands_have_points():
    with ostler.scratch(bind=SHELL) as m:
        m.mkdir("/tmp")
        said(m, "echo one > /tmp/a; echo gone > /b")
        seen, point = view(m, without=PARTS), m.checkpoint()
        said(m, "rm /b; echo two | sed s/two/three/ > /tmp/a; mkdir /c")
        assert [(c.kind, c.path) for c in m.changes(point)] == [
            ("removed", "/b"), ("created", "/c"), ("modified", "/tmp/a")
        ]  # fmt: skip
        with pytest.raises(OSError, match="Read-only"):
            m.create_file("/usr/new", "")
        m.rollback(point)
        assert view(m, without=PARTS) == seen
        assert said(m, "cat /tmp/a /b; cat < /dev/null; echo > /dev/full || :") == "one\ngone\n"
        with m.branch() as branch, m.at(point) as then:
            said(branch, "echo three > /tmp/a")
            assert [c.path for c in m.merge(branch)] == ["/tmp/a"]
            assert said(then, "cat /tmp/a") == "one\n"
            assert then.listdir("/usr") == m.listdir("/usr") == os.listdir("/usr")


def test_terminals_are_its_own():
    with ostler.scratch(bind=SHELL) as m:
        m.checkpoint()
        m.create_file("/a", "")
        m.checkpoint()
        command = "import os; print(os.ttyname(os.openpty()[1]), len(os.listdir('/dev/pts')))"
        assert said(m, f'/usr/bin/python3 -c "{command}"') == "/dev/pts/0 2\n"


def test_a_place_that_is_gone(folder, user):
    """A part of the host is shown at its own place alone, and at a point where that is there."""
    top = Path(folder)
    (top / "d").mkdir()
    (top / "d" / "file").write_text("host's")
    (top / "d" / "sub").mkdir()
    place, above = f"{top}/d", str(top)
    with ostler.scratch(bind=[place, "/usr/bin"]) as m:
        first = m.checkpoint()
        if user != "root":
            with pytest.raises(OSError, match="cross-device"):
                m.rename(above, "/moved")
            return
        m.rename(above, "/moved")
        m.symlink("/usr", above)  # where a mount must not land
        second = m.checkpoint()
        assert m.listdir("/moved/d") == []
        assert m.listdir("/usr/bin") == os.listdir("/usr/bin")
        m.rollback(first)
        assert got(m, f"{place}/file") == "host's"
        m.rollback(second)
        assert m.listdir("/moved/d") == []
    assert sorted(os.listdir(place)) == ["file", "sub"]


def test_a_link_before_the_first_point(folder):
    """What lies where a link leads to is not shown in the place of what was bound."""
    top = Path(folder)
    (top / "above" / "d").mkdir(parents=True)
    (top / "secret" / "d").mkdir(parents=True)
    (top / "secret" / "d" / "precious").touch()
    with ostler.scratch(bind=[top / "above" / "d"]) as m:
        m.rename(top / "above", "/moved")
        m.symlink(top / "secret", top / "above")
        m.checkpoint()
        m.unlink(top / "above")
        m.makedirs(top / "above" / "d")
        m.checkpoint()
        assert m.listdir(top / "above" / "d") == []


def test_no_room_for_the_first_of_those(monkeypatch):
    with ostler.scratch(bind=["/usr/bin", "/etc/passwd"]) as m:
        m.create_file("/a", "a")
        seen, names = view(m, without=PARTS), sorted(m.listdir("/"))

        def full(*args, **kwargs):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        for where, name in (
            (scratch_points.layers, "mounted_again"),
            (scratch_points._Parts, "show_in"),
        ):
            with monkeypatch.context() as patch:
                patch.setattr(where, name, full)
                with pytest.raises(OSError, match="No space"):
                    m.checkpoint()
            assert (view(m, without=PARTS), sorted(m.listdir("/"))) == (seen, names)
            assert got(m, "/etc/passwd") == (Path("/etc/passwd").read_text())
            with pytest.raises(OSError, match="Read-only"):
                m.create_file("/usr/bin/new", "")
        m.checkpoint()
        assert (view(m, without=PARTS), sorted(m.listdir("/"))) == (seen, names)


def test_those_of_another_user(user):
    """All that is done for points is root's, what is done on the machine remains that user's."""
    if user != "root":
        return  # who has no such machine
    with ostler.scratch(user=1234, bind=SHELL) as m:
        m.mkdir("/tmp/d", 0o700)
        m.chdir("/tmp/d")
        with m.as_root():
            m.create_file("/secret", "secret")
            m.chmod("/secret", 0o600)
            m.chmod("/tmp", 0o700)  # where it stands, it may not go again
        point = m.checkpoint()
        m.create_file("mine", "1")
        with m.branch() as branch:
            for one in (m, branch):
                assert (one.getcwd(), one.listdir("."), one.getuid()) == ("/tmp/d", ["mine"], 1234)
                for call, path in (
                    (one.mkdir, "/new"),
                    (one.unlink, "/secret"),
                    (one.open_file, "/secret"),
                ):
                    with pytest.raises(PermissionError):
                        call(path)
                assert said(one, "cat /secret 2>/dev/null || echo refused") == "refused\n"
                assert said(one, "id -u; id -G").split() == ["1234", "1234"]
            branch.create_file("theirs", "2")
            with branch.as_root():
                branch.mkdir("/roots")
            assert sorted(c.path for c in m.merge(branch)) == ["/roots", "/tmp/d/theirs"]
        assert (m.stat("theirs").st_uid, m.stat("/roots").st_uid) == (1234, 0)
        m.rollback(point)
        assert (m.getcwd(), m.listdir(".")) == ("/tmp/d", [])
        with pytest.raises(OSError, match="would not be that user's") as caught:
            m.at(point)
        assert caught.value.errno == errno.EOPNOTSUPP


def test_it_is_installed_and_given_back():
    before = len(os.listdir("/proc/self/fd"))
    with ostler.scratch() as m:
        with m.installed():
            os.mkdir("/d")
            point = m.checkpoint()
            with open("/d/file", "w") as file:
                file.write("x")
            m.rollback(point)
            assert os.listdir("/d") == []
        m.branch(3)
        m._share.family.background.finish()
    m.close()
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    with pytest.raises(ValueError, match="closed"):
        m.checkpoint()


def test_taken_back_while_a_file_is_open():
    with ostler.scratch(inodes=40) as m:
        m.create_file("/a", "a")
        for _ in range(30):
            point = scratch_points.settled(m)
            m.unlink("/a")
            with m.open_file("/log", "w") as file:
                with pytest.raises(OSError, match="open for writing in this process") as caught:
                    scratch_points.taken_back(m, point)
                assert (caught.value.errno, m.listdir("/")) == (errno.EBUSY, ["a"])
                file.write("seen by nobody")
            assert (m.listdir("/"), m.points()) == (["a"], [point])
