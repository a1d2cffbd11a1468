"""The commands that run programs, and those without names to show, on a pseudo-terminal as well."""

import os
import re
import signal
import sys

import pytest

from ostler.cli import COMMANDS
from tests.command_line import called, has_rehearsals, on_terminal, program, run, settled

WAYS = [(rich, columns) for rich in (True, False) for columns in (40, 200)]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def machines():
    if not has_rehearsals():
        pytest.skip("this kernel, or this user, can't have a rehearsal")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "f").write_text("12345")
    return tmp_path / "work"


def terminal(*arguments, rich=True, columns=80, **kwargs):
    status, text = on_terminal(program(*arguments, rich=rich), columns, **kwargs)
    assert "Traceback" not in text, text
    return status, text


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_is_the_same(name):
    words = [name, "--help"] if name else ["--help"]
    status, text = terminal(*words, columns=40)
    assert (status, text) == (0, called(*words)[1].decode())


@pytest.mark.parametrize(("rich", "columns"), WAYS[::3])
def test_doctor_and_tour(rich, columns, tmp_path, monkeypatch):
    status, text = terminal("doctor", rich=rich, columns=columns)
    assert status in (0, 1) and text == run("doctor").stdout.decode()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    status, text = terminal("tour", rich=rich, columns=columns)
    assert status == 0 and text.endswith(" is False.\n")
    assert len(re.findall(r"^\d\. ", text, re.MULTILINE)) == 7 and os.listdir(tmp_path) == []


@pytest.mark.parametrize(("rich", "columns"), WAYS)
def test_rehearse(machines, place, rich, columns):
    line = "rm f; mkdir d; echo x > 'd/esc\x1b[2J'"
    status, text = terminal("rehearse", "--discard", "sh", "-c", line, rich=rich, columns=columns,
                            cwd=place)  # fmt: skip
    text = settled(text)
    assert status == 0 and "\x1b" not in text and "esc\\x1b" in text.replace("\n", "")
    assert text.endswith("3 changes: 2 created (2 B), 1 removed (5 B)\n")
    assert columns == 40 or len(text.splitlines()) == 6
    assert os.listdir(place) == ["f"]


@pytest.mark.parametrize(("rich", "columns"), WAYS[1:3])
def test_exec_and_run_show_what_the_program_shows(machines, place, rich, columns):
    for words in (
        ["exec", "--rehearse", "stty", "size"],
        ["exec", "--confine", ".", "stty", "size"],
    ):
        status, text = terminal(*words, rich=rich, columns=columns, cwd=place)
        assert (status, text) == (0, f"24 {columns}\n"), words
    code = "import os; print(os.get_terminal_size().columns)"
    words = [sys.executable, "-m", "ostler", "run", "-c", code]
    assert on_terminal(words, columns, cwd=place) == (0, f"{columns}\n")


QUESTION = b"keep (k)? "


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ([(QUESTION, b"\x03")], "the changes are discarded: no answer"),
        ([(QUESTION, b"\x04")], "the changes are discarded: no answer"),
        ([(QUESTION, b"s\n"), (b"none: ", b"\x03")], "the changes are discarded: no answer"),
        ([(QUESTION, b"k\n"), (b"directory? ", b"\x03")], "the changes are discarded: no answer"),
        ([(QUESTION, b"?\n"), (QUESTION, b"\x03")], "the changes are discarded: no answer"),
        ([(QUESTION, b"x\n")], "the changes are discarded"),
        ([(QUESTION, b"c\n")], "1 change committed"),
    ],
)
def test_answers_and_none(machines, place, typed, answer):
    status, text = terminal("rehearse", "rm", "f", columns=200, cwd=place, keys=typed)
    assert status == 0 and text.endswith(f"\nostler: {answer}\n"), text
    assert os.listdir(place) == ([] if "committed" in answer else ["f"])


@pytest.mark.parametrize("command", [["rehearse"], ["exec", "--rehearse"], ["exec", "--confine=."]])
def test_ctrl_c_is_the_programs(machines, place, command):
    # One that Ctrl-C comes before is waited for by the shell until it ends: so it is short.
    line = "trap 'echo caught; exit 7' INT; echo begun; while :; do sleep 0.1; done"
    status, text = terminal(*command, "sh", "-c", line, cwd=place, keys=[(b"begun", b"\x03")])
    assert status == 7 and "caught\n" in text, text
    line = "echo begun; exec sleep 20"
    status, text = terminal(*command, "sh", "-c", line, cwd=place, keys=[(b"begun", b"\x03")])
    assert status in (130, -signal.SIGINT), (status, text)


LATE = """
import sys, time, ostler.cli.{module}, ostler.cli._trees as trees
line = trees.Output.{what}
def slowly(*arguments, **named):
    line(*arguments, **named)
    arguments[0].flush()
    sys.stdout.flush()
    time.sleep(20)
trees.Output.{what} = slowly
"""


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["find", "."], "name"), (["walk", "."], "line"), (["walk", "--json", "."], "json"),
        (["find", "--json", "."], "json"), (["copy", "-v", "f", "g"], "pair"),
        (["copy", "-n", "f", "g"], "name"), (["remove", "-n", "f"], "name"),
        (["remove", "-v", "f"], "name"), (["size", "--json", "."], "json"),
        (["find", ".", "-n", "--delete"], "name"), (["find", ".", "-n", "--exec", "true"], "line"),
    ],
)  # fmt: skip
def test_ctrl_c_when_something_was_said(place, arguments, what):
    words = program(*arguments, before=LATE.format(module=arguments[0], what=what))
    status, text = on_terminal(words, 80, cwd=place, keys=[(b"\n", b"\x03")])
    assert status == 130 and "Traceback" not in text, text
    assert text.endswith(f"\nostler {arguments[0]}: interrupted\n"), text


FULL = {
    "rehearse, drawn": ["rehearse", "--discard", "rm", "f"],
    "copy -v": ["copy", "-v", "f", "g"], "copy --json": ["copy", "--json", "f", "h"],
    "find --exec": ["find", "f", "-n", "--exec", "true"],
    "find -n --delete": ["find", ".", "-n", "--delete"],
    "find --json": ["find", "--json", "."], "size --json": ["size", "--json", "."],
    "doctor --json": ["doctor", "--json"], "exec --help": ["exec", "--help"],
    "rehearse --help": ["rehearse", "--help"], "find --help": ["find", "--help"],
    "remove -v": ["remove", "-v", "f"], "--version": ["--version"],
}  # fmt: skip


@pytest.mark.parametrize("name", FULL)
def test_a_full_disk_and_a_closed_pipe(place, name, request):
    words = FULL[name]
    if words[0] == "rehearse" and "--help" not in words:
        request.getfixturevalue("machines")
    done = run(*words, shell='"$@" >/dev/full', cwd=place)
    assert done.returncode == 1, done
    said = rb"ostler( \w+)?: standard output: No space left on device\n"
    assert re.fullmatch(said, done.stderr.replace(b"ostler: nothing was changed\n", b"")), done
    (place / "f").write_text("12345")
    (place / "g").unlink(missing_ok=True)
    (place / "h").unlink(missing_ok=True)
    done = run(*words, shell='"$@" | true; echo $?', cwd=place)
    assert (done.stdout, done.stderr) == (b"0\n", b"")
