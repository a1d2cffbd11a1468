"""The tracer of exact recordings: signals, stops, ends, and who waits for whom."""

import contextlib
import errno
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import pytest

import ostler
from ostler.record import database, log
from ostler.record.recorder import ProgramRecorder
from tests.command_line import PATIENCE, SOURCE
from tests.test_record import PYTHON
from tests.test_record_exact import run
from tests.test_record_truth import compiled  # noqa: F401

# --- signals


INTERRUPTED = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static int ready[2], handled, leaves;
static sigjmp_buf out;
static void handle(int number, siginfo_t *info, void *context) {
    /* Who has sent it, and with what, is as it was sent. */
    if (info->si_code != SI_QUEUE || info->si_value.sival_int != 77) _exit(9);
    handled++;
    close(open("from the handler", O_RDONLY));
    if (leaves) siglongjmp(out, 1);
}
static void on_signal(int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | flags;
    sigaction(SIGUSR1, &action, 0);
}
/* Until somebody waits in a call. */
static void until_it_waits(int pid) {
    char name[40], text[400], *state;
    for (;;) {
        sprintf(name, "/proc/%d/stat", pid);
        int fd = syscall(SYS_open, name, O_RDONLY), size = read(fd, text, 399);
        close(fd);
        text[size > 0 ? size : 0] = 0;
        state = strrchr(text, ')');
        if (state && state[2] == 'S') return;
        usleep(1000);
    }
}
static int helper(int number, int count, const char *then) {
    int pid = fork();
    if (pid) return pid;
    pid = getppid();
    for (int i = 0; i < count; i++) {
        until_it_waits(pid);
        if (number == SIGSTOP) { kill(pid, SIGSTOP); usleep(20000); kill(pid, SIGCONT); }
        else sigqueue(pid, number, (union sigval){.sival_int = 77});
        usleep(30000);
    }
    until_it_waits(pid);
    if (then) open(then, O_WRONLY);
    _exit(0);
}
int main(void) {
    int fd, pid, tries = 0;
    mkfifo("again", 0600); mkfifo("not again", 0600); mkfifo("stopped", 0600); mkfifo("left", 0600);
    signal(SIGUSR2, SIG_IGN);
    on_signal(SA_RESTART);
    pid = helper(SIGUSR1, 2, "again");
    if ((fd = open("again", O_RDONLY)) < 0 || handled != 2) return 2;
    waitpid(pid, 0, 0);
    on_signal(0);
    pid = helper(SIGUSR1, 2, "not again");
    while ((fd = open("not again", O_RDONLY)) < 0) if (errno != EINTR || ++tries > 2) return 3;
    if (handled != 4) return 4;
    waitpid(pid, 0, 0);
    pid = helper(SIGSTOP, 2, "stopped");
    if ((fd = open("stopped", O_RDONLY)) < 0) return 5;
    waitpid(pid, 0, 0);
    pid = helper(SIGUSR2, 1, "stopped");
    if ((fd = open("stopped", O_RDONLY)) < 0) return 6;
    waitpid(pid, 0, 0);
    leaves = 1;
    on_signal(SA_RESTART);
    for (int i = 0; i < 2; i++) {
        if (sigsetjmp(out, 1) == 0) {
            pid = helper(SIGUSR1, 1, 0);
            open("left", O_RDONLY);
            return 7;
        }
        waitpid(pid, 0, 0);
    }
    close(open("after", O_RDONLY));
    return 0;
}
"""


def test_calls_that_signals_interrupt(compiled, tmp_path):  # noqa: F811
    """The kernel begins some again, and of others it says EINTR: each is told once."""
    top = os.path.realpath(tmp_path)
    story, result = run(compiled("interrupted", INTERRUPTED), cwd=top)
    assert result.status == 0
    told = [
        (os.path.basename(event.path), event.errno)
        for event in story.events
        if event.path.startswith(top) and event.kind == "read"
    ]
    assert sorted(told) == sorted(
        [("again", 0), ("not again", 4), ("not again", 4), ("not again", 0), ("stopped", 0),
         ("stopped", 0), ("left", 4), ("left", 4), ("after", 2)]
        + [("from the handler", 2)] * 6
    )  # fmt: skip


# --- programs that do what is rare


RARE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static char **words;
static void *run_another(void *unused) {
    execv(words[0], words);
    return unused;
}
static void *wait_for_ever(void *unused) { for (;;) pause(); return unused; }
static void *read_for_ever(void *fifo) { open(fifo, O_RDONLY); return 0; }
int main(int argc, char **argv) {
    pthread_t id;
    int status, pid;
    if (argc > 1 && !strcmp(argv[1], "ran")) { close(open("ran", O_RDONLY)); return 6; }
    /* It is traced already, and nobody gets out of that. */
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != -1 || errno != EPERM) return 1;
    if (syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0) != -1 || errno != EPERM) return 2;
    if (syscall(SYS_clone3, 0, 0) != -1 || errno != ENOSYS) return 3;
    if (syscall(SYS_io_uring_setup, 0, 0) != -1 || errno != ENOSYS) return 4;
    if ((pid = vfork()) == 0) { close(open("vfork", O_RDONLY)); _exit(7); }
    if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7) return 5;
    if ((pid = fork()) == 0) { raise(SIGSTOP); close(open("stopped", O_RDONLY)); raise(SIGTERM); }
    if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) return 6;
    kill(pid, SIGCONT);
    if (waitpid(pid, &status, 0) != pid || WTERMSIG(status) != SIGTERM) return 7;
    if ((pid = fork()) == 0) {
        pthread_create(&id, 0, read_for_ever, "fifo");
        usleep(50000);
        _exit(8);
    }
    if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 8) return 8;
    if ((pid = fork()) == 0) {
        pthread_create(&id, 0, wait_for_ever, 0);
        pthread_exit(0);  /* the first thread, before its process */
    }
    usleep(50000);
    kill(pid, SIGTERM);
    if (waitpid(pid, &status, 0) != pid || WTERMSIG(status) != SIGTERM) return 9;
    words = (char *[]){argv[0], "ran", 0};
    for (int i = 0; i < 5; i++) pthread_create(&id, 0, wait_for_ever, 0);
    pthread_create(&id, 0, run_another, 0);
    for (;;) pause();
}
"""


def test_programs_that_do_what_is_rare(compiled, tmp_path):  # noqa: F811
    """vfork, stops, ends of threads in each order, a program begun by the second thread."""
    top = os.path.realpath(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    program = compiled("rare", RARE, "-pthread")
    story, result = run(program, cwd=top)
    assert result.status == 6
    told = [
        (os.path.basename(event.path), event.outcome, event.errno)
        for event in story.events
        if event.path.startswith(top)
    ]
    assert told == [
        ("vfork", False, 2), ("stopped", False, 2), ("fifo", None, 0), ("ran", False, 2),
    ]  # fmt: skip
    first, *others = story.processes
    assert [(ran.path, ran.outcome) for ran in first.programs][-2:] == [(program, True)] * 2
    assert first.status == 6
    assert [one.status for one in others] == [7, -15, 8, -15]


def test_debuggers_can_not_trace_what_is_traced(tmp_path):
    """They are told, and what is not recorded they trace as ever."""
    program = (
        "import ctypes, os, signal, sys\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    signal.pause()\n"
        "assert libc.ptrace(0x4206, pid, 0, 0) == -1 and ctypes.get_errno() == 1\n"
        "os.kill(pid, 9)\n"
        "assert os.waitpid(pid, 0) == (pid, 9)\n"
        "sys.exit(libc.ptrace(0x4206, int(sys.argv[1]), 0, 0) and ctypes.get_errno())\n"
    )
    with subprocess.Popen(["sleep", "600"]) as other:
        try:
            _, result = run(PYTHON, "-c", program, str(other.pid), cwd=tmp_path)
        finally:
            other.kill()
    assert result.status == (0 if may_trace_any() else errno.EPERM), result.stderr


def may_trace_any():
    """Whether who is not root may trace a program that it has not started."""
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    return os.getuid() == 0 or not scope.exists() or scope.read_text().strip() == "0"


# --- who records, and who waits


def test_the_interpreter_waits_for_its_children_as_ever(tmp_path):
    """Any of them, by their stops and ends; and whoever sees an end finds it in the log."""
    program = (
        "import os, signal, sys, tempfile, ostler\n"
        "from ostler.record import log\n"
        "from ostler.record.recorder import ProgramRecorder\n"
        "told = []\n"
        "signal.signal(signal.SIGCHLD, lambda *_: told.append(1))\n"
        "def none():\n"
        "    try: os.waitpid(-1, os.WNOHANG)\n"
        "    except ChildProcessError: return True\n"
        "with tempfile.TemporaryFile() as file:\n"
        "    with ProgramRecorder(ostler.host, file.fileno(), True, None, True) as recorder:\n"
        "        assert none()\n"
        "        mine = os.fork()\n"
        "        if mine == 0: os._exit(5)\n"
        "        assert os.waitstatus_to_exitcode(os.waitpid(mine, 0)[1]) == 5\n"
        "        pid = ostler.posix_spawn('/bin/sh', ['sh', '-c', 'kill -STOP $$; exit 3'], {})\n"
        "        _, status = os.waitpid(-1, os.WUNTRACED)\n"
        "        assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP\n"
        "        assert recorder.living == 1\n"
        "        os.kill(pid, signal.SIGCONT)\n"
        "        assert os.WIFCONTINUED(os.waitpid(pid, os.WCONTINUED)[1])\n"
        "        before = len(told)\n"
        "        pid, status, usage = os.wait4(-1, 0)\n"
        "        assert os.waitstatus_to_exitcode(status) == 3 and usage.ru_maxrss > 100\n"
        "        assert len(told) > before\n"
        "        recorder.flush()\n"
        "        assert recorder.living == 0\n"
        "        file.seek(0)\n"
        "        assert [one.status for one in log.read(file).processes] == [3]\n"
        "        assert none()\n"
        "    assert not recorder.problem\n"
        "    file.seek(0)\n"
        "    assert log.read(file).complete\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


KEEPS_ON = (
    "import os, signal, sys, time, ostler\n"
    "from ostler.record.recorder import ProgramRecorder\n"
    "file = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)\n"
    "recorder = ProgramRecorder(ostler.host, file, True, None, True)\n"
    "recorder.__enter__()\n"
    "words = ['sh', '-c', 'echo $$ >pid; cat <fifo >kept; cat kept; exec sleep 600']\n"
    "pid = ostler.posix_spawn('/bin/sh', words, os.environ)\n"
)


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(0)", "sys.exit(0)", "exec"])
def test_programs_go_on_when_who_records_has_ended(tmp_path, end):
    """In whatever way; and nothing of that process is kept open then."""
    os.mkfifo(tmp_path / "fifo")
    if end == "exec":
        end = "os.execv('/bin/sleep', ['sleep', '0'])"
    program = f"{KEEPS_ON}while not os.path.exists('pid'): time.sleep(0.01)\n{end}"
    words = [sys.executable, "-c", program]
    with subprocess.Popen(
        [*words, "log"], cwd=tmp_path, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as recording:
        recording.wait(60)
        with open(tmp_path / "fifo", "w") as fifo:
            fifo.write("kept")
        # Until the programs have nothing more to say: they have a copy of the pipe themselves.
        assert recording.stdout.read(4) == b"kept"
        pid = int((tmp_path / "pid").read_text())
        status = Path(f"/proc/{pid}/status").read_text()
        tracer = int(re.search(r"TracerPid:\s(\d+)", status)[1])
        until(lambda: not os.listdir(f"/proc/{tracer}/fd"))
        os.kill(pid, signal.SIGTERM)
        assert recording.stdout.read() == b""
    until(lambda: has_ended(tracer))
    with open(tmp_path / "log", "rb") as file:
        assert [one.pid for one in log.read(file).processes][:1] == [pid]


BUSY = (
    "import os, sys\n"
    "os.chdir(sys.argv[1])\n"
    "while not os.access('over', 0): os.close(os.open('/dev/null', 0))\n"
    "os.mkdir('made')\n"
)


def test_who_calls_all_the_time_keeps_nobody_waiting(tmp_path):
    """Who begins meanwhile, who wants all to be written down, and who ends the recording."""
    with contextlib.ExitStack() as ends, open(tmp_path / "log", "wb", buffering=0) as file:
        ends.callback((tmp_path / "over").touch)
        with ProgramRecorder(ostler.host, file.fileno(), True, None, True) as recorder:
            pid = ostler.posix_spawn(PYTHON, [PYTHON, "-c", BUSY, str(tmp_path)], os.environ)
            for _ in range(20):
                assert ostler.run(["sh", "-c", "exit 3"]).status == 3
            recorder.flush()
            # Not by the same open file, whose place is the one at which the tracer writes on.
            busy, *others = read_log(tmp_path / "log").processes
            assert (busy.pid, busy.ended) == (pid, None)
            assert [one.status for one in others] == [3] * 20
        assert read_log(tmp_path / "log").complete
    assert ostler.waitpid(pid, 0)[1] == 0
    assert (tmp_path / "made").exists()


def read_log(path):
    """The story that a file has."""
    with open(path, "rb") as file:
        return log.read(file)


def has_ended(pid):
    """Whether a process is at its end, though nobody may have waited for it yet."""
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def until(true):
    """Wait for what takes a moment."""
    while not true():
        time.sleep(0.01)


def test_a_tracer_that_is_killed_takes_the_programs_along(tmp_path):
    """What they open would fail from then on; and the recording says that its end is missing."""
    program = (
        f"{KEEPS_ON}"
        "while not os.path.exists('pid'): time.sleep(0.01)\n"
        "import re\n"
        "status = open(f'/proc/{pid}/status').read()\n"
        "os.kill(int(re.search(r'TracerPid:\\s(\\d+)', status)[1]), 9)\n"
        "assert os.waitpid(pid, 0) == (pid, 9)\n"
        "recorder.__exit__()\n"
        "assert recorder.problem == 3 and recorder.living == 0\n"
        "try: ostler.run(['true'])\n"
        "except OSError as error: print(error)\n"
        "else: print('ran')\n"
        "from ostler.record import log\n"
        "with open('log', 'rb') as file: assert not log.read(file).complete\n"
    )
    os.mkfifo(tmp_path / "fifo")
    result = subprocess.run(
        [sys.executable, "-c", program, "log"], cwd=tmp_path, timeout=60, capture_output=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == b"ran\n"


@pytest.mark.parametrize("exact", [True, False])
def test_ids_are_changed_while_a_program_is_recorded(tmp_path, exact):
    """The C library has every thread of the process do it, that of the recorder too."""
    program = (
        f"{KEEPS_ON.replace('None, True)', f'None, {exact})')}"
        "os.setegid(os.getegid())\n"
        "os.seteuid(os.geteuid())\n"
        "assert ostler.run(['sh', '-c', 'exit 3']).status == 3\n"
        "os.kill(pid, signal.SIGTERM)\n"
        "assert os.waitpid(pid, 0) == (pid, signal.SIGTERM)\n"
        "recorder.__exit__()\n"
        "from ostler.record import log\n"
        "with open('log', 'rb') as file: story = log.read(file)\n"
        "assert story.complete and [one.status for one in story.processes][1:] == [3]\n"
    )
    os.mkfifo(tmp_path / "fifo")
    words = [sys.executable, "-c", program, "log"]
    subprocess.run(words, cwd=tmp_path, timeout=60, check=True)


def test_a_fork_of_who_records_is_recorded_when_it_joins(tmp_path):
    """As the pytest fixture `recorded` does it; and a fork that does not is left alone."""
    from ostler.record.calling import called
    from ostler.record.recorder import RunRecorder

    with tempfile.TemporaryFile() as file:
        with RunRecorder(ostler.host, file.fileno(), True, None, True) as recorder:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads
                pid = os.fork()
            if pid == 0:
                (tmp_path / "alone").mkdir()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            assert called(recorder.door, (tmp_path / "made").mkdir) is None
            with pytest.raises(FileExistsError):
                called(recorder.door, (tmp_path / "made").mkdir)
        file.seek(0)
        story = log.read(file)
    told = [(event.path, event.errno) for event in story.events if event.kind == "mkdir"]
    assert told == [(os.path.realpath(tmp_path / "made"), number) for number in (0, errno.EEXIST)]


def are_stopped(shell):
    """Whether all that a shell has begun is: who is about to still reads what is typed next."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group, session = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) == shell != int(group):
            found.append(state)
    return len(found) == 3 and set(found) <= {"T", "t"}


def test_job_control_on_a_terminal(tmp_path):
    """Ctrl-Z stops it for the shell, fg has it go on; Ctrl-C ends what runs, not the recording."""
    words = [sys.executable, "-m", "ostler", "record", "--exact", "-o", "log", "sh", "-c",
             "echo rea''dy; cat; : >after"]  # fmt: skip
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execvpe("sh", ["sh", "-i"], {**os.environ, "PS1": "$ ", "ENV": "", "PYTHONPATH": SOURCE})
    shown = ""

    def type_and_wait(text, wanted):
        nonlocal shown
        os.write(terminal, text.encode())
        shown = ""
        while not re.search(wanted, shown, re.DOTALL):
            assert select.select([terminal], [], [], PATIENCE)[0], (wanted, shown)
            shown += os.read(terminal, 1 << 16).decode()

    try:
        type_and_wait(f"{shlex.join(words)}\n", "ready\r")
        type_and_wait("one\n", "one\r\none")
        type_and_wait("\x1a", r"Stopped.*\$ $")
        until(lambda: are_stopped(pid))
        type_and_wait("fg\n", r"fg\r\n.*sh -c.*\n")
        type_and_wait("two\n", "two\r\ntwo")
        type_and_wait("\x1a", r"Stopped.*\$ $")
        until(lambda: are_stopped(pid))
        type_and_wait("bg; echo st''ill\n", r"still\r\n.*\$ $")
        until(lambda: are_stopped(pid))
        type_and_wait("fg\n", r"fg\r\n.*sh -c.*\n")
        type_and_wait("three\n", "three\r\nthree")
        type_and_wait("\x03", r"\$ $")
        type_and_wait("echo status $?\n", "status 130")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    story = database.read(str(tmp_path / "log"))
    assert story.complete
    assert [one.status for one in story.processes] == [-2, -2]
    assert not (tmp_path / "after").exists()


def test_each_process_is_told():
    """Also those that were killed before they did anything."""
    script = (
        "import os\n"
        "for i in range(60):\n"
        "    pid = os.fork()\n"
        "    if pid == 0: os._exit(0)\n"
        "    os.kill(pid, 9)\n"
        "    os.waitpid(pid, 0)\n"
    )
    story, result = run(PYTHON, "-c", script)
    assert result.status == 0, result.stderr
    first, *others = story.processes
    assert len(others) == 60
    assert {one.parent for one in others} == {first}
    assert {one.status for one in others} <= {0, -9}
    assert all(one.ended is not None for one in others)


def test_a_recorder_within_a_recorder(tmp_path):
    """Who would see nothing, or may not trace, says so; and what may be is."""
    words = [sys.executable, "-m", "ostler", "record"]
    found = {}
    for outer in ([], ["--exact"]):
        for inner in ([], ["--exact"]):
            command = [*words, *outer, "-o", f"{outer}{inner}", *words, *inner, "mkdir", "made"]
            result = subprocess.run(
                command, cwd=tmp_path, timeout=60, capture_output=True, text=True,
                env={**os.environ, "PYTHONPATH": SOURCE},
            )  # fmt: skip
            found[bool(outer), bool(inner)] = result.returncode, result.stderr
            if (tmp_path / "made").exists():
                (tmp_path / "made").rmdir()
    assert found[False, True][0] == 125
    assert "another recorder" in found[False, True][1]
    assert found[True, True][0] == 125
    assert "traced itself" in found[True, True][1]
    assert found[True, False] == (0, "")
