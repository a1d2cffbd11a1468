"""Directories without surprise: streaming, walking by entries, and directories for a while."""

import os
import resource
import stat
import tracemalloc

import pytest

import ostler


@pytest.fixture
def folder(small_tree):
    (small_tree / "link").symlink_to("a")
    (small_tree / "broken").symlink_to("missing")
    return small_tree


class TestIterDir:
    def test_entries(self, folder):
        found = {entry.name: entry for entry in ostler.iter_dir()}
        assert sorted(found) == sorted(os.listdir("."))
        for name, entry in found.items():
            expected = os.lstat(name)
            assert entry.path == f"./{name}"
            assert os.lstat(entry).st_ino == entry.info.stx_ino == expected.st_ino
            assert entry.info.stx_mode == expected.st_mode
            assert entry.size == expected.st_size
        assert found["a"].is_dir() and not found["link"].is_dir() and found["link"].is_symlink()
        assert found["top"].is_file()

    def test_links_followed(self, folder):
        found = {entry.name: entry for entry in ostler.iter_dir(".", follow_symlinks=True)}
        assert found["link"].is_dir()
        assert found["broken"].is_symlink()  # leads nowhere, and is there all the same

    def test_bytes_and_paths(self, folder):
        assert {entry.path for entry in ostler.iter_dir(b"a")} == {b"a/b", b"a/d", b"a/one"}
        assert {entry.path for entry in ostler.iter_dir(folder / "a" / "d")} == set()
        assert {entry.path for entry in ostler.iter_dir("a/")} == {"a/b", "a/d", "a/one"}

    def test_a_mask(self, folder):
        entry = next(entry for entry in ostler.iter_dir("z", mask=ostler.STATX_SIZE))
        assert entry.size == 7
        assert entry.is_file()

    def test_in_bounded_memory(self, tmp_path):
        for i in range(3000):
            os.close(os.open(tmp_path / f"{'n' * 100}{i}", os.O_CREAT))
        tracemalloc.start()
        try:
            assert sum(1 for _ in ostler.iter_dir(tmp_path)) == 3000
            assert tracemalloc.get_traced_memory()[1] < 60_000  # a list of the names is 500 kB
        finally:
            tracemalloc.stop()

    def test_leaves_no_descriptor(self, folder):
        before = os.listdir("/proc/self/fd")
        with ostler.iter_dir() as entries:
            next(entries)
        assert list(entries) == []
        next(ostler.iter_dir())
        list(ostler.iter_dir())
        assert os.listdir("/proc/self/fd") == before

    def test_a_name_that_is_gone_by_then(self, folder):
        with ostler.iter_dir() as entries:
            next(entries)
            for name in os.listdir("."):
                if not os.path.isdir(name) or os.path.islink(name):
                    os.unlink(name)
            left = {entry.name for entry in entries}
        assert left <= {"a", "z"}

    @pytest.mark.parametrize(
        ("path", "options", "error"),
        [("missing", {}, FileNotFoundError), ("top", {}, NotADirectoryError),
         ("a\0", {}, ValueError), (5, {}, TypeError), (".", {"on_error": "log"}, ValueError),
         (".", {"mask": "x"}, TypeError)],
    )  # fmt: skip
    def test_bad_input(self, folder, path, options, error):
        with pytest.raises(error):
            list(ostler.iter_dir(path, **options))


class TestWalkEntries:
    def test_all(self, folder):
        found = [(entry.path, entry.depth) for entry in ostler.walk_entries(".")]
        assert sorted(found) == [
            ("./a", 1), ("./a/b", 2), ("./a/b/c", 3), ("./a/b/two", 3), ("./a/d", 2),
            ("./a/one", 2), ("./broken", 1), ("./link", 1), ("./top", 1), ("./z", 1),
            ("./z/three", 2),
        ]  # fmt: skip

    def test_the_caller_says_where_to_go(self, folder):
        found = set()
        for entry in ostler.walk_entries("."):
            found.add(entry.name)
            if entry.name == "a":
                entry.descend = False
        assert found == {"a", "z", "top", "link", "broken", "three"}

    def test_errors_are_raised_unless_told_otherwise(self, folder):
        with pytest.raises(FileNotFoundError):
            list(ostler.walk_entries("missing"))
        assert list(ostler.walk_entries("missing", on_error="ignore")) == []
        errors = []
        assert list(ostler.walk_entries("top", on_error=errors.append)) == []
        assert isinstance(errors[0], NotADirectoryError)
        with pytest.raises(ValueError, match="on_error"):
            ostler.walk_entries(".", on_error="log")

    def test_a_link_in_the_place_of_a_directory(self, folder):
        errors = []
        found = []
        for entry in ostler.walk_entries(".", on_error=errors.append):
            found.append(entry.path)
            if entry.name == "z":
                os.rename("z", "moved")
                os.symlink("/etc", "z")
        assert not any(path.startswith("./z/") for path in found)
        assert [error.filename for error in errors] == ["./z"]

    def test_another_directory_in_its_place(self, folder):
        with pytest.raises(OSError, match="taken the directory's place"):
            for entry in ostler.walk_entries("."):
                if entry.name == "z":
                    os.rename("z", "moved")
                    os.mkdir("z")

    def test_deep_and_with_few_descriptors(self, tmp_path):
        path = str(tmp_path)
        for _ in range(300):
            path += "/d"
            os.mkdir(path)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, limits[1]))
        try:
            assert max(entry.depth for entry in ostler.walk_entries(tmp_path)) == 300
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    def test_one_file_system(self):
        found = {entry.path for entry in ostler.walk_entries("/dev", one_filesystem=True)}
        device = os.stat("/dev").st_dev
        for path in ("/dev/shm", "/dev/pts"):
            if os.path.isdir(path) and os.stat(path).st_dev != device:
                assert path in found
                assert not any(one.startswith(path + "/") for one in found)


class TestTemporaryDirectory:
    def test_is_there_and_gone(self, folder):
        with ostler.temporary_directory("x-", ".y", folder) as path:
            assert os.path.basename(path).startswith("x-") and path.endswith(".y")
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
            os.makedirs(f"{path}/a/b")
            os.symlink(folder / "a", f"{path}/link")
        assert not os.path.exists(path)
        assert os.path.exists(folder / "a" / "one")

    def test_where(self, folder, monkeypatch):
        monkeypatch.setitem(ostler.environ, "TMPDIR", str(folder / "z"))
        with ostler.temporary_directory() as path:
            assert os.path.dirname(path) == str(folder / "z")
        monkeypatch.setitem(ostler.environ, "TMPDIR", "/no/such/directory")
        with ostler.temporary_directory() as path:
            assert os.path.dirname(path) == ostler.environ.get("TEMP", "/tmp")
        with ostler.temporary_directory(dir="z") as path:
            os.chdir("/")
            assert path.startswith(str(folder / "z/"))
        assert not os.path.exists(path)

    def test_a_link_in_its_place_is_left_alone(self, folder):
        made = ostler.temporary_directory(dir=folder)
        path = made.__enter__()
        os.rename(path, folder / "moved")
        os.symlink(folder / "a", path)
        with pytest.raises(OSError, match="taken the directory's place"):
            made.cleanup()
        assert os.path.islink(path)
        assert os.path.exists(folder / "a" / "one")

    def test_a_link_in_the_place_of_its_parent(self, folder):
        os.mkdir("victim")
        with ostler.temporary_directory(dir="z") as path:
            name = os.path.basename(path)
            os.makedirs(f"victim/{name}/precious")
            os.rename("z", "moved")
            os.symlink("victim", "z")
        assert os.path.isdir(f"victim/{name}/precious")
        assert os.listdir("moved") == ["three"]

    def test_closed_directories_inside(self, folder):
        with ostler.temporary_directory(dir=folder) as path:
            os.makedirs(f"{path}/a/b")
            os.chmod(f"{path}/a/b", 0)
            os.chmod(f"{path}/a", 0)
            os.chmod(path, 0)
        assert not os.path.exists(path)

    def test_removed_by_the_program(self, folder):
        with ostler.temporary_directory(dir=folder) as path:
            os.rmdir(path)

    def test_an_error_in_the_block_is_seen(self, folder):
        with pytest.raises(ZeroDivisionError), ostler.temporary_directory(dir=folder) as path:
            raise ZeroDivisionError
        assert not os.path.exists(path)

    def test_leaves_no_descriptor(self, folder):
        before = os.listdir("/proc/self/fd")
        with ostler.temporary_directory():
            pass
        with pytest.raises(FileNotFoundError):
            ostler.temporary_directory(dir="missing").__enter__()
        assert os.listdir("/proc/self/fd") == before

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [(("a/b",), ValueError), (("", "a\0"), ValueError), ((b"a",), TypeError),
         (("", "", 5), TypeError)],
    )  # fmt: skip
    def test_bad_input(self, arguments, error):
        with pytest.raises(error):
            ostler.temporary_directory(*arguments)


@pytest.mark.parametrize("kind", ["scratch", "rehearsal"])
def test_on_other_machines(kind, folder):
    with ostler.scratch() if kind == "scratch" else ostler.rehearsal(folder) as machine:
        machine.makedirs("/tmp/x/a/b")
        machine.write_atomic("/tmp/x/a/f", "content")
        machine.chmod_tree("/tmp/x", "go=")
        found = {
            entry.path: entry.info.stx_mode & 0o7777 for entry in machine.walk_entries("/tmp/x")
        }
        assert found == {"/tmp/x/a": 0o700, "/tmp/x/a/b": 0o700, "/tmp/x/a/f": 0o600}
        with machine.temporary_directory() as path:
            machine.mkdir(f"{path}/d")
            assert not os.path.exists(path)
        assert not machine.exists(path)
