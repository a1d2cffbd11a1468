"""Points of a rehearsal: made, gone back to, taken up again; what refuses, and what goes on."""

import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import errno
import mmap
import os
import signal
import stat
import threading
import time
from functools import partial

import pytest

import ostler
from ostler.installation import installed  # noqa: F401
from ostler.machines.rehearsal import copied, layers
from ostler.points import history
from tests.machines.rehearsing import got, kinds, put, put_on, text, view

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def stays(m, call, match, number=errno.EBUSY):
    """A call is refused, and the machine is as it was: it can be written to, with its points."""
    seen, points = view(m), m.points()
    with pytest.raises(OSError, match=match) as caught:
        call()
    assert caught.value.errno == number
    assert (view(m), m.points()) == (seen, points)
    put_on(m, "/goes-on", b"x")
    m.unlink("/goes-on")
    return caught.value


def test_a_point(base):
    put(f"{base}/file", "base")
    before = time.time()
    with ostler.rehearsal(base) as m:
        assert m.points() == []
        put_on(m, "/file", b"one")
        point = m.checkpoint()
        named = m.checkpoint("second", command=["make", "all"])
        assert (point.name, named.name, named.command) == ("1", "second", ["make", "all"])
        assert before <= point.time <= named.time <= time.time()
        assert (point.parent, named.parent, point.command) == (None, point, None)
        assert m.points() == [point, named]
        assert repr(named) == "<Point 'second'>"
        put_on(m, "/file", b"two")
        assert m.rollback("second") is m.points()[-1]
        assert got(m, "/file") == "one"
    assert text(f"{base}/file") == "base"


def test_what_a_name_may_be(base):
    with ostler.rehearsal(base) as m:
        m.checkpoint("a")
        for name in ("a", "", "a/b", "a\0", "a\nb"):
            with pytest.raises(ValueError, match=r"name|point"):
                m.checkpoint(name)
        with pytest.raises(TypeError):
            m.checkpoint(1)
        with pytest.raises(ValueError, match="children"):
            m.checkpoint(children="copies")
        m.checkpoint("2")
        assert [m.checkpoint().name for _ in range(2)] == ["1", "3"]


def test_which_point_is_meant(base):
    with ostler.rehearsal(base) as m, ostler.rehearsal(base) as other:
        point = other.checkpoint()
        m.checkpoint()
        with pytest.raises(ValueError, match="another machine"):
            m.rollback(point)
        with pytest.raises(ValueError, match="no point 'x'"):
            m.rollback("x")
        with pytest.raises(TypeError):
            m.rollback(1)
        with pytest.raises(ValueError, match="nothing to redo"):
            m.redo()


def test_nothing_is_mounted_where_nothing_was_changed(base):
    put(f"{base}/file", "base")
    with ostler.rehearsal(base) as m:
        device = m.stat("/").st_dev
        one, two = m.checkpoint(), m.checkpoint()
        m.rollback(one)
        m.rollback(two)
        with m.open_file("/file"):  # it is only read
            m.checkpoint()
        assert m.stat("/").st_dev == device
        m.utime("/", ns=(1, 1))
        m.checkpoint()
        assert m.stat("/").st_dev != device
        assert m.stat("/").st_mtime_ns == 1
        m.rollback(one)
        assert m.stat("/").st_mtime_ns == os.stat(base).st_mtime_ns


def test_the_top_itself(base):
    os.chmod(base, 0o750)
    os.setxattr(base, "user.x", b"base")
    with ostler.rehearsal(base) as m:
        first = m.checkpoint()
        m.chmod("/", 0o711)
        m.setxattr("/", "user.x", b"one")
        m.setxattr("/", "user.y", b"two")
        second = m.checkpoint()
        assert (stat.S_IMODE(m.stat("/").st_mode), m.getxattr("/", "user.x")) == (0o711, b"one")
        assert {c.kind for c in m.changes()} == {"metadata"}
        m.rollback(first)
        assert (stat.S_IMODE(m.stat("/").st_mode), m.listxattr("/")) == (0o750, ["user.x"])
        assert m.changes() == []
        m.rollback(second)
        m.removexattr("/", "user.y")
        assert m.getxattr("/", "user.x") == b"one"
        m.commit()
    assert os.getxattr(base, "user.x") == b"one"
    assert stat.S_IMODE(os.stat(base).st_mode) == 0o711


def test_undone_and_done_again(base):
    with ostler.rehearsal(base) as m:
        points = []
        for number in range(4):
            put_on(m, "/file", b"%d" % number)
            points.append(m.checkpoint())
        put_on(m, "/file", b"last")
        left = m.rollback(points[2])
        assert (left, left.parent) == (m.points()[-1], points[3])
        m.rollback(points[0])
        assert got(m, "/file") == "0"
        assert m.redo() is points[2]
        assert got(m, "/file") == "2"
        assert m.redo() is left
        assert got(m, "/file") == "last"
        with pytest.raises(ValueError, match="nothing to redo"):
            m.redo()
        m.rollback(points[1])
        put_on(m, "/other", b"x")
        assert m.checkpoint().parent is points[1]
        with pytest.raises(ValueError, match="nothing to redo"):
            m.redo()


def test_open_files_and_the_working_directory(base):
    with ostler.rehearsal(base) as m:
        m.mkdir("/d")
        m.chdir("/d")
        put_on(m, "file", b"one")
        reader = m.open_file("file", "rb")
        mapped = mmap.mmap(reader.fileno(), 0, prot=mmap.PROT_READ)
        folder = m.open("/d", os.O_RDONLY)
        umask = m.umask(0o27)
        first = m.checkpoint()
        assert m.getcwd() == "/d"
        put_on(m, "file", b"two")
        assert (reader.read(), mapped[:], got(m, "/d/file")) == (b"one", b"one", "two")
        with pytest.raises(OSError, match="Read-only") as caught:
            m.mkdir("x", dir_fd=folder)
        assert caught.value.errno == errno.EROFS
        assert m.umask(umask) == 0o27
        m.mkdir("/e")
        m.chdir("/e")
        m.rollback(first)
        assert m.getcwd() == "/"  # it was not there
        reader.close()
        mapped.close()
        m.close(folder)


def test_a_writer(base):
    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"a" * 4096)
        point = m.checkpoint()
        file = m.open_file("/log", "w")
        calls = [partial(m.checkpoint, children=c) for c in ("refuse", "leave", "kill")]
        for call in (*calls, lambda: m.rollback(point)):
            error = stays(m, call, "open for writing in this process")
            assert error.filename == f"{base}/log"
        file.write("goes on")
        file.close()
        fd = m.open("/a", os.O_RDWR)
        mapped = mmap.mmap(fd, 4096)
        m.close(fd)
        assert stays(m, m.checkpoint, "open for writing").filename == f"{base}/a"
        mapped.close()
        m.checkpoint()
        assert got(m, "/log") == "goes on"


def started(m, script):
    """A shell that runs a script and then waits on a pipe: (pid, the pipe)."""
    reader, writer = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, reader, 0)]
    pid = m.posix_spawn("/bin/sh", ["sh", "-c", script], {}, file_actions=actions)
    os.close(reader)
    return pid, writer


def wait_for(m, path):
    while not m.path.exists(path):
        time.sleep(0.001)


@pytest.fixture
def place():
    """A path on the whole file system, in which an ordinary user may write."""
    return f"/var/tmp/ostler-points-{os.getpid()}"


def test_a_child(user, place):
    place += user
    with ostler.rehearsal() as m:
        put_on(m, place, b"before")
        first = m.checkpoint()
        pid, writer = started(m, f"echo one > {place}; read line; echo two >> {place}")
        while got(m, place) != "one\n":
            time.sleep(0.001)
        for call in (m.checkpoint, lambda: m.rollback(first)):
            with pytest.raises(OSError, match=rf"process {pid} \(sh\) still runs there") as caught:
                call()
            assert caught.value.errno == errno.EBUSY
        os.close(writer)
        os.waitpid(pid, 0)
        m.checkpoint()
        assert got(m, place) == "one\ntwo\n"
        m.rollback(first)
        assert got(m, place) == "before"
        pid = m.posix_spawn("/bin/cat", ["cat", place], {})
        assert os.waitpid(pid, 0)[1] == 0
    assert not os.path.exists(place)


def test_a_child_is_killed(user, place):
    place += user
    with ostler.rehearsal() as m:
        first = m.checkpoint()
        script = f"(exec > {place}-log; while :; do echo x; done) & echo one > {place}; read line"
        pid, writer = started(m, script)
        wait_for(m, place)
        wait_for(m, f"{place}-log")
        m.rollback(first, children="kill")
        assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
        os.close(writer)
        assert not m.path.exists(place)
        size = m.stat  # nobody writes to it any more
        m.redo()
        once = size(f"{place}-log").st_size
        time.sleep(0.01)
        assert size(f"{place}-log").st_size == once


def test_a_child_is_left(user, place):
    place += user
    with ostler.rehearsal() as m:
        put_on(m, place, b"one\n")
        script = f"echo > {place}-begun; read line; cat {place} > {place}-copy; cat {place}"
        reader, writer = os.pipe()
        out, inside = os.pipe()
        actions = [(os.POSIX_SPAWN_DUP2, reader, 0), (os.POSIX_SPAWN_DUP2, inside, 1)]
        pid = m.posix_spawn("/bin/sh", ["sh", "-c", script], {}, file_actions=actions)
        os.close(reader)
        os.close(inside)
        wait_for(m, f"{place}-begun")
        m.checkpoint(children="leave")
        put_on(m, place, b"two\n")
        os.close(writer)
        with open(out, "rb") as file:
            assert file.read() == b"one\n"
        os.waitpid(pid, 0)
        assert not m.path.exists(f"{place}-copy")  # EROFS there
        assert got(m, place) == "two\n"


def test_children_begin_in_the_new_state(user, place):
    place += user
    with ostler.rehearsal() as m:
        put_on(m, place, b"one")
        point = m.checkpoint()
        put_on(m, place, b"two")
        for expected in (b"two", b"one"):
            reader, writer = os.pipe()
            actions = [(os.POSIX_SPAWN_DUP2, writer, 1)]
            pid = m.posix_spawn("/bin/cat", ["cat", place], {}, file_actions=actions)
            os.close(writer)
            with open(reader, "rb") as file:
                assert file.read() == expected
            os.waitpid(pid, 0)
            m.rollback(point)


def test_changes_diff_and_commit(base):
    put(f"{base}/d/kept", "kept\n")
    put(f"{base}/d/gone", "gone\n")
    put(f"{base}/text", "one\n")
    with ostler.rehearsal(base) as m:
        m.unlink("/d/gone")
        m.checkpoint()
        put_on(m, "/text", b"two\n")
        m.mkdir("/new")
        m.checkpoint()
        put_on(m, "/new/file", b"x")
        m.rename("/d", "/e")
        assert kinds(m, base) == {
            "e": "renamed", "e/gone": "removed", "new": "created", "new/file": "created",
            "text": "modified",
        }  # fmt: skip
        assert "-one\n+two\n" in m.diff()
        seen = view(m)
        m.commit(f"{base}/text")
        assert m.points() == []
        assert view(m) == seen
        assert "text" not in kinds(m, base)
        point = m.checkpoint()
        m.mkdir("/more")
        m.commit()
        assert (m.changes(), m.points()) == ([], [])
        with pytest.raises(ValueError, match="another machine"):
            m.rollback(point)
    assert sorted(os.listdir(base)) == ["e", "more", "new", "text"]
    assert text(f"{base}/text") == "two\n"


def test_a_commit_that_is_refused_leaves_the_points(base):
    put(f"{base}/file", "base")
    with ostler.rehearsal(base) as m:
        put_on(m, "/file", b"one")
        point = m.checkpoint()
        put_on(m, "/other", b"x")
        put(f"{base}/file", "somebody else's")
        with pytest.raises(ostler.CommitConflict):
            m.commit()
        assert m.points() == [point]
        m.rollback(point)
        assert kinds(m, base) == {"file": "modified"}
        m.discard()
        assert m.points() == []
        assert got(m, "/file") == "somebody else's"
    assert text(f"{base}/file") == "somebody else's"


def test_what_is_kept_is_the_whole(base, folder):
    put(f"{base}/file", "base")
    with ostler.rehearsal(base) as m:
        put_on(m, "/file", b"one")
        m.checkpoint()
        m.mkdir("/d")
        m.keep(f"{folder}/kept")
        assert len(m.points()) == 1
        shown = view(m)
    with ostler.rehearsal(base, upper=f"{folder}/kept") as again:
        assert view(again) == shown
        assert again.points() == []


def test_many_in_a_row(base, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 4)
    with ostler.rehearsal(base) as m:
        m.mkdir("/d")
        for number in range(70):
            put_on(m, "/d/file", b"%d" % number)
            put_on(m, f"/d/{number}", b"")
            m.checkpoint()
        m._history.background.finish()
        assert len(m._history.cover(m._history.chain(m._history.at))) < 12
        for number in (3, 15, 16, 40, 69):
            m.rollback(str(number + 1))
            assert got(m, "/d/file") == str(number)
            assert len(m.listdir("/d")) == number + 2
            assert len(kinds(m, base)) == number + 3


def test_a_layer_that_is_full_of_layers(base):
    """Far more points than the kernel takes layers."""
    with ostler.rehearsal(base) as m:
        for number in range(520):
            put_on(m, "/file", b"%d" % number)
            m.checkpoint()
        assert got(m, "/file") == "519"
        m.rollback("257")
        assert got(m, "/file") == "256"


def test_other_threads_go_on(base):
    """What is written between two points is in one of them, by whomever."""
    with ostler.rehearsal(base) as m:
        stop, errors, count = threading.Event(), [], [0]

        def work():
            while not stop.is_set():
                try:
                    put_on(m, f"/{count[0]}", b"x")
                    count[0] += 1
                except OSError as error:
                    if error.errno not in (errno.EROFS, errno.EBUSY):
                        errors.append(error)
                        return

        thread = threading.Thread(target=work)
        thread.start()
        try:
            for _ in range(30):
                try:
                    m.checkpoint()
                except OSError as error:
                    assert error.errno == errno.EBUSY
        finally:
            stop.set()
            thread.join()
        assert not errors
        present = {int(name) for name in m.listdir("/")}
        assert set(range(count[0])) <= present


def test_descriptors_are_given_back(base):
    with ostler.rehearsal(base) as m:
        m.checkpoint()
        put_on(m, "/a", b"")
        m.checkpoint()
        m._history.background.finish()
        before = os.listdir("/proc/self/fd")
        for number in range(40):
            put_on(m, "/a", b"%d" % number)
            m.checkpoint()
            m.changes()
        m._history.background.finish()
        assert len(os.listdir("/proc/self/fd")) == len(before)
    with ostler.rehearsal(base) as m:
        pass
    assert len(os.listdir("/proc/self/fd")) < len(before)


def test_what_was_changed_between_points_is_known_when_those_between_are_dropped(base):
    with ostler.rehearsal(base) as m:
        points = []
        for number in range(20):
            put_on(m, f"/{number:02}", b"")
            points.append(m.checkpoint())
        m._history.background.finish()
        for point in points[6:18]:
            m.drop(point)
        m._history.background.finish()
        found = [os.path.basename(c.path) for c in m.changes(since=points[5])]
        assert found == [f"{number:02}" for number in range(6, 20)]


def test_a_forked_copy_has_no_points(base):
    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"")
        m.checkpoint()
        put_on(m, "/b", b"")
        pid = os.fork()
        if pid == 0:
            try:
                m.checkpoint()
            except RuntimeError:
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        m.checkpoint()


def test_a_base_that_is_another_one_by_now(base):
    os.mkdir(f"{base}/inner")
    with ostler.rehearsal(f"{base}/inner") as m:
        put_on(m, "/a", b"x")
        os.rename(f"{base}/inner", f"{base}/away")
        os.mkdir(f"{base}/inner")
        stays(m, m.checkpoint, "another directory", errno.ESTALE)
        os.rmdir(f"{base}/inner")
        os.rename(f"{base}/away", f"{base}/inner")
        m.checkpoint()
        assert got(m, "/a") == "x"


def test_it_is_installed(base):
    with ostler.rehearsal(base) as m:
        with m.installed():
            with open("/a", "w") as file:
                file.write("one")
            point = m.checkpoint()
            with open("/a", "w") as file:
                file.write("two")
            m.rollback(point)
            with open("/a") as file:
                assert file.read() == "one"


def test_a_copy_has_none(base):
    from ostler.machine import MachineUnavailable

    with copied.copied_rehearsal(MachineUnavailable("refused", "", 1), base, None) as m:
        with pytest.raises(OSError, match="copy has no points") as caught:
            m.checkpoint()
        assert caught.value.errno == errno.EOPNOTSUPP
        assert m.points() == []


@pytest.mark.parametrize("whole", [False, True], ids=["one overlay", "all file systems"])
def test_no_room_for_another_layer(base, whole, monkeypatch):
    with ostler.rehearsal(None if whole else base) as m:
        path = f"{base}/file" if whole else "/file"
        point = m.checkpoint()
        put_on(m, path, b"one")

        def full(*args):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        mounted = layers.mounted_again
        for call in (m.checkpoint, lambda: m.rollback(point)):
            for function in ("new_store", "mounted_again"):

                def once(*args, **kwargs):
                    monkeypatch.setattr(layers, "mounted_again", mounted)
                    full(*args)

                with monkeypatch.context() as patch:
                    patch.setattr(layers, function, full if function == "new_store" else once)
                    with pytest.raises(OSError, match="No space"):
                        call()
                put_on(m, path, b"goes on")
                assert m.points() == [point]
        m.rollback(point)
        assert not m.path.exists(path)
        m.redo()
        assert got(m, path) == "goes on"
