"""Every command on a pseudo-terminal, with rich and without, and into what can't be written to."""

import json
import os
import re
import subprocess
import tempfile

import pytest

from ostler.cli import COMMANDS
from ostler.machines.rehearsal.pictures import shown
from tests import tree_maker
from tests.command_line import (
    AS_USER,
    UNWANTED,
    called,
    has_rehearsals,
    on_terminal,
    program,
    run,
    settled,
)

ODD = [b"a\nb", b"esc\x1b[2J\x1b]0;x\x07", b"\xff\xfe", b"-rf", "\u202eltr\u2066".encode(),
       b"tab\t\r", "\u2028\u0085".encode(), "ü".encode(), b" ", b"bell\x07"]  # fmt: skip
WAYS = [(rich, columns) for rich in (True, False) for columns in (40, 200)]


@pytest.fixture
def odd(tmp_path):
    """A directory with names that could do something to a terminal."""
    top = os.fsencode(tmp_path / "odd")
    os.mkdir(top)
    for name in ODD:
        os.mkdir(top + b"/" + name)
        with open(top + b"/" + name + b"/" + name, "w") as file:
            file.write("12345")
    return tmp_path


def on_lines(paths):
    return sorted(shown(os.fsdecode(path)) for path in paths)


def looked_at(text):
    """What stays on the terminal, which nothing in a name has steered."""
    left = settled(text)
    assert not UNWANTED.search(left), UNWANTED.search(left)
    return left


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("rich", "columns"), WAYS[::3])
def test_names_on_a_terminal(odd, rich, columns):
    every = [os.path.relpath(p, odd.as_posix().encode()) for p in
             [os.fsencode(odd / "odd"), *tree_maker.names(os.fsencode(odd / "odd"))]]  # fmt: skip

    def command(*arguments):
        words = program(*arguments, rich=rich)
        status, text = on_terminal(words, columns, cwd=odd)
        return status, looked_at(text)

    status, text = command("find", "odd")
    assert (status, sorted(text.splitlines())) == (0, on_lines(every[1:]))
    status, text = command("walk", "odd")
    drawn = [re.sub("^[│├└─ ]*? ?(?=[^│├└─ ]| /?$)", "", line) for line in text.splitlines()]
    assert status == 0 and len(drawn) == len(every)
    for name in ODD:
        assert sum(shown(os.fsdecode(name)) in line for line in text.splitlines()) >= 2
    status, text = command("size", "--all", "--top", "0", "-d", "2", "odd")
    assert status == 0 and len(text.splitlines()) == len(every)
    sizes = {line.rstrip(" ").rpartition("  ")[2] for line in text.splitlines()}
    below = [shown(os.fsdecode(path[4:])) for path in every[1:]]
    assert all(any(size.endswith(name.strip()) for size in sizes) for name in below)
    status, text = command("copy", "-n", "odd", "copy")
    assert sorted(text.splitlines()) == on_lines(b"copy" + p[3:] for p in every)
    status, text = command("copy", "-v", "odd", "copy")
    assert status == 0
    assert sorted(text.splitlines()) == sorted(
        f"{shown(os.fsdecode(p))} -> {shown('copy' + os.fsdecode(p[3:]))}" for p in every
    )
    status, text = command("remove", "-n", "odd")
    assert (status, sorted(text.splitlines())) == (0, on_lines(every))
    for name in ODD:  # errors
        for arguments in (["find"], ["size"], ["walk"], ["remove"], ["copy", "-t", "odd"]):
            missing = b"missing" + name
            status, text = command(*arguments, missing)
            assert status == 1
            wanted = f"ostler {arguments[0]}: {shown(os.fsdecode(missing))}: No such file"
            assert text.startswith(wanted) and text.count("\n") == 1
        break
    status, text = command("find", "odd", "-n", "--exec", "true")
    assert status == 0 and len(text.splitlines()) == len(every) - 1
    status, text = command("remove", "-v", "odd")
    assert (status, sorted(text.splitlines())) == (0, on_lines(every))
    assert not (odd / "odd").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("rich", "columns"), WAYS)
def test_progress_shows_and_goes(tmp_path, rich, columns):
    tree = tree_maker.make(str(tmp_path / "t"), 5, 60)
    for arguments, last in (
        (["copy", tree, "c"], r"c: [\d,]+ entries, .*B\n"),
        (["size", "-s", "c"], r".*c: [\d,]+ entries, [\d,]+ of them directories\n"),
        (["remove", "c"], ""),
    ):
        status, text = on_terminal(program(*arguments, rich=rich), columns, cwd=tmp_path)
        assert status == 0, text
        progress = re.findall(r"\r([^\r\n]*)\x1b\[K", text)
        size = "" if arguments[0] == "remove" else r"[\d.]+ \w+, "  # which looks at no size
        told = re.compile(rf"{arguments[0]}: [\d,]+ entries, {size}[\d,]+ a")
        assert [line for line in progress if line] and all(map(told.match, filter(None, progress)))
        assert all(len(line) < columns for line in progress)
        assert re.fullmatch(last, looked_at(text))
    status, text = on_terminal(program("size", "-q", tree), columns, cwd=tmp_path)
    assert "\x1b[K" not in text
    status, text = on_terminal(program("size", tree), columns, cwd=tmp_path, term="dumb")
    assert "\x1b" not in text.replace("\x1b[", "") or status == 0
    assert "\r" not in text


# A progress that takes long, so that a key comes in the middle of the work.
SLOW = """
import time
shown = trees.Teller.progress
def slowly(self, counts):
    shown(self, counts)
    time.sleep(20)
trees.Teller.progress = slowly
"""
EARLY = """
import time, ostler.cli as cli
ran = cli._run
def late(arguments):
    print("begun", flush=True)
    time.sleep(20)
    return ran(arguments)
cli._run = late
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("rich", [True, False])
@pytest.mark.parametrize("arguments", [["copy", "t", "c"], ["size", "t"], ["remove", "t"]])
def test_ctrl_c_in_the_middle(tmp_path, arguments, rich):
    tree_maker.make(str(tmp_path / "t"), 6, 200)
    words = program(*arguments, rich=rich, before=SLOW)
    status, text = on_terminal(words, 80, cwd=tmp_path, keys=[(b"entries", b"\x03")])
    assert status == 130
    wanted = (
        r"\r[^\n\r]*\x1b\[K(\^C)?\r\x1b\[K"
        rf"ostler {arguments[0]}: interrupted; so far [\d,]+ entries\n"
    )
    assert re.fullmatch(wanted, text), text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"run", "exec", "rehearse", "tour"}))
def test_ctrl_c_at_the_beginning(tmp_path, name):
    words = program(name, "x", "y", before=EARLY)
    status, text = on_terminal(words, 80, cwd=tmp_path, keys=[(b"begun\r\n", b"\x03")])
    assert status == 130
    assert text.replace("^C", "") == "begun\n\nostler: interrupted\n"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_ctrl_c_at_a_question_and_in_a_command(tmp_path):
    (tmp_path / "f\n").write_text("")
    words = program("remove", "-i", "f\n")
    status, text = on_terminal(words, 80, cwd=tmp_path, keys=[(b"? ", b"\x03")])
    assert status == 130
    assert text.replace("^C", "") == "remove f\\n? \nostler remove: interrupted\n"
    assert (tmp_path / "f\n").exists()
    words = program("find", ".", "--exec", "sh", "-c", "echo begun; exec sleep 20")
    status, text = on_terminal(words, 80, cwd=tmp_path, keys=[(b"begun\r\n", b"\x03")])
    assert status == 130
    assert text.replace("^C", "") == "begun\n\nostler find: interrupted\n"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_question(tmp_path):
    for name in ("a\x1b[2J", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("")
    status, text = on_terminal(program("remove", "-i", "a\x1b[2J", "b"), 80, cwd=tmp_path,
                               keys=[(b"? ", b"n\n"), (b"? ", b"y\n")])  # fmt: skip
    assert status == 0
    assert "remove a\\x1b[2J and the entry below? n\n" in looked_at(text)
    assert os.listdir(tmp_path) == ["a\x1b[2J"]


def written(tmp_path):
    """A command line for each command that writes to standard output."""
    tree_maker.make(str(tmp_path / "t"), 7, 3000)
    return {
        "copy": ["copy", "-n", "t", "c"], "doctor": ["doctor"], "find": ["find", "t"],
        "remove": ["remove", "-n", "t"], "size": ["size", "-a", "-d", "9", "--top", "0", "t"],
        "walk": ["walk", "t"], "tour": ["tour"], "--help": ["--help"],
        "json": ["walk", "--json", "t"],
        "count": ["find", "--count", "t"],
        "rehearse": ["rehearse", "--json", "--discard", "true"], "run": ["run", "--help"],
    }  # fmt: skip


def test_a_full_disk_and_a_closed_pipe(tmp_path):
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    for name, arguments in written(tmp_path).items():
        if name == "rehearse" and not has_rehearsals():
            continue
        done = run(*arguments, shell='"$@" >/dev/full', cwd=tmp_path, env=environ)
        assert done.returncode == 1, (name, done)
        said = done.stderr.decode()
        assert re.fullmatch(
            r"(ostler( \w+)?|tour): standard output: No space left on device\n", said
        ), (name, said)  # fmt: skip
        done = run(*arguments, shell='"$@" | true; echo $?', cwd=tmp_path, env=environ)
        assert (done.stdout, done.stderr) == (b"0\n", b""), name
    for arguments in (["find", "t"], ["walk", "t"], ["tour"]):
        done = run(*arguments, shell='"$@" | head -n 1', cwd=tmp_path, env=environ)
        assert (done.stdout.count(b"\n"), done.stderr) == (1, b"")
    done = run("find", "t", shell='"$@" >&-', cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        1, b"ostler find: standard output: Bad file descriptor\n",
    )  # fmt: skip
    done = run("remove", "missing", shell='"$@" 2>/dev/full', cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, b"")
    done = run("copy", "t", "c", shell='"$@" 2>&- >&-', cwd=tmp_path)
    assert done.returncode == 0 and (tmp_path / "c").exists()


def test_output_as_that_of_find_and_du(odd):
    def theirs(*words):
        return sorted(subprocess.run(words, cwd=odd, capture_output=True, check=True)
                      .stdout.split(b"\0"))  # fmt: skip

    for options in ([], ["-type", "f"], ["-name", "*\n*"], ["-maxdepth", "1"], ["-iname", "ESC*"]):
        expected = theirs("find", "odd", "-mindepth", "1", *sorted(options[:1]), *options[1:],
                          "-print0")  # fmt: skip
        assert (
            sorted(called("find", "odd", *options, "-print0", cwd=odd)[1].split(b"\0")) == expected
        )
    ours = called("size", "-0", "-ab", "-d", "9", "--top", "0", "odd", cwd=odd)[1].split(b"\0")
    du = theirs("du", "-0", "-ab", "odd")
    assert sorted(line.partition(b"\t")[2] for line in ours) == sorted(
        line.partition(b"\t")[2] for line in du
    )
    lines = called("find", "--json", "odd", cwd=odd)[1].splitlines()
    assert (
        sorted(os.fsencode(json.loads(line)["path"]) for line in lines)
        == theirs("find", "odd", "-mindepth", "1", "-print0")[1:]
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_directory_that_cannot_be_read_is_drawn():
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        for name in ("a", "b", "c"):
            os.makedirs(f"{place}/t/{name}")
            with open(f"{place}/t/{name}/x", "w"):
                pass
        os.chmod(f"{place}/t/b", 0)
        status, text = on_terminal(program("walk", "t", before=AS_USER), 80, cwd=place)
        os.chmod(f"{place}/t/b", 0o755)
    assert status == 1, text
    drawn = [line for line in text.splitlines() if not line.startswith("ostler")]
    assert drawn == ["t/", "├── a/", "│   └── x", "├── b/", "└── c/", "    └── x"]
    assert "ostler walk: t/b: Permission denied" in text
