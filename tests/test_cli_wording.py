"""What the commands say to who has typed something wrong, and of what they did."""

import os
import re
import subprocess

import pytest

from tests.command_line import called, has_rehearsals, on_terminal, program, run

REHEARSALS = pytest.mark.usefixtures("rehearsals")


@pytest.fixture
def rehearsals():
    if not has_rehearsals():
        pytest.skip("this kernel, or this user, can't have a rehearsal")


@pytest.mark.parametrize(
    "words",
    [
        "exec --kept --point s -- ls", "exec --kept -- ls", "exec --profile --x ls",
        "exec --confine --network ls", "exec --rehearse --env --keep-env ls",
        "rehearse --keep --discard ls", "rehearse --kept --wait ls", "shell --kept --record",
        "record -o --json ls", "record --html --exact ls", "record --only --json ls",
    ],
)  # fmt: skip
def test_an_option_is_no_value_of_another(tmp_path, words):
    status, out, said = called(*words.split(), cwd=tmp_path)
    assert (status, out) == (2, b"")
    option, _, word = re.search(r"(-\S+) wants (\S+ \S+), not (--\S*)", said).groups()
    assert f"{option} {word}" in words
    assert os.listdir(tmp_path) == []


def test_a_value_that_looks_like_an_option_stands_behind_an_equals_sign(tmp_path):
    (tmp_path / "--name").write_text("")
    assert called("find", ".", "--name=--name", cwd=tmp_path) == (0, b"./--name\n", "")
    assert called("find", ".", "--name", "--nam*", cwd=tmp_path) == (0, b"./--name\n", "")


def said_by(*words, status, cwd):
    done = run(*words, cwd=cwd)
    assert (done.returncode, done.stdout) == (status, b"")
    return done.stderr.decode()


def test_what_is_no_command(tmp_path, monkeypatch):
    unknown = "ostler: nosuch: command not found: no directory of PATH has it\n"
    assert said_by("exec", "nosuch", "x", status=127, cwd=tmp_path) == unknown
    assert said_by("record", "nosuch", status=127, cwd=tmp_path) == unknown
    # Of a script that is there something else is missing.
    (tmp_path / "ascriptofthis").write_text("#!/nowhere/sh\n")
    (tmp_path / "ascriptofthis").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    missing = "ostler: ascriptofthis: No such file or directory\n"
    assert said_by("exec", "ascriptofthis", status=127, cwd=tmp_path) == missing
    assert said_by("record", "ascriptofthis", status=127, cwd=tmp_path) == missing
    if has_rehearsals():
        assert said_by("rehearse", "nosuch", status=127, cwd=tmp_path) == unknown
        assert said_by("exec", "--rehearse", "nosuch", status=127, cwd=tmp_path) == unknown
        assert said_by("exec", "--rehearse", "ascriptofthis", status=127, cwd=tmp_path) == missing
        said = said_by("exec", "--scratch", "lots", "true", status=127, cwd=tmp_path)
        assert said == "ostler: lots: neither a size, as 64M, nor a program that is here\n"


@REHEARSALS
def test_an_upper_is_called_dir(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    neither = f"ostler: {tmp_path}/full: it is not empty, and no rehearsal is kept there\n"
    for words in (
        ["exec", "--kept", "full", "ls"],
        ["points", "full"],
        ["shell", "--kept", "full"],
    ):
        done = run(*words, cwd=tmp_path)
        assert done.stderr.decode() == neither
    words = program("exec", "--kept", "s", "sh", "-c", "echo begun; read line")
    with subprocess.Popen(
        words, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"begun\n"
        said = run("diff", "s", cwd=tmp_path).stderr.decode()
        assert re.match(rf"ostler: s: DIR belongs to a rehearsal .* process {holder.pid} ", said)
        holder.communicate(b"\n")


@REHEARSALS
def test_what_was_changed_without_a_point(tmp_path):
    def points():
        return run("points", "s", cwd=tmp_path).stdout.decode().splitlines()

    assert run("exec", "--kept", "s", "--point", "--", "touch", "a", cwd=tmp_path).returncode == 0
    assert len(points()) == 1
    assert run("exec", "--kept", "s", "--", "touch", "b", cwd=tmp_path).returncode == 0
    assert points()[1:] == ["  now: +2 since point 1, all commands together"]
    assert run("undo", "s", cwd=tmp_path).returncode == 0
    assert not any("now:" in line for line in points())


@REHEARSALS
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_points_have_colours_where_they_are_shown(tmp_path):
    assert run("exec", "--kept", "s", "--point", "--", "false", cwd=tmp_path).returncode == 1
    _, text = on_terminal(program("points", "s"), cwd=tmp_path)
    assert "\x1b[31m1\x1b[0m" in text
    for term in ("dumb", ""):
        _, text = on_terminal(program("points", "s"), cwd=tmp_path, term=term)
        assert "\x1b" not in text and text.startswith("* 1 ")


@REHEARSALS
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_changes_on_a_terminal(tmp_path):
    """A long path is no other one where the terminal is narrow; colours are as for points."""
    name = "a-long-name-" * 5
    words = program("rehearse", "--discard", "mkdir", "-p", f"{name}/{name}")
    drawn = {}
    for term in ("xterm", "dumb", ""):
        _, text = on_terminal(words, 40, cwd=tmp_path, term=term)
        assert ("\x1b" in text) is (term == "xterm")
        drawn[term] = re.sub(r"\x1b\[[0-9;]*m", "", text)
        assert drawn[term].count(f"└── + {name}/\n") == 2
    assert drawn["xterm"] == drawn["dumb"] == drawn[""]


@REHEARSALS
def test_a_difference_names_directories(tmp_path):
    (tmp_path / "old" / "within").mkdir(parents=True)
    command = "mkdir -p d/e; rm -r old"
    assert run("exec", "--kept", "s", "sh", "-c", command, cwd=tmp_path).returncode == 0
    assert sorted(run("diff", "s", cwd=tmp_path).stdout.decode().splitlines()) == [
        f"Directory {tmp_path}/d created", f"Directory {tmp_path}/d/e created",
        f"Directory {tmp_path}/old removed", f"Directory {tmp_path}/old/within removed",
    ]  # fmt: skip


@REHEARSALS
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_keep_says_where_it_is_kept(tmp_path):
    words = program("rehearse", "--kept", "s", "touch", "a")
    status, text = on_terminal(words, 200, cwd=tmp_path, keys=[(b"keep (k)? ", b"k\n")])
    assert status == 0
    assert text.endswith("ostler: kept in s; this goes on with it: ostler rehearse --kept s\n")


@REHEARSALS
def test_keep_where_a_file_is(tmp_path):
    import ostler

    (tmp_path / "kept").write_text("")
    with ostler.rehearsal() as m, pytest.raises(FileExistsError) as raised:
        m.keep(tmp_path / "kept")
    assert "there is something already" in str(raised.value)
    assert os.fspath(raised.value.filename) == str(tmp_path / "kept")


def test_a_recorded_command_does_not_see_the_recording(tmp_path):
    done = run("record", "-o", "story", "ls", "-a", cwd=tmp_path)
    assert (done.returncode, done.stdout.decode().split()) == (0, [".", ".."])
    assert os.listdir(tmp_path) == ["story"]
    assert b"ls -a" in run("record", "show", "story", cwd=tmp_path).stdout
    # What could not be run leaves nothing.
    assert run("record", "-o", "other", "nosuch", cwd=tmp_path).returncode == 127
    assert os.listdir(tmp_path) == ["story"]


def test_changes_that_failed_are_told_among_what_was_refused(tmp_path):
    (tmp_path / "d" / "e").mkdir(parents=True)
    made = rf"    failed: created {tmp_path}/d \(EEXIST\)\n"
    removed = rf"    failed: removed {tmp_path}/d( \(ENOTEMPTY\))?\n"
    words = ["sh", "-c", "mkdir d; rmdir d"]
    said = run("record", "--only", "refused", *words, cwd=tmp_path).stdout.decode()
    assert re.search(made, said) and re.search(removed, said)
    said = run("record", *words, cwd=tmp_path).stdout.decode()
    assert not re.search(made, said) and re.search(removed, said)
