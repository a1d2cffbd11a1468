"""Paths as objects: `m.Path` does on a machine what pathlib.Path does on the host."""

import copy
import errno
import gc
import io
import os
import pathlib
import pickle
import random
import sys
import tempfile
import weakref

import pytest

import ostler
from ostler.machines import paths
from ostler.machines.paths import MachinePath
from tests.machines import as_self, as_user, kinds

NAMES = ["a", "b", "c.txt", ".h", "[x]", "d", "e*", "ä b"]
PATTERNS = [
    "*", "**", "**/*", "*/*", "a/**", "**/b", "*/", "**/", "a/*/b", "**/a/**", "..", "*/..",
    "*/../*", "[[]x]", "c.*", "*.txt", "**/*.txt", ".*", "?", "a/b", "a/", "nope/*", "A", "./a",
    "a//b", "e*", "**/**", "l*/*", "a/../b", "**/*/", "", "/a",
]  # fmt: skip
if sys.version_info >= (3, 13):
    PATTERNS.append(".")  # an IndexError in pathlib before
OF_OS = """
    stat lstat open scandir listdir walk mkdir rmdir unlink rename replace link symlink readlink
    utime chmod getcwd getxattr listxattr
    """.split()


both_users = pytest.mark.parametrize("user", [as_self, as_user])


def outcome(top, function):
    """What came of a call, with paths told from `top` on."""

    def told(value):
        if isinstance(value, pathlib.PurePath):
            return "path", told(str(value))
        if isinstance(value, bytes | int | bool | type(None)):
            return value
        if isinstance(value, str):
            return value.replace(top, "TOP")
        if isinstance(value, os.stat_result | ostler.stat_result):
            return value.st_mode, value.st_nlink, value.st_size * (value.st_mode >> 12 != 4)
        if isinstance(value, tuple):
            return tuple(map(told, value))
        return sorted((told(each) for each in value), key=repr)

    try:
        return told(function())
    except OSError as error:
        names = error.filename, error.filename2
        return type(error), error.errno, *[told(n if n is None else os.fspath(n)) for n in names]
    except Exception as error:
        return type(error)


def step(chance):
    """One operation: a function of the directory that all happens in, as a path."""

    def somewhere():
        return [chance.choice(NAMES) for _ in range(chance.choice([1, 1, 2, 2, 3]))]

    here, there = somewhere(), somewhere()
    flag, other_flag, mode = (
        chance.random() < 0.5,
        chance.random() < 0.5,
        chance.choice([0o700, 0o644]),
    )
    pattern = chance.choice(PATTERNS)
    link = chance.choice(["a", "b", "../a", ".", "nowhere", "l1"])
    name = f"l{chance.randrange(3)}"
    operations = {
        "mkdir": lambda p, q: p.mkdir(mode, parents=flag, exist_ok=other_flag),
        "touch": lambda p, q: p.touch(mode, exist_ok=flag),
        "write_text": lambda p, q: p.write_text("text ä\n" * mode, "utf-8", newline="\r\n"),
        "write_bytes": lambda p, q: p.write_bytes(b"b" * mode),
        "read_text": lambda p, q: p.read_text("utf-8"),
        "read_bytes": lambda p, q: p.read_bytes(),
        "symlink_to": lambda p, q: (p.parent / name).symlink_to(link),
        "hardlink_to": lambda p, q: p.hardlink_to(q) if q.exists() else None,
        "readlink": lambda p, q: (p.parent / name).readlink(),
        "rename": lambda p, q: p.rename(q),
        "replace": lambda p, q: p.replace(q),
        "unlink": lambda p, q: p.unlink(missing_ok=flag),
        "rmdir": lambda p, q: p.rmdir(),
        "chmod": lambda p, q: p.chmod(mode | 0o700),
        "stat": lambda p, q: (p.parent / name).stat(follow_symlinks=flag),
        "lstat": lambda p, q: p.lstat(),
        "iterdir": lambda p, q: list(p.iterdir()),
        "resolve": lambda p, q: (p.parent / name / "x" / ".." / "a").resolve(strict=flag),
        "samefile": lambda p, q: p.samefile(q if flag else str(q)),
        "absolute": lambda p, q: (p / ".." / name).absolute(),
        "exists": lambda p, q: ((p.parent / name).exists(), p.exists()),
        "is_dir": lambda p, q: (p.is_dir(), (p / name).is_dir()),
        "is_file": lambda p, q: (p.is_file(), p.is_symlink(), p.is_fifo(), p.is_socket()),
        "is_mount": lambda p, q: (p.is_mount(), p.is_block_device(), p.is_char_device()),
        "glob": lambda p, q: set(p.parents[len(here) - 1].glob(pattern)),
        "rglob": lambda p, q: set(p.parent.rglob(pattern)),
        "walk": lambda p, q: list(p.parent.walk(flag)),
        "copy": lambda p, q: p.copy(q, follow_symlinks=flag, preserve_metadata=other_flag),
        "copy_into": lambda p, q: p.copy_into(q.parent, follow_symlinks=False),
        "move": lambda p, q: p.move(q),
        "move_into": lambda p, q: p.move_into(q.parent),
        "owner": lambda p, q: (p.owner(), p.group()),
        "open": lambda p, q: p.open("x" if flag else "a").close(),
    }
    called = chance.choice([each for each in operations if hasattr(pathlib.Path, each)])
    return (
        called,
        here,
        there,
        pattern,
        lambda top: operations[called](top.joinpath(*here), top.joinpath(*there)),
    )


def content(path):
    """All that is below a directory of the host or a machine."""
    return {
        str(each.relative_to(path)): (
            each.lstat().st_mode,
            each.read_bytes() if each.is_file() and not each.is_symlink() else None,
        )
        for each in path.rglob("*")
    }


def same_as_pathlib(top, other, seed, steps):
    """Do the same on both, and compare what comes of it; {operation: how often it succeeded}."""
    chance = random.Random(seed)
    went_well = {}
    for number in range(steps):
        called, here, there, pattern, do = step(chance)
        real = outcome(str(top.parent), lambda do=do: do(top))
        ours = outcome(str(other.parent), lambda do=do: do(other))
        assert ours == real, (seed, number, called, here, there, pattern)
        if not isinstance(real, type) and not (
            isinstance(real, tuple) and real and isinstance(real[0], type)
        ):
            went_well[called] = went_well.get(called, 0) + 1
    assert content(other) == content(top), seed
    return went_well


@pytest.fixture
def here(tmp_path):
    path = tmp_path / "t" / "real"
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize("seed", range(6))
def test_a_scratch_machine_does_as_pathlib(here, seed):
    with ostler.scratch() as m:
        m.umask(host_umask())
        m.makedirs("/t/real")
        went_well = same_as_pathlib(here, m.Path("/t/real"), seed, 400)
    assert len(went_well) > 20


@pytest.mark.parametrize("seed", range(6, 9))
def test_the_host_does_as_pathlib(here, tmp_path, seed):
    other = tmp_path / "u" / "real"
    other.mkdir(parents=True)
    assert len(same_as_pathlib(here, ostler.host.Path(other), seed, 300)) > 20


def test_a_kind_of_ones_own_does_as_pathlib(here):
    with kinds.View(ostler.scratch()) as m:
        m.umask(host_umask())
        m.makedirs("/t/real")
        assert len(same_as_pathlib(here, m.Path("/t/real"), 9, 300)) > 20


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 200))
def test_long_courses(here, seed):
    with ostler.scratch() as m:
        m.umask(host_umask())
        m.makedirs("/t/real")
        same_as_pathlib(here, m.Path("/t/real"), seed, 2000)


def looked_for(top):
    """What glob() gives below a directory that is closed, and for names that are too long."""
    (top / "closed/d/x").mkdir(parents=True)
    (top / "f").touch()
    (top / "closed").chmod(0)
    found, long = [], "n" * 300
    for below in ("", "closed", "closed/d", "f", "nope", long):
        for pattern in ("*", "x", "d", "x/*", "**/*", "d/x", f"closed/{long}", long, f"**/{long}"):
            try:
                paths_found = [str(each.relative_to(top)) for each in (top / below).glob(pattern)]
                found.append((below, pattern, sorted(paths_found)))
            except OSError as error:
                found.append((below, pattern, type(error), error.errno))
    (top / "closed").chmod(0o700)
    return found


def looked_for_on_both():
    with tempfile.TemporaryDirectory() as place, ostler.scratch() as m:
        m.mkdir("/t")
        return looked_for(pathlib.Path(place)), looked_for(m.Path("/t"))


@both_users
def test_where_a_pattern_can_not_be_looked_for(user):
    real, ours = user(looked_for_on_both)
    assert ours == real


def host_umask():
    before = os.umask(0o22)
    os.umask(before)
    return before


# --- nothing acts on the host ---------------------------------------------------------------------


def test_every_method_of_pathlib_is_written_here_or_refused():
    texts = {name for kind in pathlib.PurePosixPath.__mro__ for name in vars(kind)}
    for name in dir(pathlib.Path):
        if name in texts or name.startswith("__") or name in ("as_uri", "from_uri", "_copy_from"):
            continue
        if not callable(getattr(pathlib.Path, name)) and name.startswith("_"):
            continue  # a number, or a place for a value
        assert name in vars(MachinePath), name
        refused = "_refusing" in str(vars(MachinePath)[name])
        assert refused is (name.startswith("_") or name == "link_to"), name  # which 3.12 removed


def test_what_a_newer_pathlib_adds_is_refused(monkeypatch):
    monkeypatch.setattr(pathlib.Path, "shred", lambda self: os.unlink(self), raising=False)
    monkeypatch.setattr(paths.MachinePath, "shred", None, raising=False)  # taken away afterwards
    del paths.MachinePath.shred
    paths._refuse_others()
    with ostler.scratch() as m, pytest.raises(NotImplementedError, match="shred"):
        m.Path("/x").shred()


def test_nothing_of_a_course_is_asked_of_os():
    chance = random.Random(5)
    asked = []

    def noticing(name):
        return lambda *args, **kwargs: asked.append((name, args))

    with ostler.scratch() as m, pytest.MonkeyPatch.context() as patch:
        top = m.Path("/only/here")
        top.mkdir(parents=True)
        done = [step(chance)[-1] for _ in range(300)]
        for name in OF_OS:
            patch.setattr(os, name, noticing(name))
        patch.setattr(io, "open", noticing("open"))
        for do in done:
            outcome("/only", lambda do=do: do(top))
        patch.undo()
        assert asked == [] and len(m.listdir(top)) > 2


@pytest.mark.parametrize("kind", kinds.OVER)
def test_each_kind_has_it(kind, tmp_path):
    directory = tmp_path / "d"
    directory.mkdir()
    (directory / "file").write_text("real")
    with kind(str(directory)) as m:
        path = m.Path("/made") if kind is kinds.scratch else m.Path(str(m.getcwd()))
        assert isinstance(path, pathlib.PurePath) and isinstance(path, pathlib.Path)
        assert path.machine is m and m.Path is m.Path
        assert m.Path.cwd() == m.Path(m.getcwd())
    with pytest.raises(ValueError, match="closed"):
        path.stat()
    with pytest.raises(ValueError, match="closed"):
        path.exists()
    with pytest.raises(ValueError, match="closed"):
        _ = m.Path


# --- what it is -----------------------------------------------------------------------------------


def test_paths_of_two_machines_are_never_equal():
    with ostler.scratch() as m, ostler.scratch() as n:
        assert m.Path("a/b") == m.Path("a") / "b"
        assert len({m.Path("a"), m.Path("a/."), n.Path("a"), pathlib.Path("a")}) == 3
        for other in (
            n.Path("a"),
            pathlib.Path("a"),
            pathlib.PurePosixPath("a"),
            ostler.host.Path("a"),
            "a",
        ):
            assert m.Path("a") != other and other != m.Path("a")
        assert m.Path("a") < m.Path("b") and sorted([m.Path("b"), m.Path("a")])[0].name == "a"
        with pytest.raises(TypeError):
            _ = m.Path("a") < n.Path("b")
    assert ostler.host.Path("a") == pathlib.Path("a") == ostler.host.Path("a")
    assert hash(ostler.host.Path("a")) == hash(pathlib.Path("a"))


def test_what_is_made_of_a_path_is_of_the_same_machine():
    with ostler.scratch() as m:
        path = m.Path("/a", "b/c.txt")
        assert os.fspath(path) == str(path) == "/a/b/c.txt" and bytes(path) == b"/a/b/c.txt"
        made = [
            path.parent, *path.parents, path / "x", "/y" / path, path.with_name("n"),
            path.with_suffix(".py"), path.with_stem("s"), path.relative_to("/a"),
            path.joinpath("u", "v"), m.Path(path), path.absolute(), m.Path("~/x").expanduser(),
            m.Path.home(), m.Path.cwd(), path.with_segments("z"),
        ]  # fmt: skip
        for each in made:
            assert type(each) is m.Path and each.machine is m, each
        assert repr(path) == f"{m!r}.Path('/a/b/c.txt')"
        assert (path.suffix, path.name, path.is_absolute(), path.match("*.txt")) == (
            ".txt",
            "c.txt",
            True,
            True,
        )


def test_pickles_and_copies(tmp_path):
    path = ostler.host.Path(tmp_path) / "x"
    again = pickle.loads(pickle.dumps(path))
    assert again == path and type(again) is ostler.host.Path
    with ostler.scratch() as m:
        mine = m.Path("x")
        assert copy.copy(mine) is mine and copy.deepcopy([mine])[0].machine is m
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(mine)


def test_a_path_keeps_its_machine_and_the_class_does_not():
    m = ostler.scratch()
    gone = weakref.ref(m)
    kind, path = m.Path, m.Path("/a/b").parent
    path.mkdir()
    del m
    assert gone() is not None and path.is_dir()
    gc.disable()
    try:
        del path
        assert gone() is None
    finally:
        gc.enable()
    with pytest.raises(ValueError, match="no more"):
        kind("/a")
    with pytest.raises(TypeError, match="attribute"):
        MachinePath("/a")


def test_a_class_derived_from_it():
    with ostler.scratch() as m:

        class Config(m.Path):
            def lines(self):
                return self.read_text().splitlines()

        Config("/c").write_text("1\n2\n")
        assert Config("/c").lines() == ["1", "2"] and type(Config("/c").parent) is Config
        assert Config("/c") == m.Path("/c")


def test_home_follows_the_machine():
    with ostler.scratch() as m:
        m.environ["HOME"] = "/home/me"
        assert str(m.Path.home()) == "/home/me" and str(m.Path("~/a").expanduser()) == "/home/me/a"
        m.mkdir("/w")
        m.chdir("/w")
        assert str(m.Path("a").absolute()) == "/w/a" and str(m.Path("a").resolve()) == "/w/a"
        with pytest.raises(RuntimeError, match="home"):
            m.Path("~nobody-of-that-name/a").expanduser()


def test_faults_and_logs_see_what_paths_do():
    with ostler.scratch() as m:
        m.faults.add(call="mkdir", errno=errno.ENOSPC)
        with pytest.raises(OSError, match="No space"):
            m.Path("/a").mkdir()
        m.faults.clear()
        with m.recorded() as log:
            m.Path("/a").mkdir()
        assert [call.verb for call in log] == ["mkdir"]


def test_while_it_is_installed():
    with ostler.scratch() as m, ostler.scratch() as n:
        n.Path("/only").write_text("n")
        with m.installed():
            pathlib.Path("/x").write_text("m")
            assert n.Path("/only").read_text() == "n" and not n.Path("/x").exists()
            assert m.Path("/x").read_text() == "m" and m.Path("/x").is_file()
            assert ostler.host.Path(__file__).exists()


def test_a_deep_path_needs_no_recursion():
    with ostler.scratch() as m:
        deep = m.Path("/", *["d"] * 1050)
        deep.mkdir(parents=True)
        assert len(list(m.Path("/").glob("**/"))) >= 1050
        assert sum(1 for _ in m.Path("/").walk()) == 1051
        m.Path("/d").copy(m.Path("/e"))
        assert m.Path("/e", *["d"] * 1049).is_dir()


@pytest.mark.parametrize("method", ["glob", "rglob", "iterdir"])
def test_what_is_looked_for_can_be_closed_where_pathlib_can(method, tmp_path):
    (tmp_path / "a").touch()
    words = ["*"] if "glob" in method else []
    with ostler.scratch() as m:
        m.close(m.open("/a", m.O_CREAT | m.O_WRONLY))
        for path in (tmp_path, m.Path("/")):
            found = getattr(path, method)(*words)
            assert next(found).name == "a"
            if path is tmp_path:
                closes = hasattr(found, "close")
            elif closes:
                found.close()
                assert list(found) == []


def test_info_asks_once():
    with ostler.scratch() as m:
        m.mkdir("/a")
        path = m.Path("/a")
        assert path.info.is_dir() and path.info.exists() and not path.info.is_symlink()
        path.rmdir()
        assert path.info.is_dir() and not m.Path("/a").info.exists()
        if sys.version_info >= (3, 14):
            from pathlib.types import PathInfo

            assert isinstance(path.info, PathInfo)


# --- between machines -----------------------------------------------------------------------------


def tree(path):
    (path / "sub").mkdir(parents=True)
    (path / "file").write_text("one")
    (path / "sub" / "other").write_bytes(b"\0" * 3_000_000)
    (path / "link").symlink_to("file")
    (path / "dirlink").symlink_to("sub")
    (path / "file").chmod(0o640)
    os_times = 10**18, 10**18 + 5
    path.machine.utime(path / "file", ns=os_times)
    return path


def places(tmp_path, stack):
    (tmp_path / "base").mkdir()
    yield ostler.host.Path(tmp_path)
    yield stack(ostler.scratch()).Path("/")
    yield stack(kinds.View(ostler.scratch())).Path("/")
    yield stack(ostler.rehearsal(tmp_path / "base")).Path.cwd()
    yield stack(ostler.confined(tmp_path / "base")).Path("/")


def test_copies_between_machines(tmp_path):
    from contextlib import ExitStack

    with ExitStack() as stack:
        every = list(places(tmp_path, stack.enter_context))
        for number, one in enumerate(every):
            source = tree(one / f"from{number}")
            for target in every:
                into = target / f"into{number}"
                into.mkdir(exist_ok=True)
                for follow in (True, False):
                    (into / str(follow)).mkdir()
                    made = source.copy_into(
                        into / str(follow), follow_symlinks=follow, preserve_metadata=True
                    )
                    assert made.machine is target.machine and made.name == source.name
                    assert (made / "sub" / "other").read_bytes() == b"\0" * 3_000_000
                    assert (made / "link").is_symlink() is not follow
                    assert (made / "dirlink" / "other").stat().st_size == 3_000_000
                    found = (made / "file").stat()
                    assert (found.st_mode & 0o777, found.st_mtime_ns) == (0o640, 10**18 + 5)
            moved = source.move(every[0] / f"moved{number}")
            assert moved.machine is ostler.host and not source.exists()
            assert (moved / "link").is_symlink() and (moved / "file").read_text() == "one"


def test_a_copy_that_is_refused(tmp_path):
    with ostler.scratch() as m, ostler.scratch() as n:
        top = m.Path("/a")
        (top / "b").mkdir(parents=True)
        (top / "f").write_text("kept")
        for target in (top, top / "b" / "c"):
            with pytest.raises(OSError, match="Source") as caught:
                top.copy(target)
            assert caught.value.errno == errno.EINVAL
        (top / "same").hardlink_to(top / "f")
        with pytest.raises(OSError, match="same file"):
            (top / "f").copy(top / "same")
        assert (top / "f").read_text() == "kept"
        n.Path("/a").mkdir()
        with pytest.raises(FileExistsError):
            top.copy(n.Path("/a"))
        with pytest.raises(TypeError, match="says no machine"):
            top.copy(tmp_path / "x")
        with pytest.raises(ValueError, match="empty name"):
            m.Path("/").copy_into(n.Path("/"))
        (top / "b" / "up").symlink_to("..")
        with pytest.raises(OSError, match="link leads") as caught:
            top.copy(n.Path("/loop"))
        assert caught.value.errno == errno.ELOOP
        m.mkfifo("/a/pipe")
        with pytest.raises(OSError, match="Neither"):
            (top / "pipe").copy(n.Path("/pipe"))


@pytest.mark.parametrize("name", ["rename", "replace", "symlink_to", "hardlink_to"])
def test_names_are_those_of_one_machine(name):
    with ostler.scratch() as m, ostler.scratch() as n:
        for machine in (m, n):
            machine.Path("/a").write_text("a")
        with pytest.raises(OSError, match="another machine") as caught:
            getattr(m.Path("/a"), name)(n.Path("/b"))
        assert caught.value.errno == errno.EXDEV
        assert m.listdir("/") == n.listdir("/") == ["a"]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="pathlib.Path.copy is new in 3.14")
def test_pathlib_copies_to_a_machine(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("x")
    with ostler.scratch() as m:
        made = (tmp_path / "d").copy_into(m.Path("/"))
        assert made == m.Path("/d") and m.Path("/d/f").read_text() == "x"
