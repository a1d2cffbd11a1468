"""What a file system in Python can't do, done on a real one: the rows of the page's table."""

import errno
import fcntl
import mmap
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import ostler
from ostler.fakefs import Patcher, set_uid


def teardown_module():
    Patcher.clear_fs_cache()  # nothing is kept for the tests of other files


@pytest.fixture
def fs():
    with Patcher() as patcher:
        yield patcher.fs


@pytest.fixture
def programs(fs):
    """A file system with the host's programs and this interpreter."""
    fs.add_programs(sys.prefix, sys.base_prefix)
    return fs


def test_a_link_on_the_way_leads_nowhere_else(fs, tmp_path):
    """What is shown is put upon the test's files alone, wherever a link of theirs leads."""
    fs.create_symlink("/etc", str(tmp_path))
    with pytest.raises(ostler.MachineUnavailable):
        fs.add_programs()
    fs.pause()
    assert list(tmp_path.iterdir()) == []
    fs.resume()


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_subprocess(programs):
    programs.create_file("/data/words", contents="b\na\n")
    assert run("sort", "/data/words") == "a\nb\n"
    run("sh", "-c", "echo new > /data/made")
    assert pathlib.Path("/data/made").read_text() == "new\n"


def test_a_child_that_is_python(programs):
    run(sys.executable, "-c", "open('/made', 'w').write('x')")
    assert programs.get_object("/made").contents == "x"


def test_sqlite3(programs):
    code = "import sqlite3; c = sqlite3.connect('/data.db'); c.execute('create table t (a)')"
    run(sys.executable, "-c", code)
    assert pathlib.Path("/data.db").read_bytes().startswith(b"SQLite format 3\0")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here")
def test_git(programs):
    os.makedirs("/repository")
    programs.create_file("/repository/file", contents="x\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", "/repository"]
    os.environ.update(HOME="/tmp", GIT_CONFIG_NOSYSTEM="1")
    run(*git, "init", "-q")
    run(*git, "add", "file")
    run(*git, "commit", "-q", "-m", "first")
    assert run(*git, "log", "--format=%s") == "first\n"
    assert os.path.isdir("/repository/.git/objects")


def test_a_shared_library(programs):
    """A library that opens files by itself, in a child."""
    code = (
        "import ctypes; c = ctypes.CDLL(None); c.fopen.restype = ctypes.c_void_p\n"
        "f = ctypes.c_void_p(c.fopen(b'/by_c', b'w')); c.fputs(b'text', f); c.fclose(f)"
    )
    run(sys.executable, "-c", code)
    assert pathlib.Path("/by_c").read_text() == "text"


def test_mmap(fs):
    fs.create_file("/mapped", contents="hello")
    with open("/mapped", "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:1] = b"J"
    assert pathlib.Path("/mapped").read_text() == "Jello"


def test_locks(fs):
    with open("/lock", "w") as one, open("/lock", "w") as two:
        fcntl.flock(one, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_room_that_ends_for_children_too(programs):
    assert programs.get_disk_usage().used == 0  # what is shown of the host takes none
    programs.set_disk_usage(2**20)
    done = subprocess.run(
        ["sh", "-c", "head -c 2000000 /dev/zero > /full"], capture_output=True, check=False
    )
    assert done.returncode != 0 and os.path.getsize("/full") <= 2**20
    assert b"No space left" in done.stderr


def test_room_that_ends_at_the_byte(fs):
    fs.set_disk_usage(100)
    with open("/full", "wb", buffering=0) as file:
        assert file.write(b"x" * 200) == 100
        with pytest.raises(OSError) as caught:
            file.write(b"x")
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_rights_that_are_the_kernels(programs):
    programs.create_dir("/closed", perm_bits=0o700)
    set_uid(1000)
    with pytest.raises(PermissionError):
        os.listdir("/closed")
    done = subprocess.run(["ls", "/closed"], capture_output=True, check=False)
    assert done.returncode != 0 and b"Permission denied" in done.stderr


def test_links_sparse_files_and_numbers_of_inodes(fs):
    fs.create_file("/a", contents="x")
    os.link("/a", "/b")
    assert os.stat("/a").st_ino == os.stat("/b").st_ino and os.stat("/a").st_nlink == 2
    fs.create_file("/hole", st_size=2**40)
    assert os.stat("/hole").st_blocks == 0


def test_named_pipes(fs):
    os.mkfifo("/pipe")
    assert pathlib.Path("/pipe").is_fifo()


def test_it_is_in_no_other_process(fs):
    fs.create_file("/only_here")
    assert not ostler.host.path.exists("/only_here")
