"""The fixture fs and its like, in a pytest of its own."""

import pytest

from tests.test_pytest_plugin import PLUGIN, importable  # noqa: F401

pytest_plugins = ["pytester"]

PAGE = """
    import os, pathlib
    import pytest

    def test_one(fs):
        fs.create_file("/a/b", contents="x")
        assert pathlib.Path("/a/b").read_text() == "x"
        assert fs.machine.listdir("/a") == ["b"]

    def test_it_is_new(fs):
        assert os.listdir("/") == ["tmp"] and not os.path.exists(__file__)

    def test_the_host():
        assert os.path.exists(__file__)
"""


def run(pytester, code, *options):
    pytester.makepyfile(code)
    return pytester.runpytest_subprocess(*PLUGIN, *options)


@pytest.mark.parametrize("with_theirs", [pytest.param(False, marks=pytest.mark.thorough), True])
def test_by_an_option(pytester, with_theirs):
    """Also where pyfakefs's own plugin is there."""
    theirs = () if with_theirs else ("-p", "no:fakefs")
    run(pytester, PAGE, "-p", "ostler.fakefs", *theirs).assert_outcomes(passed=3)


def test_by_a_setting(pytester):
    pytester.makeini("[pytest]\nostler_fakefs = true")
    run(pytester, PAGE).assert_outcomes(passed=3)


@pytest.mark.thorough
def test_by_an_import_in_a_conftest(pytester):
    pytester.makeconftest("from ostler.fakefs.pytest_plugin import fs, fs_module  # one line")
    run(pytester, PAGE).assert_outcomes(passed=3)


@pytest.mark.thorough
def test_without_being_asked_for_there_is_none(pytester):
    run(pytester, PAGE, "-p", "no:fakefs").assert_outcomes(passed=1, errors=2)


@pytest.mark.thorough
def test_with_pyfakefs_alone_its_own_is_there(pytester):
    pytest.importorskip("pyfakefs", reason="pyfakefs is missing")
    result = run(
        pytester,
        """
        def test_whose(fs):
            assert type(fs).__module__ == "pyfakefs.fake_filesystem"
        """,
    )
    result.assert_outcomes(passed=1)


def test_what_a_page_imports_of_pyfakefs_means_this(pytester):
    result = run(
        pytester,
        """
        import os
        import pyfakefs.fake_filesystem
        from pyfakefs import fake_filesystem_unittest
        from pyfakefs.fake_filesystem import FakeFilesystem
        from pyfakefs.fake_filesystem_unittest import Patcher, Pause, patchfs
        from pyfakefs.helpers import set_uid

        def test_one(fs: FakeFilesystem):
            assert isinstance(fs, FakeFilesystem) and hasattr(fs, "machine")
            with Pause(fs):
                assert os.path.exists(__file__)
            assert not os.path.exists(__file__)

        @patchfs
        def test_two(fs):
            assert isinstance(fs, FakeFilesystem)

        class TestCase(fake_filesystem_unittest.TestCase):
            def setUp(self):
                self.setUpPyfakefs()

            def test_three(self):
                assert isinstance(self.fs, pyfakefs.fake_filesystem.FakeFilesystem)
                assert not os.path.exists(__file__)
        """,
        "-p", "ostler.fakefs",
    )  # fmt: skip
    result.assert_outcomes(passed=3)


def test_wider_scopes(pytester):
    pytester.makepyfile(
        test_module="""
        import os
        import pytest

        @pytest.fixture(scope="module", autouse=True)
        def made(fs_module):
            fs_module.create_file("/of/module")

        def test_one(fs):
            fs.create_file("/of/test")

        def test_two():
            assert sorted(os.listdir("/of")) == ["module", "test"]
        """,
        test_of_class="""
        import os
        import pytest

        class TestIt:
            @pytest.fixture(scope="class", autouse=True)
            def made(self, fs_class):
                fs_class.create_file("/of/class")

            def test_one(self):
                assert os.listdir("/of") == ["class"]

        def test_two():
            assert os.path.exists(__file__)
        """,
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "-p", "ostler.fakefs")
    result.assert_outcomes(passed=4)


@pytest.mark.thorough
def test_a_session(pytester):
    result = run(
        pytester,
        """
        import os
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def made(fs_session):
            fs_session.create_file("/of/session")

        def test_one():
            assert os.listdir("/of") == ["session"]

        def test_two(tmp_path, capsys):
            assert os.listdir("/of") == ["session"]

        def test_it_fails_and_is_told():
            assert os.listdir("/of") == []
        """,
        "-p", "ostler.fakefs",
    )  # fmt: skip
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*assert os.listdir*"])  # its source is found


@pytest.mark.thorough
def test_arguments_by_parametrize(pytester):
    result = run(
        pytester,
        """
        import os
        import pytest

        @pytest.mark.parametrize("fs", [[None, None, None, False]], indirect=True)
        def test_it(fs):
            assert os.getuid() != 0
        """,
        "-p", "ostler.fakefs",
    )  # fmt: skip
    result.assert_outcomes(passed=1)


def test_monkeypatch_and_tmp_path(pytester):
    result = run(
        pytester,
        """
        import os

        def test_before(monkeypatch, tmp_path, fs):
            monkeypatch.setenv("OSTLER_SET", "1")
            monkeypatch.chdir("/tmp")
            assert not os.path.exists(tmp_path)
            fs.add_real_directory(tmp_path)
            fs.pause()
            assert os.path.exists(tmp_path)

        def test_after(fs, monkeypatch, tmp_path):
            monkeypatch.setenv("OSTLER_SET", "1")
            monkeypatch.chdir("/tmp")

        def test_the_host(tmp_path):
            assert "OSTLER_SET" not in os.environ and os.path.exists(tmp_path)
            assert os.getcwd() != "/tmp"
        """,
        "-p", "ostler.fakefs",
    )  # fmt: skip
    result.assert_outcomes(passed=3)


def test_async_fixtures_of_every_scope(pytester):
    """Of pytest's own making: loops that are older than the test, as plugins for asyncio have."""
    result = run(
        pytester,
        """
        import asyncio, contextvars, os
        import pytest

        @pytest.fixture(scope="module")
        def loop():
            with asyncio.Runner() as runner:
                runner.run(asyncio.sleep(0))
                yield runner

        @pytest.fixture(scope="module")
        def ready(loop):
            async def begin():
                async def wait(ready, found):
                    await ready.wait()
                    found.append(os.listdir("/"))
                ready, found = asyncio.Event(), []
                return asyncio.ensure_future(wait(ready, found)), ready, found
            return loop.run(begin())

        def test_it(loop, ready, fs):
            task, event, found = ready
            async def go_on():
                event.set()
                await task
                return await asyncio.to_thread(os.listdir, "/")
            assert loop.run(go_on()) == ["tmp"]
            assert found == [["tmp"]]
        """,
        "-p", "ostler.fakefs",
    )  # fmt: skip
    result.assert_outcomes(passed=1)
