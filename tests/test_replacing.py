"""Replacing: a file that takes its place when it is whole."""

import os

import pytest

import ostler


class TestReplacing:
    def test_text(self, folder):
        with ostler.replacing("f", encoding="latin-1", newline="\r\n") as file:
            file.write("é\n")
            assert os.listdir(folder) == []
        assert (folder / "f").read_bytes() == b"\xe9\r\n"

    def test_is_used_once(self, folder):
        replacing = ostler.replacing("f")
        with replacing as file:
            file.write("x")
        with pytest.raises(RuntimeError), replacing:
            pass

    def test_open_mode(self, folder):
        with pytest.raises(ValueError, match="open_mode"):
            ostler.replacing("f", "a")
