"""The pytest plugin, in a pytest of its own."""

import getpass
import os
import re
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import ostler

pytest_plugins = ["pytester"]

# Where the package is installed its entry point has registered the plugin already.
INSTALLED = any(point.value == "ostler.pytest_plugin" for point in entry_points(group="pytest11"))
PLUGIN = () if INSTALLED else ("-p", "ostler.pytest_plugin")


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(ostler.__file__).parents[1]), prepend=os.pathsep)


def run(pytester, code):
    pytester.makepyfile(code)
    return pytester.runpytest_subprocess(*PLUGIN, "--strict-markers")


def test_scratch_os(pytester):
    result = run(
        pytester,
        """
        import os

        def test_one(scratch_os):
            scratch_os.mkdir("x")
            assert scratch_os.listdir("/") == ["x"] and not os.path.exists("/x")

        def test_it_is_fresh(scratch_os):
            assert scratch_os.listdir("/") == []
        """,
    )
    result.assert_outcomes(passed=2)


def test_installed_scratch(pytester):
    result = run(
        pytester,
        """
        import os, pathlib, subprocess, tempfile
        import pytest

        @pytest.fixture
        def prepared(installed_scratch):
            pathlib.Path("prepared").write_text("yes")
            return installed_scratch

        def test_one(prepared):
            assert os.getcwd() == "/work" and os.listdir() == ["prepared"]
            assert open("prepared").read() == "yes"
            assert tempfile.gettempdir() == "/tmp"
            import helper_of_the_test
            assert helper_of_the_test.VALUE == 1

        def test_host_again():
            assert not os.path.exists("/work/prepared")

        def test_that_fails(installed_scratch):
            assert os.listdir() == ["it should say so"]
        """,
    )
    assert result.ret == 1
    # helper_of_the_test does not exist: an import inside means the host's modules
    result.stdout.fnmatch_lines(["*No module named 'helper_of_the_test'*"])
    result.stdout.fnmatch_lines(["*it should say so*"])
    result.stdout.fnmatch_lines(["*test_installed_scratch.py:*AssertionError*"])
    pytester.makepyfile(helper_of_the_test="VALUE = 1")
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=2, failed=1)


def test_threads_of_a_test(pytester):
    result = run(
        pytester,
        """
        import os
        from concurrent.futures import ThreadPoolExecutor
        from unittest import TestCase
        import pytest

        def save_all(names):
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda name: open(name, "w").close(), names))

        def test_pool(installed_scratch):
            save_all("abc")
            assert sorted(os.listdir()) == list("abc")

        class TestOfUnittest(TestCase):
            @pytest.fixture(autouse=True)
            def machine(self, installed_scratch):
                self.machine = installed_scratch

            def setUp(self):
                save_all("a")

            def test_it(self):
                self.assertEqual(self.machine.listdir("/work"), ["a"])
        """,
    )
    result.assert_outcomes(passed=2)
    assert not os.path.exists("a")


def test_the_page_beside_pyfakefs(pytester):
    text = (Path(__file__).parents[1] / "docs/coming-from/pyfakefs.md").read_text()
    page = re.search(r"```python\n(def test_report\(installed_scratch.*?)```", text, re.DOTALL)
    result = run(
        pytester,
        """
import csv, errno, os, pytest, shutil, subprocess
import ostler.machines
from pathlib import Path

def report(source, target):
    with open(source) as file:
        rows = list(csv.reader(file))
    os.makedirs(os.path.dirname(target))
    Path(target).write_text(f"{len(rows[0])} columns, {len(rows) - 1} row\\n")

"""
        + page[1],
    )
    result.assert_outcomes(passed=5)


def test_registered():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["pytest11"] == {"ostler": "ostler.pytest_plugin"}


@pytest.mark.parametrize("by_ostler", [True, False])
def test_no_warning(pytester, monkeypatch, by_ostler):
    """pytest warns of a plugin's package that it can't rewrite, since it is loaded."""
    site = pytester.mkdir("site")
    (site / "ostler").symlink_to(Path(ostler.__file__).parent)
    info = site / "ostler-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ostler\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[pytest11]\nostler = ostler.pytest_plugin\n")
    (info / "RECORD").write_text("ostler/__init__.py,,\nostler/pytest_plugin.py,,\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    pytester.makepyfile(
        f"""
        import os

        def test_one(installed_scratch):
            assert os.listdir("/work") == []

        def test_two():
            import ostler
            assert (os is ostler) == {by_ostler}
        """
    )
    run_by = ["-m", "ostler", "run"] if by_ostler else []
    result = pytester.run(sys.executable, "-W", "error", *run_by, "-m", "pytest", "-W", "error")
    assert result.errlines == []
    result.assert_outcomes(passed=2)


def test_light(pytester):
    """A pytest that uses none of it loads none of it."""
    result = run(
        pytester,
        """
        import sys

        def test_one():
            assert "ostler.installation.installed" not in sys.modules
            assert "ostler.machines.kinds" not in sys.modules
        """,
    )
    result.assert_outcomes(passed=1)


def test_tmp_path_is_where_the_test_is(pytester):
    result = run(
        pytester,
        """
        import os, pytest

        def test_on_the_machine(installed_scratch, tmp_path):
            (tmp_path / "x").touch()
            assert installed_scratch.path.exists(tmp_path / "x")

        def test_on_the_host(tmp_path):
            (tmp_path / "x").touch()

        def test_made_before(tmp_path, installed_scratch):
            (tmp_path / "x").touch()
            assert installed_scratch.path.exists(tmp_path / "x")

        def test_made_when_asked_for(installed_scratch, request):
            path = request.getfixturevalue("tmp_path")
            (path / "x").touch()
            assert installed_scratch.path.exists(path / "x")

        @pytest.fixture
        def mine(tmp_path):
            return tmp_path

        @pytest.mark.usefixtures("installed_scratch")
        def test_by_another_fixture(mine, tmpdir):
            (mine / "x").touch()
            assert os.listdir(tmpdir) == ["x"]

        def test_by_the_factory(installed_scratch, tmp_path_factory):
            paths = [tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b", numbered=False)]
            assert all(installed_scratch.path.isdir(path) for path in paths)
            assert all(path.parent == tmp_path_factory.getbasetemp() for path in paths)

        def test_by_a_machine_of_its_own(scratch_os, request):
            with scratch_os.installed():
                path = request.getfixturevalue("tmp_path")
                path.joinpath("x").touch()
            assert scratch_os.listdir(path) == ["x"] and not os.path.exists(path / "x")
        """,
    )
    result.assert_outcomes(passed=7)


ALONE = {
    "ours first": "def test(installed_scratch, tmp_path): assert tmp_path.is_dir()",
    "ours last": "def test(tmp_path, installed_scratch): assert tmp_path.is_dir()",
    "asked for": """def test(installed_scratch, request):
    assert request.getfixturevalue("tmp_path").is_dir()""",
    "by hand": """def test(scratch_os, request):
    with scratch_os.installed():
        assert request.getfixturevalue("tmp_path").is_dir()""",
}


MOST = [pytest.param(name, marks=pytest.mark.thorough) for name in list(ALONE)[1:]]


@pytest.mark.parametrize("case", ["ours first", *MOST])
def test_no_other_session_loses_its_lock(pytester, monkeypatch, case):
    """The base directory, and what is removed at exit, are this session's own, and the host's."""
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", str(pytester.path))
    root = pytester.path / f"pytest-of-{getpass.getuser()}"
    others = root / "pytest-0" / ".lock"  # of one that runs now; on a machine the name is free
    others.parent.mkdir(parents=True)
    root.chmod(0o700)
    others.touch()
    pytester.makepyfile(ALONE[case])
    pytester.run(sys.executable, "-m", "pytest", *PLUGIN).assert_outcomes(passed=1)
    bases = sorted(path.name for path in root.iterdir() if not path.is_symlink())
    assert bases == ["pytest-0", "pytest-1"]
    assert [str(path) for path in root.glob("*/.lock")] == [str(others)]


@pytest.mark.thorough
def test_basetemp(pytester):
    pytester.makepyfile(ALONE["ours first"])
    base = pytester.path / "base"
    (base / "old").mkdir(parents=True)
    pytester.runpytest_subprocess(*PLUGIN, f"--basetemp={base}").assert_outcomes(passed=1)
    assert base.is_dir() and not (base / "old").exists()


def test_what_pytest_has_for_itself_is_the_hosts(pytester):
    pytester.makepyfile(
        """
        import os, sys

        def test_full(installed_scratch, request, pytestconfig):
            installed_scratch.resize(inodes=5)
            installed_scratch.read_only_now()
            request.getfixturevalue("capfd")  # it has files of its own
            os.write(1, b"said")
            assert request.getfixturevalue("capfd").readouterr().out == "said"
            pytestconfig.cache.set("mine/value", 7)
            assert pytestconfig.cache.get("mine/value", None) == 7
            assert os.listdir("/tmp") == []
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "--junitxml=result.xml")
    result.assert_outcomes(passed=1)
    assert (pytester.path / ".pytest_cache/v/mine/value").read_text() == "7"
    assert "test_full" in (pytester.path / "result.xml").read_text()


ENDS = ["raise KeyboardInterrupt", pytest.param("pytest.exit('end')", marks=pytest.mark.thorough)]


@pytest.mark.parametrize("how", ENDS)
def test_the_end_of_a_session_in_the_middle_of_a_test(pytester, how):
    pytester.makepyfile(
        f"""
        import os, pytest

        @pytest.fixture
        def mine(installed_scratch):
            yield
            assert os.getcwd() == "/work"  # the end of a fixture is where its beginning was
            print("ended inside")

        def test_it(mine):
            {how}
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "-s", "--junitxml=result.xml")
    result.stdout.fnmatch_lines(["*ended inside*"])
    assert result.ret == 2
    assert "<testsuite" in (pytester.path / "result.xml").read_text()
    assert (pytester.path / ".pytest_cache").is_dir()


def test_what_a_test_patches_inside_is_undone_there(pytester, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(pytester.path))
    monkeypatch.setenv("THEIRS", "host")
    result = run(
        pytester,
        """
        import os

        HERE = os.getcwd()

        def test_inside(monkeypatch, installed_scratch):
            assert "TMPDIR" not in os.environ
            monkeypatch.setenv("TMPDIR", "/patched")
            monkeypatch.setenv("THEIRS", "patched")
            monkeypatch.delenv("PATH")
            os.mkdir("below")
            monkeypatch.chdir("below")
            monkeypatch.setattr(os, "sep", "!")

        def test_on_the_host():
            assert os.environ["TMPDIR"] and os.environ["THEIRS"] == "host" and os.environ["PATH"]
            assert os.getcwd() == HERE and os.sep == "/"
        """,
    )
    result.assert_outcomes(passed=2)


def test_the_debugger_sees_the_machine(pytester):
    pytester.makepyfile(
        """
        import os

        def test_it(installed_scratch):
            open("only_on_the_machine", "w").close()
            assert os.listdir() == []
        """
    )
    said = b"p os.listdir(), os.getcwd()\nlist\nq\n"
    result = pytester.run(sys.executable, "-m", "pytest", *PLUGIN, "--pdb", stdin=said)
    text = result.stdout.str()
    assert "(['only_on_the_machine'], '/work')" in text and "  5  ->" in text


@pytest.mark.parametrize("style", ["short", pytest.param("long", marks=pytest.mark.thorough)])
def test_tracebacks_are_without_our_frames(pytester, style):
    pytester.makepyfile(
        """
        import os, pathlib, subprocess, tempfile
        from concurrent.futures import ThreadPoolExecutor
        import pytest

        CALLS = {
            "open": lambda m: open("missing"),
            "read_text": lambda m: pathlib.Path("missing").read_text(),
            "makedirs": lambda m: os.makedirs("/work"),
            "walk": lambda m: list(os.walk("missing", onerror=lambda error: 1 / 0)),
            "environ": lambda m: os.environ["missing"],
            "mkdtemp": lambda m: tempfile.mkdtemp(dir="/missing"),
            "a fault": lambda m: (m.faults.add("open"), open("x", "w")),
            "a machine's own": lambda m: m.create_file("/work"),
            "trees": lambda m: m.trees.remove("missing"),
            "chained": lambda m: chained(),
            "pool": lambda m: ThreadPoolExecutor(1).submit(open, "missing").result(),
        }

        def chained():
            try:
                open("missing")
            except OSError as error:
                raise ValueError from error

        @pytest.mark.parametrize("name", CALLS)
        def test_call(installed_scratch, name):
            CALLS[name](installed_scratch)

        @pytest.fixture
        def broken(installed_scratch):
            open("missing")

        @pytest.fixture
        def broken_at_the_end(installed_scratch):
            yield
            open("missing")

        def test_setup(broken):
            pass

        def test_teardown(broken_at_the_end):
            pass
        """
    )
    source = str(Path(ostler.__file__).parent)
    result = pytester.runpytest_subprocess(*PLUGIN, f"--tb={style}", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=11, passed=1, errors=2)
    ours = [line for line in result.outlines if source in line or "src/ostler" in line]
    assert ours == []


@pytest.mark.thorough
def test_beside_xdist(pytester):
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    pytester.makepyfile(
        """
        import os
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_it(installed_scratch, tmp_path, number):
            (tmp_path / "x").touch()
            open("here", "w").close()
            assert os.listdir() == ["here"]

        def test_on_the_host(tmp_path):
            assert os.listdir(tmp_path) == [] and not os.path.exists("here")
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "-n2")
    result.assert_outcomes(passed=7)


def test_another_user(pytester):
    result = run(
        pytester,
        """
        import os, pathlib, subprocess
        import pytest
        from ostler.machines import SHELL

        @pytest.fixture
        def secret(installed_scratch):
            with installed_scratch.as_root():
                pathlib.Path("/secret").write_text("x")
                os.chmod("/secret", 0)

        @pytest.mark.scratch(user="nobody", bind=SHELL)
        def test_installed(installed_scratch, tmp_path, secret):
            assert os.getuid() == os.stat("/work").st_uid == os.stat(tmp_path).st_uid != 0
            (tmp_path / "mine").write_text("x")
            pathlib.Path("here").touch()
            for call in (pathlib.Path.read_text, os.remove, os.listdir):
                with pytest.raises((PermissionError, NotADirectoryError)):
                    call(pathlib.Path("/secret"))
            done = subprocess.run(["cat", "/secret"], capture_output=True)
            assert b"Permission denied" in done.stderr

        @pytest.mark.scratch(user=1234)
        def test_by_number(scratch_os):
            assert scratch_os.getuid() == 1234
            with pytest.raises(PermissionError):
                scratch_os.mkdir("/new")

        def test_root_again(tmp_path):
            assert os.getuid() == 0 and os.listdir(tmp_path) == []
        """,
    )
    if os.geteuid() == 0:
        result.assert_outcomes(passed=3)
    else:
        result.stdout.fnmatch_lines(["*MachineUnavailable: *this is not root*"])


def test_an_interpreter_that_lies_elsewhere_is_shown_with_a_shell(pytester):
    result = run(
        pytester,
        """
        import ostler, pytest, subprocess, sys

        @pytest.mark.scratch(bind=[*ostler.machines.SHELL, sys.prefix, sys.base_prefix])
        def test_one(installed_scratch):
            code = "import os; print(os.getcwd())"
            assert subprocess.check_output([sys.executable, "-c", code]) == b"/work\\n"
        """,
    )
    result.assert_outcomes(passed=1)


def test_something_may_lie_where_tests_stand(pytester):
    """As an interpreter does that is bound and lies in the host's own /work."""
    result = run(
        pytester,
        """
        import os, pytest

        @pytest.fixture
        def scratch_os(scratch_os):
            scratch_os.makedirs("/work/there")
            return scratch_os

        def test_one(installed_scratch):
            assert (os.getcwd(), os.listdir()) == ("/work", ["there"])
        """,
    )
    result.assert_outcomes(passed=1)


def test_a_test_that_closes_its_machine_leaves_nothing_to_the_others(pytester):
    result = run(
        pytester,
        """
        import os, pytest

        ended = []

        @pytest.fixture
        def asking(installed_scratch):
            yield
            with pytest.raises(ValueError, match="closed"):
                os.listdir("/")
            ended.append("asking")

        def test_closes(asking, installed_scratch):
            os.mkdir("/inside")
            installed_scratch.close()

        def test_closes_and_fails(asking, installed_scratch):
            installed_scratch.close()
            os.stat("/")

        def test_on_the_host():
            assert ended == ["asking"] * 2
            assert os.path.exists("/proc/self") and not os.path.exists("/inside")

        def test_on_another(installed_scratch):
            assert os.listdir("/work") == []
        """,
    )
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*ValueError: the machine is closed*"])
