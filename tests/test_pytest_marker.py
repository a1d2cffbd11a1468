"""The pytest plugin's marker, in a pytest of its own."""

from tests.test_pytest_plugin import importable, run  # noqa: F401  # the fixture is for all here

pytest_plugins = ["pytester"]


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


def test_a_misspelt_option_of_the_marker(pytester):
    result = run(
        pytester,
        """
        import pytest

        @pytest.mark.scratch(siz="64K")
        def test_one(scratch_os): pass

        @pytest.mark.scratch(proces=True)
        def test_on_the_host():
            open("it", "w").close()

        @pytest.mark.scratch("64K")
        def test_no_name(): pass
        """,
    )
    result.assert_outcomes(errors=3)
    takes = "size, inodes, bind, user, strict, process"
    result.stdout.fnmatch_lines(
        [
            f"*scratch has no siz; it takes {takes}",
            f"*scratch has no proces; it takes {takes}",
            f"*the marker scratch takes keywords: {takes}",
        ]
    )
    assert not (pytester.path / "it").exists()
