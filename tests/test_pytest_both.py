"""The same tests pass with the fixtures in pytest's process and in a process of their own."""

import re
from pathlib import Path

import pytest

from tests.test_pytest_plugin import PLUGIN, importable  # noqa: F401  # for all here

pytest_plugins = ["pytester"]

DOCS = Path(__file__).parents[1] / "docs"
BOTH = pytest.mark.parametrize("options", [(), ("--scratch-process",)], ids=["here", "process"])


def outcomes(pytester, options, code, **expected):
    pytester.makepyfile(code)
    result = pytester.runpytest_subprocess(*PLUGIN, *options)
    result.assert_outcomes(**expected)
    return result


@BOTH
def test_the_same_both_ways(pytester, options):
    outcomes(
        pytester,
        options,
        """
        import errno, os, pathlib, shutil, sqlite3, subprocess, sys, threading
        import pytest
        from ostler.pytest_process import here

        def fails(number, function, *args):
            with pytest.raises(OSError) as caught:
                function(*args)
            assert caught.value.errno == number

        def write(path, text="x"):
            with open(path, "wb", 0) as file:
                file.write(text.encode())

        # ---- faults

        def test_faults(installed_scratch):
            faults = installed_scratch.faults
            faults.add(call="write", path="*.log", errno=errno.EIO, after=1)
            write("a.log")
            fails(errno.EIO, write, "a.log")
            fails(errno.EIO, pathlib.Path("b.log").write_text, "x")
            write("a.txt")
            faults.clear()
            write("a.log")
            faults.add(call="rename", errno=errno.EXDEV, count=1)
            fails(errno.EXDEV, os.rename, "a.log", "b.log")
            os.rename("a.log", "b.log")
            thread_has = []
            faults.add(call="mkdir", errno=errno.EDQUOT)
            thread = threading.Thread(target=lambda: fails(errno.EDQUOT, os.mkdir, "d"))
            thread.start()
            thread.join()

        def test_all_goes_on_around_a_fault(installed_scratch, monkeypatch, tmp_path):
            os.makedirs("d/e")
            os.chdir("d")
            os.umask(0o77)
            os.environ["BEFORE"] = "1"
            monkeypatch.setenv("PATCHED", "1")
            monkeypatch.delenv("PYTHONPATH", raising=False)
            (tmp_path / "x").touch()
            fault = installed_scratch.faults.add(call="rename", errno=errno.EXDEV)
            assert os.getcwd() == "/work/d" == installed_scratch.getcwd()
            assert os.environ["BEFORE"] == os.environ["PATCHED"] == "1"
            assert "PYTHONPATH" not in os.environ
            write("f")
            assert os.stat("f").st_mode & 0o777 == 0o600
            os.umask(0o22)
            os.environ["INSIDE"] = "1"
            del os.environ["BEFORE"]
            monkeypatch.chdir("e")
            if here.machine is not None:  # which has programs
                code = "import os; open('/dev/null'); print(os.getcwd(), os.environ['INSIDE'])"
                said = subprocess.check_output([sys.executable, "-c", code])
                assert said == b"/work/d/e 1\\n"
            assert (tmp_path / "x").exists()
            installed_scratch.faults.remove(fault)
            assert os.getcwd() == "/work/d/e"
            assert os.environ["INSIDE"] == "1" and "BEFORE" not in os.environ
            os.rename("../f", "g")
            write("h")
            assert os.stat("h").st_mode & 0o777 == 0o644

        def test_nothing_stays_of_it(installed_scratch):
            assert not installed_scratch.faults and not {"INSIDE", "PATCHED"} & os.environ.keys()
            os.rename("/work", "/there")

        def test_the_machines_own_calls_alone(scratch_os, tmp_path):
            scratch_os.faults.add(call="mkdir", errno=errno.EIO)
            fails(errno.EIO, scratch_os.mkdir, "/d")
            (tmp_path / "d").mkdir()

        # ---- limits

        @pytest.mark.scratch(size="64K")
        def test_they_change(installed_scratch):
            write("full", "x" * 65536)
            fails(errno.ENOSPC, write, "more")
            installed_scratch.resize(size="1M")
            write("more")
            fails(errno.EINVAL, installed_scratch.resize, "4K")
            with open("more", "ab"):
                fails(errno.EBUSY, installed_scratch.read_only_now)
            thread = threading.Thread(target=installed_scratch.read_only_now)
            thread.start()
            thread.join()
            fails(errno.EROFS, write, "more")
            installed_scratch.read_only_now(False)
            write("more")
            with pytest.raises(ValueError):
                installed_scratch.resize(inodes="many")

        def inodes(number, **more):
            return pytest.mark.scratch(inodes=number, **more)

        def room(mkdir):
            for number in range(1000):
                try:
                    mkdir(str(number))
                except OSError as error:
                    assert error.errno == errno.ENOSPC
                    return number

        @inodes(8)
        def test_inodes(installed_scratch):
            assert room(os.mkdir) == 7

        @inodes(8)
        def test_inodes_with_tmp_path(installed_scratch, tmp_path):
            assert room(os.mkdir) == 7
            installed_scratch.resize(inodes=10)
            assert room(lambda name: os.mkdir(tmp_path / name)) == 2

        @inodes(8)
        def test_inodes_alone(scratch_os):
            assert room(scratch_os.mkdir) == 7

        @inodes(8, bind=[os.path.dirname(os.__file__)])
        def test_inodes_beside_binds(scratch_os):
            assert room(scratch_os.mkdir) == 7
            scratch_os.resize(inodes="10")
            assert room(lambda name: scratch_os.mkdir("x" + name)) == 2

        # ---- places

        def test_where_it_stands(scratch_os):
            scratch_os.makedirs("a/b")
            assert scratch_os.path.isdir("/a/b") and scratch_os.getcwd() == "/"

        def test_where_the_installed_one_stands(installed_scratch):
            os.mkdir("a")
            assert installed_scratch.listdir() == ["a"] == os.listdir("/work")

        def test_where_the_shared_one_stands(scratch_shared):
            scratch_shared.makedirs("c/d")
            assert scratch_shared.path.isdir("/c/d")
        """,
        passed=12,
    )


def test_a_shared_machines_inodes_are_given_back(pytester):
    outcomes(
        pytester,
        (),
        """
        import os, pytest

        pytestmark = pytest.mark.scratch(inodes=100, bind=[os.path.dirname(os.__file__)])
        found = []

        @pytest.mark.parametrize("number", range(3))
        def test_it(scratch_shared, number):
            found.append(scratch_shared.statvfs("/").f_files)
            assert len(set(found)) == 1
            scratch_shared.resize(inodes=200 + number)
        """,
        passed=3,
    )


def test_an_ordinary_users_process_asks_for_changes(pytester):
    pytester.makeconftest(
        """
        from ostler.pytest_process import child

        child._take_limits = child._ask_for_changes  # whoever runs this
        """
    )
    outcomes(
        pytester,
        ("--scratch-process",),
        """
        import errno, os, pytest, threading

        @pytest.mark.scratch(size="64K", inodes=8)
        def test_it(installed_scratch):
            assert installed_scratch._changed_by is not None
            with open("x", "wb", 0) as file:
                assert file.write(b"x" * 65537) == 65536
                installed_scratch.resize(size="1M", inodes=1000)
                assert file.write(b"x") == 1
                with pytest.raises(OSError) as caught:
                    installed_scratch.read_only_now()
                assert caught.value.errno == errno.EBUSY
            threads = [threading.Thread(target=installed_scratch.read_only_now) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            with pytest.raises(OSError, match="Read-only"):
                open("x", "wb")
            installed_scratch.read_only_now(False)
            with pytest.raises(OSError) as caught:
                installed_scratch.resize(size="4K")
            assert caught.value.errno == errno.EINVAL
            if not (pid := os.fork()):
                try:
                    installed_scratch.resize(size="2M")
                except OSError as error:
                    os._exit(error.errno)
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == errno.EPERM
        """,
        passed=1,
    )


def test_strict_refuses_nothing_where_all_acts_on_the_machine(pytester):
    outcomes(
        pytester,
        (),
        """
        import os, pytest, sqlite3
        import ostler

        @pytest.mark.scratch(process=True, strict=True)
        def test_it(installed_scratch):
            with installed_scratch.installed(strict=True):
                sqlite3.connect("/work/x.db").execute("create table a(b)")
            assert os.listdir() == ["x.db"]
            with ostler.scratch() as other, other.installed(strict=True):
                with pytest.raises(RuntimeError, match="would act on the host"):
                    sqlite3.connect("/work/y.db")
        """,
        passed=1,
    )


def test_errors_of_the_set_up_have_none_of_our_frames(pytester):
    code = """
        import pytest

        @pytest.mark.scratch(process="yes")
        def test_no_bool(): pass

        @pytest.mark.scratch(process=True, user="nobody-of-that-name")
        def test_nobody(): pass
        """
    result = outcomes(pytester, (), code, errors=2)
    text = result.stdout.str()
    assert "pytest_process" not in text and "takes True or False for process" in text
    result = pytester.runpytest_subprocess(*PLUGIN, "--full-trace")
    assert "pytest_process" in result.stdout.str()


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.S | re.M)


HEAD = """
import errno, os, shutil, subprocess
from pathlib import Path
import pytest
import ostler

def report(source, to):
    lines = Path(source).read_text().splitlines()
    Path(to).parent.mkdir(exist_ok=True)
    Path(to).write_text(f"{len(lines[0].split(','))} columns, {len(lines) - 1} row\\n")

"""


@pytest.mark.thorough
@BOTH
@pytest.mark.parametrize(
    "page", ["testing.md", "how-to/tests.md", "coming-from/pyfakefs.md", "tutorials/tests.md"]
)
def test_the_pages(pytester, page, options):
    """Each block of tests on a page that is not somebody else's."""
    number = 0
    for block in blocks(page):
        if "\ndef test_" in "\n" + block and "def test_report(fs)" not in block:
            number += 1
            path = pytester.path / f"test_page_{number}.py"
            path.write_text(HEAD + block if "installed_scratch):  " in block else block)
    assert number
    result = pytester.runpytest_subprocess(*PLUGIN, *options)
    assert result.ret == 0, result.stdout.str()
