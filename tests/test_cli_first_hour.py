"""What is typed in the first hour: a single file as PATH, words of find(1), Ctrl-C at any time."""

import os
import random
import re
import shlex
import signal
import stat
import subprocess
import sys
import tempfile

import pytest

from ostler.cli import COMMANDS
from tests.command_line import (
    AS_USER,
    SOURCE,
    called,
    has_rehearsals,
    on_terminal,
    program,
    run,
)

# The command as pip makes it, with what it begins with.
ENTRY = f"import sys; sys.path.insert(0, {SOURCE!r}); from ostler_command import main; "
FORKS = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def entry(*arguments, before=""):
    return [sys.executable, "-c", f"{ENTRY}{before}\nsys.exit(main())", *arguments]


def test_the_entry_point_is_the_one_tried_here():
    import ostler_command

    text = open(f"{SOURCE}/../pyproject.toml").read()
    assert 'ostler-command = "ostler_command:main"' in text and ostler_command.main
    done = subprocess.run(entry("find", "--help"), capture_output=True, check=True)
    assert done.stdout.startswith(b"usage: ostler find")


def test_a_command_that_is_not_there():
    for name, meant in (
        ("fnd", "find"), ("rm", "remove"), ("du", "size"), ("tree", "walk"), ("ls", "walk"),
        ("cp", "copy"), ("zzzz", None),
    ):  # fmt: skip
        done = run(name, "x")
        hint = f"do you mean {meant}? " if meant else ""
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.decode() == (
            f"ostler: no command named '{name}' ({hint}ostler --help lists them)\n"
        )


def test_an_option_in_the_place_of_a_command():
    for name, meant in (("--hlep", "--help"), ("--verison", "--version"), ("-x", None)):
        done = run(name)
        hint = f"; do you mean {meant}?" if meant else ""
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.decode() == (
            f"ostler: no option {name}{hint} (ostler --help tells more)\n"
        )


@pytest.mark.parametrize("asked", ["-h", "--help"])
def test_help_is_shown_behind_other_options_too(asked):
    for words in (
        ["exec", "--scratch"], ["exec", "--kept", "x"], ["exec", "--kept", "x", "--point"],
        ["rehearse", "--json"], ["rehearse", "--kept", "x"], ["run", "--rehearse"],
        ["record", "--live"], ["record", "--rehearse"], ["record", "-o", "x"], ["record", "show"],
        ["record", "show", "log"], ["record", "diff", "--json"], ["record", "diff", "log", "log"],
        ["shell", "--record"], ["undo", "--wait"],
    ):  # fmt: skip
        done = run(*words, asked)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.startswith(f"usage: ostler {words[0]} ".encode())


def test_what_is_told_of_options_and_arguments_is_so():
    assert run("commit").stderr.startswith(
        b"ostler: commit: the following arguments are required: DIR "
    )
    for name in ("commit", "diff", "discard", "fork", "points", "redo", "undo"):
        usage, _, text = run(name, "--help").stdout.partition(b"\n\n")
        assert (b"--wait" in usage) == (b"waits with --wait" in text)


def test_what_is_meant_is_like_what_was_typed():
    # "--" alone makes no two words alike.
    for words in ["rehearse", "--point", "ls"], ["run", "--kept", "x", "y"], ["shell", "--point"]:
        assert b"do you mean" not in run(*words).stderr
    said = run("exec", "--rehearse", "--point", "ls").stderr
    assert said.startswith(b"ostler: exec: --point, --record, --sync and --wait belong to --kept")
    said = run("exec", "--rehearse", "--kept", "x", "ls").stderr
    assert said.startswith(b"ostler: exec: --kept DIR is a machine of its own, and stands first")


# ---- a PATH that is no directory


@pytest.fixture
def things(tmp_path):
    """One of each kind, with odd names."""
    top = tmp_path / "t"
    top.mkdir()
    (top / "a.py").write_text("12345")
    (top / "empty").write_text("")
    (top / "nl\nesc\x1b").write_text("x" * 5000)
    os.symlink("a.py", top / "link")
    os.symlink("nothing", top / "dangling")
    os.symlink("loop", top / "loop")
    os.mkfifo(top / "fifo")
    os.utime(top / "empty", (10**9, 10**9))
    return top


CONDITIONS = (
    [], ["-name", "*.py"], ["-name", "*"], ["-iname", "A.*"], ["-type", "f"], ["-type", "l"],
    ["-type", "p,l"], ["-name", "a*", "-type", "f"], ["-maxdepth", "1"], ["-mindepth", "1"],
    ["-maxdepth", "0"],
)  # fmt: skip


@pytest.mark.parametrize("conditions", CONDITIONS, ids=" ".join)
def test_find_of_a_file_is_that_of_find(things, conditions):
    for name in sorted(os.listdir(things)):
        words = [name, *conditions, "-print0"]
        theirs = subprocess.run(["find", *words], cwd=things, capture_output=True, check=False)
        status, out, said = called("find", *words, cwd=things)
        if "-maxdepth" in conditions and conditions[1] == "0" and status == 2:
            continue  # which is refused, as it finds nothing in a directory
        assert (status, out, said) == (theirs.returncode, theirs.stdout, ""), name


def test_find_of_a_file_by_size_and_time_and_path(things):
    for words, found in (
        (["--size", "+5", "--size", "-5"], ["a.py"]), (["--size", "0"], ["empty"]),
        (["--size", "+4k"], ["nl\nesc\x1b"]), (["--older", "2002-01-01"], ["empty"]),
        (["--newer", "2002-01-01", "--type", "f"], ["a.py", "nl\nesc\x1b"]),
        (["--regex", r"\.py$"], ["a.py"]), (["--regex", "A", "--ignore-case", "-E", "a*"], []),
        (["--exclude", "*", "--name", "*"], []), (["--count", "--type", "l"], None),
    ):  # fmt: skip
        names = sorted(set(os.listdir(things)) - {"fifo", "link", "dangling", "loop"})
        status, out, said = called("find", *names, *words, "-0", cwd=things)
        if found is not None:
            assert (status, out.decode().split("\0")[:-1], said) == (0, found, ""), words
    status, out, said = called("find", "a.py/", "missing", "a.py/x", cwd=things)
    assert (status, out) == (1, b"")
    assert said.splitlines() == [
        "ostler find: a.py/: Not a directory", "ostler find: missing: No such file or directory",
        "ostler find: a.py/x: Not a directory",
    ]  # fmt: skip


def test_delete_and_exec_of_a_file(things):
    status, out, said = called("find", "a.py", "link", "-delete", "-n", cwd=things)
    assert (status, out, said) == (0, b"a.py\nlink\n", "")
    assert (things / "a.py").exists()
    status, out, said = called("find", str(things / "a.py"), "-n", "--exec", "echo", cwd="/")
    assert (status, out.decode(), said) == (0, f"echo {things}/a.py\n", "")
    status, out, said = called("find", "link", "./a.py", "empty", "-delete", "-size", "+1",
                               cwd=things)  # fmt: skip
    assert status == 2 and "--size" in said
    status, out, said = called("find", "link", "./a.py", "empty", "-delete", "-s", "+1", cwd=things)
    assert (status, out, said) == (0, b"", "")
    assert not os.path.lexists(things / "a.py") and not os.path.lexists(things / "link")
    assert (things / "empty").exists()


def test_walk_of_a_file_says_what_it_is_for(things):
    for options in ([], ["--json"], ["-0"]):
        status, out, said = called("walk", "a.py", *options, cwd=things)
        assert (status, out) == (1, b"")
        assert said == "ostler walk: a.py: Not a directory (ostler find prints single files)\n"


# ---- remove, size


@pytest.mark.parametrize("options", [[], ["-n"], ["-f"], ["-v"]])
def test_what_is_never_removed(tmp_path, options):
    (tmp_path / "d" / "e").mkdir(parents=True)
    for path in (".", "..", "./", "../d/.", "e/..", "e/../"):
        status, out, said = called("remove", *options, path, cwd=tmp_path / "d")
        assert (status, out) == (1, b"")
        assert said == (
            f"ostler remove: {path}: '.' and '..' are never removed; "
            "give the directory's own name\n"
        )
    assert (tmp_path / "d" / "e").exists()
    if options == ["-n"]:
        status, out, said = called("remove", "-n", "//", cwd=tmp_path)
        assert (status, said) == (1, "ostler remove: //: the root directory is never removed\n")


def test_size_has_a_line_for_what_it_cannot_read():
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        for name in ("t/a/x", "t/b/y", "t/b/d/z"):
            os.makedirs(os.path.dirname(f"{place}/{name}"), exist_ok=True)
            with open(f"{place}/{name}", "w") as file:
                file.write("x" * 5000)
        os.chmod(f"{place}/t/b", 0)
        lesser = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        for options, tops in (
            ([], ["t"]), ([], ["t/b", "t/a"]), (["-a"], ["t"]), (["-d", "1"], ["t"]),
            (["-s"], ["t"]), (["-s"], ["t/b"]),
        ):  # fmt: skip
            words = ["size", "--bytes", "--top", "0", *(options or ["-d", "9"]), *tops]
            words += ["-d", "9"] if options == ["-a"] else []
            ours = subprocess.run(program(*words, before=AS_USER), cwd=place, capture_output=True,
                                  check=False)  # fmt: skip
            theirs = subprocess.run(["du", "-B1", *options, *tops], cwd=place, capture_output=True,
                                    check=False, **lesser)  # fmt: skip
            assert sorted(ours.stdout.splitlines()) == sorted(theirs.stdout.splitlines()), words
            assert (ours.returncode, theirs.returncode) == (1, 1)
            assert ours.stderr == b"ostler size: t/b: Permission denied\n"
        os.chmod(f"{place}/t/b", 0o755)


# ---- words of find(1)


def test_every_word_of_find_is_known_or_named():
    from ostler.cli.find import _WORDS
    from ostler.cli.letters import FOREIGN

    text = subprocess.run(["find", "--help"], capture_output=True, text=True, check=True).stdout
    words = set(re.findall(r"(?<!\S)(-[a-z][a-z0-9_-]+)", text.partition("Other common")[0]))
    assert len(words) > 60
    words |= {"-newerat", "-newermt", "-newerBm", "-samefile", "-sparse", "-follow", "-anewer"}
    for word in sorted(words):
        assert word in _WORDS or word in FOREIGN["find"], word
        if word not in _WORDS:
            status, out, said = called("find", ".", word, "x")
            assert (status, out) == (2, b"")
            assert said.startswith(f"ostler: find: no option {word} here: "), said
    for word, named in (("-perm", "find(1)"), ("-mtime", "--newer"), ("-user", "find(1)"),
                        ("-size", "--size"), ("-atime", "--newer"),
                        ("-path", "--regex")):  # fmt: skip
        assert named in FOREIGN["find"][word], word


# ---- a closed standard output

OF_KEPT = {"rehearse", "commit", "diff", "discard", "fork", "points", "redo", "undo"}


@pytest.mark.parametrize(
    "name", [*sorted(set(COMMANDS) - {"run", "exec", "shell"}), "--help", "--version"]
)
def test_a_closed_output_is_an_error(tmp_path, name):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "f").write_text("")
    words = {
        "completion": ["bash"], "copy": ["-n", "t", "c"], "doctor": [], "remove": ["-n", "t"],
        "commit": ["s"], "diff": ["s"], "discard": ["s"], "fork": ["s", "n"], "points": ["s"],
        "undo": ["s"], "redo": ["s"], "tour": [], "rehearse": ["--json", "--discard", "true"],
        "record": ["true"], "--help": [], "--version": [],
    }.get(name, ["t"])  # fmt: skip
    if name in OF_KEPT and not has_rehearsals():
        pytest.skip("this kernel, or this user, can't have a rehearsal")
    if name in OF_KEPT:
        for command in ("echo x >a", "rm a"):
            assert (
                run("exec", "--kept", "s", "--point", "sh", "-c", command, cwd=tmp_path).returncode
                == 0
            )
        if name == "redo":
            assert run("undo", "s", "1", cwd=tmp_path).returncode == 0
        if name == "diff":
            assert run("undo", "s", "2", cwd=tmp_path).returncode == 0
    done = run(name, *words, shell='"$@" >&-', cwd=tmp_path)
    assert done.returncode == 1
    assert re.fullmatch(
        rb"(ostler( \w+)?|tour): standard output: Bad file descriptor\n", done.stderr
    ), done.stderr


# ---- Ctrl-C

LATE = """
import {module}
def wait(*arguments, **named):
    print("begun", flush=True)
    import time
    time.sleep(20)
{module}.{function} = wait
"""


@FORKS
@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["find", "."], "ostler.cli.find.write"),
        (["tour"], "tempfile.TemporaryDirectory"),
        (["size", "."], "ostler.cli.size.measured"),
        (["doctor"], "ostler.machines.abilities.found"),
    ],
)
def test_the_command_ends_by_the_signal(tmp_path, arguments, place):
    module, _, function = place.rpartition(".")
    words = entry(*arguments, before=LATE.format(module=module, function=function))
    status, text = on_terminal(words, 80, cwd=tmp_path, keys=[(b"begun\r\n", b"\x03")])
    assert status == -signal.SIGINT
    text = text.partition("begun\n")[2].replace("^C", "")
    assert re.fullmatch(rf"\nostler( {arguments[0]})?: interrupted\n", text), text


@FORKS
def test_ctrl_c_in_the_tour_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    status, text = on_terminal(
        entry("tour", before="import time; time.sleep = None\nimport os; os.nap = 1"), 80,
        keys=[(b"2. Files", b"\x03")],
    )  # fmt: skip
    assert status in (-signal.SIGINT, 0)  # 0 where it was at its end by then
    assert "Traceback" not in text and os.listdir(tmp_path) == []


# The first import of a module of ours that comes then stands still.
SLOW_IMPORT = """
import sys, time
def wait():
    print("begun", flush=True)
    time.sleep(20)
class Slow:
    def find_spec(name, path, target=None):
        if name == {name!r}:
            wait()
def hook(event, arguments):  # of what is loaded without a search
    if event == "open" and "/{package}/__init__." in str(arguments[0]).replace("__pycache__/", ""):
        wait()
sys.meta_path.insert(0, Slow)
sys.addaudithook(hook)
"""


@FORKS
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["find"], "ostler.core"),
        (["find"], "ostler.machines"),
        (["size"], "ostler.cli"),
        *((([command], f"ostler.cli.{command}")) for command in sorted(COMMANDS)),
    ],
)
def test_ctrl_c_during_the_imports_is_quiet(tmp_path, arguments, name):
    slow = SLOW_IMPORT.format(name=name, package=name.replace(".", "/"))
    words = entry(*arguments, before=slow)
    status, text = on_terminal(words, 80, cwd=tmp_path, keys=[(b"begun\r\n", b"\x03")])
    assert (status, text.replace("^C", "")) == (-signal.SIGINT, "begun\n")


# Ctrl-C comes behind the interpreter's last look at signals, and before the wait begins.
BETWEEN = """
import ctypes, functools, operator, select
press = functools.partial(ctypes.CDLL(None)["raise"], 2)
waits = select.select
def select_late(*sets):
    return list(map(operator.call, [press, functools.partial(waits, *sets)]))[1]
select.select = select_late
"""


@FORKS
def test_ctrl_c_between_a_question_and_its_wait(tmp_path):
    (tmp_path / "f").write_text("")
    status, text = on_terminal(program("remove", "-i", "f", before=BETWEEN), 80, cwd=tmp_path)
    assert (status, text) == (130, "remove f? \nostler remove: interrupted\n")
    assert (tmp_path / "f").exists()
    if not has_rehearsals():
        return
    words = program("rehearse", "rm", "f", before=BETWEEN, rich=False)
    status, text = on_terminal(words, 200, cwd=tmp_path)
    assert text.endswith(" \nostler: the changes are discarded: no answer\n"), text
    assert (tmp_path / "f").exists()


# ---- against cp, on trees of odd names


def pictured(top):
    found = {}
    for folder, directories, files in os.walk(top):
        for name in directories + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            found[path[len(top) :]] = (
                st.st_mode, st.st_size if stat.S_ISREG(st.st_mode) else 0, st.st_mtime_ns,
                os.readlink(path) if stat.S_ISLNK(st.st_mode) else None,
            )  # fmt: skip
    return found


def make_odd(top, seed):
    chosen = random.Random(seed)
    letters = [b"a", b"\n", b"\x1b", b" ", b"-", b"\xff", "ü".encode(), b"*", b"\\", b"'", b'"']
    places = [os.fsencode(top)]
    os.mkdir(top)
    for _ in range(40):
        place = chosen.choice(places)
        name = b"".join(chosen.choices(letters, k=chosen.randint(1, 6)))
        path = place + b"/" + name
        if os.path.lexists(path):
            continue
        kind = chosen.random()
        if kind < 0.35:
            os.mkdir(path)
            places.append(path)
        elif kind < 0.5:
            os.symlink(b"".join(chosen.choices(letters, k=3)), path)
        else:
            with open(path, "wb") as file:
                file.write(b"x" * chosen.choice((0, 1, 5000)))


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(2, 40))]
)
def test_odd_trees_are_copied_as_by_cp_and_listed_as_by_find_and_du(tmp_path, seed):
    make_odd(tmp_path / "t", seed)
    (tmp_path / "there").mkdir()
    subprocess.run(["cp", "-a", "t", "there/theirs"], cwd=tmp_path, check=True)
    assert called("copy", "t", "there/ours", cwd=tmp_path)[::2] == (0, "")
    tops = [os.fsencode(tmp_path / "there" / name) for name in ("ours", "theirs")]
    assert pictured(tops[0]) == pictured(tops[1])

    def lines(*words):
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=True)
        return sorted(done.stdout.split(b"\0"))

    for options in ([], ["-type", "d"], ["-type", "l"], ["-name", "*a*"], ["-name", "[!a]*"],
                    ["-name", r"\**"], ["-maxdepth", "2"], ["-name", "?"]):  # fmt: skip
        theirs = lines("find", "t", "-mindepth", "1", *options, "-print0")
        ours = called("find", "t", *options, "-print0", cwd=tmp_path)
        assert sorted(ours[1].split(b"\0")) == theirs and ours[::2] == (0, ""), options
    ways = (["--bytes"], ["-B1"]), (["--bytes", "-a"], ["-B1", "-a"]), (["-ab"], ["-ab"])
    for ours, theirs in ways:
        words = ["size", "-0", "-d", "99", "--top", "0", *ours, "t"]
        # du counts directories' own sizes with -b; what is told here is what the files hold.
        mine = sorted(called(*words, cwd=tmp_path)[1].split(b"\0"))
        his = lines("du", "-0", *theirs, "t")
        if "-ab" in ours:
            mine, his = ([line.partition(b"\t")[2] for line in found] for found in (mine, his))
        assert sorted(mine) == sorted(his), ours
    assert called("walk", "-0", "t", cwd=tmp_path)[1].split(b"\0")[:-1] != []
    listed = sorted(called("walk", "-0", "t", cwd=tmp_path)[1].split(b"\0"))
    assert listed == lines("find", "t", "-print0")
    would = sorted(called("remove", "-n", "-0", "t", cwd=tmp_path)[1].split(b"\0"))
    assert would == lines("find", "t", "-print0")
    quoted = shlex.quote(str(tmp_path / "there"))
    subprocess.run(["sh", "-c", f"cd {quoted} && rm -r theirs"], check=True)
    assert called("remove", "ours", cwd=tmp_path / "there") == (0, b"", "")
    assert os.listdir(tmp_path / "there") == []
