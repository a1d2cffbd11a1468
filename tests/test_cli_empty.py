"""Words that are empty, as "$VARIABLE" is when nobody has set it: never the directory one is in."""

import os

import pytest

from tests.command_line import called


@pytest.fixture
def here(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1").touch()
    (tmp_path / "b").mkdir()
    return tmp_path


def tree(top):
    return sorted(os.path.join(where, name) for where, *names in os.walk(top)
                  for name in (*names[0], *names[1]))  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["find", "", "--delete"], ["find", "", "-type", "f", "-delete"], ["find", ""],
        ["find", ".", "--type", "", "--delete"], ["find", ".", "--newer", "", "--delete"],
        ["find", ".", "--older", "", "--delete"], ["find", ".", "--size", "", "--delete"],
        ["find", ".", "--exec", ""], ["size", ""], ["walk", ""], ["remove", ""],
        ["copy", "", "b"], ["copy", "a", "b", ""], ["copy", "a", ""], ["copy", "-t", "", "a"],
        ["exec", ""], ["exec", "--scratch", ""], ["exec", "--confine", "", "ls"],
        ["exec", "--confine=", "ls"], ["run", "--confine", "", "-c", "print(1)"],
        ["rehearse", ""], ["rehearse", "--kept", ""], ["rehearse", "--keep", "", "touch", "q"],
        ["rehearse", "--keep=", "touch", "q"],
    ],
)  # fmt: skip
def test_an_empty_word_is_refused(here, words):
    before = tree(here)
    status, out, said = called(*words, cwd=here)
    assert (status in (1, 2), out) == (True, b"")
    assert said.startswith("ostler") and said.count("\n") == 1
    assert tree(here) == before


def test_it_is_named(here):
    assert called("size", "", cwd=here)[2] == "ostler size: '': No such file or directory\n"
    assert called("size", "--top", "x", cwd=here)[2].startswith(
        "ostler: size: argument --top: 'x' is no number ("
    )


def test_beside_others_it_hinders_nothing(here):
    status, out, said = called("remove", "", "b", cwd=here)
    assert (status, out, said) == (1, b"", "ostler remove: '': No such file or directory\n")
    assert sorted(os.listdir(here)) == ["a"]
