"""A kept rehearsal on the command line: one session over many commands."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from ostler import rehearsal
from tests.command_line import has_rehearsals, on_terminal, program, run

pytestmark = pytest.mark.usefixtures("rehearsals")


@pytest.fixture
def rehearsals():
    if not has_rehearsals():
        pytest.skip("this kernel, or this user, can't have a rehearsal")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "there").write_text("old\n")
    return tmp_path / "work"


def ostler(place, *words, status=0):
    done = run(*words, cwd=place)
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return done.stdout.decode()


def step(place, line, status=0, kept="../s"):
    return ostler(place, "exec", "--kept", kept, "--point", "--", "sh", "-c", line, status=status)


def points(place, kept="../s"):
    return json.loads(ostler(place, "points", "--json", kept))["points"]


def content(place, kept="../s"):
    """{name: text} of the files that a command on it sees."""
    line = 'for f in *; do echo "$f $(cat "$f")"; done'
    shown = ostler(place, "exec", "--kept", kept, "sh", "-c", line)
    return dict(row.split(" ", 1) for row in shown.splitlines())


def test_redo_says_what_it_leaves(place):
    """What was done since the undo is a point then, whose name one has to know."""
    step(place, "echo one >there")
    ostler(place, "undo", "../s")
    step(place, "touch later")
    assert "forward to 2 (what you leave is kept as 4)" in ostler(place, "redo", "../s")
    assert content(place) == {"there": "one"}
    ostler(place, "undo", "../s", "4")
    assert content(place) == {"there": "old", "later": ""}


def test_a_session(place):
    assert step(place, "echo new >there; echo said") == "said\n"
    step(place, "echo x >made; rm there; exit 3", status=3)
    one, two = points(place)
    assert (one["name"], one["status"], one["counts"]) == ("1", 0, {"modified": 1})
    assert one["command"] == ["sh", "-c", "echo new >there; echo said"]
    assert (two["status"], two["counts"]) == (3, {"created": 1, "removed": 1})
    assert (two["parent"], one["present"], two["present"]) == ("1", False, True)
    assert content(place) == {"made": "x"}
    assert "back at 2, before: sh -c" in ostler(place, "undo", "../s")
    assert content(place) == {"there": "new"}
    assert "back at 1" in ostler(place, "undo", "../s")
    assert content(place) == {"there": "old"}
    assert b"nothing to undo" in run("undo", "../s", cwd=place).stderr
    ostler(place, "redo", "../s")
    ostler(place, "redo", "../s")
    assert content(place) == {"made": "x"}
    ostler(place, "undo", "../s", "2")
    assert content(place) == {"there": "new"}
    assert ostler(place, "diff", "../s").endswith("-old\n+new\n")
    assert ostler(place, "diff", "../s", "2") == ""
    assert "+new" in ostler(place, "diff", "../s", "1", "2")
    assert os.listdir(place) == ["there"]
    assert (place / "there").read_text() == "old\n"
    assert ostler(place, "commit", "../s") == "1 change committed; ../s is gone\n"
    assert (place / "there").read_text() == "new\n"
    assert not (place.parent / "s").exists()


def test_points_in_words(place):
    assert step(place, "echo x >made") == ""
    step(place, "rm there; printf '\\033[2J'; exit 9", status=9)
    rows = ostler(place, "points", "../s").splitlines()
    assert re.fullmatch(r"  1  \d\d:\d\d:\d\d  0  \+1  sh -c 'echo x >made'", rows[0])
    assert re.fullmatch(r"\* 2  \d\d:\d\d:\d\d  9  -1  sh -c .*", rows[1])
    status, text = on_terminal(program("points", "../s"), 80, cwd=place)
    assert status == 0
    assert "\x1b[32m0\x1b[0m" in text and "\x1b[31m9\x1b[0m" in text


def test_points_keep_nobody_from_it(place):
    """Who lists the points does not take DIR up: it hinders no command, and no other list."""
    kept = place.parent / "s"
    kept.mkdir(0o700)
    with rehearsal(place, upper=kept) as m:
        point = m.checkpoint(command="touch made")
        m.mkdir("/made")
        point.ended(0, {"created": 1})
        m.mkdir("/more")
    before = sorted(os.listdir(kept))
    words = program("points", str(kept))
    lists = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(4)]
    for each in lists:
        assert b"now: +2 since point 1, all commands together" in each.communicate(timeout=100)[0]
        assert each.returncode == 0
    assert sorted(os.listdir(kept)) == before
    with rehearsal(place, upper=kept) as m:
        assert "now" not in ostler(place, "points", "../s")  # somebody has it
        m.rmdir("/more")
    assert "now" not in ostler(place, "points", "../s")  # that is what its command has changed
    endless = [
        subprocess.Popen(
            ["sh", "-c", 'while :; do "$@" || exit; done', "sh", *words],
            stdout=subprocess.DEVNULL, start_new_session=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    try:
        for number in range(20):
            with rehearsal(place, upper=kept) as m:
                m.checkpoint()
                m.mkdir(f"/made-{number}")
            assert number or ostler(place, "diff", "../s", "1")
        assert ostler(place, "undo", "../s")
        assert all(each.poll() is None for each in endless)
    finally:
        for each in endless:
            os.killpg(each.pid, signal.SIGKILL)
            each.wait()


def test_a_command_with_no_program(place):
    done = run("exec", "--kept", "../s", "--point", "no-such-program", cwd=place)
    assert done.returncode == 127
    assert points(place)[0]["status"] == 127
    for words, said in (
        (["exec", "--point", "true"], "belong to --kept"),
        (["exec", "--wait", "true"], "belong to --kept"),
        (["rehearse", "--wait", "true"], "belongs to --kept"),
        (["shell", "--wait"], "belongs to --kept"),
        (["exec", "--kept"], "wants a directory"),
        (["exec", "--kept", "../s"], "no command"),
        (["exec", "--kept", "../s", "--rehearse", "true"], "only one machine"),
        (["exec", "--kept", "../s", "--pint", "true"], "do you mean --point?"),
        (["undo"], "DIR"),
    ):
        done = run(*words, cwd=place)
        assert done.returncode == 2 and said in done.stderr.decode()
    done = run("undo", "../none", cwd=place)
    assert (done.returncode, b"No such file" in done.stderr) == (1, True)


def test_rehearse_goes_on_with_one(place):
    ostler(place, "rehearse", "--kept", "../s", "sh", "-c", "echo 1 >a")
    ostler(place, "rehearse", "--kept", "../s", "sh", "-c", "echo 2 >a; exit 5", status=5)
    assert [(p["status"], p["counts"]) for p in points(place)] == [
        (0, {"created": 1}), (5, {"modified": 1}),
    ]  # fmt: skip
    ostler(place, "undo", "../s")
    assert content(place) == {"a": "1", "there": "old"}
    done = json.loads(ostler(place, "rehearse", "--kept", "../s", "--json", "--commit", "true"))
    assert (done["outcome"], len(done["changes"])) == ("commit", 1)
    assert (place / "a").read_text() == "1\n"


def test_parts_and_forks(place):
    step(place, "echo 1 >a; echo 2 >b")
    ostler(place, "fork", "../s", "../t")
    step(place, "echo t >t", kept="../t")
    step(place, "echo s >s")
    assert [p["name"] for p in points(place, "../t")] == ["1", "2"]
    assert ostler(place, "discard", "../s") == "../s is gone\n"
    assert content(place, "../t") == {"a": "1", "b": "2", "t": "t", "there": "old"}
    ostler(place, "undo", "../t")
    assert content(place, "../t") == {"a": "1", "b": "2", "there": "old"}
    ostler(place, "undo", "../t")
    assert content(place, "../t") == {"there": "old"}
    ostler(place, "redo", "../t")
    assert ostler(place, "commit", "../t", "a") == "1 change committed; 1 left\n"
    assert sorted(os.listdir(place)) == ["a", "there"]
    assert ostler(place, "commit", "../t") == "1 change committed; ../t is gone\n"
    assert sorted(os.listdir(place)) == ["a", "b", "there"]


def test_output_that_ends_or_fails(place):
    """It is neither a failure of the rehearsal nor, where the reader has enough, any."""
    step(place, "seq 20000 >long")
    for shell, words, status, said in [
        ('"$@" | head -n 1', ["diff"], 0, ""),
        ('"$@" >/dev/full', ["diff"], 1, "ostler: standard output: No space left on device\n"),
        ('"$@" >&-', ["diff"], 1, "ostler: standard output: Bad file descriptor\n"),
        ('"$@" >/dev/full', ["undo"], 1, "ostler: standard output: No space left on device\n"),
    ]:
        line = f"set -o pipefail; {shell}"
        command = ["bash", "-c", line, "sh", *program(*words, "../s")]
        done = subprocess.run(
            command, cwd=place, capture_output=True, check=False,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert (done.returncode, done.stderr.decode()) == (status, said), (shell, words)
    assert content(place) == {"there": "old"}


def test_a_directory_that_is_there_still_is_not_gone(place):
    for words in (["commit", "../s"], ["rehearse", "--discard", "--kept", "../s"]):
        step(place, "echo new >there")
        (place.parent / "s" / "own").touch()
        done = run(*words, cwd=place)
        assert done.returncode == 0, done.stderr
        said = (done.stdout + done.stderr).decode()
        assert "nothing is kept in ../s any more, which is there still" in said
        assert "gone" not in said and os.listdir(place.parent / "s") == ["own"]
        (place.parent / "s" / "own").unlink()


def test_options_of_an_environment(place):
    for option in "--clean-env", "--keep-env", "--env":
        done = run("exec", "--kept", "../s", option, "env", cwd=place)
        assert done.returncode == 2 and b"the environment is the host's: no " in done.stderr
    assert not (place.parent / "s").exists()


def test_a_conflict(place):
    step(place, "echo new >there")
    (place / "there").write_text("somebody else's")
    done = run("commit", "../s", cwd=place)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        f"ostler: {place}/there: changed since the rehearsal began",
        "ostler: nothing was committed",
    ]
    assert (place / "there").read_text() == "somebody else's"
    assert len(points(place)) == 1


def test_an_undo_of_nothing(place):
    step(place, "true")
    assert (
        ostler(place, "undo", "../s", "1")
        == "at 1, before: sh -c true: nothing was changed since\n"
    )
    assert len(points(place)) == 1


def test_a_conflict_of_many_files(place):
    for n in range(25):
        (place / f"of{n:02}").write_text("old")
    step(place, "for name in of*; do echo new >$name; done")
    for n in range(25):
        (place / f"of{n:02}").write_text("somebody else's")
    said = run("commit", "../s", cwd=place).stderr.decode().splitlines()
    assert said[1:-2] == [f"ostler:   {place}/of{n:02}" for n in range(1, 20)]
    assert said[-2:] == ["ostler:   and 5 more", "ostler: nothing was committed"]


def test_two_at_once(place):
    """The second one is told who has it; the list of points can be had all the same."""
    words = ["exec", "--kept", "../s", "--point", "sh", "-c", "echo begun; read line"]
    with subprocess.Popen(
        program(*words), cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout.readline() == b"begun\n"
        done = run("exec", "--kept", "../s", "true", cwd=place)
        assert done.returncode == 125
        assert f"process {first.pid} (" in done.stderr.decode()
        assert run("undo", "../s", cwd=place).returncode == 1
        assert [p["status"] for p in points(place)] == [None]
        first.communicate(b"\n")
    assert [p["status"] for p in points(place)] == [0]


def test_waiting_for_who_has_it(place):
    """Each does its part when the one before has ended, in whatever order they come."""
    words = ["exec", "--kept", "../s", "--point", "sh", "-c", "echo begun; read line; echo 0 >>log"]
    more = ["exec", "--kept", "../s", "--point", "--wait", "sh", "-c"]
    with subprocess.Popen(
        program(*words), cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout.readline() == b"begun\n"
        waiting = [
            subprocess.Popen(
                program(*more, f"echo {n} >>log"), cwd=place, stderr=subprocess.PIPE, text=True
            )
            for n in (1, 2, 3)
        ]
        said = [each.stderr.readline() for each in waiting]
        assert all(f"process {first.pid} (" in line for line in said), said
        assert all(line.startswith("ostler: waiting: ../s: ") for line in said), said
        first.communicate(b"\n")
        for each in waiting:
            assert each.communicate()[1] == ""
            assert each.returncode == 0
    assert [p["status"] for p in points(place)] == [0] * 4
    log = ostler(place, "exec", "--kept", "../s", "cat", "log").split()
    assert (log[0], sorted(log)) == ("0", ["0", "1", "2", "3"])
    ostler(place, "undo", "--wait", "../s")


def killed_in_the_middle(place):
    """A command of which ostler was killed; the pid of what it has left running."""
    step(place, "echo 1 >a")
    words = ["exec", "--kept", "../s", "--point", "sh", "-c", "echo 2 >a; echo $$; exec sleep 1000"]
    with subprocess.Popen(program(*words), cwd=place, stdout=subprocess.PIPE) as first:
        child = int(first.stdout.readline())
        first.kill()
        first.wait()
    return child


def test_waiting_for_what_a_killed_one_has_left_running(place):
    child = killed_in_the_middle(place)
    with subprocess.Popen(
        program("undo", "--wait", "../s"), cwd=place, stderr=subprocess.PIPE, text=True
    ) as second:
        assert f"process {child} (" in second.stderr.readline()
        os.kill(child, signal.SIGKILL)
        assert second.communicate()[1] == ""
    assert second.returncode == 0
    assert content(place) == {"a": "1", "there": "old"}


def test_killed_in_the_middle(place):
    """What the command has changed until then is kept, and can be undone."""
    child = killed_in_the_middle(place)
    done = run("points", "../s", cwd=place)
    assert done.returncode == 0
    done = run("undo", "../s", cwd=place)
    assert done.returncode == 1
    assert f"process {child} (" in done.stderr.decode()
    os.kill(child, signal.SIGKILL)
    assert content(place) == {"a": "2", "there": "old"}
    ostler(place, "undo", "../s")
    assert content(place) == {"a": "1", "there": "old"}


def test_a_loop_in_a_shell(place):
    """As a tool does that starts each command by a prefix."""
    prefix = " ".join([sys.executable, "-m", "ostler", "exec", "--kept", "../s", "--point", "--"])
    script = f'for n in 1 2 3; do {prefix} sh -c "echo $n >>log"; done'
    source = os.path.join(os.path.dirname(os.path.dirname(__file__)), "src")
    subprocess.run(
        ["sh", "-c", script], cwd=place, check=True, env={**os.environ, "PYTHONPATH": source}
    )
    assert len(points(place)) == 3
    ostler(place, "undo", "../s", "3")
    assert ostler(place, "exec", "--kept", "../s", "cat", "log") == "1\n2\n"
