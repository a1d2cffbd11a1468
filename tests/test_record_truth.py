"""What is told of programs is true: how they begin and end, whichever way it is found out."""

import os
import subprocess

import pytest

from tests.test_record import PYTHON, deeds, run

BOTH = pytest.mark.parametrize("reads", [True, False])


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Makes a program of C, with the options of the compiler."""
    top = tmp_path_factory.mktemp("compiled")

    def make(name, text, *options):
        path = top / name
        (top / f"{name}.c").write_text(text)
        subprocess.run(["cc", "-o", path, f"{path}.c", *options], check=True)
        return str(path)

    return make


# Runs the program that it is told, if that can be; else it says so and ends with 9.
RUNNER = """
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **words) {
    if (count < 2) return 0;
    execv(words[1], words + 1);
    close(open("/dev/null", O_WRONLY));  /* it goes on */
    return 9;
}
"""


# --- whether a program has begun


@BOTH
@pytest.mark.parametrize("options", [(), ("-static", "-no-pie"), ("-static-pie",)])
def test_a_program_that_runs_and_one_that_does_not(compiled, tmp_path, options, reads):
    """Wherever its code lies: also where each program has it at the same place."""
    runner = compiled("runner" + "".join(options), RUNNER, *options)
    bad = tmp_path / "bad"
    bad.write_bytes(b"neither a program nor a script\n")
    bad.chmod(0o755)
    story, result = run(runner, runner, runner, runner, str(bad), reads=reads)
    assert result.status == 9
    (one,) = story.processes
    ran = [(program.path, program.outcome) for program in one.programs]
    assert ran == [(os.path.realpath(runner), True)] * 4 + [(os.path.realpath(bad), False)]


@BOTH
def test_a_program_that_runs_where_nothing_is_left_to_chance(compiled, tmp_path, reads):
    runner = compiled("runner", RUNNER)
    story, result = run(
        "setarch", "-R", runner, runner, runner, "/etc/passwd", reads=reads, cwd=tmp_path
    )
    assert result.status == 9
    ran = [
        (program.path, program.outcome)
        for program in story.processes[0].programs
        if program.path in (os.path.realpath(runner), "/etc/passwd")
    ]
    assert ran[-1] == ("/etc/passwd", False)
    assert [path for path, _ in ran[:-1]] == [os.path.realpath(runner)] * 3
    assert False not in [outcome for _, outcome in ran[:-1]]


# --- how a process has ended


@BOTH
def test_ends_that_nobody_is_asked_about(tmp_path, reads):
    story, _ = run(
        "sh", "-c", "sh -c 'kill -9 $$'; sh -c 'exit 3'; sh -c 'kill -SEGV $$'; exit 4",
        reads=reads, cwd=tmp_path,
    )  # fmt: skip
    assert [one.status for one in story.processes] == [4, -9, 3, -11]
    assert all(one.ended > one.began for one in story.processes)
    if reads:
        assert story.processes[0].memory > 100_000


@BOTH
def test_what_has_failed_is_not_done_by_who_comes_after(tmp_path, reads):
    """The end of the one who failed is seen before another one does the same."""
    top = os.path.realpath(tmp_path)
    words = "mkdir -p d; : > d/f; rmdir d 2>&-; rm d/f; rmdir d"
    story, result = run(
        "sh", "-c", f"i=0; while [ $i -lt 20 ]; do {words}; i=$((i+1)); done",
        reads=reads, cwd=tmp_path,
    )  # fmt: skip
    assert result.status == 0
    told = [event.outcome for event in story.events if event.kind == "rmdir"]
    assert told == [False, True] * 20
    assert len(deeds(story, "remove", under=top)) == 20


# --- paths


@BOTH
def test_a_working_directory_that_changes(tmp_path, reads):
    """By itself, by who renames it, and by who removes it."""
    top = os.path.realpath(tmp_path)
    program = (
        "import os\n"
        "os.makedirs('a/b')\n"
        "os.chdir('a')\n"
        "open('1', 'w').close()\n"
        "os.rename('../a', '../c')\n"
        "open('2', 'w').close()\n"
        "os.chdir('b')\n"
        "open('3', 'w').close()\n"
        "open('../4', 'w').close()\n"
    )
    story, result = run(PYTHON, "-c", program, reads=reads, cwd=tmp_path)
    assert result.status == 0, result.stderr
    assert [path for _, path, _ in deeds(story, "create", under=top)] == [
        f"{top}/a/1", f"{top}/c/2", f"{top}/c/b/3", f"{top}/c/4",
    ]  # fmt: skip
