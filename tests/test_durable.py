"""Replacement that leaves the old or the new content, exchange, and moving."""

import contextlib
import ctypes
import errno
import itertools
import os
import platform
import signal
import stat
import subprocess
import threading
import traceback

import pytest

import ostler
from tests.machines.rehearsing import forked

OLD, NEW = b"old" * 1000, b"new!" * 50_000


def names(folder):
    return sorted(os.listdir(folder))


class TestWriteAtomic:
    def test_creates_with_the_umask(self, folder):
        old = os.umask(0o027)
        try:
            ostler.write_atomic("f", b"data")
        finally:
            os.umask(old)
        assert (folder / "f").read_bytes() == b"data"
        assert stat.S_IMODE(os.stat("f").st_mode) == 0o640
        assert names(folder) == ["f"]

    def test_text_is_written_as_utf8(self, folder):
        ostler.write_atomic("f", "žluť\n")
        assert (folder / "f").read_bytes() == "žluť\n".encode()

    def test_a_writer_gets_a_binary_file(self, folder):
        ostler.write_atomic(b"f", lambda file: file.write(b"by hand"), durable=False)
        assert (folder / "f").read_bytes() == b"by hand"

    def test_keeps_mode_owner_and_attributes(self, folder):
        (folder / "f").write_bytes(OLD)
        os.chmod("f", 0o741)
        with contextlib.suppress(OSError):
            os.setxattr("f", "user.colour", b"green")
        if os.getuid() == 0:
            os.chown("f", 1234, 4321)
        attributes = os.listxattr("f")
        before = os.stat("f")
        ostler.write_atomic("f", NEW)
        after = os.stat("f")
        assert (folder / "f").read_bytes() == NEW
        assert (after.st_mode, after.st_uid, after.st_gid) == (
            before.st_mode,
            before.st_uid,
            before.st_gid,
        )
        assert os.listxattr("f") == attributes
        assert after.st_ino != before.st_ino

    def test_mode_can_be_set(self, folder):
        ostler.write_atomic("f", b"", mode=0o600)
        assert stat.S_IMODE(os.stat("f").st_mode) == 0o600

    def test_hard_links_keep_the_old_content(self, folder):
        (folder / "f").write_bytes(OLD)
        os.link("f", "g")
        ostler.write_atomic("f", NEW)
        assert (folder / "g").read_bytes() == OLD

    def test_a_link_is_replaced_and_not_followed(self, folder):
        (folder / "target").write_bytes(OLD)
        os.symlink("target", "f")
        ostler.write_atomic("f", NEW)
        assert not os.path.islink("f")
        assert (folder / "target").read_bytes() == OLD

    def test_an_error_leaves_the_old_file_and_nothing_else(self, folder):
        (folder / "f").write_bytes(OLD)

        def fails(file):
            file.write(NEW)
            raise KeyError("half way")

        with pytest.raises(KeyError, match="half way"):
            ostler.write_atomic("f", fails)
        assert (folder / "f").read_bytes() == OLD
        assert names(folder) == ["f"]

    def test_no_descriptor_stays_open(self, folder):
        before = os.listdir("/proc/self/fd")
        ostler.write_atomic("f", NEW)
        with pytest.raises(TypeError):
            ostler.write_atomic("f", 5)
        assert len(os.listdir("/proc/self/fd")) == len(before)

    @pytest.mark.parametrize("call", ["fsync", "fchmod"])
    def test_a_failing_call_leaves_the_old_file(self, folder, monkeypatch, call):
        (folder / "f").write_bytes(OLD)

        def fails(*args):
            raise OSError(errno.EIO, "injected")

        monkeypatch.setattr(ostler, call, fails)
        with pytest.raises(OSError, match="injected"):
            ostler.write_atomic("f", NEW)
        assert (folder / "f").read_bytes() == OLD
        assert names(folder) == ["f"]

    def test_without_nameless_files(self, folder, monkeypatch):
        # A file system that has no O_TMPFILE.
        real = ostler.open

        def without(path, flags, *args, **kwargs):
            if flags & ostler.O_TMPFILE == ostler.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, "Operation not supported", path)
            return real(path, flags, *args, **kwargs)

        monkeypatch.setattr(ostler, "open", without)
        ostler.write_atomic("f", NEW)
        ostler.write_atomic("f", OLD)
        assert (folder / "f").read_bytes() == OLD
        with pytest.raises(TypeError):
            ostler.write_atomic("f", 5)
        assert names(folder) == ["f"]

    def test_readers_see_one_or_the_other(self, folder):
        ostler.write_atomic("f", OLD)
        seen, done = set(), threading.Event()

        def read():
            while not done.is_set():
                seen.add((folder / "f").read_bytes())

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(200):
            ostler.write_atomic("f", NEW, durable=False)
            ostler.write_atomic("f", OLD, durable=False)
        done.set()
        reader.join()
        assert seen <= {OLD, NEW}

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            (("missing/f", b""), FileNotFoundError),
            (("d", b""), IsADirectoryError),
            (("d/", b""), IsADirectoryError),
            (("", b""), FileNotFoundError),
            (("fifo", b""), OSError),
            ((5, b""), TypeError),
            (("a\0b", b""), ValueError),
            (("f", None), TypeError),
        ],
    )
    def test_bad_input(self, folder, arguments, error):
        os.mkdir("d")
        os.mkfifo("fifo")
        with pytest.raises(error):
            ostler.write_atomic(*arguments)
        assert names(folder) == ["d", "fifo"]
        assert names("d") == []

    @pytest.mark.parametrize("name", ["\U0001f600" * 60, "n" * 235, b"\xff" * 255])
    def test_long_names(self, folder, name):
        ostler.write_atomic(name, OLD)
        ostler.write_atomic(name, NEW)
        with open(name, "rb") as file:
            assert file.read() == NEW
        assert len(names(folder)) == 1

    def test_through_a_link(self, folder):
        os.mkdir("d")
        (folder / "d/f").write_bytes(OLD)
        os.chmod("d/f", 0o640)
        os.symlink("d/f", "link")
        os.symlink("link", "second")
        ostler.write_atomic("second", NEW, follow_symlinks=True)
        assert (os.readlink("second"), os.readlink("link")) == ("link", "d/f")
        assert (folder / "d/f").read_bytes() == NEW
        assert stat.S_IMODE(os.stat("d/f").st_mode) == 0o640
        os.symlink("d/new", "dangling")
        with ostler.replacing("dangling", follow_symlinks=True) as file:
            file.write("made")
        assert (folder / "d/new").read_text() == "made"
        os.symlink("loop", "loop")
        os.symlink("d", "to a directory")
        for path, number in (("loop", errno.ELOOP), ("to a directory", errno.EISDIR)):
            with pytest.raises(OSError) as caught:
                ostler.write_atomic(path, NEW, follow_symlinks=True)
            assert (caught.value.errno, caught.value.filename) == (number, path)
        assert names("d") == ["f", "new"]

    @pytest.mark.skipif(os.getuid() != 0, reason="gives a file to another user")
    def test_another_user_s_file(self, folder):
        os.chmod(folder, 0o777)
        (folder / "f").write_bytes(OLD)
        os.chown("f", 4321, 4321)
        os.chmod("f", 0o6764)

        def as_user():
            with pytest.raises(PermissionError) as caught:
                ostler.write_atomic("f", NEW)
            assert caught.value.filename == "f"
            assert "owner=None" in "".join(caught.value.__notes__)
            assert names(".") == ["f"]
            ostler.write_atomic("f", NEW, owner=None)

        forked(as_user, 1234)
        found = os.stat("f")
        # The group is another one: it has what others have, and nobody's setuid bit is the new's.
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 1234, 0o744)
        assert (folder / "f").read_bytes() == NEW
        assert names(folder) == ["f"]
        os.chown("f", 4321, 4321)
        ostler.write_atomic("f", OLD, owner=None)
        found = os.stat("f")
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (4321, 4321, 0o744)

    def test_a_bad_owner(self, folder):
        for owner in (0, "me", (0, 0)):
            with pytest.raises(ValueError, match="owner must be"):
                ostler.write_atomic("f", NEW, owner=owner)
        assert names(folder) == []

    @pytest.mark.parametrize(
        ("mode", "error"), [(-1, ValueError), (0o10000, ValueError), ("w", TypeError)]
    )
    def test_bad_mode(self, folder, mode, error):
        with pytest.raises(error):
            ostler.write_atomic("f", b"", mode=mode)
        assert names(folder) == []


# --- a writer killed before every system call that changes something

_libc = ctypes.CDLL(None, use_errno=True)
_TRACEME, _SYSCALL, _SETOPTIONS, _EXITKILL = 0, 24, 0x4200, 0x100000
_GET_SYSCALL_INFO, _SYSGOOD = 0x420E, 1

# Of x86-64: openat, which changes things when it creates or truncates, and the calls that change
# nothing that a kill would leave behind. Elsewhere every call counts.
_OPENAT = 257
_LOOKS = frozenset(
    [
        # read close fstat poll lseek, memory, signals, pread64 access madvise dup nanosleep getpid
        *(0, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 17, 21, 28, 32, 35, 39),
        # fcntl getcwd readlink, ids, statfs gettid, what reads xattrs, futex getdents64
        *(72, 79, 89, 102, 104, 107, 108, 137, 138, 186, 191, 192, 193, 194, 195, 196, 202, 217),
        # clock_gettime clock_nanosleep newfstatat readlinkat faccessat dup3 name_to_handle_at
        *(228, 230, 262, 267, 269, 292, 303),
        # getrandom statx faccessat2
        *(318, 332, 439),
    ]
)


def _ptrace(request, pid, data=0):
    if _libc.ptrace(ctypes.c_long(request), pid, None, ctypes.c_void_p(data)) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def _changes_nothing(pid):
    """Whether this stop is at a call's end, or at the start of one that only looks."""
    info = (ctypes.c_uint64 * 16)()  # struct ptrace_syscall_info
    if _libc.ptrace(ctypes.c_long(_GET_SYSCALL_INFO), pid, ctypes.c_void_p(128), info) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    at_entry, number, flags = info[0] & 0xFF == 1, info[3], info[6]
    if platform.machine() == "x86_64":
        if number == _OPENAT:
            return not (at_entry and flags & (os.O_CREAT | os.O_TRUNC))
        return not at_entry or number in _LOOKS
    return not at_entry


def run_and_kill(function, stops):
    """Run function in a child and kill it before its `stops`th system call that changes things.

    True when the child came to its end before that; where function raised, the test fails.
    """
    pid = os.fork()
    if pid == 0:
        try:
            _ptrace(_TRACEME, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            function()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.waitpid(pid, 0)
    _ptrace(_SETOPTIONS, pid, _EXITKILL | _SYSGOOD)
    while stops:
        _ptrace(_SYSCALL, pid)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status):
            assert status == 0, "what was to be killed failed by itself: see its traceback"
            return True
        stops -= not _changes_nothing(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("durable", [True, False])
def test_killed_at_every_system_call(folder, durable):
    found = []
    for stops in range(1, 1000):
        (folder / "f").write_bytes(OLD)
        ended = run_and_kill(lambda: ostler.write_atomic("f", NEW, durable=durable), stops)
        found.append((folder / "f").read_bytes())
        assert found[-1] in (OLD, NEW), f"something else after {stops} stops"
        if ended:
            break
    assert ended
    assert OLD in found
    assert found[-1] == NEW


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_killing_finds_a_writer_that_is_not_atomic(folder):
    def plain():
        with open("f", "wb", buffering=0) as file:
            for at in range(0, len(NEW), 100_000):
                file.write(NEW[at : at + 100_000])

    found = set()
    for stops in range(1, 1000):
        (folder / "f").write_bytes(OLD)
        ended = run_and_kill(plain, stops)
        found.add((folder / "f").read_bytes())
        if ended:
            break
    assert found - {OLD, NEW}


# --- what a crash of the machine would leave


@pytest.fixture
def own_mounts():
    """A mount namespace of the test's own: what is mounted in it hinders nobody else's test."""
    if os.getuid() != 0:
        pytest.skip("mounting an image takes root")
    here, before = os.getcwd(), os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        ostler.unshare(ostler.CLONE_NEWNS)
    except OSError as error:
        os.close(before)
        pytest.skip(f"no mount namespace on this machine: {error}")
    try:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        yield
    finally:
        ostler.setns(before, ostler.CLONE_NEWNS)
        os.close(before)
        os.chdir(here)


@contextlib.contextmanager
def mounted_image(top, size):
    """A mounted ext4 image that writes nothing back by itself, and a way to crash it.

    To be used where the mounts are the test's own.
    """
    path, at = top / "image", top / "mnt"
    at.mkdir()
    with open(path, "wb") as file:
        file.truncate(size)
    options = "loop,commit=300,noauto_da_alloc"
    try:
        subprocess.run(["mkfs.ext4", "-q", "-F", path], check=True, capture_output=True)
        subprocess.run(["mount", "-o", options, path, at], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no ext4 loop mount on this machine: {error}")

    numbers = itertools.count()

    def after_a_crash(look):
        """What `look` says when the power goes now: of a copy of the device, mounted afresh."""
        # A new file for each: a loop device may keep what it knows of an old one for a while.
        crashed, there = top / f"crashed{next(numbers)}", top / "there"
        there.mkdir(exist_ok=True)
        subprocess.run(["cp", "--sparse=always", path, crashed], check=True)
        subprocess.run(["mount", "-o", "loop", crashed, there], check=True)
        try:
            return look(there)
        finally:
            subprocess.run(["umount", there], check=True)
            crashed.unlink()

    yield at, after_a_crash
    subprocess.run(["umount", at], check=True)


@pytest.fixture
def image(tmp_path, own_mounts):
    """Such an image, and the content of a file of it after a crash."""
    with mounted_image(tmp_path, 32 << 20) as (at, after_a_crash):
        yield at, lambda name: after_a_crash(lambda there: (there / name).read_bytes())


def test_after_a_crash(image):
    at, after_a_crash = image
    ostler.write_atomic(at / "f", OLD)
    os.sync()
    assert after_a_crash("f") == OLD
    ostler.write_atomic(at / "f", NEW)
    assert after_a_crash("f") == NEW


def test_a_crash_shows_what_was_not_synced(image):
    at, after_a_crash = image
    ostler.write_atomic(at / "f", OLD)
    os.sync()
    ostler.write_atomic(at / "f", NEW, durable=False)
    assert (at / "f").read_bytes() == NEW
    assert after_a_crash("f") != NEW


def test_replace_durable(image):
    at, after_a_crash = image
    (at / "f").write_bytes(OLD)
    (at / "d").mkdir()
    (at / "d" / "g").write_bytes(NEW)
    os.sync()
    (at / "d" / "g").write_bytes(NEW[::-1])
    ostler.replace_durable(at / "d" / "g", at / "f")
    assert after_a_crash("f") == NEW[::-1]
    with pytest.raises(FileNotFoundError):
        after_a_crash("d/g")


def test_sync_directory(image):
    at, after_a_crash = image
    (at / "d").mkdir()
    os.sync()
    (at / "d" / "f").symlink_to("nowhere")
    (at / "d" / "g").touch()
    ostler.sync_directory(at / "d")
    assert after_a_crash("d/g") == b""


class TestRenames:
    def test_noreplace(self, folder):
        (folder / "a").write_bytes(b"a")
        (folder / "b").write_bytes(b"b")
        with pytest.raises(FileExistsError) as caught:
            ostler.rename_noreplace("a", "b")
        assert (caught.value.filename, caught.value.filename2) == ("a", "b")
        ostler.rename_noreplace("a", "c")
        assert names(folder) == ["b", "c"]

    def test_noreplace_in_directories(self, folder):
        os.mkdir("d")
        (folder / "d" / "a").write_bytes(b"a")
        fd = os.open("d", os.O_RDONLY)
        try:
            ostler.rename_noreplace("a", "b", src_dir_fd=fd, dst_dir_fd=fd)
            with pytest.raises(FileNotFoundError):
                ostler.rename_noreplace("a", "b", src_dir_fd=fd)
        finally:
            os.close(fd)
        assert names("d") == ["b"]

    def test_exchange(self, folder):
        (folder / "a").write_bytes(b"a")
        (folder / "b").mkdir()
        ostler.exchange("a", b"b")
        assert (folder / "b").read_bytes() == b"a"
        assert (folder / "a").is_dir()
        with pytest.raises(FileNotFoundError) as caught:
            ostler.exchange("a", "missing")
        assert (caught.value.filename, caught.value.filename2) == ("a", "missing")
