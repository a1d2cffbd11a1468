"""What directories.py promises beyond the cases of parity."""

import collections
import contextlib
import gc
import inspect
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings

import pytest

import ostler


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/b/c", "a/d", "z"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("top", "a/one", "a/b/two"):
        (tmp_path / name).write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    "getcwd getcwdb chdir fchdir chroot listdir mkdir rmdir makedirs removedirs scandir walk "
    "fwalk".split(),
)
def test_signature(name):
    assert inspect.signature(getattr(ostler, name)) == inspect.signature(getattr(os, name))


def test_order_is_that_of_os(tree):
    assert ostler.listdir() == os.listdir()
    assert [e.name for e in ostler.scandir()] == [e.name for e in os.scandir()]
    assert list(ostler.walk(".")) == list(os.walk("."))
    assert list(ostler.walk(".", topdown=False)) == list(os.walk(".", topdown=False))


def test_a_large_directory_is_listed_whole(tmp_path):
    names = {f"{i:05}-{'x' * (i % 200)}" for i in range(3000)}
    for name in names:
        (tmp_path / name).touch()
    assert set(ostler.listdir(tmp_path)) == names
    assert {entry.name for entry in ostler.scandir(tmp_path)} == names


def test_stat_results_of_an_entry_are_kept(tree):
    entry = next(e for e in ostler.scandir() if e.name == "top")
    first = entry.stat()
    (tree / "top").write_text("longer")
    assert entry.stat() is first
    assert first.st_size == 1


def test_entry_asked_by_its_path_and_not_by_the_open_directory(tree):
    with ostler.scandir("a") as entries:
        entry = next(entries)
        os.rename("a", "moved")
        with pytest.raises(FileNotFoundError) as caught:
            entry.stat()
    assert caught.value.filename == entry.path


@pytest.mark.parametrize("make", [ostler.DirEntry, lambda: type(ostler.scandir())()])
def test_entries_cannot_be_made(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(TypeError):
            make()


def test_entries_cannot_be_pickled(tree):
    with ostler.scandir() as entries, pytest.raises(TypeError):
        pickle.dumps(next(entries))


def test_iterator_left_open_warns(tree):
    entries = ostler.scandir()
    next(entries)
    with pytest.warns(ResourceWarning, match="unclosed scandir iterator"):
        del entries
        gc.collect()


def test_no_descriptor_is_left(tree):
    before = os.listdir("/proc/self/fd")
    for walk in (ostler.walk, ostler.fwalk):
        steps = walk(".")
        next(steps)
        next(steps)
        steps.close()
    with pytest.raises(NotADirectoryError):
        ostler.listdir("top")
    ostler.scandir().close()
    assert os.listdir("/proc/self/fd") == before


def test_fwalk_leaves_no_descriptor_when_a_signal_handler_raises(tree):
    class Alarm(Exception):
        pass

    def ring(*_):
        raise Alarm

    before = sorted(os.listdir("/proc/self/fd"))
    old = signal.signal(signal.SIGALRM, ring)
    rung = 0
    try:
        for number in range(400):
            with contextlib.suppress(Alarm):
                try:
                    # The walk is driven by C code: the handler runs where the walk looks for it.
                    signal.setitimer(signal.ITIMER_REAL, 2e-5 + number * 5e-7)
                    for _ in range(100):
                        collections.deque(ostler.fwalk(".", follow_symlinks=bool(number % 2)), 0)
                except Alarm:
                    rung += 1
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert rung
    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("topdown", [True, False])
@pytest.mark.parametrize("name", ["stat", "path.samestat"])
def test_fwalk_when_the_second_look_fails(tree, monkeypatch, name, topdown):
    def outcome(system):
        errors, steps, seen = [], [], [0]
        module = system.path if name.startswith("path.") else system
        real = getattr(module, name.rpartition(".")[2])

        def failing(first, *args, **keywords):
            if name != "stat" or isinstance(first, int):
                seen[0] += 1
                if seen[0] == 2:
                    raise OSError(5, "failed")
            return real(first, *args, **keywords)

        with monkeypatch.context() as patch:
            patch.setattr(module, name.rpartition(".")[2], failing)
            try:
                for at, dirs, files, _ in system.fwalk(".", topdown, onerror=errors.append):
                    steps.append((at, sorted(dirs), sorted(files)))
            except OSError as error:
                steps.append(error.args)
        return steps, [error.args for error in errors]

    before = sorted(os.listdir("/proc/self/fd"))
    assert outcome(ostler) == outcome(os)
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_walk_reads_as_late_as_os(tree):
    steps = ostler.walk(".")
    next(steps)
    (tree / "a" / "late").touch()
    assert "late" in dict((top, files) for top, _, files in steps)["./a"]


def test_walk_does_not_enter_a_link_put_in_place_of_a_directory(tree):
    seen = []
    for top, dirs, _ in ostler.walk("."):
        seen.append(top)
        if top == ".":
            dirs[:] = ["z"]
            os.rmdir("z")
            os.symlink("a", "z")
    assert seen == ["."]


def gone_for(walk, change, top):
    """What a walk says, in whose course the tree is changed after a step."""
    for name in ("a", "b", "c", "elsewhere/x", "more/y"):
        (top / name).mkdir(parents=True)
        (top / name / "file").touch()
    said = []
    for path, dirs, files in walk(str(top), onerror=lambda error: said.append(error.errno)):
        dirs.sort()
        said.append((path[len(str(top)) :], sorted(dirs), sorted(files)))
        change(top, path[len(str(top)) + 1 :], dirs)
    return said


def replace(name, by=None):
    name.rename(name.with_name("moved"))
    if by is not None:
        time.sleep(0.02)  # longer than the clock of a file system stands still
        name.symlink_to(by)


@pytest.mark.parametrize(
    "change",
    [
        lambda top, at, dirs: at == "" and replace(top / "b", "elsewhere"),
        lambda top, at, dirs: at == "a" and replace(top / "b", "elsewhere"),
        lambda top, at, dirs: at == "a" and replace(top / "b", "nowhere"),
        lambda top, at, dirs: at == "a" and replace(top / "b"),
        lambda top, at, dirs: at == "a" and (replace(top / "b"), (top / "b").touch()),
        lambda top, at, dirs: at == "" and ((top / "n").mkdir(), dirs.append("n")),
        lambda top, at, dirs: at == "" and ((top / "n").symlink_to("a"), dirs.append("n")),
        lambda top, at, dirs: at == "" and dirs.__setitem__(slice(None), ["c", "a", "a"]),
        lambda top, at, dirs: at == "" and dirs.append("elsewhere/x"),
        lambda top, at, dirs: at == "a" and dirs.append(str(top / "b")),
    ],
    ids=[
        "a link before the next step", "a link after it", "a dangling one", "gone", "a file",
        "a new name", "a new link", "others, one twice", "a path", "an absolute path",
    ],
)  # fmt: skip
def test_walk_sees_what_happens_meanwhile_as_os_does(tmp_path, change):
    ours = gone_for(ostler.walk, change, tmp_path / "x")
    assert ours == gone_for(os.walk, change, tmp_path / "y")


def test_walk_uses_a_patched_scandir(tree, monkeypatch):
    asked = []

    def scandir(path):
        asked.append(path)
        return os.scandir(path)

    monkeypatch.setattr(ostler, "scandir", scandir)
    assert list(ostler.walk("a")) == list(os.walk("a"))
    assert sorted(asked) == ["a", "a/b", "a/b/c", "a/d"]


def test_makedirs_uses_a_patched_mkdir(tree, monkeypatch):
    asked = []
    monkeypatch.setattr(ostler, "mkdir", lambda *args: asked.append(args))
    ostler.makedirs("n/m", 0o700)
    assert asked == [("n", 0o777), ("n/m", 0o700)]


def test_makedirs_parent_mode(tree):
    os.umask(os.umask(0o22))
    ostler.makedirs("n/m/o", 0o755, parent_mode=0o700)
    modes = [os.stat(name).st_mode & 0o777 for name in ("n", "n/m", "n/m/o")]
    assert modes == [0o700, 0o700, 0o755]


def test_working_directory_longer_than_path_max(tree):
    home = os.open(".", os.O_RDONLY)
    name = "d" * 200
    try:
        for _ in range(30):
            os.mkdir(name)
            os.chdir(name)
        assert ostler.getcwd() == os.getcwd()
        assert len(ostler.getcwdb()) > 6000
    finally:
        for _ in range(30):
            os.chdir("..")
            os.rmdir(name)
        os.fchdir(home)
        os.close(home)


def test_threads_that_read_and_close_one_iterator(tmp_path):
    """Each gets entries, or the end; nothing is read into what another has given back."""
    for number in range(400):
        (tmp_path / f"{number}").touch()
    code = """if True:
        import sys, threading, time
        import ostler as os
        path, end = sys.argv[1], time.monotonic() + 2
        shared = [os.scandir(path)]
        def read():
            while time.monotonic() < end:
                for entry in shared[0]:
                    assert entry.name.isdigit()
        def close():
            while time.monotonic() < end:
                before, shared[0] = shared[0], os.scandir(path)
                before.close()
        threads = [threading.Thread(target=work) for work in (read, read, close)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        shared[0].close()
    """
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
