"""The pytest plugin, in a pytest of its own."""

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


def test_marker(pytester):
    result = run(
        pytester,
        """
        import errno, pytest

        @pytest.mark.scratch(size="64K")
        def test_size(scratch_os):
            with pytest.raises(OSError) as caught:
                with scratch_os.open_file("big", "wb", buffering=0) as file:
                    while file.write(b"x" * 4096):
                        pass
            assert caught.value.errno == errno.ENOSPC
            assert scratch_os.path.getsize("big") == 65536

        @pytest.mark.scratch(inodes=3)
        def test_inodes(scratch_os):
            scratch_os.mkdir("a")
            scratch_os.mkdir("b")
            with pytest.raises(OSError) as caught:
                scratch_os.mkdir("c")
            assert caught.value.errno == errno.ENOSPC

        @pytest.mark.scratch(64)
        def test_no_keyword(scratch_os):
            pass

        @pytest.mark.scratch(colour="red")
        def test_unknown(scratch_os):
            pass
        """,
    )
    result.assert_outcomes(passed=2, errors=2)


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


def test_the_page_of_the_readme(pytester):
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    page = re.search(r"```python\n(def test_report\(installed_scratch.*?)```", readme, re.DOTALL)
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
            assert "ostler.machines.installed" not in sys.modules
            assert "ostler.machines.kinds" not in sys.modules
        """,
    )
    result.assert_outcomes(passed=1)


def test_tmp_path_is_where_the_test_is(pytester):
    result = run(
        pytester,
        """
        import os

        def test_on_the_machine(installed_scratch, tmp_path):
            (tmp_path / "x").touch()
            assert installed_scratch.path.exists(tmp_path / "x")

        def test_on_the_host(tmp_path):
            (tmp_path / "x").touch()

        def test_on_the_machine_again(installed_scratch, tmp_path):
            assert os.listdir(tmp_path) == [] and tmp_path.name in os.listdir("/tmp")

        def test_made_before(tmp_path, installed_scratch):
            assert not os.path.exists(tmp_path) and os.listdir("/tmp") == []
        """,
    )
    result.assert_outcomes(passed=4)
