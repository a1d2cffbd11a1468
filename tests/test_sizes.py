"""How a number of bytes is written, in every place where one is given."""

import pytest

import ostler
from ostler import sizes
from tests.command_line import called

GOOD = {
    "0": 0, "7": 7, "10B": 10, "10b": 10, "1k": 1024, "64K": 65536, "64KB": 65536, "64KiB": 65536,
    "64kib": 65536, "64 KiB": 65536, " 2M ": 2 << 20, "1.5M": 3 << 19, "0.5g": 1 << 29,
    "1T": 1 << 40, "2PiB": 2 << 50, "1E": 1 << 60,
}  # fmt: skip
BAD = ["", "K", "KB", "-1", "+1", "1.5", "1.5B", ".5K", "1.K", "1Q", "1KK", "1Ki", "1 0", "1e3",
       "0x10", "1,5M", "٣K", "1K\n2", "nan", "inf", "64KiB!"]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_understood(text):
    assert sizes.parsed(text) == GOOD[text]
    assert sizes.is_size(text)


@pytest.mark.parametrize("text", BAD)
def test_refused(text, tmp_path):
    assert not sizes.is_size(text)
    with pytest.raises(ValueError, match="not a size"):
        sizes.parsed(text)
    status, _, said = called("find", "--size", f"+{text}", cwd=tmp_path)
    assert status == 2 and "not a size" in said
    with pytest.raises(ValueError, match="not a size"):
        ostler.scratch(size=text)


def test_the_same_in_the_commands(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 1536)
    for text, found in (("1.5K", True), ("1.5KB", True), ("1.5KiB", True), ("1536", True),
                        ("1536B", True), ("1K", False), ("2K", False)):  # fmt: skip
        assert (called("find", "--size", text, cwd=tmp_path)[1] == b"./f\n") == found
        assert called("find", "--size", f"+{text}", "--size", f"-{text}", cwd=tmp_path)[1] == (
            called("find", "--size", f"-{text}", cwd=tmp_path)[1] if found else b""
        )
