"""pyfakefs's interface on a scratch machine: held against pyfakefs itself, and what is refused."""

import asyncio
import errno
import importlib
import inspect
import json
import os
import pathlib
import queue
import stat
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

import pytest

import ostler
from ostler.fakefs import (
    FakeFilesystem,
    OSType,
    Patcher,
    Pause,
    Unsupported,
    fake_filesystem_unittest,
    helpers,
    patchfs,
)  # fmt: skip
from tests.machines import as_self, as_user

ROOT = Path(__file__).parents[1]
SEEDS = range(1, 6)

# What Python takes for a name of its own that pyfakefs has for itself, or for another system.
NOT_OURS = {
    "add_open_file", "clean_filename", "close_open_file", "create_file_internally",
    "ends_with_path_separator", "get_alternative_path_separator", "get_object_from_normpath",
    "get_open_file", "get_open_files", "get_path_separator", "has_open_file",
    "is_filepath_ending_with_separator", "isjunction", "isreserved", "make_string_path",
    "raise_for_filepath_ending_with_separator", "replace_windows_root", "splitroot",
    "starts_with_drive_letter", "starts_with_root_path", "starts_with_sep",
}  # fmt: skip


def teardown_module():
    Patcher.clear_fs_cache()  # nothing is kept for the tests of other files


@pytest.fixture
def peer():
    return pytest.importorskip("pyfakefs", reason="pyfakefs, which it is compared with, is missing")


@pytest.fixture
def fs():
    with Patcher() as patcher:
        yield patcher.fs


@pytest.fixture
def real(tmp_path):
    """A directory of the host with a file and a link."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("hi\n")
    (tmp_path / "d" / "l").symlink_to("f")
    return tmp_path


# --- beside pyfakefs


def told_by(package, real, seeds):
    command = [sys.executable, "-m", "tests.fakefs_cases", package, *map(str, seeds)]
    environment = {**os.environ, "FAKEFS_REAL": str(real)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_all_comes_out_as_with_pyfakefs(peer, real):
    there, here = (told_by(package, real, SEEDS) for package in ("pyfakefs", "ostler.fakefs"))
    assert len(there) > len(SEEDS) + 10
    assert here == there


@pytest.mark.thorough
def test_calls_by_chance_come_out_as_with_pyfakefs(peer, real):
    seeds = range(100, 500)
    assert told_by("ostler.fakefs", real, seeds) == told_by("pyfakefs", real, seeds)


def arguments(function):
    """The names of a function's arguments, their kinds and defaults."""
    return [
        (each.name, each.kind, getattr(each.default, "name", each.default))
        for each in inspect.signature(function).parameters.values()
    ]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("fake_filesystem", "FakeFilesystem"),
        ("fake_file", "FakeFile"),
        ("fake_file", "FakeDirectory"),
        ("fake_filesystem_unittest", "Patcher"),
        ("fake_filesystem_unittest", "Pause"),
        ("fake_filesystem_unittest", "TestCaseMixin"),
        ("fake_filesystem_unittest", "TestCase"),
    ],
)
def test_methods_take_what_pyfakefs_has_them_take(peer, module, name):
    theirs = getattr(importlib.import_module(f"pyfakefs.{module}"), name)
    ours = getattr(importlib.import_module(f"ostler.fakefs.{module}"), name)
    assert arguments(ours.__init__) == arguments(theirs.__init__)
    for method, function in inspect.getmembers(theirs, callable):
        if method.startswith("_") or method in NOT_OURS or method in dir(unittest.TestCase):
            continue
        if inspect.ismodule(function) or inspect.isclass(function):
            continue
        if name == "Patcher" and not hasattr(ours, method):
            assert method.startswith(("patch_", "unset_")), method  # of its own machinery
            continue
        assert arguments(getattr(ours, method)) == arguments(function), method


def test_functions_take_what_pyfakefs_has_them_take(peer):
    for module in ("helpers", "fake_filesystem_unittest"):
        theirs = importlib.import_module(f"pyfakefs.{module}")
        ours = importlib.import_module(f"ostler.fakefs.{module}")
        for name in "set_uid set_gid reset_ids patchfs load_doctests get_uid is_root".split():
            if hasattr(theirs, name) and hasattr(ours, name):
                assert arguments(getattr(ours, name)) == arguments(getattr(theirs, name)), name


# --- where the machine is


def test_the_host_is_the_same_before_and_after():
    before = os.getcwd(), sorted(os.listdir("/"))
    with Patcher() as patcher:
        assert os.listdir("/") == ["tmp"] == patcher.fs.machine.listdir("/")
        assert not os.path.exists(__file__)
        machine = patcher.fs.machine
    assert (os.getcwd(), sorted(os.listdir("/"))) == before
    assert machine.closed


def test_a_thread_that_ran_before(fs):
    given, told = queue.Queue(), queue.Queue()
    with Pause(fs):
        thread = threading.Thread(target=lambda: told.put(os.path.exists(given.get())))
        thread.start()
    fs.create_file("/there")
    given.put("/there")
    thread.join()
    assert told.get()


def test_one_within_another_is_the_same():
    with Patcher() as outer:
        with Patcher() as inner:
            assert inner.fs is outer.fs
        assert os.listdir("/") == ["tmp"]
    assert os.path.exists(__file__)


def test_reset_while_it_is_installed(fs):
    fs.create_file("/x/y")
    os.chdir("/x")
    fs.reset()
    assert (os.getcwd(), os.listdir("/")) == ("/", ["tmp"])


def test_an_object_goes_where_its_file_goes(fs):
    made = fs.create_file("/a/file", contents="x")
    os.renames("/a/file", "/b/c/other")
    assert (made.path, made.name, made.contents) == ("/b/c/other", "other", "x")
    os.remove("/b/c/other")
    with pytest.raises(FileNotFoundError):
        made.contents  # noqa: B018


def test_a_file_system_that_is_installed_nowhere(tmp_path):
    one, two = FakeFilesystem(), FakeFilesystem(total_size=1000)
    one.create_file("/x", contents="one")
    assert two.listdir("/") == [] and one.get_object("/x").contents == "one"
    assert two.get_disk_usage().total == 1000
    with pytest.raises(RuntimeError, match="Patcher"):
        one.pause()
    os_of_one = fake_filesystem_unittest.FakeFilesystem and importlib.import_module(
        "ostler.fakefs.fake_os"
    ).FakeOsModule(one)
    assert os_of_one.listdir("/") == ["x"] and os_of_one.path.exists("/x")
    with importlib.import_module("ostler.fakefs.fake_open").FakeFileOpen(one)("/x") as file:
        assert file.read() == "one"


def test_the_null_device(fs):
    with open(os.devnull, "w") as file:
        file.write("x")
    with pytest.raises(FileNotFoundError):
        open("/dev/zero")


# --- what is refused


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("os", OSType.WINDOWS),
        ("os", OSType.MACOS),
        ("is_windows_fs", True),
        ("is_macos", True),
        ("path_separator", "\\"),
        ("alternative_path_separator", "?"),
        ("is_case_sensitive", False),
    ],
)
def test_another_system(fs, name, value):
    with pytest.raises(Unsupported, match=r"pyfakefs|names"):
        setattr(fs, name, value)
    fs.os = OSType.LINUX
    fs.is_windows_fs = fs.is_macos = False
    fs.is_case_sensitive, fs.path_separator = True, "/"


def test_what_can_not_be_set(fs):
    made = fs.create_file("/x")
    with pytest.raises(Unsupported, match="kernel alone"):
        made.st_ctime = 0
    with pytest.raises(Unsupported, match="rights of links"):
        fs.create_symlink("/l", "/x").st_mode = 0o777
    with pytest.raises(Unsupported, match="installed"):
        importlib.import_module("ostler.fakefs.fake_filesystem_shutil").FakeShutilModule(fs)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can be anybody")
def test_to_be_somebody_else_takes_root(fs):
    with pytest.raises(Unsupported, match="root"):
        helpers.set_uid(0)
    assert helpers.get_uid() == os.getuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_not_as_root():
    with Patcher(allow_root_user=False) as patcher:
        made = patcher.fs.create_file("/closed", st_mode=0o400)
        assert os.getuid() == made.st_uid == 1
        with pytest.raises(PermissionError):
            open("/closed", "w")
    assert os.getuid() == 0 and helpers.is_root()


# --- test cases and decorators


def passed(case):
    result = unittest.TextTestRunner(stream=open(os.devnull, "w")).run(
        unittest.defaultTestLoader.loadTestsFromTestCase(case)
    )
    assert result.testsRun and result.wasSuccessful(), result.failures + result.errors


def test_a_test_case():
    class Each(fake_filesystem_unittest.TestCase):
        def setUp(self):
            self.setUpPyfakefs()
            self.fs.create_file("/x")

        def test_one(self):
            os.remove("/x")

        def test_two(self):
            os.remove("/x")
            self.pause()
            self.assertTrue(os.path.exists(__file__))
            self.resume()
            self.assertFalse(os.path.exists(__file__))

    passed(Each)
    assert os.path.exists(__file__)


def test_a_test_case_hands_its_arguments_on():
    auto = fake_filesystem_unittest.PatchMode.AUTO

    class Each(fake_filesystem_unittest.TestCase):
        def setUp(self):
            self.setUpPyfakefs(patch_open_code=auto)

        def test_it(self):
            self.assertIs(self.fs.patch_open_code, auto)

    class All(fake_filesystem_unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.setUpClassPyfakefs(patch_open_code=auto)

        def test_it(self):
            self.assertIs(self.fs.patch_open_code, auto)

    passed(Each)
    passed(All)


def test_a_file_system_of_a_class():
    class All(unittest.TestCase, fake_filesystem_unittest.TestCaseMixin):
        @classmethod
        def setUpClass(cls):
            cls.setUpClassPyfakefs()
            cls.fake_fs().create_file("/x")

        def setUp(self):
            self.setUpPyfakefs()

        def test_1(self):
            self.fs.create_file("/y")

        def test_2(self):
            self.assertEqual(sorted(os.listdir("/")), ["tmp", "x", "y"])

    passed(All)
    assert os.path.exists(__file__)


def test_a_test_case_of_asyncio():
    class Async(unittest.IsolatedAsyncioTestCase, fake_filesystem_unittest.TestCaseMixin):
        def setUp(self):
            self.setUpPyfakefs()

        async def test_it(self):
            self.fs.create_file("/x")
            self.assertTrue(os.path.exists("/x"))
            self.assertTrue(await asyncio.to_thread(os.path.exists, "/x"))

    passed(Async)


def test_a_decorator():
    @patchfs
    def plain(first, fake_fs):
        fake_fs.create_file("/x")
        return first, os.listdir("/")

    @patchfs(allow_root_user=False)
    async def later(fs, *, more):
        fs.create_file("/x")
        await asyncio.sleep(0)
        return more, sorted(os.listdir("/"))

    assert plain("one") == ("one", ["x", "tmp"]) or plain("one") == ("one", ["tmp", "x"])
    assert asyncio.run(later(more=2)) == (2, ["tmp", "x"])
    assert list(inspect.signature(plain).parameters) == ["first"]
    assert os.path.exists(__file__)


def test_modules_that_are_told(tmp_path, monkeypatch):
    (tmp_path / "told_of.py").write_text(
        "import os, pathlib\nHERE = os.path.exists('/')\nSEES = os.path.exists(__file__)\n"
        "def look(path): return os.path.exists(path), pathlib.Path(path).exists()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("told_of")
    assert module.SEES
    with Patcher(modules_to_reload=[module]):
        assert not module.SEES
        assert module.look(module.__file__) == (False, False)
    assert module.SEES
    with Patcher(additional_skip_names=["told_of"]):
        assert module.look(module.__file__) == (True, True)
        assert not os.path.exists(module.__file__)
    with Patcher():
        assert module.look(module.__file__) == (False, False)

    class Fake:
        def __init__(self, filesystem):
            self.filesystem = filesystem

    with Patcher(modules_to_patch={"told_of": Fake}) as patcher:
        assert importlib.import_module("told_of").filesystem is patcher.fs
    assert importlib.import_module("told_of") is module


def test_what_is_added_is_never_the_hosts(real, fs):
    made = fs.add_real_directory(real, read_only=False)
    Path(real, "d", "f").write_text("changed")
    os.remove(Path(real, "d", "l"))
    assert made.get_entry("d").get_entry("f").contents == "changed"
    fs.pause()
    assert (real / "d" / "f").read_text() == "hi\n" and (real / "d" / "l").is_symlink()


# --- what can't be done there


def test_room_ends_at_the_very_byte(fs):
    fs.set_disk_usage(65536)
    with open("/full", "wb", buffering=0) as file, pytest.raises(OSError) as caught:
        while file.write(b"x" * 1000):
            pass
    assert caught.value.errno == errno.ENOSPC
    assert os.path.getsize("/full") == 65536
    os.truncate("/full", 65535)
    fd = os.open("/full", os.O_WRONLY | os.O_APPEND)
    assert os.write(fd, b"ab") == 1
    os.close(fd)


def test_a_limit_for_sendfile_and_its_kin(fs):
    fs.create_file("/from", contents="a" * 150)
    fs.set_disk_usage(200)
    source, to = os.open("/from", os.O_RDONLY), os.open("/to", os.O_RDWR | os.O_CREAT)
    assert os.copy_file_range(source, to, 100) == 50
    with pytest.raises(OSError) as caught:
        os.sendfile(to, source, 0, 10)
    assert caught.value.errno == errno.ENOSPC
    os.close(source)
    os.close(to)


def test_what_is_shown_of_the_host_is_never_emptied(tmp_path, monkeypatch):
    monkeypatch.setattr("ostler.fakefs.real_files._MOST", 0)  # as if it were large
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "file").write_text("x" * 5000)
    with Patcher() as patcher:
        patcher.fs.add_real_directory(tmp_path)
        assert Path(tmp_path, "d", "file").read_text() == "x" * 5000
        with pytest.raises(OSError) as caught:
            os.remove(Path(tmp_path, "d", "file"))
        assert caught.value.errno == errno.EROFS
    with Patcher():
        assert os.listdir("/") == ["tmp"]
    assert (tmp_path / "d" / "file").exists()


def used_beside_a_closed_directory():
    with Patcher() as patcher:
        patcher.fs.create_file("/f", st_size=10)
        patcher.fs.create_dir("/closed", perm_bits=0)
        patcher.fs.set_disk_usage(1000)
        return patcher.fs.get_disk_usage().used


@pytest.mark.parametrize("user", [as_self, as_user])
def test_the_room_beside_a_closed_directory(user):
    assert user(used_beside_a_closed_directory) == 10


def test_each_begins_with_nothing_of_the_last():
    """Whatever was left behind: what is used again is as new."""
    files = set()
    for number in range(6):
        with Patcher() as patcher:
            fs = patcher.fs
            files.add(fs.machine.statvfs("/").f_files)
            assert os.listdir("/") == ["tmp"] and os.listdir("/tmp") == []
            assert os.getcwd() == "/" and oct(os.stat("/").st_mode) == "0o40777"
            assert (
                fs.get_disk_usage().total
                == 2**40
                == fs.machine.statvfs("/").f_blocks * (fs.machine.statvfs("/").f_frsize)
            )
            assert "OSTLER_LEFT" not in os.environ
            os.environ["OSTLER_LEFT"] = "1"
            fs.create_file("/a/b/c", contents="x", st_mode=stat.S_IFREG | 0o400)
            fs.create_dir("/a/closed", perm_bits=0)
            os.symlink("/a", "/link")
            os.chmod("/", 0o700)
            os.chdir("/a")
            if number == 1:
                fs.set_disk_usage(2**20)
            if number == 2:
                fs.machine.read_only_now()
            if number == 3 and os.geteuid() == 0:
                os.setxattr("/", "trusted.left", b"x")
            if number == 4:
                fs.machine.resize(inodes=100)
    assert len(files) == 1


def test_a_child_that_goes_on_keeps_its_files_to_itself():
    read, write = os.pipe()
    with Patcher():
        child = os.fork()
        if child == 0:
            os.read(read, 1)
            try:
                open("/late", "w").close()
                os._exit(0)
            finally:
                os._exit(1)
    with Patcher():
        os.write(write, b"x")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert os.listdir("/") == ["tmp"]
    os.close(read)
    os.close(write)


def test_nothing_stays_open(fs):
    before = os.listdir(f"/proc/{os.getpid()}/fd") if os.path.exists("/proc") else None
    assert before is None  # an empty file system has no /proc
    with Pause(fs):
        before = len(os.listdir("/proc/self/fd"))
    for number in range(50):
        fs.create_file(f"/{number}", contents="x").contents  # noqa: B018
        fs.get_object(f"/{number}").set_contents("y")
    with Pause(fs):
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_of_pathlib_and_tempfile(fs):
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, "x").write_text("y")
        assert fs.get_object(f"{directory}/x").contents == "y"


def test_what_one_test_has_left_open_is_of_no_other_one():
    with Patcher():
        root = os.open("/", os.O_RDONLY)
    try:
        with Patcher():
            before = os.listdir("/")
            os.mkdir("left", dir_fd=root)
            assert os.listdir("/") == before
    finally:
        os.close(root)


def test_a_patched_environ_of_the_host_is_seen_afterwards():
    with fake_filesystem_unittest.Patcher():
        pass
    with mock.patch.object(ostler, "environ", {"HOME": "/elsewhere", "V": "value"}):
        assert ostler.path.expanduser("~/x") == "/elsewhere/x"
        assert ostler.path.expandvars("$V") == "value"
    assert ostler.path.expanduser("~") == os.environ["HOME"]


def test_modules_of_the_file_system(monkeypatch):
    """With patch_open_code they are imported, by sys.path, and forgotten with the file system."""
    monkeypatch.syspath_prepend("/site")
    modes = fake_filesystem_unittest.PatchMode
    for given in (modes.AUTO, modes.ON):
        with Patcher(patch_open_code=given) as patcher:
            patcher.fs.create_file("/site/only_here/__init__.py", contents="from .sub import x")
            patcher.fs.create_file("/site/only_here/sub.py", contents="x = 5")
            assert importlib.import_module("only_here").x == 5
            importlib.import_module("colorsys")  # of the host
        assert not {"only_here", "only_here.sub"} & sys.modules.keys()
    with Patcher() as patcher:
        patcher.fs.create_file("/site/only_here.py")
        with pytest.raises(ImportError):
            importlib.import_module("only_here")
        patcher.fs.patch_open_code = modes.AUTO
        patcher.pause()
        with pytest.raises(ImportError):
            importlib.import_module("only_here")
        patcher.resume()
        importlib.import_module("only_here")
    assert "only_here" not in sys.modules
