"""ostler record, as a user meets it."""

import json
import os
import re
import sqlite3

import pytest

from tests.command_line import called, has_rehearsals, on_terminal, program, run

SCRIPT = "mkdir d; echo x > d/a; mv d/a d/b; cat none 2>/dev/null; exit 3"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "file").write_text("file")
    return tmp_path


def test_the_story_is_told(place):
    done = run("record", "sh", "-c", SCRIPT, cwd=place)
    at = os.path.realpath(place)
    assert done.returncode == 3, done.stderr
    lines = done.stdout.decode().splitlines()
    assert re.fullmatch(r"sh -c '.*'  \[\d+, exit status 3\]  \d+\.\d\d s", lines[0])
    assert f"    created {at}/d/a" in lines
    assert f"      created {at}/d" in lines
    assert f"      renamed {at}/d/a -> {at}/d/b" in lines
    assert re.fullmatch(r"4 processes, 3 paths changed, \d+ read", lines[-1])


def test_it_is_kept_shown_and_compared(place):
    for name in ("one.db", "same", "trace.json", "lines.jsonl"):
        status, out, said = called("record", "-o", name, "sh", "-c", SCRIPT, cwd=place)
        assert (status, out, said) == (3, b"", ""), name
        (place / "d/b").unlink()
        (place / "d").rmdir()
    called("record", "--output=other", "sh", "-c", "echo y > new", cwd=place)
    at = os.path.realpath(place)
    count = "SELECT count(*) FROM story WHERE kind = 'rename' AND outcome = 1"
    assert sqlite3.connect(place / "one.db").execute(count).fetchone() == (1,)
    assert json.loads((place / "trace.json").read_text())["traceEvents"]
    lines = [json.loads(line) for line in (place / "lines.jsonl").read_text().splitlines()]
    assert {line["type"] for line in lines} == {"recording", "process", "event"}
    status, out, _ = called("record", "show", "--only", "written", "one.db", cwd=place)
    assert status == 0 and f"renamed {at}/d/a -> {at}/d/b" in out.decode()
    status, out, _ = called("record", "show", "--json", "one.db", cwd=place)
    assert json.loads(out.splitlines()[0])["command"] == ["sh", "-c", SCRIPT]
    assert called("record", "diff", "one.db", "same", cwd=place) == (0, b"", "")
    status, out, _ = called("record", "diff", "--only", "written", "one.db", "other", cwd=place)
    assert status == 1 and f"+ create {at}/new" in out.decode().splitlines()
    assert f"- rename {at}/d/a -> {at}/d/b" in out.decode().splitlines()
    assert not [name for name in os.listdir(place) if name.endswith(".part")]


def test_what_is_shown_can_be_chosen(place):
    at = os.path.realpath(place)
    called("record", "-o", "log", "sh", "-c", f"{SCRIPT[:-8]}; cat file d/b", cwd=place)

    def shown(*options):
        status, out, said = called("record", "show", *options, "log", cwd=place)
        assert (status, said) == (0, "")
        return [line.strip() for line in out.decode().splitlines() if at in line]

    assert shown("--path", "file") == [f"read {at}/file"]
    assert shown("--path", f"{at}/d/*", "--only", "read") == [f"read {at}/d/b"]
    assert shown("--process", "mv") == [f"renamed {at}/d/a -> {at}/d/b"]
    assert f"failed: read {at}/none (ENOENT)" in shown("--only", "all")


@pytest.mark.skipif(not has_rehearsals(), reason="no machine can be made here")
@pytest.mark.parametrize("kind", ["--rehearse", "--scratch", "--confine=."])
def test_on_a_machine(place, kind):
    done = run("record", "--only", "written", kind, "sh", "-c", "mkdir made", cwd=place)
    assert done.returncode == 0, done.stderr
    assert re.search(r"created /\S*made$", done.stdout.decode(), re.MULTILINE)
    assert (place / "made").exists() == (kind == "--confine=.")


def test_mistakes(place):
    for words, message in {
        ("record",): None,
        ("record", "--only", "x", "true"): "--only wants one of",
        ("record", "-o"): "wants a value",
        ("record", "--none", "true"): "no option --none",
        ("record", "show"): "one log is wanted",
        ("record", "diff", "a"): "two logs are wanted",
    }.items():
        status, out, said = called(*words, cwd=place)
        assert status == 2 and out == b""
        assert message is None or message in said
    status, _, said = called("record", "show", "file", cwd=place)
    assert status == 125 and "no log of ostler record" in said
    status, _, said = called("record", "-o", "file", "touch", "made", cwd=place)
    assert status == 125 and "something already" in said
    assert not (place / "made").exists()
    status, _, said = called("record", "no-such-command", cwd=place)
    assert status == 127 and "no-such-command" in said


def test_on_a_terminal(place):
    status, said = on_terminal(program("record", "sh", "-c", SCRIPT), cwd=place)
    assert status == 3
    assert "\x1b[" in said and "renamed" in said
