"""Rehearsals over other file systems, and over what has mounts in it; in a namespace of its own."""

import errno
import os
import shutil
import subprocess

import pytest

import ostler
from tests.machines import test_rehearsal_commit, test_rehearsal_random, test_rehearsal_renamed
from tests.machines.rehearsing import USER, forked, kinds, put, put_on, text

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="mounting takes root")


def command(*words):
    subprocess.run(words, check=True, capture_output=True)


def on_image(kind):
    def mount(where):
        with open(f"{where}.image", "wb") as file:
            file.truncate(400 << 20)
        command(f"mkfs.{kind}", "-q", f"{where}.image")
        command("mount", "-o", "loop", f"{where}.image", where)

    mount.program = f"mkfs.{kind}"
    return mount


def in_memory(where):
    command("mount", "-t", "tmpfs", "memory", where)


def overlay(where):
    os.mkdir(f"{where}.below")
    in_memory(f"{where}.below")
    names = [f"{where}.below/{name}" for name in ("lower", "upper", "work")]
    for name in names:
        os.mkdir(name)
    options = "lowerdir={},upperdir={},workdir={}".format(*names)
    command("mount", "-t", "overlay", "-o", options, "over", where)


MOUNTS = {
    "btrfs": on_image("btrfs"),
    "xfs": on_image("xfs"),
    "tmpfs": in_memory,
    "overlay": overlay,
}
CHECKS = [
    test_rehearsal_commit.test_everything_at_once,
    test_rehearsal_commit.test_metadata_keeps_the_file_itself,
    test_rehearsal_commit.test_sparse_files,
    test_rehearsal_commit.test_new_names_of_a_file_of_the_base,
    test_rehearsal_renamed.test_files,
    test_rehearsal_renamed.test_over_another,
    test_rehearsal_renamed.test_directories_of_directories,
]


@pytest.fixture
def mounted(base):
    """Runs a function in a namespace of its own; what it mounts is gone afterwards."""

    def within(function):
        def check():
            ostler.unshare(ostler.CLONE_NEWNS)
            command("mount", "--make-rprivate", "/")
            function()

        forked(check)

    return within


@pytest.mark.parametrize("kind", MOUNTS)
def test_file_systems(base, folder, mounted, user, kind):
    mount = MOUNTS[kind]
    if hasattr(mount, "program") and shutil.which(mount.program) is None:
        pytest.skip(f"{mount.program} is not here")

    def check():
        try:
            mount(base)
        except subprocess.CalledProcessError as error:
            if b"unknown filesystem" in error.stderr or b"loop" in error.stderr:
                return  # not in this kernel
            raise
        os.chmod(base, 0o777)

        def as_user(function):
            forked(function, USER if user == "ordinary" else None)

        for number, case in enumerate(CHECKS):
            as_user(lambda at=f"{base}/{number}": os.mkdir(at))
            as_user(lambda case=case, at=f"{base}/{number}": case(at))
        as_user(lambda: os.mkdir(f"{base}/random"))
        as_user(lambda: test_rehearsal_random.test_in_chosen_parts(f"{base}/random", 1))

    mounted(check)


def test_a_base_that_is_a_mount_point(base, mounted, user):
    def check():
        in_memory(base)
        os.chmod(base, 0o777 if user == "root" else 0o755)
        os.chown(base, *(2 * [USER if user == "ordinary" else 0]))

        def rehearse():
            put(f"{base}/a", "a")
            with ostler.rehearsal(base) as m:
                m.rename("/a", "/b")
                m.chmod("/", 0o711)
                assert kinds(m, base) == {".": "metadata", "b": "renamed"}
                m.commit()
                assert m.changes() == []
            assert os.stat(base).st_mode & 0o777 == 0o711

        forked(rehearse, USER if user == "ordinary" else None)

    mounted(check)


def test_a_renamed_directory_with_a_mount_in_it(base, mounted, user):
    if user == "ordinary":
        pytest.skip("what has mounts in it only root may overlay")

    def check():
        put(f"{base}/a/x", "x")
        os.mkdir(f"{base}/a/m")
        in_memory(f"{base}/a/m")
        put(f"{base}/a/m/in", "in")
        put(f"{base}/a/m/gone", "gone")
        with ostler.rehearsal(base) as m:
            put_on(m, "/a/m/in", b"changed")
            m.unlink("/a/m/gone")
            with pytest.raises(OSError) as caught:
                m.rename("/a/m/in", "/a/in")
            assert caught.value.errno == errno.EXDEV
            m.rename("/a", "/b")
            put_on(m, "/b/m/new", b"new")
            assert kinds(m, base) == {
                "b": "renamed", "a/m/gone": "removed", "a/m/in": "modified", "a/m/new": "created",
            }  # fmt: skip
            m.commit()
            assert m.changes() == []
            put_on(m, "/b/m/later", b"later")
            m.commit()
        assert sorted(os.listdir(f"{base}/b/m")) == ["in", "later", "new"]
        assert text(f"{base}/b/m/in") == "changed"
        assert os.listdir(base) == ["b"]

    mounted(check)


def test_subvolumes(base, mounted, user):
    """Several file systems in one mount: what goes from one to another is copied."""
    if user == "ordinary" or shutil.which("btrfs") is None or shutil.which("mkfs.btrfs") is None:
        pytest.skip("it takes root and btrfs")

    def check():
        try:
            MOUNTS["btrfs"](base)
        except subprocess.CalledProcessError:
            return  # not in this kernel
        command("btrfs", "subvolume", "create", f"{base}/sub")
        put(f"{base}/a", "a")
        put(f"{base}/sub/b", "b")
        with ostler.rehearsal(base) as m:
            m.rename("/a", "/sub/a")
            m.rename("/sub/b", "/sub/c")
            put_on(m, "/sub/new", b"new")
            assert kinds(m, base) == {
                "a": "removed", "sub/a": "created", "sub/c": "renamed", "sub/new": "created",
            }  # fmt: skip
            m.commit()
            assert m.changes() == []
        assert sorted(os.listdir(f"{base}/sub")) == ["a", "c", "new"]
        assert os.listdir(base) == ["sub"]
        # A directory can't be renamed there: the commit says so, and leaves all as it was.
        put(f"{base}/d/x", "x")
        with ostler.rehearsal(base) as m:
            m.rename("/d", "/sub/d")
            with pytest.raises(OSError) as caught:
                m.commit()
            assert caught.value.errno == errno.EXDEV
        assert os.listdir(f"{base}/d") == ["x"]
        assert not [name for name in os.listdir(base) if name.startswith(".ostler")]

    mounted(check)
