"""`ostler rehearse`: a program's changes shown, and then applied, dropped or kept."""

import ctypes
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ostler
from tests.machines import as_self

SOURCE = Path(__file__).parent.parent / "src"
SCRIPT = """
import os, sys
open("made", "w").write("new")
open("there", "a").write("more")
os.unlink("gone")
print("said by the program")
sys.exit(3)
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "there").write_text("old")
    (folder / "gone").write_text("x")
    (folder / "script.py").write_text(SCRIPT)
    return folder


def without_journals(folder):
    """The variables with which a command sees no commits of others."""
    return {"XDG_STATE_HOME": str(folder.parent / "state"), "HOME": str(folder.parent)}


def rehearse(folder, *arguments, **kwargs):
    environ = {**os.environ, "PYTHONPATH": str(SOURCE), **without_journals(folder)}
    return subprocess.run(
        [sys.executable, "-m", "ostler", "rehearse", *map(str, arguments)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        **kwargs,
    )


def names(folder):
    return sorted(os.listdir(folder))


BEFORE = ["gone", "script.py", "there"]
AFTER = ["made", "script.py", "there"]


def test_nothing_chosen_discards_and_says_so(folder):
    done = rehearse(folder, "script.py")
    assert done.returncode == 3
    assert names(folder) == BEFORE
    assert (folder / "there").read_text() == "old"
    assert "discarded" in done.stderr
    assert "said by the program" in done.stdout
    assert "+ made  3 B" in done.stdout
    assert "- gone  1 B" in done.stdout
    assert "~ there  3 B to 7 B" in done.stdout


def test_commit(folder):
    done = rehearse(folder, "--commit", "script.py")
    assert done.returncode == 3
    assert names(folder) == AFTER
    assert (folder / "there").read_text() == "oldmore"


def test_the_whole_process_tree(folder):
    done = rehearse(folder, "--discard", "sh", "-c", "sh -c 'rm there; touch deep' & wait; ls")
    assert done.returncode == 0
    assert "deep" in done.stdout.split()
    assert "there" not in done.stdout.split("/")[0].split()
    assert names(folder) == BEFORE


def test_json(folder):
    done = rehearse(folder, "--json", "--commit", "script.py")
    assert done.returncode == 3
    document = json.loads(done.stdout)
    found = {os.path.basename(c["path"]): c["kind"] for c in document["changes"]}
    assert found == {"gone": "removed", "made": "created", "there": "modified"}
    assert (document["status"], document["outcome"]) == (3, "commit")
    assert "said by the program" in done.stderr
    assert names(folder) == AFTER
    sizes = [c["before"] and c["before"]["size"] for c in document["changes"]]
    assert sizes == [1, None, 3]


def test_json_without_a_choice_discards(folder):
    done = rehearse(folder, "--json", "script.py")
    assert json.loads(done.stdout)["outcome"] == "discard"
    assert names(folder) == BEFORE


def test_keep_and_take_up(folder):
    kept = folder.parent / "kept"
    assert rehearse(folder, "--keep", kept, "script.py").returncode == 3
    assert names(folder) == BEFORE
    done = rehearse(folder, "--kept", kept, "sh", "-c", "cat made; touch later")
    assert done.returncode == 0
    assert done.stdout.startswith("new/")
    assert names(folder) == BEFORE
    assert rehearse(folder, "--kept", kept, "--commit").returncode == 0
    assert names(folder) == ["later", *AFTER]
    assert not kept.exists()


def test_a_conflict_fails_the_commit(folder):
    kept = folder.parent / "kept"
    rehearse(folder, "--keep", kept, "script.py")
    (folder / "there").write_text("meanwhile")
    done = rehearse(folder, "--kept", kept, "--commit", "--json")
    assert done.returncode == 125
    assert json.loads(done.stdout)["conflicts"] == [str(folder / "there")]
    assert names(folder) == BEFORE
    assert kept.exists()


def test_what_is_left_running_is_ended(folder):
    done = rehearse(folder, "--discard", "sh", "-c", "sleep 1000 & echo $!")
    assert done.returncode == 0
    assert "ostler: a process that it left running was ended\n" in done.stderr


@pytest.mark.parametrize(
    ("last", "how"),
    [("exit 3", "exit status 3"), ("kill -KILL $$", "exit status 137 (SIGKILL)"), ("exit 0", "")],
)
def test_that_the_program_failed_is_said_before_the_changes_are_decided_on(folder, last, how):
    said = f"ostler: sh ended with {how}\n" if how else ""
    done = rehearse(folder, "--discard", "sh", "-c", f"touch made; {last}")
    assert done.stderr == said
    _, shown = on_terminal(folder, ["x"], "sh", "-c", f"touch made; {last}")
    before, _, _ = shown.replace("\r", "").partition("Commit all (c)")
    assert before.endswith(f"1 change: 1 created (0 B)\n{said}")


def test_ctrl_c_leaves_what_is_said_a_line_of_its_own(folder):
    _, shown = on_terminal(folder, [], "sh", "-c", "kill -INT $$")
    assert shown.replace("\r", "") == "\nostler: nothing was changed\n"


def test_an_option_that_is_misspelt(folder):
    for option, meant in (("--comit", "--commit"), ("--jsn", "--json"), ("--zz", None)):
        done = rehearse(folder, option, "true")
        hint = f"; do you mean {meant}?" if meant else ""
        assert done.returncode == 2
        assert done.stderr == (
            f"ostler: rehearse: no option {option}{hint} (ostler rehearse --help tells more)\n"
        )


@pytest.mark.parametrize(
    ("program", "status"),
    [(["no such program"], 127), (["./there"], 126), (["sh", "-c", "kill -TERM $$"], 143)],
)
def test_status(folder, program, status):
    done = rehearse(folder, "--discard", *program)
    assert done.returncode == status


@pytest.mark.parametrize(
    "arguments",
    [[], ["--commit"], ["--commit", "--discard", "true"], ["--no-such", "true"], ["--keep"]],
)
def test_bad_command_lines(folder, arguments):
    done = rehearse(folder, *arguments)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr
    assert names(folder) == BEFORE


def test_keeping_where_something_is(folder):
    done = rehearse(folder, "--keep", folder, "script.py")
    assert done.returncode == 125
    assert "said by" not in done.stdout
    assert names(folder) == BEFORE


CONTROL = ("\x03", "\x04")  # Ctrl-C, Ctrl-D
PATIENCE = 25  # seconds in which something has to come


def ended_in(pid, seconds):
    """The wait status of a child, which is killed when it has not ended by then."""
    watched = os.pidfd_open(pid)
    try:
        if not select.select([watched], [], [], seconds)[0]:
            os.kill(pid, signal.SIGKILL)
        return os.waitpid(pid, 0)[1]
    finally:
        os.close(watched)


def on_terminal(folder, answers, *arguments):
    """Run it on a terminal of its own: (exit status, all that was shown)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests may ignore it
        os.environ.update(without_journals(folder))
        os.environ["PYTHONPATH"] = str(SOURCE)
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-m", "ostler", "rehearse", *arguments])
    shown, seen, interrupted = b"", 0, False
    ended = False
    try:
        end = time.monotonic() + PATIENCE
        while True:
            left = end - time.monotonic()
            assert left > 0, f"nothing comes after {shown.decode(errors='replace')!r}"
            if not select.select([terminal], [], [], min(left, 2))[0]:
                # One that comes just before a process waits for input is noticed with the next.
                if interrupted:
                    os.write(terminal, b"\x03")
                continue
            try:
                block = os.read(terminal, 4096)
            except OSError:
                break
            if not block:
                break
            end = time.monotonic() + PATIENCE
            shown += block
            if shown[seen:].rstrip().endswith((b"(k)?", b"none:", b"directory?")) and answers:
                answer = answers.pop(0)
                interrupted = answer == "\x03"
                os.write(terminal, answer.encode() + (b"" if answer in CONTROL else b"\n"))
                seen = len(shown)
        ended = True
    finally:
        os.close(terminal)
        status = ended_in(pid, PATIENCE if ended else 0)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())  # without its colours
    return os.waitstatus_to_exitcode(status), plain


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["c"], AFTER),
        (["x"], BEFORE),
        (["d", "what", "c"], AFTER),
        (["s", "2", "x"], ["gone", "made", "script.py", "there"]),
        (["s", "2", "c"], AFTER),
        (["s", "9", "s", "1,3", "x"], ["script.py", "there"]),
        (["s", "go*", "s", "made there"], AFTER),
        (["s", "", "l", "?", "\x03"], BEFORE),
        (["s", "made", "\x03"], ["gone", "made", "script.py", "there"]),
        (["\x04"], BEFORE),
        (["k", "../kept"], BEFORE),
    ],
)
def test_asking(folder, answers, expected):
    asked = list(answers)
    status, shown = on_terminal(folder, asked, "script.py")
    assert status == 3
    assert names(folder) == expected
    assert "made" in shown
    if "d" in answers:
        assert "+oldmore" in shown
    assert "3 changes: 1 created (3 B), 1 modified (7 B), 1 removed (1 B)" in shown
    if "k" in answers:
        assert (folder.parent / "kept").is_dir()
    if answers[-1] in CONTROL:
        assert "discarded: no answer" in shown
    if "?" in answers:
        assert "choose what is committed" in shown


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_kept_one_is_kept_without_an_answer(folder):
    kept = folder.parent / "kept"
    rehearse(folder, "--keep", kept, "script.py")
    status, shown = on_terminal(folder, ["\x03"], "--kept", str(kept))
    assert status == 0
    assert "still kept" in shown
    status, shown = on_terminal(folder, ["s", "made", "\x04"], "--kept", str(kept))
    assert names(folder) == ["gone", "made", "script.py", "there"]
    assert rehearse(folder, "--kept", kept, "--commit").returncode == 0
    assert names(folder) == AFTER
    assert not kept.exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_asked_again_after_a_conflict(folder):
    kept = folder.parent / "kept"
    rehearse(folder, "--keep", kept, "script.py")
    (folder / "there").write_text("meanwhile")
    status, shown = on_terminal(folder, ["c", "s", "made", "k"], "--kept", str(kept))
    assert status == 0
    assert "nothing was committed" in shown
    assert names(folder) == ["gone", "made", "script.py", "there"]
    assert (folder / "there").read_text() == "meanwhile"
    assert kept.exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_in_files_does_not_steer_the_terminal(folder):
    status, shown = on_terminal(folder, ["d", "x"], "sh", "-c", r"printf 'a\033]0;title\007\n' > t")
    assert status == 0
    assert r"+a\x1b]0;title\x07" in shown


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("session", ["", "setsid "])
def test_a_writer_that_is_left_running_does_not_hinder_a_commit_on_a_terminal(folder, session):
    writer = f"{session}sh -c 'exec >log; echo kept; while :; do sleep 0.05; done' &"
    program = f"{writer} while ! [ -s log ]; do sleep 0.05; done"
    status, shown = on_terminal(folder, ["c"], "sh", "-c", program)
    assert status == 0, shown
    assert re.search("left running (was|were) ended", shown)
    assert "1 change committed" in shown
    assert (folder / "log").read_text() == "kept\n"


def test_long_lists_are_cut_short_on_a_terminal(folder):
    for number in range(100):
        (folder / f"old{number}").write_text("x")
    program = ["sh", "-c", "mkdir new; for i in $(seq 300); do : >new/$i; done; rm old*"]
    status, shown = on_terminal(folder, ["x"], *program)
    assert status == 0
    assert "+ new/  300 created (0 B)" in shown
    assert "and 81 more: 81 removed (81 B)" in shown
    assert "401 changes" in shown
    assert shown.count("\n") < 60
    assert rehearse(folder, "--discard", *program).stdout.count("\n") > 401


def program_run_beside_a_child():
    """What is left of a program's children, of another one's, and of our being their reaper."""
    from ostler.cli.rehearse import run as run_program

    own = os.posix_spawn("/bin/sleep", ["sleep", "1000"], {})
    script = "sleep 1000 & echo $! >&2; exit 3"
    reading, writing = os.pipe()
    kept = os.dup(2)
    os.dup2(writing, 2)
    os.close(writing)
    try:
        status = run_program(ostler.host, ["sh", "-c", script], False)
    finally:
        os.dup2(kept, 2)
    left = int(os.read(reading, 100).split()[0])
    reaper = ctypes.c_int(-1)
    ctypes.CDLL(None).prctl(37, ctypes.byref(reaper), 0, 0, 0)  # PR_GET_CHILD_SUBREAPER
    alive = os.waitpid(own, os.WNOHANG) == (0, 0)
    os.kill(own, signal.SIGKILL)
    os.waitpid(own, 0)
    return status, os.path.exists(f"/proc/{left}"), alive, reaper.value


def test_a_program_of_this_process_is_run_beside_its_own_children():
    assert as_self(program_run_beside_a_child) == (3, False, True, 0)


def test_the_name_that_is_told_is_the_one_that_it_has(folder):
    """Whatever is in it: the command that goes on with it is on one line, and works."""
    for name in ("kept here", "with\na line break", "it's\x1b[31m \\n red", "\udcff"):
        kept = os.path.join(folder, name)
        done = rehearse(folder, "--keep", kept, "script.py")
        said = done.stderr.strip().splitlines()[-1]
        place = said.rpartition("ostler rehearse --kept ")[2]
        printed = subprocess.run(["bash", "-c", f"printf %s {place}"], capture_output=True)
        assert printed.stdout == os.fsencode(kept)


@pytest.mark.parametrize("place", ["open/kept", "missing/kept", "there"])
def test_what_cannot_be_kept_there_is_said_before_anything_runs(folder, place):
    """Where others may write, where there is no directory, and where something is."""
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    (folder / "ran").mkdir()
    command = ["sh", "-c", f"echo ran; touch {folder}/ran/it"]
    words = [sys.executable, "-m", "ostler", "record", "--rehearse", f"--keep={place}", *command]
    environ = {**os.environ, "PYTHONPATH": str(SOURCE), **without_journals(folder)}
    recorded = subprocess.run(
        words, cwd=folder, env=environ, capture_output=True, text=True, timeout=60
    )
    for done in rehearse(folder, "--keep", place, *command), recorded:
        assert (done.returncode, done.stdout) == (125, ""), done.stderr
        said = {"open/kept": "others may write to it", "missing/kept": "No such file"}
        assert said.get(place, "there is something already") in done.stderr
        assert done.stderr.count("\n") == 1
