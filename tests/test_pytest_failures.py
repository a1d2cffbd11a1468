"""What is told of a failed test's machine, and what a strict one refuses."""

import pytest

from tests.test_pytest_plugin import PLUGIN, importable  # noqa: F401

pytest_plugins = ["pytester"]

PAGE = """
    import os
    import pytest

    def furnish():
        os.makedirs("/data/deep")
        with open("/data/deep/file", "w") as file:
            file.write("content")
        os.symlink("file", "/data/deep/link")
        open("/data/odd\\\\nname", "w").close()

    def test_it_fails(FIXTURE):
        furnish()
        assert 0, "on purpose"

    def test_it_passes(FIXTURE):
        open("/passed", "w").close()
"""


def run(pytester, fixture, *options):
    pytester.makepyfile(PAGE.replace("FIXTURE", fixture))
    return pytester.runpytest_subprocess(*PLUGIN, "-p", "ostler.fakefs", *options)


@pytest.mark.parametrize(
    "fixture", ["installed_scratch", pytest.param("fs", marks=pytest.mark.thorough)]
)
def test_the_tree_and_what_is_kept(pytester, fixture):
    result = run(pytester, fixture, "--scratch-tree", "--scratch-keep", "kept")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*on purpose*",
            "*files of the scratch machine*",
            "drwxr-xr-x * /data/",
            "-rw-r--r-- * /data/odd[\\]nname",
            "-rw-r--r-- *7 /data/deep/file",
            "lrwxrwxrwx * /data/deep/link -> 'file'",
        ]
    )
    assert "/passed" not in result.stdout.str()
    (kept,) = (pytester.path / "kept").iterdir()
    assert str(kept) in result.stdout.str() and "test_it_fails" in kept.name
    assert (kept / "data" / "deep" / "file").read_text() == "content"
    assert (kept / "data" / "deep" / "link").readlink().name == "file"


@pytest.mark.parametrize("name", ["installed_scratch", "scratch_os", "scratch_shared", "fs"])
def test_a_fixture_that_fails_on_the_machine(pytester, name):
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.fixture
        def begun({name}):
            getattr({name}, "machine", {name}).create_file("/begun", "x")
            raise ValueError

        def test_it(begun{", scratch_shared" * (name == "scratch_shared")}):
            pass
        """
    )
    result = pytester.runpytest(*PLUGIN, "-p", "ostler.fakefs", "--scratch-tree")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*files of the scratch machine*", "-rw-r--r-- *1 /begun"])


@pytest.mark.thorough
def test_a_second_run_keeps_beside_the_first(pytester):
    for number in (1, 2):
        run(pytester, "installed_scratch", "--scratch-keep", "kept")
        assert len(list((pytester.path / "kept").iterdir())) == number


@pytest.mark.thorough
def test_without_the_options_nothing_is_told(pytester):
    result = run(pytester, "installed_scratch")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*files of the scratch machine*")
    assert not (pytester.path / "kept").exists()


def test_strict(pytester):
    pytester.makepyfile(
        test_marker="""
        import sqlite3
        import pytest

        @pytest.mark.scratch(strict=True)
        def test_by_the_marker(installed_scratch):
            with pytest.raises(RuntimeError, match="host"):
                sqlite3.connect("/data.db")

        @pytest.mark.scratch(strict=False)
        def test_not_this_one(installed_scratch):
            sqlite3.connect("data.db").close()

        @pytest.mark.parametrize("name", ["installed_scratch", "fs"])
        def test_by_the_option(name, request):
            request.getfixturevalue(name)
            with pytest.raises(RuntimeError, match="host"):
                sqlite3.connect("/data.db")
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "-p", "ostler.fakefs", "--scratch-strict")
    result.assert_outcomes(passed=4)
