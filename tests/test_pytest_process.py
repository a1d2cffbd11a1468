"""Tests that run in a process of their own on a machine, in a pytest of its own."""

import os
import re
from pathlib import Path

import pytest

import ostler
from tests.test_pytest_plugin import PLUGIN, importable, run  # noqa: F401  # for all here

pytest_plugins = ["pytester"]


def test_all_code_acts_on_the_machine(pytester, monkeypatch):
    """C code, programs, threads, unittest, another user; and nothing is on the host, nor stays."""
    monkeypatch.setenv("HOME", "/home/of/nobody")  # pytester's is what the tests lie in
    (pytester.path / "data.txt").write_text("beside")
    result = run(
        pytester,
        """
        import asyncio, ctypes, mmap, os, pathlib, sqlite3, subprocess, sys, tempfile, unittest
        import pytest

        pytestmark = pytest.mark.scratch(process=True)
        HERE = pathlib.Path(__file__).parent
        HIDES_PROC = os.geteuid() != 0 and " /proc/" in open("/proc/self/mounts").read()
        RAN = []

        def test_c_code(tmp_path, monkeypatch):
            assert (os.getcwd(), os.listdir()) == ("/work", [])
            sqlite3.connect("x.db").execute("create table a(b)")
            libc = ctypes.CDLL(None)
            assert libc.open(b"by_c", os.O_CREAT | os.O_WRONLY, 0o644) > 2
            done = subprocess.run(["sh", "-c", "ls; echo >by_sh"], capture_output=True, text=True)
            assert done.stdout == "by_c\\nx.db\\n"
            assert subprocess.check_output([sys.executable, "-c", "import os; print(os.getcwd())"])
            assert os.path.exists("by_sh") and not os.path.exists(HERE.parent / "by_sh")
            (tmp_path / "x").touch()
            assert tempfile.gettempdir() == "/tmp"
            monkeypatch.setenv("RAN", "1")
            import colorsys  # from the host's library, which was not loaded yet

        def test_it_is_fresh(tmp_path):
            assert os.listdir() == [] and tmp_path.name in os.listdir(tmp_path.parent)
            assert not list(tmp_path.parent.glob("test_c_code*"))
            assert "RAN" not in os.environ
            RAN.append(1)

        @pytest.mark.skipif(
            HIDES_PROC, reason="an ordinary user is refused a /proc where parts of it are hidden"
        )
        def test_processes_of_the_host_are_not_there():
            assert [n for n in os.listdir("/proc") if n.isdecimal()] == ["1", str(os.getpid())]
            assert os.getppid() == 0
            for act in os.chroot, os.listdir:
                with pytest.raises(FileNotFoundError):
                    act(f"/proc/{os.getppid()}/root")
            if os.geteuid() == 0:
                assert os.path.samefile("/proc/1/root", "/")
                assert os.path.samefile("/proc/1/cwd", "/")
                with pytest.raises(OSError, match="Read-only"):
                    open("/proc/sys/kernel/hostname", "w")

        def test_data_beside_it(request):
            assert not RAN  # what a test changes in memory is gone with its process
            assert (HERE / "data.txt").read_text() == "beside"
            with pytest.raises(OSError, match="Read-only"):
                (HERE / "data.txt").write_text("changed")
            with pytest.raises(OSError, match="Read-only"):
                os.remove(__file__)
            home = pathlib.Path.home()
            assert home.is_dir() and not list(home.iterdir())
            (home / ".settings").touch()

        @pytest.mark.scratch(size="64K", inodes=4)
        def test_limits(scratch_os, installed_scratch, scratch_shared):
            assert scratch_os is installed_scratch is scratch_shared
            scratch_os.create_file("/work/known", "x" * 100)
            assert subprocess.check_output(["cat", "known"]) == b"x" * 100
            with pytest.raises(OSError, match="No space"), open("big", "wb", 0) as file:
                while file.write(b"x" * 4096):
                    pass
            os.mkdir("third")
            with pytest.raises(OSError, match="No space"):
                os.mkdir("fourth")
            scratch_os.resize(size="1M", inodes=1000)
            assert scratch_os.run(["sh", "-c", "mkdir fourth"])

        @pytest.mark.skipif(os.geteuid() != 0, reason="root alone is somebody else")
        @pytest.mark.scratch(user="nobody")
        def test_another_user(scratch_os, tmp_path):
            uid = os.getuid()
            assert uid == os.stat(".").st_uid == os.stat(tmp_path).st_uid != 0
            assert uid == scratch_os.getuid()
            assert os.environ.get("USER") == "nobody"
            assert "CapPrm:\\t0000000000000000" in open("/proc/self/status").read()
            assert subprocess.check_output(["id", "-u"]) == b"%d\\n" % uid
            for act in (os.mkdir, scratch_os.mkdir):
                with pytest.raises(PermissionError):
                    act("/new")
            with pytest.raises(PermissionError), scratch_os.as_root():
                pass
            with pytest.raises(PermissionError):
                os.setuid(0)
            scratch_os.mkdir("/work/mine")
            assert scratch_os.run(["sh", "-c", "rmdir /work/mine"]) and os.listdir() == []
            for change in (scratch_os.read_only_now, lambda: scratch_os.resize(inodes=1000)):
                with pytest.raises(PermissionError, match="as its user can't change"):
                    change()

        class TestOfUnittest(unittest.IsolatedAsyncioTestCase):
            async def test_it(self):
                await asyncio.to_thread(pathlib.Path("there").touch)
                self.assertEqual(os.listdir(), ["there"])

        @pytest.mark.scratch(process=False)
        def test_on_the_host():
            assert not os.path.exists("/work/x.db") and os.getcwd() == str(HERE)
        """,
    )
    counts = result.parseoutcomes()
    assert counts.get("passed", 0) + counts.get("skipped", 0) == 8 and len(counts) <= 2
    made = {path.name for path in pytester.path.rglob("*")}
    assert not made & {"x.db", "by_c", "by_sh", "there", "known", ".settings"}


OUTCOMES = """
import logging, os, sys, unittest, warnings
import pytest

@pytest.fixture
def known(record_property):
    record_property("key", "value")
    yield
    print("at the end")

def test_passes(known):
    print("out")
    print("err", file=sys.stderr)
    os.write(1, b"by the descriptor\\n")
    logging.warning("logged")

def test_fails():
    print("out")
    assert [1, 2, 3] == [1, 2, 4], "why"

class Unpicklable(Exception):
    def __init__(self, a, b):
        self.function = lambda: a

def test_chain():
    try:
        raise Unpicklable(1, 2)
    except Unpicklable as error:
        raise ValueError("x") from error

def test_skips():
    pytest.skip("because")

@pytest.mark.skip(reason="by a mark")
def test_skip_mark(): pass

@pytest.mark.xfail(reason="known")
def test_xfail():
    assert 0

@pytest.mark.xfail(reason="known", strict=True)
def test_xpass(): pass

class TwoArguments(UserWarning):
    def __init__(self, a, b):
        super().__init__(a + b)

def test_warns():
    warnings.warn(DeprecationWarning("old"))
    warnings.warn(TwoArguments("a", "b"))

@pytest.fixture
def broken():
    raise ValueError("in setup")

def test_setup(broken): pass

@pytest.fixture
def broken_at_the_end():
    yield
    raise ValueError("in teardown")

def test_teardown(broken_at_the_end): pass

class TestOfUnittest(unittest.TestCase):
    def test_skips(self):
        self.skipTest("x")

    @unittest.expectedFailure
    def test_expected(self):
        self.fail()

def test_group():
    raise ExceptionGroup("several", [ValueError(1), TypeError(2)])

def test_ends_python():
    sys.exit(3)
"""


@pytest.mark.thorough
def test_reports_are_those_of_an_ordinary_run(pytester):
    """Word by word, but for times and addresses: on the terminal and in JUnit's file."""
    pytester.makepyfile(test_it=OUTCOMES)
    told = []
    for options in [], ["--scratch-process"]:
        result = pytester.runpytest_subprocess(
            *PLUGIN, "-rA", "-p", "no:cacheprovider", "--junitxml=xml", *options
        )
        text = result.stdout.str() + (pytester.path / "xml").read_text()
        text = re.sub(r"0x[0-9a-f]+|[0-9.]+s\b|time(stamp)?=\S+", "N", text)
        told.append(re.sub("=+", "=", text).splitlines())
    assert told[0] == told[1]
    assert len(told[0]) > 150


def test_fixtures_of_a_wider_scope(pytester):
    """What was set up before ends where it began; what a test is the first to ask for, there."""
    result = run(
        pytester,
        """
        import os, pathlib
        import pytest

        LOG = pathlib.Path(__file__).with_name("log")
        PID = os.getpid()
        inside = pytest.mark.scratch(process=True)

        def say(text):
            if os.getpid() == PID:
                with LOG.open("a") as file:
                    print(text, file=file)
            else:
                print("inside", text)

        @pytest.fixture(scope="session")
        def before():
            say("session begins")
            yield [1]
            say("session ends")

        @pytest.fixture(scope="module", params="ab")
        def module(request, before):
            say(f"{request.param} begins")
            try:
                yield request.param
            finally:
                say(f"{request.param} ends")

        def test_outside(module): pass

        @inside
        def test_inside(module, before):
            assert before == [1]
            before.append(2)

        @inside
        def test_again(module, before):
            assert before == [1]

        class TestClass:
            @pytest.fixture(scope="class", autouse=True)
            def mine(self):
                open("/work/made", "w").close()
                yield
                assert os.path.exists("/work/made")

            @inside
            def test_one(self):
                os.rename("/work/made", "/work/other")
                os.rename("/work/other", "/work/made")

            @inside
            def test_two(self):
                assert os.listdir("/work") == ["made"]
                print("seen")

        @pytest.fixture(scope="module")
        def bad():
            yield
            raise ValueError("the end of bad")

        def test_bad(bad): pass

        @inside
        def test_last(): pass
        """,
    )
    # The end of `bad` comes here, after the last test, which does not need it.
    result.assert_outcomes(passed=10, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_last*", "*the end of bad"])
    log = (pytester.path / "log").read_text().splitlines()
    assert log[0] == "session begins" and log[-1] == "session ends"
    assert [log.count(f"{name} {what}") for name in "ab" for what in ("begins", "ends")] == [1] * 4


def test_the_option_and_what_cant_be_had(pytester):
    """Where no machine can be made, or none entered, the test is an error and has not run."""
    pytester.makeconftest(
        """
        import ostler, pytest
        from ostler.machines.scratch import Scratch

        def refuse(*args):
            raise ostler.MachineUnavailable("namespaces are refused", "nothing", 1)

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item):
            with pytest.MonkeyPatch.context() as patches:
                name = {"test_made": "_make_all_now", "test_entered": "_move_in"}.get(item.name)
                if name is not None:
                    patches.setattr(Scratch, name, refuse, raising=False)
                return (yield)
        """
    )
    pytester.makeini("[pytest]\nostler_scratch_process = true\n")
    result = run(
        pytester,
        """
        import os
        import pytest

        def test_by_the_setting():
            assert os.getcwd() == "/work"

        @pytest.mark.scratch(process=False)
        class TestOutside:
            def test_it(self):
                assert os.getcwd() != "/work"

            @pytest.mark.scratch(process=True, sise=1)
            def test_misspelt(self): pass

            @pytest.mark.scratch(process="yes")
            def test_no_bool(self): pass

        @pytest.mark.scratch(bind=["/not/there"])
        def test_no_machine(): pass

        @pytest.mark.scratch(bind=["/not/there"])
        @pytest.mark.skipif(True, reason="for a reason")
        def test_skipped_all_the_same(): pass

        def test_made():
            open(__file__ + "ran", "w")

        def test_entered():
            open(__file__ + "ran", "w")

        def test_end_of_the_session(request):
            request.session.shouldstop = "enough"

        def test_never(): pass
        """,
    )
    result.assert_outcomes(passed=3, errors=5, skipped=1)
    result.stdout.fnmatch_lines(["*FileNotFoundError:*'/not/there'*"])
    result.stdout.fnmatch_lines(["*namespaces are refused*", "*namespaces are refused*"])
    assert not list(pytester.path.glob("*ran"))
    result.stdout.fnmatch_lines(["*scratch has no sise*"])
    result.stdout.fnmatch_lines(["*! Interrupted: enough !*"])
    result.stdout.no_fnmatch_line("*! False !*")


@pytest.mark.thorough
def test_what_strict_names(pytester):
    result = run(
        pytester,
        """
        import pytest, sqlite3

        @pytest.mark.scratch(strict=True)
        def test_it(installed_scratch):
            sqlite3.connect("x.db")
        """,
    )
    result.stdout.fnmatch_lines(["*RuntimeError: *@pytest.mark.scratch(process=True)*"])


@pytest.mark.thorough
def test_the_machine_of_a_failure(pytester):
    pytester.makepyfile(
        """
        import os

        def test_it():
            os.makedirs("sub/deep")
            open("sub/file", "w").write("content")
            assert 0
        """
    )
    options = ["--scratch-process", "--scratch-tree", "--scratch-keep=kept"]
    result = pytester.runpytest_subprocess(*PLUGIN, *options)
    result.assert_outcomes(failed=1)
    lines = result.outlines
    begin = next(n for n, line in enumerate(lines) if "files of the scratch machine" in line)
    assert [line.split()[-1] for line in lines[begin + 1 : begin + 4]] == [
        "/work/sub/", "/work/sub/deep/", "/work/sub/file"
    ]  # fmt: skip
    (kept,) = (pytester.path / "kept").iterdir()
    assert (kept / "work/sub/file").read_text() == "content"
    # Nothing of what is there for any test: settings in /etc, links to the host's programs.
    assert {each.name for each in kept.rglob("*")} <= {"work", "sub", "deep", "file", "tmp"}


@pytest.mark.thorough
def test_other_plugins(pytester):
    """Reports, coverage and time limits come through those that are made for them."""
    missing = [name for name in ("xdist", "pytest_cov", "pytest_timeout") if not has(name)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    pytester.makepyfile(
        covered="def one(x):\n    if x:\n        return 1\n    return 2\n",
        test_it="""
        import covered, os, pytest, time

        pytestmark = pytest.mark.scratch(process=True)

        def test_one():
            assert covered.one(1)

        @pytest.mark.skipif(os.geteuid() != 0, reason="root alone is somebody else")
        @pytest.mark.scratch(user="nobody")
        def test_by_another_user():
            assert covered.one(0)

        @pytest.mark.timeout(1)
        def test_slow():
            time.sleep(1000)
        """,
    )
    for options in ["-n2"], ["--cov-branch", "--cov-context=test"]:
        result = pytester.runpytest_subprocess(
            *PLUGIN, "--cov=covered", "--cov-report=term-missing", *options
        )
        result.assert_outcomes(failed=1, passed=2 if os.geteuid() == 0 else 1)
        result.stdout.fnmatch_lines(["covered.py *100%*" if os.geteuid() == 0 else "covered.py *"])
        result.stdout.fnmatch_lines(["*Timeout (>1.0s)*"])


def has(name):
    import importlib.util

    return importlib.util.find_spec(name) is not None


@pytest.mark.thorough
def test_beside_fakefs(pytester):
    """Python's code is on the file system of `fs`, and all other code on the process's machine."""
    pytester.makepyfile(
        """
        import os, sqlite3

        def test_it(fs):
            fs.create_file("/a/b", contents="x")
            assert open("/a/b").read() == "x" and not os.path.exists("/work")
            sqlite3.connect("/work/x.db").execute("create table a(b)")
            assert not os.path.exists("/work/x.db")
            fs.pause()
            assert os.listdir("/work") == ["x.db"] and not os.path.exists("/a")
            fs.resume()
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "-p", "ostler.fakefs", "--scratch-process")
    result.assert_outcomes(passed=1)


def test_what_is_shown(pytester, monkeypatch):
    """A home directory, and others of everybody's, are the machine's own, with what they hold."""
    from ostler.pytest_process import room

    monkeypatch.setenv("HOME", str(pytester.path))
    (pytester.path / "in_home").mkdir()
    assert room._piece("/", b"/x") == []
    assert room._piece(pytester.path, b"/x") == [bytes(pytester.path / "in_home")]
    assert room._piece(Path(ostler.__file__).parent, b"/x") == [bytes(Path(ostler.__file__).parent)]


def test_what_is_shown_may_go(pytester, monkeypatch):
    """What only lies beside the tests, and is removed during the run, is not missed."""
    monkeypatch.setenv("HOME", str(pytester.path))  # of which the entries are shown one by one
    (pytester.path / "passing").touch()
    (pytester.path / "stays").touch()
    result = run(
        pytester,
        """
        import pathlib, pytest

        HERE = pathlib.Path(__file__).parent
        in_process = pytest.mark.scratch(process=True)

        @in_process
        def test_before():
            assert (HERE / "passing").exists() and (HERE / "stays").exists()

        def test_remove():
            (HERE / "passing").unlink()

        @in_process
        def test_after():
            assert not (HERE / "passing").exists() and (HERE / "stays").exists()

        @pytest.mark.scratch(process=True, bind=[HERE / "passing"])
        def test_asked_for(): pass
        """,
    )
    result.assert_outcomes(passed=3, errors=1)


def test_it_is_forked_once(pytester):
    """What a program does in each copy of its process is done once a test."""
    pytester.makeconftest(
        """
        import os

        copies = os.open("copies", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.register_at_fork(after_in_child=lambda: os.write(copies, b"x"))
        """
    )
    result = run(
        pytester,
        """
        import contextlib, ctypes, os, pytest, threading

        pytestmark = pytest.mark.scratch(process=True)

        def test_one():
            assert threading.get_native_id() == os.getpid()
            for cpu in os.sched_getaffinity(0):  # which the kernel writes in the thread's state
                os.sched_setaffinity(0, {cpu})
                assert ctypes.CDLL(None).sched_getcpu() == cpu
            for name in os.listdir("/proc/self/fd"):  # no way out of its namespace is left open
                with contextlib.suppress(FileNotFoundError):
                    assert not os.readlink(f"/proc/self/fd/{name}").startswith("pid:")

        def test_another(): pass
        """,
    )
    result.assert_outcomes(passed=2)
    assert (pytester.path / "copies").read_text() == "xx"
