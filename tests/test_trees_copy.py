"""copy and compare: the copy is compared by the standard library, and by cp."""

import errno
import filecmp
import os
import pathlib
import shutil
import subprocess

import pytest

import ostler
from ostler.trees import Difference
from tests import tree_maker

# Entry by entry: user::rwx, user:1234:rwx, group::r-x, mask::rwx, other::r-x.
ACL = bytes.fromhex(
    "02000000" "01000700ffffffff" "02000700d2040000" "04000500ffffffff" "10000700ffffffff"
    "20000500ffffffff"
)  # fmt: skip

THREADS = pytest.mark.parametrize("threads", [1, 2, 5])


@THREADS
def test_copy_keeps_everything(tmp_path, threads):
    tree = tree_maker.make(str(tmp_path / "t"), seed=4, size=1000)
    for number, path in enumerate(tree_maker.names(tree)):
        if not os.path.islink(path) and os.path.exists(path):
            os.chmod(path, [0o644, 0o600, 0o755, 0o4711, 0o444, 0o666, 0o2770][number % 7] | 0o700)
            os.utime(path, ns=(number * 10**9 + 5, number * 10**9 + 7))
            if number % 10 == 0 and (os.path.isfile(path) or os.path.isdir(path)):
                os.setxattr(path, "user.note", b"x" * (number % 2000))
            if os.geteuid() == 0 and number % 11 == 0:
                os.chown(path, 1234, 5678)
    before = tree_maker.picture(tree)
    counts = ostler.trees.copy(tree, tmp_path / "c", threads=threads)
    assert tree_maker.picture(tmp_path / "c") == before
    assert counts.entries == len(before[0])
    assert ostler.trees.compare(tree, tmp_path / "c", times=True, threads=threads) == []


def test_default_acl_of_the_place_is_not_inherited(tmp_path):
    (tmp_path / "place").mkdir()
    try:
        os.setxattr(tmp_path / "place", "system.posix_acl_default", ACL)
    except OSError:
        pytest.skip("this file system has no access control lists")
    tree = tree_maker.make(str(tmp_path / "t"), seed=5, size=60)
    os.setxattr(tree, "system.posix_acl_access", ACL)
    before = tree_maker.picture(tree)
    ostler.trees.copy(tree, tmp_path / "place/c")
    assert tree_maker.picture(tmp_path / "place/c") == before


def test_attributes_of_links_and_pipes(tmp_path):
    (tmp_path / "t").mkdir()
    os.mkfifo(tmp_path / "t/pipe", 0o640)
    os.symlink("no\udcffwhere", tmp_path / "t/link")
    os.symlink("x", tmp_path / "t" / ("n" * 255))
    if os.geteuid() == 0:
        for name in ("link", "pipe", "n" * 255):
            os.lchown(tmp_path / "t" / name, 1234, 5678)
            os.setxattr(tmp_path / "t" / name, "trusted.note", b"x" * 1500, follow_symlinks=False)
    try:
        os.setxattr(tmp_path / "t/pipe", "system.posix_acl_access", ACL)
    except OSError:
        assert os.geteuid() == 0, "neither access control lists nor an administrator"
    for name in os.listdir(tmp_path / "t"):
        os.utime(tmp_path / "t" / name, ns=(10**9 + 1, 10**9 + 2), follow_symlinks=False)
    before = tree_maker.picture(tmp_path / "t")
    ostler.trees.copy(tmp_path / "t", tmp_path / "c")
    assert tree_maker.picture(tmp_path / "c") == before
    ostler.trees.copy(tmp_path / "t", tmp_path / "d", xattrs=False)
    assert os.listxattr(tmp_path / "d/pipe") == []


def test_attributes_of_what_its_owner_may_not_write(tmp_path):
    # For an ordinary user; root may write it.
    (tmp_path / "t/d").mkdir(parents=True)
    (tmp_path / "t/f").write_text("x")
    for name in ("t/d", "t/f"):
        os.setxattr(tmp_path / name, "user.note", b"x")
    (tmp_path / "t/f").chmod(0o444)
    (tmp_path / "t/d").chmod(0o555)
    run_as_ordinary(tmp_path, lambda: ostler.trees.copy(tmp_path / "t", tmp_path / "c"))
    for name in ("d", "f"):
        assert os.getxattr(tmp_path / "c" / name, "user.note") == b"x"
        assert (tmp_path / "c" / name).stat().st_mode == (tmp_path / "t" / name).stat().st_mode


def run_as_ordinary(tmp_path, do):
    """Do it as an ordinary user, to whom all below tmp_path is given, where this is root."""
    if os.geteuid() != 0:
        return do()
    ostler.trees.chown(tmp_path, 1234, 1234)
    for path in (*tmp_path.parents[:2], tmp_path):
        os.chmod(path, 0o755)
    os.setegid(1234)
    os.seteuid(1234)
    try:
        return do()
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_holes_stay_holes(tmp_path):
    (tmp_path / "t").mkdir()
    with open(tmp_path / "t/f", "wb") as file:
        file.truncate(50_000_000)
        file.seek(10_000_000)
        file.write(b"x" * 100_000)
    ostler.trees.copy(tmp_path / "t", tmp_path / "c")
    assert filecmp.cmp(tmp_path / "t/f", tmp_path / "c/f", shallow=False)
    assert os.stat(tmp_path / "c/f").st_blocks <= os.stat(tmp_path / "t/f").st_blocks + 16
    ostler.trees.copy(tmp_path / "t", tmp_path / "d", sparse=False)
    assert filecmp.cmp(tmp_path / "t/f", tmp_path / "d/f", shallow=False)


def test_large_file(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t/f").write_bytes(os.urandom(3_000_001))
    for reflink in ("auto", "never"):
        counts = ostler.trees.copy(tmp_path / "t", tmp_path / reflink, reflink=reflink)
        assert filecmp.cmp(tmp_path / "t/f", tmp_path / reflink / "f", shallow=False)
        assert counts.bytes == 3_000_001


def test_made_up_files(tmp_path):
    # Their size is 0, and yet they hold something.
    ostler.trees.copy("/proc/sys/kernel/random", tmp_path / "c", on_error="collect")
    expected = pathlib.Path("/proc/sys/kernel/random/poolsize").read_bytes()
    assert (tmp_path / "c/poolsize").read_bytes() == expected


def test_options_off(tmp_path):
    tree = tree_maker.make(str(tmp_path / "t"), seed=6, size=200)
    before = {n: os.lstat(n).st_mode for n in tree_maker.names(tree)}
    os.umask(0o022)
    done = ostler.trees.copy(
        tree, tmp_path / "c", modes=False, times=False, hard_links=False, special=False,
        on_error="collect",
    )  # fmt: skip
    pipes = [n for n, mode in before.items() if mode & 0o170000 == 0o010000]
    assert sorted(e.filename for e in done.errors) == pipes
    for path, mode in before.items():
        copied = os.path.join(tmp_path / "c", os.path.relpath(path, tree))
        if path in pipes:
            assert not os.path.lexists(copied)
        elif mode & 0o170000 != 0o120000:
            kind = os.lstat(copied).st_mode
            assert kind & 0o777 == (0o755 if os.path.isdir(copied) else 0o644)
            assert os.path.isdir(copied) or os.lstat(copied).st_nlink == 1


def test_merge(tmp_path):
    tree = tree_maker.make(str(tmp_path / "t"), seed=7, size=300)
    with pytest.raises(FileExistsError) as caught:
        (tmp_path / "c").mkdir()
        ostler.trees.copy(tree, tmp_path / "c")
    assert caught.value.filename == str(tmp_path / "c")
    (tmp_path / "c/more").write_text("more")
    for _ in range(2):
        ostler.trees.copy(tree, tmp_path / "c", existing="merge")
    assert ostler.trees.compare(tree, tmp_path / "c", times=True) == [
        Difference("more", "only in second")
    ]
    (tmp_path / "c/more").unlink()
    os.utime(tmp_path / "c", ns=(os.stat(tree).st_atime_ns, os.stat(tree).st_mtime_ns))
    assert tree_maker.picture(tmp_path / "c") == tree_maker.picture(tree)


def test_bad_destinations(tmp_path):
    tree = tree_maker.make(str(tmp_path / "t"), seed=8, size=30)
    before = tree_maker.picture(tree)
    inner = next(d for d in tree_maker.names(tree) if os.path.isdir(d) and not os.path.islink(d))
    os.symlink(tree, tmp_path / "alias")
    for to in (inner + "/x", tree + "/x", str(tmp_path / "alias/x")):
        with pytest.raises(OSError, match="destination lies inside the source") as caught:
            ostler.trees.copy(tree, to)
        assert caught.value.filename2 == to
    with pytest.raises(OSError, match="destination is the source"):
        ostler.trees.copy(tree, tree, existing="merge")
    with pytest.raises(FileNotFoundError) as caught:
        ostler.trees.copy(tree, tmp_path / "no/where")
    assert caught.value.filename == str(tmp_path / "no/where")
    with pytest.raises(FileNotFoundError):
        ostler.trees.copy(tmp_path / "missing", tmp_path / "c")
    assert not (tmp_path / "c").exists()
    with pytest.raises(NotADirectoryError):
        ostler.trees.copy(__file__, tmp_path / "c")
    for options in ({"existing": "no"}, {"reflink": "no"}):
        with pytest.raises(ValueError):
            ostler.trees.copy(tree, tmp_path / "c", **options)
    assert tree_maker.picture(tree) == before


def test_as_cp(tmp_path):
    tree = tree_maker.make(str(tmp_path / "t"), seed=9, size=500)
    subprocess.run(["cp", "-a", tree, tmp_path / "cp"], check=True)
    ostler.trees.copy(tree, tmp_path / "ours")
    assert tree_maker.picture(tmp_path / "ours") == tree_maker.picture(tmp_path / "cp")
    assert (
        ostler.trees.size(tmp_path / "ours").numbers()["bytes"]
        == (ostler.trees.size(tmp_path / "cp").numbers()["bytes"])
    )


def test_compare(tmp_path):
    first = tree_maker.make(str(tmp_path / "a"), seed=10, size=200)
    second = str(tmp_path / "b")

    def pipes_in(directory, names):
        paths = {n: os.path.join(directory, n) for n in names}
        return [n for n, path in paths.items() if os.lstat(path).st_mode & 0o170000 == 0o010000]

    shutil.copytree(first, second, symlinks=True, ignore=pipes_in)
    pipes = {d.path for d in ostler.trees.compare(first, second) if d.what == "only in first"}
    assert len(pipes) == sum(
        os.lstat(n).st_mode & 0o170000 == 0o010000 for n in tree_maker.names(first)
    )
    for name, data in (("x", b"1"), ("y", b"1"), ("m", b""), ("k", b"")):
        (tmp_path / "a" / name).write_bytes(data)
        (tmp_path / "b" / name).write_bytes(data)
    (tmp_path / "b/x").write_bytes(b"2")
    (tmp_path / "b/y").write_bytes(b"22")
    (tmp_path / "b/m").chmod(0o600)
    (tmp_path / "b/k").unlink()
    (tmp_path / "b/k").mkdir()
    (tmp_path / "b/new").mkdir()
    (tmp_path / "b/new/below").mkdir()
    (tmp_path / "a/l").symlink_to("here")
    (tmp_path / "b/l").symlink_to("there")
    found = [d for d in ostler.trees.compare(first, second) if d.path not in pipes]
    assert found == [
        ("k", "type"), ("l", "target"), ("m", "mode"), ("new", "only in second"),
        ("x", "content"), ("y", "size"),
    ]  # fmt: skip
    assert ("x", "content") not in ostler.trees.compare(first, second, content=False)
    assert ostler.trees.compare(first, second, threads=4) == ostler.trees.compare(
        first, second, threads=1
    )


def test_merge_replaces_in_one_step(tmp_path):
    # Whoever looks finds the old file or the new one, never none and never a part.
    (tmp_path / "t").mkdir()
    (tmp_path / "t/f").write_bytes(b"new" * 100_000)
    (tmp_path / "t/l").symlink_to("new")
    os.mkfifo(tmp_path / "t/p", 0o600)
    (tmp_path / "c").mkdir()
    (tmp_path / "c/f").write_bytes(b"old")
    (tmp_path / "c/l").symlink_to("old")
    (tmp_path / "c/p").write_text("old")
    with open(tmp_path / "c/f", "rb") as kept:
        ostler.trees.copy(tmp_path / "t", tmp_path / "c", existing="merge", reflink="never")
        assert kept.read() == b"old"
    assert tree_maker.picture(tmp_path / "c") == tree_maker.picture(tmp_path / "t")
    with open(tmp_path / "t/f", "r+b") as file:
        file.truncate(1 << 40)
    before = tree_maker.picture(tmp_path / "c")

    def stop(_):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        ostler.trees.copy(tmp_path / "t", tmp_path / "c", existing="merge", reflink="never",
                          sparse=False, progress=stop)  # fmt: skip
    assert tree_maker.picture(tmp_path / "c")[0][b"/f"][5] == before[0][b"/f"][5]
    assert sorted(os.listdir(tmp_path / "c")) == ["f", "l", "p"]


@pytest.mark.parametrize("kind", [str, os.fsencode])
def test_an_error_names_the_copy_where_that_is_what_fails(kind):
    with ostler.scratch(size=1 << 20) as m:
        m.makedirs("/from/d")
        m.create_file("/from/d/large", b"x" * 700_000)
        m.mkdir("/to")
        for top in ("/from", "/from/", "from//"):
            with pytest.raises(OSError) as caught:
                m.trees.copy(top, kind("/to/copy/"))
            names = (f"{top.rstrip('/')}/d/large", kind("/to/copy/d/large"))
            assert caught.value.errno == errno.ENOSPC
            assert (caught.value.filename.replace("//", "/"), caught.value.filename2) == names
            m.trees.remove("/to/copy")
        done = m.trees.copy("/from", kind("to"), existing="merge", on_error="collect")
        names = [(error.filename, error.filename2) for error in done.errors]
        assert names == [("/from/d/large", kind("to/d/large"))]


def test_an_error_names_no_copy_where_the_source_fails():
    with ostler.scratch() as m:
        m.makedirs("/from/d")
        m.mkfifo("/from/d/pipe")
        with pytest.raises(OSError, match="not supported") as caught:
            m.trees.copy("/from", "/to", special=False)
    assert (caught.value.filename, caught.value.filename2) == ("/from/d/pipe", None)
