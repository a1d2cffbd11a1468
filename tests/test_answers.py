"""Whether something is there: yes, no, and not allowed to know."""

import os
import pickle

import pytest

import ostler
from ostler import Presence
from tests.machines import as_user


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    (tmp_path / "dir").mkdir()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "broken").symlink_to("missing")
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


PATHS = ["file", "dir", "link", "broken", "missing", "missing/x", "file/x", "", b"file", "a\0b",
         "x" * 300, "loop", 0, 999]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["exists", "isfile", "isdir"])
def test_as_in_os_path(folder, name, path):
    assert getattr(ostler, name)(path) is getattr(os.path, name)(path)


def test_a_link_itself(folder):
    assert ostler.exists("broken", follow_symlinks=False, errors="raise")
    assert not ostler.exists("broken", errors="raise")
    assert not ostler.isfile("link", follow_symlinks=False)
    assert ostler.probe("broken") is Presence.ABSENT
    assert ostler.probe("broken", follow_symlinks=False) is Presence.THERE


@pytest.mark.parametrize("name", ["exists", "isfile", "isdir"])
def test_errors(folder, name):
    ask = getattr(ostler, name)
    assert ask("missing", errors="raise") is ask("file/x", errors="raise") is False
    with pytest.raises(OSError, match="loop"):
        ask("loop", errors="raise")
    with pytest.raises(OSError, match="too long"):
        ask("x" * 300, errors="raise")
    with pytest.raises(ValueError, match="null"):
        ask("a\0b", errors="raise")
    with pytest.raises(ValueError, match="'ignore' or 'raise'"):
        ask("file", errors="strict")
    with pytest.raises(TypeError):
        ask(1.5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_not_allowed_to_know(folder):
    os.mkdir("closed")
    (folder / "closed" / "file").write_text("x")
    os.chmod("closed", 0o600)

    def ask():
        try:
            ostler.exists("closed/file", errors="raise")
        except PermissionError as error:
            said = error.filename
        return f"{ostler.probe('closed/file').name} {said} {ostler.exists('closed/file')}"

    assert as_user(ask) == "UNKNOWN closed/file False"
    os.chmod("closed", 0o700)
    assert ostler.probe("closed/file") is Presence.THERE


def test_presence_as_a_truth():
    assert Presence.THERE
    assert not Presence.ABSENT
    with pytest.raises(ValueError, match="not known"):
        bool(Presence.UNKNOWN)
    assert pickle.loads(pickle.dumps(Presence.UNKNOWN)) is Presence.UNKNOWN
    with pytest.raises(TypeError):
        Presence("MAYBE")


def test_on_another_machine():
    with ostler.scratch() as machine:
        assert machine.probe("/etc") is Presence.ABSENT
        machine.mkdir("/etc")
        assert machine.isdir("/etc", errors="raise")


class TestStatx:
    def test_birth_and_mount(self, folder):
        found = ostler.statx("file", ostler.STATX_BASIC_STATS | ostler.STATX_BTIME)
        assert found.stx_size == 1
        if found.stx_mask & ostler.STATX_BTIME:
            assert found.stx_btime_ns <= found.stx_ctime_ns
        found = ostler.statx("file", ostler.STATX_MNT_ID)
        with open("/proc/self/mountinfo") as file:
            mounts = {int(line.split()[0]) for line in file}
        assert found.stx_mnt_id in mounts

    def test_attributes(self):
        found = ostler.statx("/proc", ostler.STATX_BASIC_STATS)
        assert "mount root" in found.attributes
        assert found.attributes <= found.attributes_known
        assert found.stx_attributes & ostler.STATX_ATTR_MOUNT_ROOT

    def test_immutable(self, folder):
        if ostler.geteuid() != 0 or not ostler.run(
            ["chattr", "+i", "file"], capture=True
        ).ok:  # fmt: skip
            pytest.skip("no right, or no file system, for immutable files")
        try:
            assert "immutable" in ostler.statx("file", 0).attributes
        finally:
            ostler.run(["chattr", "-i", "file"], check=True)
        assert "immutable" not in ostler.statx("file", 0).attributes

    def test_direct_io(self, folder):
        found = ostler.statx("file", getattr(ostler, "STATX_DIOALIGN", 0))
        if found.stx_dio_mem_align is not None:
            assert found.stx_dio_offset_align >= 0
        assert ostler.statx("file", 0).stx_dio_mem_align is None or found.stx_mask
