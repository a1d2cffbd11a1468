"""ostler record, as a user meets it."""

import json
import os
import re
import sqlite3
import subprocess

import pytest

from tests.command_line import AS_USER, called, has_rehearsals, on_terminal, program, run
from tests.machines import let_all_in

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
    assert re.fullmatch(r"4 processes, 2 paths changed, \d+ read", lines[-1])


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


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [
        ("d/*", ["d/a", "d/b"]),
        ("./d/*", ["d/a", "d/b"]),
        ("f*", ["file"]),
        ("*/b", ["d/b"]),
        ("[x]", ["[x]"]),
    ],
)
def test_patterns_begin_where_one_is(place, pattern, shown):
    """They fitted nothing: paths are told from "/" on, and a name with a bracket was no name."""
    script = "mkdir d; echo x >d/a; echo x >d/b; cat file; echo x >[x]"
    status, out, _ = called("record", "--path", pattern, "sh", "-c", script, cwd=place)
    at = f"{os.path.realpath(place)}/"
    told = {line.rpartition(at)[2] for line in out.decode().splitlines() if f" {at}" in line}
    assert status == 0 and sorted(told) == shown


CHANGING = """
mkdir "$1/made"; rm -f "$1/file"; mv "$1/file" "$1/other"; mv mine "$1/mine"; echo x >"$1/new"
ln -s x "$1/link"; ln "$1/file" "$1/linked"
"""
REFUSED = ["created made", "removed file", "renamed file -> other", "renamed mine -> mine",
           "created new", "created link", "created linked"]  # fmt: skip


# Which that user may not be able to read.
RECORDS = """
import fnmatch, shlex, tempfile
import ostler.cli.record, ostler.cli.running, ostler.record.log, ostler.record.outline
import ostler.record.recorder
"""


def refused(text, at):
    """What is told as refused and as failed, without the directories."""
    found = re.findall(r"(refused|failed): (.*)", text)
    return [(how, what.replace(f"{at}/there/", "").replace(f"{at}/", "")) for how, what in found]


@pytest.mark.skipif(not has_rehearsals(), reason="no machine can be made here")
def test_what_a_read_only_machine_refuses_is_told(place):
    """Of changes of names nothing was told, since what hinders them was not looked for."""
    (place / "there").mkdir()
    (place / "mine").touch()
    (place / "there/file").touch()
    line = CHANGING + 'chmod 600 "$1/file"; touch -d 2020-01-01 "$1/file"'
    words = ["record", "--only", "refused", "--read-only", "sh", "-c", line, "sh", "there"]
    status, out, _ = called(*words, cwd=place)
    told = refused(out.decode(), os.path.realpath(place))
    assert status == 1
    assert sorted(told) == sorted(
        ("refused", f"{what} (EROFS)")
        for what in [*REFUSED, "mode file 600", "wrote file", "times file"]
    )


def test_what_a_user_may_not_is_told(place):
    """A directory in which one may not write; what can't be seen to hinder is told as failed."""
    (place / "there/full/x").mkdir(parents=True)
    (place / "there/file").touch()
    (place / "mine").touch()
    place.chmod(0o777)
    (place / "there").chmod(0o555)
    line = CHANGING + "mkdir -p full/x; rmdir full; rm -f none; mkdir -p full; cat none; true"
    words = ["record", "sh", "-c", line, "sh", "there"]
    let_all_in(place)
    before = f"{RECORDS}\n{AS_USER if os.geteuid() == 0 else ''}"
    done = subprocess.run(
        program(*words, before=before), cwd=place, capture_output=True, check=False
    )  # fmt: skip
    (place / "there").chmod(0o755)
    told = refused(done.stdout.decode(), os.path.realpath(place))
    assert done.returncode == 0, done.stderr
    linked = ("failed", "created linked")  # which the kernel may refuse for the file's sake
    assert sorted({*told} - {linked}) == sorted(
        [("failed", "removed full"), *(("refused", f"{what} (EACCES)") for what in REFUSED)]
    )


@pytest.mark.skipif(not has_rehearsals(), reason="no machine can be made here")
@pytest.mark.parametrize("kind", ["--rehearse", "--scratch", "--confine=."])
def test_on_a_machine(place, kind):
    done = run("record", "--only", "written", kind, "sh", "-c", "mkdir made", cwd=place)
    assert done.returncode == 0, done.stderr
    assert re.search(r"created /\S*made$", done.stdout.decode(), re.MULTILINE)
    assert (place / "made").exists() == (kind == "--confine=.")


# --- what becomes of the changes of a rehearsal


GOES_ON = "this goes on with it: ostler rehearse --kept kept"
on_a_rehearsal = pytest.mark.skipif(not has_rehearsals(), reason="no machine can be made here")


@on_a_rehearsal
@pytest.mark.parametrize(
    ("options", "there", "said"),
    [
        (["--commit"], True, "1 change committed"),
        (["--discard"], False, ""),
        (["--keep", "kept"], False, f"kept in kept; {GOES_ON}"),
        ([], False, "the changes are discarded: no terminal to ask on, and nothing chosen"),
    ],
)
def test_a_rehearsal_ends_as_with_rehearse(place, options, there, said):
    done = run("record", *options, "--rehearse", "touch", "made", cwd=place)
    assert done.returncode == 0, done.stderr
    assert (place / "made").exists() == there
    assert done.stderr.decode() == (f"ostler: {said}\n" if said else "")
    lines = done.stdout.decode().splitlines()
    assert f"    created {os.path.realpath(place)}/made" in lines  # the story, then the changes
    assert lines[-1] == "1 change: 1 created (0 B)" and ", by touch [" in lines[-2]
    if options[:1] == ["--keep"]:
        done = run("rehearse", "--json", "--kept", "kept", cwd=place)
        (change,) = json.loads(done.stdout)["changes"]
        assert change["path"] == f"{os.path.realpath(place)}/made"
        assert change["by"]["argv"] == ["touch", "made"]


@on_a_rehearsal
def test_what_is_kept_of_a_rehearsal_is_asked_for(place):
    words = program("record", "-o", "log", "--rehearse", "sh", "-c", "echo x > made; sleep 60 &")
    status, text = on_terminal(words, 80, cwd=place, keys=[(b"iscard", b"c\n")])
    assert status == 0 and "1 change: 1 created" in text and "1 change committed" in text
    assert (place / "made").read_text() == "x\n" and (place / "log").exists()
    done = run("record", "--json", "--discard", "--rehearse", "rm", "made", cwd=place)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found[-1]["outcome"] == "discard"
    assert [change["kind"] for change in found[-1]["changes"]] == ["removed"]
    assert (place / "made").exists() and found[0]["type"] == "recording"


# --- files that can't be made, or are none to be shown


@pytest.mark.parametrize(
    "outputs",
    [
        ["-o", "X", "--html", "X"],
        ["--profile", "X", "--html", "./X"],
        ["-o", "d/X", "--profile", "d/../d/X"],
        ["-o", "X", "--html", "there/X"],
        ["--html", "link/X", "--profile", "d/X"],
    ],
)
def test_two_outputs_are_two_files(place, outputs):
    """It failed when the command had run, and one of them was lost."""
    (place / "d").mkdir()
    (place / "link").symlink_to("d")
    (place / "there").symlink_to(place)
    status, out, said = called("record", *outputs, "touch", "ran", cwd=place)
    assert (status, out) == (125, b"")
    assert re.fullmatch(r"ostler: \S+ and \S+ are one file\n", said)
    assert sorted(os.listdir(place)) == ["d", "file", "link", "there"] and not os.listdir(
        place / "d"
    )


@on_a_rehearsal
def test_what_is_kept_is_not_in_the_place_of_an_output(place):
    done = run("record", "--html", "X", "--keep=./X", "--rehearse", "touch", "ran", cwd=place)
    assert done.returncode == 125 and b"are one file" in done.stderr
    (place / "X").symlink_to("none")
    done = run("record", "--keep=X", "--rehearse", "touch", "ran", cwd=place)
    assert done.returncode == 125 and b"there is something already" in done.stderr


def test_what_else_record_writes_is_not_shown(place):
    for name, what in {
        "trace.json": "a trace for Perfetto", "lines.jsonl": "JSON Lines",
        "page.html": "a page for a browser",
    }.items():  # fmt: skip
        called("record", "-o", name, "true", cwd=place)
        status, out, said = called("record", "show", name, cwd=place)
        assert (status, out) == (125, b"")
        assert said.startswith(
            f"ostler: {name}: this is {what}; what is looked at is what record -o"
        )
    called("record", "--profile", "needs", "true", cwd=place)
    assert "this is a profile, for ostler exec" in called("record", "show", "needs", cwd=place)[2]
    assert "this is no log" in called("record", "diff", "file", "file", cwd=place)[2]


def test_a_process_that_is_not_there_is_said(place):
    called("record", "-o", "log", "true", cwd=place)
    for words in (["--process", "99999"], ["--process", "none", "--html", "page"]):
        status, out, said = called("record", "show", *words, "log", cwd=place)
        assert (status, out, said) == (1, b"", f"ostler: no process fits {words[1]}\n")
    assert not (place / "page").exists()
    status, out, _ = called("record", "show", "--process", "true", "log", cwd=place)
    assert status == 0 and out.startswith(b"true")


# --- devices


def test_what_goes_to_a_device_changes_nothing(place):
    line = "echo x > /dev/null; echo x > /dev/full; echo x > made; : < /dev/zero"
    done = run("record", "-o", "log", "sh", "-c", line, cwd=place)
    assert done.returncode == 0, done.stderr
    for only, told in ((), False), (("--only", "written"), False), (("--only", "all"), True):
        status, out, _ = called("record", "show", *only, "log", cwd=place)
        text = out.decode()
        assert status == 0 and "1 process, 1 path changed," in text
        assert [f"wrote /dev/{name}" in text for name in ("null", "full")] == [told, told]
    assert (
        "wrote /dev/null"
        in called("record", "show", "--path", "/dev/null", "log", cwd=place)[1].decode()
    )
    assert called("record", "show", "-o", "t.json", "log", cwd=place)[0] == 2
    called("record", "show", "--html", "page", "log", cwd=place)
    data = json.loads(
        re.search(r"(?s)<script[^>]*json[^>]*>(.*?)</script>", (place / "page").read_text())[1]
    )
    named = {data["nodes"][1][node] for node in data["devices"]}
    assert named == {"null", "full", "zero"}


def test_a_terminal_is_no_file(place):
    words = program("record", "-o", "log", "sh", "-c", "echo x > /dev/tty; echo x > $(tty)")
    status, _ = on_terminal(words, 80, cwd=place)
    assert status == 0
    status, out, _ = called("record", "show", "--only", "written", "log", cwd=place)
    assert status == 0 and b", 0 paths changed," in out and b"/dev/" not in out


def test_mistakes(place):
    for words, message in {
        ("record",): None,
        ("record", "--only", "x", "true"): "--only wants one of",
        ("record", "-o"): "wants a value",
        ("record", "--none", "true"): "no option --none",
        ("record", "show"): "one log is wanted",
        ("record", "diff", "a"): "two logs are wanted",
        ("record", "diff", "a", "--json"): "two logs are wanted",
        ("record", "show", "a", "--live"): "--live is for a command that is recorded",
        ("record", "show", "--rehearse", "a"): "--rehearse is for a command that is recorded",
        ("record", "diff", "-o", "c", "a", "b"): "--output is for a command that is recorded",
        ("record", "diff", "--html", "c", "a", "b"): "what differs is printed: no --html",
        ("record", "diff", "a", "b", "--onyl", "read"): "no option --onyl; do you mean --only?",
    }.items():
        status, out, said = called(*words, cwd=place)
        assert status == 2 and out == b""
        assert message is None or message in said
    status, _, said = called("record", "show", "file", cwd=place)
    assert status == 125 and "no log of ostler record" in said
    status, _, said = called("record", "-o", "file", "touch", "made", cwd=place)
    assert status == 125 and "something already" in said
    assert not (place / "made").exists()
    status, _, said = called("record", "-o", "none/log", "touch", "made", cwd=place)
    assert (status, said) == (125, "ostler: none/log: No such file or directory\n")
    called("record", "-o", "log", "true", cwd=place)
    for words in ("log", "file"), ("file", "log"):
        status, _, said = called("record", "diff", *words, cwd=place)
        assert (status, said) == (125, "ostler: file: this is no log of ostler record\n")
    status, _, said = called("record", "no-such-command", cwd=place)
    assert status == 127 and "no-such-command" in said


def test_on_a_terminal(place):
    status, said = on_terminal(program("record", "sh", "-c", SCRIPT), cwd=place)
    assert status == 3
    assert "\x1b[" in said and "renamed" in said


def test_what_is_kept_is_for_its_owner(place):
    """For it has the arguments of programs, and these may be secrets."""
    for name in ("log", "trace.json", "lines.jsonl"):
        before = os.umask(0)
        try:
            done = run("record", "-o", name, "true", cwd=place)
        finally:
            os.umask(before)
        assert done.returncode == 0
        assert os.stat(place / name).st_mode & 0o777 == 0o600


def test_a_command_that_is_none_leaves_nothing(place):
    status, _, said = called("record", "-o", "log", "no-such-command", cwd=place)
    assert status == 127 and "no-such-command" in said
    assert os.listdir(place) == ["file"]


def test_names_do_not_steer_a_terminal(place):
    made = ": > \"$(printf 'a\\033[31mb\\377\\nc\\303\\251')\""
    for name, command in {"one": "true", "two": made}.items():
        assert run("record", "-o", name, "sh", "-c", command, cwd=place).returncode == 0
    for words in (("show", "two"), ("diff", "one", "two"), ("sh", "-c", f"rm a*; {made}")):
        done = run("record", *words, cwd=place, env={**os.environ, "PYTHONIOENCODING": "ascii"})
        assert b"\x1b" not in done.stdout and done.stderr == b""
        assert b"a\\x1b[31mb\\udcff\\nc\\xe9" in done.stdout


def test_output_that_cannot_be_written(place):
    words = program("record", "sh", "-c", "exit 3")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False, cwd=place)
    assert done.returncode == 1  # as of any command
    assert done.stderr.decode() == "ostler record: standard output: No space left on device\n"
    out, into = os.pipe()
    os.close(out)
    with open(into, "wb") as pipe:
        done = subprocess.run(words, stdout=pipe, stderr=subprocess.PIPE, check=False, cwd=place)
    assert (done.returncode, done.stderr) == (3, b"")


BAD = {
    "a view that never ends": "ALTER TABLE info RENAME TO kept; CREATE VIEW info AS WITH RECURSIVE "
    "n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS key, i AS value FROM n;",
    "a view of nothing": 'DROP TABLE info; CREATE VIEW info AS SELECT * FROM "\x1b[31m";',
    "a column that is computed": "DROP TABLE kinds; CREATE TABLE kinds (number INTEGER, "
    "kind AS (zeroblob(1000000000)));",
    "a pid that is a text": "UPDATE processes SET pid = '\x1b[31m';",
    "a status that is a text": "UPDATE processes SET status = 'x';",
    "a time that is none": "UPDATE processes SET began = NULL;",
    "a kind that there isn't": "UPDATE kinds SET kind = '\x1b[31m';",
    "a path that there isn't": "UPDATE events SET path = 100000;",
    "a parent that there isn't": "UPDATE processes SET parent = 100000;",
    "arguments that are none": "UPDATE programs SET arguments = '[[]]';",
    "arguments without an end": "UPDATE programs SET arguments = '" + "[" * 100_000 + "';",
    "a problem that is a text": "UPDATE info SET value = '\"x\"' WHERE key = 'problem';",
    "nothing": "DELETE FROM info;",
}


@pytest.mark.parametrize("bad", BAD)
def test_a_log_that_somebody_has_made(place, bad):
    assert run("record", "-o", "log", "true", cwd=place).returncode == 0
    connection = sqlite3.connect(place / "log")
    connection.executescript(BAD[bad])
    connection.close()
    for words in (("show", "log"), ("diff", "log", "log")):
        done = run("record", *words, cwd=place)
        assert done.returncode == 125 and done.stdout == b""
        wanted = rb"ostler: log: this (is no log of ostler record|log is damaged).*\n"
        assert re.fullmatch(wanted, done.stderr), done.stderr
        assert b"\x1b" not in done.stderr


def test_a_log_of_bytes_that_somebody_has_made(place):
    from ostler.record import log

    for data in (
        log.MAGIC + b"\0" * 4 + b"\xff" * 4,  # a head of 4 GiB
        log.MAGIC + log.head({})[16:24].replace(b"\2", b"\4") + b"[[]]\0\0\0\0",
        log.MAGIC + b"\0" * 4 + (200_000).to_bytes(4, "little") + b"[" * 200_000,
        log.head({}) + b"T\0\0\0\xff\xff\xff\xff" + b"x" * 100,
        log.head({}) + b"E" + b"\xff" * 31,
    ):
        (place / "log").write_bytes(data)
        done = run("record", "show", "log", cwd=place)
        assert done.returncode == 125 and b"damaged" in done.stderr, (data[:40], done)
