"""A rehearsal is kept on a full disk: what frees room works there, also when it is killed."""

import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import ctypes
import errno
import os
import shutil
import socket  # noqa: F401
import subprocess

import pytest

import ostler
from ostler.cli import commit, discard, exec, fork, record, rehearse, undo  # noqa: F401
from ostler.machines.rehearsal import begun, commits, flat, layers, uppers  # noqa: F401
from tests.command_line import called
from tests.machines.rehearsing import USER, by_steps, forked, put
from tests.test_durable import run_and_kill

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="only root can mount"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
_NEWNS = 0x20000


@pytest.fixture
def kind(request):
    """The kind of the file system of which there is little; a test may name others."""
    found = getattr(request, "param", "tmpfs")
    if found != "tmpfs" and shutil.which(f"mkfs.{found}") is None:
        pytest.skip(f"mkfs.{found} is not installed")
    return found


KINDS = pytest.mark.parametrize("kind", ["tmpfs", "ext4"], indirect=True)


@pytest.fixture(params=[None, USER], ids=["root", "user"])
def on_small_disk(request, tmp_path, kind):
    """Call a function with a base and an upper on a disk of 2 MiB, as root or as another user."""
    base, disk = f"{tmp_path}/base", f"{tmp_path}/disk"
    put(f"{base}/there", "old")
    os.mkdir(disk)
    os.mkdir(f"{tmp_path}/state", 0o700)
    for path in (base, f"{base}/there", f"{tmp_path}/state"):
        os.chown(path, request.param or 0, request.param or 0)
    for above in (tmp_path, *tmp_path.parents[:-2]):
        above.chmod(above.stat().st_mode | 0o011)

    def call(function):
        def mounted():
            assert ctypes.CDLL(None).unshare(_NEWNS) == 0
            subprocess.run(["mount", "--make-rprivate", "/"], check=True)
            if kind == "tmpfs":
                how = ["mount", "-t", kind, "-o", "size=2M,mode=1777", "none", disk]
                subprocess.run(how, check=True)
            else:
                image = f"{tmp_path}/image"
                with open(image, "wb") as file:
                    file.truncate(3 << 20)
                how = ["mkfs.ext4", "-q", "-b", "4096", "-O", "^has_journal", "-m", "0", image]
                subprocess.run(how, check=True)
                subprocess.run(["mount", "-o", "loop", image, disk], check=True)
                os.chmod(disk, 0o1777)
            forked(as_who_it_is, request.param)

        def as_who_it_is():
            ostler.environ["XDG_STATE_HOME"] = f"{tmp_path}/state"
            os.mkdir(f"{disk}/kept", 0o700)
            function(base, f"{disk}/kept")

        forked(mounted)

    return call


def fill(disk):
    with open(f"{disk}/filler", "wb", buffering=0) as file:
        with pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(4096))
    assert os.statvfs(disk).f_bavail < 4  # of which ext4 keeps some for itself


def room(disk):
    return os.statvfs(disk).f_bavail * 4096


def begin(base, upper):
    with ostler.rehearsal(base, upper=upper) as m:
        m.checkpoint()
        put_on(m, "/large", 1 << 20)
        m.checkpoint()
        put_on(m, "/there", 1)


def put_on(m, path, size):
    with m.open_file(path, "wb") as file:
        file.write(b"x" * size)


@KINDS
@pytest.mark.parametrize("sync", [False, True])
def test_discard(on_small_disk, sync):
    def check(base, upper):
        disk = os.path.dirname(upper)
        begin(base, upper)
        with ostler.rehearsal(base, upper=upper, sync=sync) as m:
            fill(disk)
            m.discard()
            assert (m.listdir("/"), m.points(), m.changes()) == (["there"], [], [])
            assert room(disk) >= 1 << 20
            put_on(m, "/made", 1000)
            m.checkpoint("later")
        with ostler.rehearsal(base, upper=upper) as m:
            assert sorted(m.listdir("/")) == ["made", "there"]
            assert [point.name for point in m.points()] == ["later"]
        assert os.listdir(base) == ["there"]

    on_small_disk(check)


@KINDS
def test_commit(on_small_disk):
    """All is in the real files then, and what was kept of it counts no more."""

    def check(base, upper):
        disk = os.path.dirname(upper)
        begin(base, upper)
        with ostler.rehearsal(base, upper=upper) as m:
            fill(disk)
            assert len(m.commit()) == 2
            assert not m.closed
            assert (m.points(), m.changes()) == ([], [])
        assert room(disk) >= 1 << 20
        assert os.path.getsize(f"{base}/large") == 1 << 20

    on_small_disk(check)


def begin_renames(base, upper):
    put(f"{base}/d/in", "in")
    put(f"{base}/g", "g")
    with ostler.rehearsal(base, upper=upper) as m:
        m.rename("/g", "/h")
        m.checkpoint()
        put_on(m, "/new", 1000)
        m.rename("/d", "/e")
        m.checkpoint()


@KINDS
@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize("some", [False, True])
def test_commit_of_renames(on_small_disk, some, points):
    """What is noted of it has room; what was not committed is still kept."""

    def check(base, upper):
        begin_renames(base, upper)
        with ostler.rehearsal(base, upper=upper) as m:
            if not points:
                m.discard()
                m.rename("/g", "/h")
                m.rename("/d", "/e")
                put_on(m, "/new", 1000)
        fill(os.path.dirname(upper))
        with ostler.rehearsal(base, upper=upper) as m:
            m.commit(*[[f"{base}/h", f"{base}/e"]] * some)
            assert sorted(os.listdir(base)) == ["e", "h", *["new"] * (not some), "there"]
            assert m.stat("/new").st_size == 1000
        with ostler.rehearsal(base, upper=upper) as m:
            assert [os.path.basename(c.path) for c in m.changes()] == ["new"] * some
            assert m.listdir("/e") == ["in"]

    on_small_disk(check)


def killed_when_done(base, upper):
    pid = os.fork()
    if pid == 0:
        try:
            take = commits.Commit._take
            commits.Commit._take = lambda *given: (take(*given), os.kill(os.getpid(), 9))
            with ostler.rehearsal(base, upper=upper) as m:
                m.commit([f"{base}/h", f"{base}/e"])
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9


@KINDS
@pytest.mark.parametrize("kept", [True, False], ids=["room is kept", "none is"])
def test_a_commit_of_renames_was_killed(on_small_disk, kept):
    """It is taken up with the room that is kept; else all stays as it is. It can be discarded."""

    def check(base, upper):
        begin_renames(base, upper)
        killed_when_done(base, upper)
        if not kept:
            shutil.copy(f"{upper}/{uppers.STATE}", f"{upper}/copy")
            os.chmod(f"{upper}/copy", 0o600)
            os.rename(f"{upper}/copy", f"{upper}/{uppers.STATE}")
        fill(os.path.dirname(upper))
        if kept:
            with ostler.rehearsal(base, upper=upper) as m:
                assert m.stat("/new").st_size == 1000
                assert [os.path.basename(c.path) for c in m.changes()] == ["new"]
                assert m.listdir("/e") == ["in"]
        else:
            before = sorted(os.listdir(upper))
            for _ in range(3):
                with pytest.raises(OSError, match="No space left") as failed:
                    ostler.rehearsal(base, upper=upper)
                assert failed.value.filename == upper
                assert sorted(os.listdir(upper)) == before
        assert (called("discard", upper)[0], os.path.exists(upper)) == (0, False)
        assert sorted(os.listdir(base)) == ["e", "h", "there"]

    on_small_disk(check)


@KINDS
@pytest.mark.parametrize("words", [["discard"], ["rehearse", "--discard", "--kept"]])
def test_commands(on_small_disk, words):
    def check(base, upper):
        begin(base, upper)
        fill(os.path.dirname(upper))
        status, _, said = called(*words, upper)
        assert (status, "No space" in said) == (0, False)
        assert not os.path.exists(upper)

    on_small_disk(check)


@KINDS
def test_goes_back_and_forward(on_small_disk):
    def check(base, upper):
        begin(base, upper)
        fill(os.path.dirname(upper))
        with ostler.rehearsal(base, upper=upper) as m:
            m.rollback("1")
            assert m.listdir("/") == ["there"]
            m.redo()
            assert len(m.listdir("/")) == 2
            for point in m.points():
                m.drop(point)

    on_small_disk(check)


@KINDS
@pytest.mark.parametrize("sync", [False, True])
def test_goes_back_and_forward_all_the_time(on_small_disk, sync):
    """All that is written down in between finds room, up to the last block."""

    def check(base, upper):
        begin(base, upper)
        fill(os.path.dirname(upper))
        for _ in range(3):
            with ostler.rehearsal(base, upper=upper, sync=sync) as m:
                for _ in range(12):
                    m.rollback("1")
                    assert m.listdir("/") == ["there"]
                    m.redo()
                    assert len(m.listdir("/")) == 2
                    m.points()[1].ended(1)
                m._history.background.finish()
        with ostler.rehearsal(base, upper=upper) as m:
            names = [point.name for point in m.points()]
            for point in m.points()[2:]:
                m.drop(point)
        with ostler.rehearsal(base, upper=upper) as m:
            assert [point.name for point in m.points()] == names[:2]
            assert len(m.listdir("/")) == 2
            m.rollback("1")

    on_small_disk(check)


@by_steps(7)
def test_discard_is_killed(on_small_disk, step):
    """Nothing is kept afterwards, or all; and another discard removes what is left."""

    def check(base, upper):
        seen = set()
        for stops in range(1, 3000, step):
            os.makedirs(upper, 0o700, exist_ok=True)
            begin(base, upper)
            fill(os.path.dirname(upper))
            ended = run_and_kill(lambda: called("discard", upper), stops)
            os.unlink(f"{os.path.dirname(upper)}/filler")
            seen.add(state(base, upper))
            if os.path.exists(upper):
                status, _, said = called("discard", upper)
                assert (status, said) == (0, "") or "nothing is kept" in said
            assert not os.path.exists(upper) or not os.listdir(upper)
            if ended:
                break
        assert ended
        assert seen >= {"kept", "dropped", "gone"}

    on_small_disk(check)


def state(base, upper):
    if not os.path.exists(upper):
        return "gone"
    try:
        assert uppers.base_of(upper) == base
    except FileNotFoundError:
        return "dropped"
    with ostler.rehearsal(base, upper=upper) as m:
        assert m.stat("/large").st_size == 1 << 20
        assert m.stat("/there").st_size == 1
        assert len(m.points()) == 2
    return "kept"


def test_what_was_dropped_is_begun_anew(on_small_disk):
    """Whatever is left of it, and nothing else, is removed when the directory is taken up."""

    def check(base, upper):
        begin(base, upper)
        os.rename(f"{upper}/{uppers.STATE}", f"{upper}/{os.fsdecode(begun.DROPPED)}")
        with pytest.raises(FileNotFoundError, match="nothing is kept"):
            uppers.base_of(upper)
        with ostler.rehearsal(base, upper=upper) as m:
            assert (m.listdir("/"), m.points()) == (["there"], [])
        assert room(os.path.dirname(upper)) >= 1 << 20
        begin(base, upper)
        os.rename(f"{upper}/{uppers.STATE}", f"{upper}/{os.fsdecode(begun.DROPPED)}")
        put(f"{upper}/mine", "kept")
        with pytest.raises(OSError, match="no rehearsal is kept there") as failed:
            ostler.rehearsal(base, upper=upper)
        assert failed.value.errno == errno.ENOTEMPTY
        assert os.listdir(upper) == ["mine"]

    on_small_disk(check)


def test_the_directory_is_named(on_small_disk):
    """Of what there is no room for; and what was only made for it is not left."""

    def check(base, upper):
        begin(base, upper)
        disk = os.path.dirname(upper)
        fill(disk)
        for words, where in (
            (["fork", upper, f"{disk}/second"], f"{disk}/second"),
            (["exec", "--kept", f"{disk}/new", "--point", "true"], f"{disk}/new"),
            (["rehearse", "--kept", f"{disk}/another", "true"], f"{disk}/another"),
            (["record", "-o", f"{disk}/log", "true"], f"{disk}/log"),
        ):
            status, _, said = called(*words)
            assert status != 0
            assert f"ostler: {where}: No space left on device" in said, (words, said)
        assert not os.path.exists(f"{disk}/second")

    on_small_disk(check)
