"""A machine's life: making, using from threads, closing; nothing of it stays behind."""

import ctypes
import errno
import gc
import io
import os
import pickle
import signal
import stat
import sys
import threading
import time

import pytest

import ostler
from ostler.machines import SHELL
from ostler.machines import kinds as classes
from tests.machines import ORDINARY, as_self, as_user, kinds

both_users = pytest.mark.parametrize("user", [as_self, as_user])
every_kind = pytest.mark.parametrize("kind", kinds.OVER)


def held():
    """The descriptors, mounts and children that this process has."""
    gc.collect()
    with open("/proc/self/mountinfo") as table:
        # Others may mount things meanwhile; these could only be ours.
        mounts = [line for line in table if " ostler " in line or "test_nothing_stays" in line]
    with open(f"/proc/self/task/{os.getpid()}/children") as children:
        return len(os.listdir("/proc/self/fd")), mounts, children.read()


def nothing_stays(kind, directory, how):
    kind(directory).close()  # what is loaded once
    before = held()
    for _ in range(20):
        machine = kind(directory)
        machine.chdir("/")
        machine.listdir("/")
        if how == "close":
            machine.close()
        elif how == "error":
            try:
                with machine:
                    raise KeyError
            except KeyError:
                pass
        machine = None
        gc.collect()
    return before, held()


@both_users
@every_kind
@pytest.mark.parametrize("how", ["close", "error", "collected"])
def test_nothing_stays(kind, user, how, directory):
    before, after = user(nothing_stays, kind, directory, how)
    assert after == before


def in_threads(kind, directory):
    before = held()
    found = []

    def work():
        for _ in range(10):
            with kind(directory) as machine:
                found.append(machine.path.exists("/"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found, before, held()


@both_users
@every_kind
def test_from_several_threads(kind, user, directory):
    if kind is kinds.kept_rehearsal:
        pytest.skip("one upper belongs to one rehearsal at a time")
    found, before, after = user(in_threads, kind, directory)
    assert found == [True] * 40
    assert after == before


def closed_while_used():
    """Close a machine under a thread that goes on using it; what it did to the host's files."""
    machine = ostler.scratch()
    stat_, mkdir = machine.stat, machine.mkdir
    outcome = []

    def work():
        while True:
            try:
                stat_("/")
                mkdir("/made-by-the-thread")
            except FileExistsError:
                pass
            except (OSError, ValueError) as error:
                outcome.append(getattr(error, "errno", None))
                return

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.02)
    machine.close()
    os.close(os.open("/", os.O_RDONLY))  # a number that is given out again must not be used
    thread.join(10)
    return thread.is_alive(), outcome, os.path.exists("/made-by-the-thread")


@both_users
def test_closed_under_a_thread(user):
    alive, outcome, escaped = user(closed_while_used)
    assert not alive and not escaped
    assert outcome[0] in (errno.EBADF, errno.ENOTDIR, None)


def several(directory):
    with ostler.scratch() as a, ostler.scratch() as b, ostler.confined(directory) as c:
        a.mkdir("x")
        c.chdir("/")
        b.mkdir("y")
        b.chdir("y")
        return a.listdir("/"), b.listdir("/"), b.getcwd(), a.getcwd(), c.listdir("/")


@both_users
def test_several_at_once(user, directory):
    assert user(several, directory) == (["x"], ["y"], "/y", "/", ["file"])


def test_gone_when_the_process_is_killed(directory):
    def of_ours():
        with open("/proc/self/mountinfo") as table:
            return [line for line in table if "ostler" in line or directory in line]

    before = of_ours()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        machines = [kind(directory) for kind in kinds.OVER]
        machines[kinds.OVER.index(kinds.scratch)].mkdir("x")
        os.write(writing, b"x")
        signal.pause()
    os.close(writing)
    assert os.read(reading, 1) == b"x"
    os.close(reading)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert of_ours() == before
    assert sorted(os.listdir(directory)) == ["file"]


@every_kind
def test_closed(kind, directory):
    machine = kind(directory)
    listdir = machine.listdir
    assert not machine.closed
    machine.close()
    machine.close()
    assert machine.closed
    assert "closed" in repr(machine)
    for use in (
        lambda: machine.listdir("/"),
        lambda: machine.getcwd(),
        lambda: machine.path,
        lambda: machine.system("true"),
        lambda: machine.open_file("/file"),
        lambda: machine.__enter__(),
    ):
        with pytest.raises(ValueError, match="closed"):
            use()
    with pytest.raises(OSError):
        listdir("/")


@every_kind
def test_not_pickled(kind, directory):
    with kind(directory) as machine, pytest.raises(TypeError, match="pickle"):
        pickle.dumps(machine)


@pytest.mark.parametrize("make", [ostler.confined, ostler.read_only, ostler.rehearsal])
def test_bad_directories(make, directory):
    before = held()
    for bad, error in [
        (os.path.join(directory, "file"), NotADirectoryError),
        (os.path.join(directory, "missing"), FileNotFoundError),
        ("a\0b", ValueError),
        ("", FileNotFoundError),
        (3.5, TypeError),
        ([], TypeError),
        ("x" * 5000, OSError),
    ]:
        with pytest.raises(error):
            make(bad)
    assert held() == before


@pytest.mark.parametrize(
    ("size", "error"),
    [
        ("", ValueError), ("M", ValueError), ("12x", ValueError), ("-1", ValueError),
        ("1.5", ValueError), (0, ValueError), (-5, ValueError), (1.5, TypeError),
        ([], TypeError), (True, TypeError), (2**70, OverflowError), ("a\0b", ValueError),
    ],
)  # fmt: skip
def test_bad_sizes(size, error):
    before = held()
    with pytest.raises(error):
        ostler.scratch(size=size)
    with pytest.raises(error):
        ostler.scratch(inodes=size)
    assert held() == before


@pytest.mark.parametrize("size", ["1.5M", "1536K", "1536KB", "1536kib", 1536 * 1024])
def test_one_grammar_of_sizes(size):
    with ostler.scratch(size=size) as machine:
        found = machine.statvfs("/")
        assert found.f_blocks * found.f_frsize == 1536 * 1024


@pytest.mark.parametrize(
    ("bind", "error"),
    [
        ("/usr", TypeError), (b"/usr", TypeError), (["/missing/path"], FileNotFoundError),
        (["/"], ValueError), ([3], TypeError), (["a\0b"], ValueError),
    ],
)  # fmt: skip
def test_bad_binds(bind, error):
    before = held()
    with pytest.raises(error):
        ostler.scratch(bind=bind)
    assert held() == before


def test_bad_uppers(directory, tmp_path):
    before = held()
    with pytest.raises(OSError, match="upper"):
        ostler.rehearsal(directory, directory)
    with pytest.raises(FileNotFoundError):
        ostler.rehearsal(directory, str(tmp_path / "missing"))
    with pytest.raises(NotADirectoryError):
        ostler.rehearsal(directory, os.path.join(directory, "file"))
    upper = tmp_path / "upper"
    upper.mkdir()
    ostler.rehearsal(directory, upper).close()
    with pytest.raises((ValueError, OSError), match=r"belongs|within"):
        ostler.rehearsal(str(tmp_path), upper)
    with ostler.rehearsal(directory, upper), pytest.raises(OSError, match="open"):
        ostler.rehearsal(directory, upper)
    assert held() == before


def exact_room():
    with ostler.scratch(size=65536, inodes=20) as machine:
        fd = machine.open("f", machine.O_WRONLY | machine.O_CREAT)
        written = 0
        try:
            while True:
                written += machine.write(fd, b"x" * 1000)
        except OSError as error:
            full = error.errno
        machine.close(fd)
        machine.remove("f")
        names = 0
        try:
            while True:
                machine.mkdir(f"d{names}")
                names += 1
        except OSError as error:
            return written, full, names, error.errno


@both_users
def test_no_space_is_exact(user):
    written, full, names, no_inodes = user(exact_room)
    assert (written, full) == (65536, errno.ENOSPC)
    assert (names < 20, no_inodes) == (True, errno.ENOSPC)


def changed_while_used():
    found = []
    with ostler.scratch(size="64K") as machine:
        fd = machine.open("f", machine.O_WRONLY | machine.O_CREAT)
        found.append(machine.write(fd, b"x" * 100_000))
        machine.resize("1M")
        found.append(machine.write(fd, b"x" * 100_000))
        for change in (lambda: machine.resize("64K"), machine.read_only_now):
            try:
                change()
            except OSError as error:
                found.append(error.errno)
        machine.close(fd)
        machine.read_only_now()
        try:
            machine.mkdir("d")
        except OSError as error:
            found.append(error.errno)
        machine.read_only_now(False)
        machine.mkdir("d")
        return found


@both_users
def test_limits_change_while_it_is_used(user):
    assert user(changed_while_used) == [65536, 100_000, errno.EINVAL, errno.EBUSY, errno.EROFS]


def shell_in(kind_of_machine):
    with ostler.scratch(bind=SHELL) as machine:
        machine.mkdir("work")
        machine.chdir("work")
        machine.environ["GREETING"] = "hello"
        status = machine.system("echo $GREETING > made; pwd >> made; touch /usr/x 2>>/dev/null")
        with machine.open_file("made") as file:
            text = file.read()
        spawned = machine.spawnv(machine.P_WAIT, "/bin/sh", ["sh", "-c", "test -e made"])
        with machine.popen("ls /work") as pipe:
            listed = pipe.read()
        pid = machine.fork()
        if pid == 0:
            machine.execv("/bin/sh", ["sh", "-c", "cat made > copy"])
        machine.waitpid(pid, 0)
        return bool(status), text, spawned, listed, machine.path.getsize("copy") == len(text)


@both_users
def test_children_live_in_it(user):
    assert user(shell_in, None) == (True, "hello\n/work\n", 0, "made\n", True)


def changes_of_a_device(kind):
    """What came of each way to change /dev/null on a machine; none would do harm if it worked."""
    found = {}
    with kind() as machine:
        status = machine.stat("/dev/null")
        fd = machine.open("/dev/null", machine.O_WRONLY)
        for name, change in {
            "chmod": lambda: machine.chmod("/dev/null", stat.S_IMODE(status.st_mode)),
            "fchmod": lambda: machine.fchmod(fd, stat.S_IMODE(status.st_mode)),
            "chown": lambda: machine.chown("/dev/null", status.st_uid, status.st_gid),
            "fchown": lambda: machine.fchown(fd, status.st_uid, status.st_gid),
            "utime": lambda: machine.utime("/dev/null"),
            "setxattr": lambda: machine.setxattr("/dev/null", "user.x", b""),
        }.items():
            try:
                change()
                found[name] = "done"
            except OSError as error:
                found[name] = errno.errorcode[error.errno]
        found["written"] = machine.write(fd, b"x")
        machine.close(fd)
        found["child"] = machine.system(
            "chmod 666 /dev/null 2>&- && exit 1; touch /dev/null 2>&- && exit 2; echo x >/dev/null"
        )
    return found


@both_users
@pytest.mark.parametrize(
    "kind", [lambda: ostler.scratch(bind=SHELL), ostler.read_only], ids=["scratch", "read_only"]
)
def test_devices_that_are_shown_are_used_but_not_changed(kind, user):
    found = user(changes_of_a_device, kind)
    written, child = found.pop("written"), found.pop("child")
    assert (written, child) == (1, 0)
    assert set(found.values()) == {"EROFS"}, found


def own_things(directory):
    here = os.getcwd()
    old = os.umask(0o022)
    try:
        with ostler.scratch() as machine:
            machine.mkdir("d")
            machine.chdir("d")
            machine.umask(0o007)
            machine.mkdir("group", 0o777)
            machine.close(machine.open("file", machine.O_CREAT | machine.O_WRONLY, 0o666))
            machine.umask(0o077)
            machine.mkdir("mine", 0o777)
            machine.environ["OSTLER_TEST"] = "1"
            return (
                machine.getcwd(),
                os.getcwd() == here,
                [stat.S_IMODE(machine.stat(n).st_mode) for n in ("group", "file", "mine")],
                "OSTLER_TEST" in os.environ,
                "OSTLER_TEST" in ostler.environ,
            )
    finally:
        os.umask(old)


@both_users
def test_directory_umask_and_environment_are_its_own(user, directory):
    assert user(own_things, directory) == ("/d", True, [0o770, 0o660, 0o700], False, False)


def test_open_file_is_as_the_builtin():
    import inspect

    with ostler.scratch() as machine:
        signature = inspect.signature(machine.open_file)
        assert signature == inspect.signature(open) or sys.version_info < (3, 12)
        with machine.open_file("f", "w", encoding="utf-8", newline="\r\n") as file:
            file.write("é\n")
        with machine.open_file("f", "rb") as file:
            assert isinstance(file, io.BufferedReader)
            assert file.read() == "é\r\n".encode()
        with pytest.raises(FileNotFoundError) as caught:
            machine.open_file("missing")
        assert caught.value.filename == "missing"
        with pytest.raises(IsADirectoryError):
            machine.open_file("/")
        with pytest.raises(ValueError, match="mode"):
            machine.open_file("f", "q")


def read_only_errors(directory):
    with ostler.read_only(directory) as machine:
        found = [machine.open_file("file").read()]
        for change in (
            lambda: machine.mkdir("d"),
            lambda: machine.remove("file"),
            lambda: machine.open_file("file", "a"),
            lambda: machine.chmod("file", 0o600),
            lambda: machine.utime("file"),
            lambda: machine.truncate("file", 0),
            lambda: machine.rename("file", "g"),
            lambda: machine.symlink("a", "b"),
        ):
            try:
                change()
                found.append("done")
            except OSError as error:
                found.append(error.errno)
        return found


@both_users
def test_read_only(user, directory):
    assert user(read_only_errors, directory) == ["text", *[errno.EROFS] * 8]


def rehearsed(directory):
    with ostler.rehearsal(directory) as machine:
        machine.makedirs("a/b/c")
        machine.rename("file", "a/file")
        machine.rename("a", "z")
        with machine.open_file("z/file", "a") as file:
            file.write(" and more")
        return sorted(machine.listdir("/")), machine.open_file("z/file").read()


@both_users
def test_a_rehearsal_leaves_the_base_alone(user, directory):
    assert user(rehearsed, directory) == (["z"], "text and more")
    assert os.listdir(directory) == ["file"]
    with open(os.path.join(directory, "file")) as file:
        assert file.read() == "text"


def moved_directory(directory):
    os.makedirs(os.path.join(directory, "lower/sub"))
    with open(os.path.join(directory, "lower/sub/deep"), "w") as file:
        file.write("deep")
    with ostler.rehearsal(directory) as machine:
        machine.rename("lower", "moved")
        machine.mkdir("empty")
        machine.replace("moved", "empty")
        return machine.listdir("/empty/sub"), sorted(machine.listdir("/"))


@both_users
def test_a_directory_of_the_base_is_renamed(user, directory):
    assert user(moved_directory, directory) == (["deep"], ["empty", "file"])


def taken_up(directory):
    upper = directory + "-upper"
    os.mkdir(upper)
    with ostler.rehearsal(directory, upper) as machine:
        machine.mkdir("made")
        started = machine._started
    with ostler.rehearsal(directory, upper) as machine:
        return machine.path.isdir("made"), machine._started == started


@both_users
def test_a_kept_rehearsal_is_taken_up(user, directory):
    assert user(taken_up, directory) == (True, True)
    assert os.listdir(directory) == ["file"]


def mounted_below(directory):
    """Mount something in the directory, in a mount namespace of this process's own."""
    libc = ctypes.CDLL(None, use_errno=True)
    os.mkdir(f"{directory}/mounted")
    os.mkdir(f"{directory}/own")
    os.chown(f"{directory}/own", ORDINARY, ORDINARY)
    private = 1 << 14 | 1 << 18  # MS_REC | MS_PRIVATE
    assert libc.unshare(0x00020000) == 0, ctypes.get_errno()  # CLONE_NEWNS
    assert libc.mount(None, b"/", None, private, None) == 0
    assert libc.mount(b"x", f"{directory}/mounted".encode(), b"tmpfs", 0, None) == 0


def rehearsed_beside_a_mount(directory):
    found = []
    os.chdir(f"{directory}/own")
    with ostler.rehearsal() as machine:
        found.append("mounted below" in machine.guarantees["read-only"])
        for path in (f"{directory}/own/made", f"{directory}/made"):
            try:
                machine.mkdir(path)
                found.append(machine.path.isdir(path))
            except OSError as error:
                found.append(error.errno)
        found.append([os.path.relpath(c.path, directory) for c in machine.changes()])
    return found, os.listdir(f"{directory}/own")


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone may mount for everybody")
def test_an_ordinary_user_beside_something_that_is_mounted(directory):
    def work():
        mounted_below(directory)
        return as_user(rehearsed_beside_a_mount, directory)

    found, there = as_self(work)
    assert (found, there) == ([True, True, errno.EROFS, ["own/made"]], [])


def test_every_kind_of_machine_is_tested():
    """A kind that tests/machines/kinds.py does not have would be in none of these tests."""
    for makers in (kinds.OVER, kinds.WHOLE):
        names = {maker.__name__.removeprefix("whole_").replace("_", "") for maker in makers}
        assert {name.lower() for name in classes.__all__} <= names
