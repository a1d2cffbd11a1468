"""Patterns of names on the command line, beside those of find and du."""

import os
import random
import subprocess

import pytest

from tests.command_line import called

ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8"}
LETTERS = ["a", "b", "*", "?", "[", "]", "!", "^", "-", "\\", "."]


def patterns(number):
    rng = random.Random(number)
    while True:
        text = "".join(rng.choices(LETTERS, k=rng.randint(1, 6)))
        # A range from a later to an earlier character is nothing in one, and all in the other.
        if not text.startswith("-") and "-" not in text[text.find("[") + 1 :]:
            yield text


@pytest.fixture
def names(tmp_path):
    rng = random.Random(1)
    top = tmp_path / "names"
    top.mkdir()
    for _ in range(300):
        name = "".join(rng.choices(LETTERS, k=rng.randint(1, 4)))
        if name not in (".", ".."):
            (top / name).touch()
    return top


def found(*words, cwd):
    done = subprocess.run(words, capture_output=True, cwd=cwd, env=ENVIRONMENT, check=True)
    return sorted(done.stdout.split(b"\0")[:-1])


@pytest.mark.parametrize("seed", range(4))
def test_random_patterns_find_what_find_finds(names, seed):
    source = patterns(seed)
    looked_at = 0
    while looked_at < 150:
        pattern = next(source)
        status, out, said = called("find", "-0", ".", "-name", pattern, cwd=names)
        if status == 2:  # said, not guessed
            assert "\\" in pattern, (pattern, said)
            continue
        expected = found("find", ".", "-mindepth", "1", "-name", pattern, "-print0", cwd=names)
        assert sorted(out.split(b"\0")[:-1]) == expected, pattern
        looked_at += 1


def test_what_is_not_a_letter_is_not_deleted(tmp_path):
    for name in ("keep", "a1", "b1", "^c", "a*", "ab"):
        (tmp_path / name).touch()
    assert (
        called("find", ".", "-name", "[^ab]*", "-name", r"?\*", "--count", cwd=tmp_path)[1]
        == b"3\n"
    )
    assert called("find", ".", "-name", "[^k]*", "-delete", cwd=tmp_path)[0] == 0
    assert os.listdir(tmp_path) == ["keep"]


@pytest.mark.parametrize("command", [["find", "."], ["size", "."], ["copy", ".", "../to"]])
@pytest.mark.parametrize("pattern", ["build/", "a/b", "a\\", "[[:alpha:]]*", "x[[.a.]]", r"[a\]]"])
def test_what_can_match_no_name_is_refused(tmp_path, command, pattern):
    (tmp_path / "in").mkdir()
    status, out, said = called(*command, "-E", pattern, cwd=tmp_path / "in")
    assert (status, out) == (2, b"")
    assert f"ostler: {command[0]}: --exclude {pattern!r}: " in said
    assert os.listdir(tmp_path) == ["in"]


def test_names_are_left_out_as_by_du(names):
    for pattern in ("[^an]*", r"\**", r"[!^]?", "[a", "]*", r"a\b*"):
        ours = called(
            "size", "--bytes", "-a", "--top", "0", "-0", "-E", pattern, "names", cwd=names.parent
        )[1]
        du = found("du", "-B1", "-a", "-0", f"--exclude={pattern}", "names", cwd=names.parent)
        assert sorted(ours.split(b"\0")[:-1]) == du, pattern
