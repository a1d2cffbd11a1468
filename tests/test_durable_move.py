"""Moving to another file system."""

import errno
import itertools
import os
import stat
import subprocess

import pytest

import ostler
from tests.test_durable import NEW, OLD, names


@pytest.fixture
def elsewhere():
    """A directory on another file system than the temporary one's."""
    for base in ("/dev/shm", "/var/tmp", os.path.expanduser("~")):
        if os.access(base, os.W_OK) and os.stat(base).st_dev != os.stat("/tmp").st_dev:
            path = f"{base}/ostler-{os.getpid()}"
            os.mkdir(path)
            yield path
            subprocess.run(["rm", "-rf", path], check=True)
            return
    pytest.skip("one file system only")


class TestMove:
    def test_on_one_file_system(self, folder):
        (folder / "a").write_bytes(NEW)
        inode = os.stat("a").st_ino
        ostler.move("a", "b")
        assert os.stat("b").st_ino == inode
        assert names(folder) == ["b"]

    def test_a_file_to_another(self, folder, elsewhere):
        (folder / "a").write_bytes(NEW)
        os.chmod("a", 0o640)
        os.utime("a", ns=(1_000_000_001, 2_000_000_002))
        ostler.move("a", f"{elsewhere}/b")
        assert names(folder) == []
        assert names(elsewhere) == ["b"]
        found = os.stat(f"{elsewhere}/b")
        assert stat.S_IMODE(found.st_mode) == 0o640
        assert (found.st_atime_ns, found.st_mtime_ns) == (1_000_000_001, 2_000_000_002)
        with open(f"{elsewhere}/b", "rb") as file:
            assert file.read() == NEW

    @pytest.mark.parametrize("encode", [str, os.fsencode])
    def test_what_is_no_name_is_refused_before_anything_is_copied(self, folder, elsewhere, encode):
        for place in (folder, elsewhere):  # what rename() says, and the same where it can't
            os.makedirs("tree/sub", exist_ok=True)
            os.makedirs(f"{place}/there/sub", exist_ok=True)
            before = names(place)
            for src, dst in (
                ("tree/.", f"{place}/new"), ("tree/./", f"{place}/new"),
                ("tree/sub/..", f"{place}/new"), (".", f"{place}/new"), ("/", f"{place}/new"),
                ("tree", f"{place}/there/."), ("tree", f"{place}/there/sub/.."),
            ):  # fmt: skip
                with pytest.raises(OSError) as caught:
                    ostler.move(encode(src), encode(dst))
                expected = (errno.EBUSY, encode(src), encode(dst))
                error = caught.value
                assert (error.errno, error.filename, error.filename2) == expected
                assert names(place) == before
                assert os.listdir("tree") == ["sub"]

    def test_a_sparse_file_to_another(self, folder, elsewhere):
        with open("a", "wb") as file:
            file.seek(5 << 20)
            file.write(b"x" * 4096)
            file.truncate(10 << 20)
        ostler.move("a", f"{elsewhere}/b")
        found = os.stat(f"{elsewhere}/b")
        assert found.st_size == 10 << 20
        assert found.st_blocks * 512 < 1 << 20
        with open(f"{elsewhere}/b", "rb") as file:
            data = file.read()
        assert data[5 << 20 : (5 << 20) + 4096] == b"x" * 4096
        assert data.count(b"\0") == (10 << 20) - 4096

    def test_the_names_that_rename_takes(self, folder, elsewhere):
        """To another file system a name is taken, or refused, as it is on one."""

        def made(kind, path):
            match kind:
                case "file":
                    open(path, "w").close()
                case "directory" | "full":
                    os.mkdir(path)
                    if kind == "full":
                        open(f"{path}/f", "w").close()
                case "fifo":
                    os.mkfifo(path)
                case "link to a directory" | "link to a file" | "dangling":
                    target = f"{os.path.dirname(path)}/{kind}'s"
                    if kind == "link to a directory":
                        os.mkdir(target)
                        open(f"{target}/f", "w").close()
                    elif kind == "link to a file":
                        open(target, "w").close()
                    os.symlink(target, path)

        def outcome(operation, src, dst):
            try:
                operation(src, dst)
            except OSError as error:
                # For a directory that is not empty the kernel has two names.
                return errno.ENOTEMPTY if error.errno == errno.EEXIST else error.errno

        def listed(top):
            found = [at.removeprefix(top) for at, _, _ in os.walk(top)]
            return sorted(
                found + [f"{at}/{f}".removeprefix(top) for at, _, fs in os.walk(top) for f in fs]
            )

        kinds = ["file", "directory", "full", "fifo"]
        kinds += ["link to a directory", "link to a file", "dangling"]
        number = 0
        for src, dst in itertools.product(kinds, [None, *kinds]):
            for src_end, dst_end in itertools.product(["", "/", "//"], ["", "/", "//"]):
                results = []
                for operation, top in ((os.rename, str(folder)), (ostler.move, elsewhere)):
                    number += 1
                    here, there = f"{folder}/{number}", f"{top}/{number}.there"
                    os.mkdir(here)
                    os.mkdir(there)
                    made(src, f"{here}/src")
                    made(dst, f"{there}/dst")
                    done = outcome(operation, f"{here}/src{src_end}", f"{there}/dst{dst_end}")
                    results.append((done, listed(here), listed(there)))
                assert results[0] == results[1], (src, src_end, dst, dst_end)

    def test_a_file_onto_a_directory(self, folder, elsewhere):
        (folder / "a").write_bytes(NEW)
        with pytest.raises(IsADirectoryError):
            ostler.move("a", elsewhere)
        assert names(folder) == ["a"]

    def test_a_full_destination_keeps_the_source(self, folder, elsewhere, monkeypatch):
        (folder / "a").write_bytes(NEW)
        with open(f"{elsewhere}/b", "wb") as file:
            file.write(OLD)

        def fails(*args):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
            patched.setattr(ostler, "pwrite", fails)
            ostler.move("a", f"{elsewhere}/b")
        assert (folder / "a").read_bytes() == NEW
        with open(f"{elsewhere}/b", "rb") as file:
            assert file.read() == OLD
        assert names(elsewhere) == ["b"]

    def test_a_tree_to_another(self, folder, elsewhere):
        os.makedirs("a/b/c")
        (folder / "a" / "b" / "f").write_bytes(NEW)
        os.chmod("a/b/f", 0o604)
        os.symlink("b/f", "a/link")
        os.link("a/b/f", "a/other")
        os.utime("a/b", ns=(1_000_000_001, 2_000_000_002))
        ostler.move("a", f"{elsewhere}/moved")
        assert names(folder) == []
        assert names(elsewhere) == ["moved"]
        assert names(f"{elsewhere}/moved") == ["b", "link", "other"]
        assert os.readlink(f"{elsewhere}/moved/link") == "b/f"
        found = os.stat(f"{elsewhere}/moved/b/f")
        assert stat.S_IMODE(found.st_mode) == 0o604
        assert found.st_ino == os.stat(f"{elsewhere}/moved/other").st_ino
        assert os.stat(f"{elsewhere}/moved/b").st_mtime_ns == 2_000_000_002

    def test_a_tree_onto_what_is_there(self, folder, elsewhere):
        os.makedirs("a/b")
        os.makedirs(f"{elsewhere}/full/x")
        os.mkdir(f"{elsewhere}/empty")
        with open(f"{elsewhere}/file", "wb"):
            pass
        with pytest.raises(OSError, match="not empty"):
            ostler.move("a", f"{elsewhere}/full")
        with pytest.raises(NotADirectoryError):
            ostler.move("a", f"{elsewhere}/file")
        assert names("a") == ["b"]
        ostler.move("a", f"{elsewhere}/empty")
        assert names(f"{elsewhere}/empty") == ["b"]
        assert names(elsewhere) == ["empty", "file", "full"]
        assert names(folder) == []

    def test_a_tree_that_fails_leaves_no_litter(self, folder, elsewhere, monkeypatch):
        os.makedirs("a/b")

        def fails(*args):
            raise OSError(errno.EIO, "Input/output error")

        rename = ostler.rename
        monkeypatch.setattr(
            ostler, "rename", lambda src, dst: rename(src, dst) if src == "a" else fails()
        )
        with pytest.raises(OSError, match="Input/output"):
            ostler.move("a", f"{elsewhere}/moved")
        assert names("a") == ["b"]
        assert names(elsewhere) == []

    def test_links_and_fifos_to_another(self, folder, elsewhere):
        os.symlink("nowhere", "link")
        os.mkfifo("fifo")
        os.chmod("fifo", 0o621)
        (folder / "a").write_bytes(NEW)
        os.link("a", "second")
        for name in ("link", "fifo", "a"):
            ostler.move(name, f"{elsewhere}/{name}")
        assert names(folder) == ["second"]
        assert os.readlink(f"{elsewhere}/link") == "nowhere"
        found = os.stat(f"{elsewhere}/fifo").st_mode
        assert stat.S_ISFIFO(found)
        assert stat.S_IMODE(found) == 0o621
        with open(f"{elsewhere}/a", "rb") as file:
            assert file.read() == NEW

    def test_missing(self, folder):
        with pytest.raises(FileNotFoundError):
            ostler.move("a", "b")
