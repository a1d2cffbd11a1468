"""The options of all commands: a letter means one thing, what is foreign is named, help helps."""

import argparse
import re
import shlex
from importlib import import_module

import pytest

from ostler.cli import COMMANDS, machine, rehearse
from ostler.cli.letters import FOREIGN, LETTERS
from tests.command_line import called
from tests.command_line import run as run_alone

MODULES = {name: import_module(f"ostler.cli.{name}") for name in COMMANDS}
PARSERS = {
    name: getattr(module, f"{name}_parser")
    for name, module in MODULES.items()
    if hasattr(module, f"{name}_parser")
}
HAND_ON = {"run", "exec", "record", "rehearse"}  # the arguments of a program, untouched


def test_every_command_has_a_parser_or_hands_arguments_on():
    assert set(COMMANDS) - set(PARSERS) == HAND_ON


@pytest.mark.parametrize("name", PARSERS)
def test_a_letter_means_one_thing(name):
    for action in PARSERS[name]()._actions:
        long = [option[2:] for option in action.option_strings if option.startswith("--")]
        letters = [option[1:] for option in action.option_strings if len(option) == 2]
        for letter in letters:
            assert letter in LETTERS, f"-{letter} of {name} is not in the table"
            assert set(long or letters) & set(LETTERS[letter]), f"-{letter} of {name}: {long}"
        for option in action.option_strings:
            assert option.startswith("--") or len(option) == 2


def test_no_letter_of_the_table_is_unused():
    used = {option[1:] for parser in PARSERS.values() for action in parser()._actions
            for option in action.option_strings if len(option) == 2}  # fmt: skip
    assert used == set(LETTERS)


@pytest.mark.parametrize(
    "words",
    ["find ''", "find '' --delete", "find '' --exec rm {}", "size ''", "walk ''", "remove ''",
     "remove -n ''", "copy '' x", "copy -n '' x", "copy f ''",
        "copy -n f ''",],
)  # fmt: skip
def test_an_empty_name_is_no_directory(words, tmp_path):
    # As of a variable that is not set: it never means the directory where one stands.
    (tmp_path / "f").write_text("kept")
    status, out, err = called(*shlex.split(words), cwd=tmp_path)
    assert (status, out) == (1, b"")
    assert "No such file or directory" in err
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_text() == "kept"


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_foreign_is_refused_with_what_is_wanted(name):
    parser = PARSERS[name]()
    for word, hint in FOREIGN[name].items():
        assert word not in parser._option_string_actions
        for option in (
            () if "ostler find" in hint else re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", hint)
        ):
            if option not in ("-ld", "-n", "-s"):  # of ls, head and ln
                assert option in parser._option_string_actions, f"{name} {word}: {option}"
        status, out, said = called(name, word, "x")
        assert (status, out) == (2, b"")
        assert hint in said and f"no option {word} here" in said


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["walk", "-L", "2"], "--depth"),
        (["walk", "-d", "src"], "-D"),
        (["walk", "-E", "b"], "find --exclude"),
        (["walk", "--exclude", "b"], "find --exclude"),
        (["size", "-d-1"], "levels"),
        (["size", "--top", "x"], "--top"),
        (["find", "-i", "readme"], "--ignore-case"),
        (["find", ".", "-n", "*.py"], "--name"),
        (["find", "-t", "f"], "--type"),
        (["find", "-r", "("], "--regex"),
        (["find", "--regex", "("], "no regular expression"),
        (["find", "--iregex", "x"], "do you mean --regex"),
        (["find", "-sq"], "not a size"),
        (["find", ".", "-delet"], "no option -delet; do you mean -delete?"),
        (["find", ".", "-nmae", "x"], "no option -nmae; do you mean -name?"),
        (["find", ".", "-dx"], "'x' is no number of levels"),
        (["find", "-s"], "wants a value"),
        (["find", "--exec"], "wants a command"),
        (["find", "--delete", "--exec", "rm"], "not both"),
        (["find", ".", "-x", "rm"], "--exec"),
        (["size", "-n", "3"], "--top"),
        (["size", "-k"], "--bytes"),
        (["size", "-BM"], "--bytes"),
        (["size", "--threads", "0"], "at least 1"),
        (["size", "--deep"], "do you mean --depth"),
        (["size", "--size"], "do you mean --apparent-size"),
        (["find", "--links"], "no option --links"),
        (["size", "--al=x"], "takes no value"),
        (["copy", "-i", "a", "b"], "--force"),
        (["copy", "--no", "a", "b"], "may be --no-"),
        (["remove", "-I", "a"], "-i"),
        (["remove"], "PATH"),
        (["remov"], "do you mean remove"),
        (["doctor", "x"], "takes no arguments: x"),
    ],
)
def test_usage_errors(arguments, wanted, tmp_path):
    status, out, said = called(*arguments, cwd=tmp_path)
    assert (status, out) == (2, b"")
    assert wanted in said
    assert said.startswith("ostler: ") and said.count("\n") == 1


def test_options_are_read_as_getopt_does(tmp_path):
    (tmp_path / "-x").write_text("12345")
    (tmp_path / "d").mkdir()
    assert called("find", "-s", "-4k", "--type", "f", cwd=tmp_path)[1] == b"./-x\n"
    assert called("find", "-s-4", "--type=f", cwd=tmp_path)[1] == b""
    assert called("find", "d", "--name", "-x", ".", "--cou", cwd=tmp_path)[1] == b"1\n"
    assert called("size", "-sb", "--", "-x", cwd=tmp_path)[1] == b"5\t-x\n"
    assert called("size", "-x", "-hsc", "--apparent-size", "./-x", cwd=tmp_path)[1] == (
        b"5 B\t./-x\n5 B\ttotal\n"
    )
    assert b"usage: ostler size" in called("size", "-h")[1]
    assert b"usage: ostler size" in called("help", "size")[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name):
    status, out, said = called(name, "--help")
    text = out.decode()
    assert (status, said) == (0, "")
    assert called(name, "-h")[1] == out or name == "size"
    assert text.startswith(f"usage: ostler {name}")
    examples = [line.strip() for line in text.partition("Examples:\n")[2].splitlines()]
    assert len([line for line in examples if line.startswith(f"ostler {name}")]) >= 2
    assert max(map(len, text.splitlines())) <= 100
    for line in examples:
        words = shlex.split(line.partition(" | ")[0])
        assert words[0] == "ostler"
        understood(words[1], words[2:])
    what = text.split("\n\n")[1].replace("\n", " ")
    assert re.fullmatch(r"[A-Z].*\.", what) and len(what) > 60


def understood(name, words):
    """Have the command's parser read these arguments."""
    if name in PARSERS:
        PARSERS[name]().read(words)
    elif name == "rehearse":
        rehearse.Options(words)
    else:
        assert machine.take(words, name)[1]


@pytest.mark.parametrize("name", PARSERS)
def test_each_option_is_told_in_a_sentence(name):
    for action in PARSERS[name]()._actions:
        if action.help is not argparse.SUPPRESS:
            assert re.match(r"[A-Z]", action.help) and action.help.endswith((".", "?")), action
            assert not re.search(r"\w-\n", action.help)


def test_help_of_all():
    status, out, _ = called("--help")
    assert status == 0
    for name, what in COMMANDS.items():
        assert f"  {name} " in out.decode() and what in out.decode()
        assert what[0].isupper() and what.endswith(".")
    assert out.decode().count("\n  ostler ") >= 2
    assert called()[0] == 2


@pytest.mark.parametrize("word", ["-l", "-ls"])
def test_the_command_in_a_hint_is_one(tmp_path, word):
    (tmp_path / "f").touch()
    words, _, _ = FOREIGN["find"][word].partition(" shows ")
    ran = run_alone("find", ".", *shlex.split(words), cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, b"") and ran.stdout.endswith(b" ./f\n")
