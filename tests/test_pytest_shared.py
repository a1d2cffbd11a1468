"""The pytest plugin's machine that the tests of a module share, in a pytest of its own."""

from tests.test_pytest_plugin import importable, run  # noqa: F401  # the fixture is for all here

pytest_plugins = ["pytester"]


def test_scratch_shared(pytester):
    result = run(
        pytester,
        """
        import os, pytest

        made = []

        @pytest.fixture(scope="module", autouse=True)
        def furnished(scratch_shared):
            made.append(1)
            scratch_shared.create_file("/data/one", "1")
            scratch_shared.environ["MODULE"] = "1"

        @pytest.fixture
        def more(scratch_shared):
            scratch_shared.create_file("/data/more", "1")

        @pytest.mark.parametrize("number", range(4))
        def test_each_finds_it_as_it_was(scratch_shared, number):
            m = scratch_shared
            assert (m.listdir("/"), m.listdir("/data")) == (["data"], ["one"])
            assert (m.getcwd(), m.environ.get("X"), m.environ["MODULE"]) == ("/", None, "1")
            assert m.umask(0o77) != 0o77
            m.remove("/data/one")
            m.create_file(f"/{number}", "x")
            m.chdir("/data")
            m.environ["X"] = "1"
            m.checkpoint()
            m.create_file("/after", "x")

        def test_a_fixture_of_a_test(scratch_shared, more):
            assert sorted(scratch_shared.listdir("/data")) == ["more", "one"]

        def test_it_is_gone(scratch_shared):
            assert scratch_shared.listdir("/data") == ["one"]
            assert len(scratch_shared.points()) == 1

        @pytest.fixture(scope="module")
        def later(scratch_shared):
            scratch_shared.create_file("/later", "1")

        def test_later(scratch_shared, later):
            scratch_shared.remove("/later")

        def test_it_stays(scratch_shared):
            assert sorted(scratch_shared.listdir("/")) == ["data", "later"]

        def test_installed(scratch_shared):
            with scratch_shared.installed():
                os.mkdir("/x")

        def test_after_all(scratch_shared):
            assert sorted(scratch_shared.listdir("/")) == ["data", "later"]
            assert made == [1]

        def test_without(tmp_path):
            pass
        """,
    )
    result.assert_outcomes(passed=11)


def test_scratch_shared_in_use(pytester):
    result = run(
        pytester,
        """
        import pytest

        pytestmark = pytest.mark.scratch(size="64K")

        def test_an_open_file(scratch_shared):
            global file
            file = scratch_shared.open_file("/log", "w")

        def test_it_is_still_open(scratch_shared):
            pass

        def test_it_is_closed():
            file.close()

        def test_all_is_well(scratch_shared):
            assert scratch_shared.listdir("/") == []
            assert scratch_shared.statvfs("/").f_blocks * 4096 == 65536
            scratch_shared.close()

        def test_too_late(scratch_shared):
            pass
        """,
    )
    result.stdout.fnmatch_lines(["*OSError*open for writing in this process*"])
    result.stdout.fnmatch_lines(["*OSError*: test_an_open_file has left scratch_shared so*"])
    result.stdout.fnmatch_lines(["*scratch_shared was closed by a test*"])
