"""Recordings that are disturbed: by forks, by each other, by programs that never rest."""

import contextlib
import errno
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import threading

import pytest

import ostler
from ostler.record import log
from ostler.record.recorder import ProgramRecorder
from tests.test_record import PYTHON, deeds, recorded, run
from tests.test_record_truth import compiled  # noqa: F401

START = (
    "import ostler, os, sys, tempfile, threading\n"
    "from ostler.record import log\n"
    "from ostler.record.recorder import ProgramRecorder\n"
    "def descriptors(): return len(os.listdir('/proc/self/fd'))\n"
)


def in_a_process(program, *arguments):
    """What a Python program says; what hangs is killed, with all that it started."""
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", START + program, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        out, said = child.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        raise
    assert child.returncode == 0, said.decode()
    return out.decode()


# --- this process


def test_a_fork_of_the_recorder_leaves_it_in_peace():
    program = (
        "with tempfile.TemporaryFile() as file:\n"
        "    with ProgramRecorder(ostler.host, file.fileno()) as recorder:\n"
        "        pid = os.fork()\n"
        "        if not pid:\n"
        "            ostler.run(['true'])\n"
        "            recorder.flush()\n"
        "            sys.exit(5)\n"  # by way of __exit__, and of what is done at an exit
        "        assert os.waitpid(pid, 0)[1] == 5 << 8\n"
        "        ostler.run(['true'])\n"
        "    file.seek(0)\n"
        "    story = log.read(file)\n"
        "    print(len(story.processes), story.complete)\n"
    )
    assert in_a_process(program) == "2 True\n"


def test_a_fork_that_lives_on_keeps_nothing_open():
    """What has ended is closed, though the fork has it, too: once, and it is not reported again."""
    program = (
        "with tempfile.TemporaryFile() as file:\n"
        "    with ProgramRecorder(ostler.host, file.fileno()) as recorder:\n"
        "        out, into = os.pipe()\n"
        "        pid = ostler.posix_spawn('/bin/sh', ['sh', '-c', 'read x'], os.environ,\n"
        "            file_actions=[(os.POSIX_SPAWN_DUP2, out, 0)])\n"
        "        recorder.flush()\n"
        "        before = descriptors()\n"
        "        if not (other := os.fork()):\n"
        "            os.close(into)\n"
        "            os.read(out, 1)\n"
        "            os._exit(0)\n"
        "        os.write(into, b'x\\n')\n"
        "        os.waitpid(pid, 0)\n"
        "        recorder.flush()\n"
        "        while recorder.living > 0: recorder.flush()\n"
        "        recorder.flush()\n"
        "        print(recorder.living, before - descriptors())\n"
        "        os.close(into)\n"
        "        os.waitpid(other, 0)\n"
    )
    assert in_a_process(program) == "0 2\n"


def test_a_fork_of_a_recorder_that_is_killed_keeps_nobody_waiting(tmp_path):
    """What it had started gets an error, as without the fork, and does not wait for an answer."""
    program = (
        "import time\n"
        "file = os.open('log', os.O_RDWR | os.O_CREAT)\n"
        "with ProgramRecorder(ostler.host, file) as recorder:\n"
        "    ostler.run(['sh', '-c', '(: > ready; read x < go; echo late > late) &'])\n"
        "    while not os.path.exists('ready'): time.sleep(0.01)\n"
        "    recorder.flush()\n"
        "    if not os.fork():\n"
        "        os.close(2)\n"
        "        print('forked', flush=True)\n"
        "        os.close(1)\n"
        "        time.sleep(600)\n"
        "        os._exit(0)\n"
        "    time.sleep(600)\n"
    )
    os.mkfifo(tmp_path / "go")
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", START + program], cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        assert child.stdout.readline() == b"forked\n"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        with open(tmp_path / "go", "r+b", buffering=0) as go:
            go.write(b"on\n")
            said = child.stderr.read()  # once all who have it ended
        assert b"Function not implemented" in said
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.stdout.close()
        child.stderr.close()


def test_recordings_that_end_in_the_order_of_their_beginning():
    program = (
        "one, other = tempfile.TemporaryFile(), tempfile.TemporaryFile()\n"
        "first, second = [ProgramRecorder(ostler.host, f.fileno()) for f in (one, other)]\n"
        "first.__enter__(); second.__enter__()\n"
        "first.__exit__()\n"
        "ostler.run(['true'])\n"
        "second.__exit__()\n"
        "ostler.run(['true'])\n"
        "other.seek(0)\n"
        "print(len(log.read(other).processes))\n"
    )
    assert in_a_process(program) == "1\n"


def test_many_recordings_at_once():
    """And no descriptor is closed that is somebody else's, or stays."""
    program = (
        "failed = []\n"
        "def record():\n"
        "    try:\n"
        "        with tempfile.TemporaryFile() as file:\n"
        "            with ProgramRecorder(ostler.host, file.fileno()): ostler.run(['true'])\n"
        "            file.seek(0)\n"
        "            assert log.read(file).complete\n"
        "    except BaseException as error: failed.append(error)\n"
        "def at_once():\n"
        "    threads = [threading.Thread(target=record) for _ in range(25)]\n"
        "    for thread in threads: thread.start()\n"
        "    for thread in threads: thread.join()\n"
        "record()\n"
        "before = descriptors()\n"
        "for _ in range(4): at_once()\n"
        "ostler.run(['true'])\n"
        "import time\n"
        "while descriptors() > before: time.sleep(0.01)\n"  # the threads are about to end
        "print(failed, descriptors() - before)\n"
    )
    assert in_a_process(program) == "[] 0\n"


def test_programs_that_never_rest_keep_nobody():
    code = (
        "import os, threading\n"
        "def work():\n"
        "    while True: os.close(os.open('/', 0))\n"
        "for _ in range(3): threading.Thread(target=work).start()\n"
        "print('ready', flush=True)\n"
    )
    with tempfile.TemporaryFile() as file, contextlib.ExitStack() as ends:
        with ProgramRecorder(ostler.host, file.fileno()) as recorder:
            for _ in range(6):
                out, into = os.pipe()
                pid = ostler.posix_spawn(
                    PYTHON, [PYTHON, "-c", code], dict(os.environ),
                    file_actions=[(os.POSIX_SPAWN_DUP2, into, 1)],
                )  # fmt: skip
                ends.callback(os.waitpid, pid, 0)
                ends.callback(os.kill, pid, signal.SIGKILL)
                os.close(into)
                assert os.read(out, 5) == b"ready"
                os.close(out)
            for _ in range(20):
                recorder.flush()
            assert recorder.living == 6
        file.seek(0)
        story = log.read(file)
    assert story.complete and len(story.processes) >= 6


def test_what_is_recorded_does_not_go_where_it_does_not_belong(tmp_path):
    """Who is interrupted closes the file: what then has its number is another one."""
    with open(tmp_path / "log", "wb") as file, open(tmp_path / "other", "wb") as other:
        number = fcntl.fcntl(file.fileno(), fcntl.F_DUPFD, 300)
        with ProgramRecorder(ostler.host, number) as recorder:
            os.dup2(other.fileno(), number)
            ostler.run(["true"])
            recorder.flush()
            written = os.fstat(number).st_size
            os.close(number)
            os.dup2(file.fileno(), number)  # for the end of the log
        os.close(number)
    assert written == 0
    with open(tmp_path / "log", "rb") as file:
        assert log.read(file).complete


def test_a_recorder_that_is_gone_is_an_error():
    """And nobody waits for it."""
    program = (
        "import socket\n"
        "from ostler.core import crossing\n"
        "from ostler.core.door import Door\n"
        "from ostler.record import calls\n"
        "ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "ours.close()\n"
        "door = Door(theirs.detach(), 1000, calls.instructions(True))\n"
        "crossing.record_children(ostler.host, door)\n"
        "try: ostler.run(['true'])\n"
        "except OSError as error: print(error.errno)\n"
        "crossing.record_children(ostler.host, None)\n"
        "print(ostler.run(['true']).status)\n"
    )
    assert in_a_process(program) == f"{errno.EPIPE}\n0\n"


def test_a_log_that_got_no_room_has_no_end():
    """Also when there is room again afterwards: what is half there must not be misread."""
    with ostler.scratch(size="64K") as m:
        filling = m.open("/filling", m.O_RDWR | m.O_CREAT)
        m.write(filling, b"x" * 20_000)
        m.close(filling)
        file = m.open("/log", m.O_RDWR | m.O_CREAT)
        with ProgramRecorder(ostler.host, file) as recorder, tempfile.TemporaryDirectory() as place:
            script = "i=0; while [ $i -lt 2000 ]; do : > f$i; i=$((i+1)); done"
            ostler.run(["sh", "-c", script], cwd=place)
            recorder.flush()
            assert recorder.problem
            m.unlink("/filling")
        m.lseek(file, 0, 0)
        with open(file, "rb") as stream:
            story = log.read(stream)
    assert not story.complete and 0 < len(story.events) < 2000


def test_a_recorder_that_may_open_nothing_more_says_that_it_does_not_know(tmp_path):
    """What fails for the recorder has not failed for the program."""
    program = (
        "import resource\n"
        "with tempfile.TemporaryFile() as file:\n"
        "    with ProgramRecorder(ostler.host, file.fileno()) as recorder:\n"
        "        ostler.run(['true'])\n"
        "        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors() + 12, 4096))\n"
        "        script = 'for i in $(seq 30); do (exec >&8 2>&8; read x <&9) & done; ' \\\n"
        "            'for i in $(seq 20); do mkdir d$i; : > f$i; : < f$i; done; true'\n"
        "        script = f'ulimit -Sn 100; exec 9<go 8>go; {script}'\n"
        "        assert ostler.run(['sh', '-c', script], cwd=sys.argv[1]).status == 0\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))\n"
        "    file.seek(0)\n"
        "    story = log.read(file)\n"
        "print([event for event in story.events if event.errno in (23, 24)])\n"
        "print(sorted({event.outcome for event in story.events\n"
        "    if event.path.startswith(sys.argv[1])}, key=str))\n"
        "print(story.complete, story.problem)\n"
    )
    os.mkfifo(tmp_path / "go")
    with open(tmp_path / "go", "r+b", buffering=0) as go:
        try:
            said = in_a_process(program, os.path.realpath(tmp_path))
        finally:
            go.write(b"x\n" * 40)
    assert said.splitlines()[0] == "[]"
    assert said.splitlines()[1] in ("[None, True]", "[None]")
    assert said.splitlines()[2] == f"True {errno.EMFILE}"


# Opens a path again and again, while what shares its memory changes that.
FLIPPING = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static volatile int over;
static union { char text[8]; volatile int begin; } shared = {"one/f"};
static char stack[1 << 16];
static void *flip(void *unused) {
    int begins[2];
    memcpy(&begins[0], "one/", 4);
    memcpy(&begins[1], "two/", 4);
    for (int i = 0; !over; i++) shared.begin = begins[i % 2];
    return unused;
}
static int flip_beside(void *unused) {
    flip(unused);
    return 0;
}
static int leave_a_thread(void *unused) {
    static char other[1 << 16];
    int flags = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FS | CLONE_FILES;
    clone(flip_beside, other + sizeof other, flags, 0);
    syscall(SYS_exit, 0);
    return 0;
}
int main(int count, char **words) {
    pthread_t id;
    if (count == 2) pthread_create(&id, 0, flip, 0);
    else if (count == 3) clone(flip_beside, stack + sizeof stack, CLONE_VM | SIGCHLD, 0);
    else clone(leave_a_thread, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, 0);
    for (int i = 0; i < 1000000 && access("over", F_OK); i++) close(open(shared.text, O_RDONLY));
    over = 1;
    open("last", O_RDONLY);
    return 0;
}
"""


@pytest.mark.parametrize("exact", [False, True], ids=["", "exact"])
@pytest.mark.parametrize("words", [["thread"], ["another", "process"], ["of", "a", "vfork"]])
def test_a_path_that_is_changed_while_it_is_read(compiled, tmp_path, words, exact):  # noqa: F811
    """What changes it makes no call that is recorded: it is known from its beginning on."""
    at = os.path.realpath(tmp_path)
    for name in ("one", "two"):
        os.mkdir(f"{at}/{name}")
        open(f"{at}/{name}/f", "w").close()
    program = compiled("flipping", FLIPPING, "-pthread")
    with ostler.watch(exact=exact) as events:
        runs = threading.Thread(target=ostler.run, args=([program, *words],), kwargs={"cwd": at})
        runs.start()
        try:
            found = next(event for event in events if event.doubt or event.path == f"{at}/last")
        finally:
            open(f"{at}/over", "w").close()
            runs.join()
    assert found.doubt
    assert found.path in (f"{at}/one/f", f"{at}/two/f")


# --- what programs are like


def test_paths_that_end_in_slashes(tmp_path):
    story, _ = run(PYTHON, "-c", "import os; os.mkdir('a/'); os.rename('a/', 'b/')", cwd=tmp_path)
    at = os.path.realpath(tmp_path)
    told = [event for event in story.events if event.outcome and event.kind in ("mkdir", "rename")]
    assert [event.path for event in told] == [f"{at}/a", f"{at}/a"]
    assert not any(event.doubt for event in told)


def test_no_path_is_no_path_of_a_directory(tmp_path):
    code = (
        "import os\n"
        "for call in (lambda: os.open('', 0), lambda: os.chmod('', 0o700), lambda: os.mkdir(''),\n"
        "             lambda: os.utime(''), lambda: os.unlink(''), lambda: os.rename('', 'a')):\n"
        "    try: call()\n"
        "    except FileNotFoundError: print('none')\n"
    )
    # Not to look for modules there.
    story, result = run(PYTHON, "-SP", "-c", code, cwd=tmp_path)
    assert result.stdout.split() == [b"none"] * 6
    at = os.path.realpath(tmp_path)
    assert not [event for event in story.events if event.path.startswith(at) and event.value]


def test_a_working_directory_that_is_renamed(tmp_path):
    code = (
        "import os; os.makedirs('a/b'); os.chdir('a/b'); os.mkdir('one')\n"
        "os.rename('../../a', '../../c'); os.mkdir('two')"
    )
    story, _ = run(PYTHON, "-c", code, cwd=tmp_path)
    at = os.path.realpath(tmp_path)
    assert [path for _, path, _ in deeds(story, "mkdir")][2:] == [f"{at}/a/b/one", f"{at}/c/b/two"]


def test_what_has_no_name_any_more(tmp_path):
    code = (
        "import os; file = os.open('a', os.O_CREAT | os.O_RDWR); os.unlink('a')\n"
        "os.fchmod(file, 0o600); os.ftruncate(file, 10); os.utime(file)\n"
        "os.ftruncate(os.memfd_create('b'), 10)"
    )
    story, _ = run(PYTHON, "-c", code, cwd=tmp_path)
    kinds = ("mode", "truncate", "times")
    at = os.path.realpath(tmp_path)
    assert {event.outcome for event in story.events if event.kind in kinds} <= {True, None}
    assert [event.kind for event in story.events if event.kind in kinds] == [*kinds]
    assert all(event.path.startswith(at) for event in story.events if event.kind in kinds)


def test_two_that_change_places(tmp_path):
    code = (
        "import ctypes; open('a', 'w'); open('b', 'w')\n"
        "assert ctypes.CDLL(None).renameat2(-100, b'a', -100, b'b', 2) == 0"
    )
    story, _ = run(PYTHON, "-c", code, cwd=tmp_path)
    at = os.path.realpath(tmp_path)
    assert deeds(story, "rename") == [
        ("rename", f"{at}/a", f"{at}/b"), ("rename", f"{at}/b", f"{at}/a")
    ]  # fmt: skip


def test_a_process_whose_first_thread_is_at_its_end(tmp_path):
    code = (
        "import ctypes, os, threading, time\n"
        "def work():\n"
        "    while open('/proc/self/stat').read().split()[2] != 'Z': time.sleep(0.01)\n"
        "    here = os.open('.', 0)\n"
        "    os.mkdir('a', dir_fd=here)\n"
        "    os.mkdir('b')\n"
        "    os._exit(3)\n"
        "threading.Thread(target=work).start()\n"
        "ctypes.CDLL(None).syscall(60, 0)"
    )
    story, _ = run(PYTHON, "-c", code, cwd=tmp_path)
    assert [os.path.basename(path) for _, path, _ in deeds(story, "mkdir")] == ["a", "b"]
    assert story.processes[0].status == 3


@pytest.mark.parametrize("how", ["itself", "a thread"])
def test_a_program_from_a_descriptor(tmp_path, how):
    code = (
        "import ctypes, os, threading\n"
        "true = os.open('/bin/true', os.O_PATH)\n"
        "def go(): os.execve(true, ['deed'], {})\n"
    )
    code += (
        "go()"
        if how == "vfork"
        else "threading.Thread(target=go).start(); threading.Event().wait()"
    )
    story, _ = run(PYTHON, "-c", code)
    (process,) = story.processes
    assert [program.outcome for program in process.programs] == [True, True]
    assert process.program.path == os.path.realpath("/bin/true")
    assert process.program.arguments == ("deed",) and process.status == 0


def test_long_arguments():
    story, _ = run("true", "a" * 5000, "b")
    program = story.processes[0].program
    assert program.arguments == ("true", "a" * 5000, "b") and not program.cut
    many = [f"{number:03}" + "c" * 300 for number in range(100)]
    story, _ = run("true", *many)
    program = story.processes[0].program
    assert program.cut and 50 < len(program.arguments) < 100
    assert list(program.arguments[1:-1]) == many[: len(program.arguments) - 2]
    assert many[len(program.arguments) - 2].startswith(program.arguments[-1])
    story, _ = run("true", "d" * 50_000)
    program = story.processes[0].program
    assert program.cut and "true\0" + "d" * (len(program.arguments[1])) == "\0".join(
        program.arguments
    )


def test_threads_go_on_while_one_begins_another_program(tmp_path):
    code = (
        "import os, threading\n"
        "def work():\n"
        "    while True: os.close(os.open('/', 0))\n"
        "for _ in range(4): threading.Thread(target=work, daemon=True).start()\n"
        "os.execv('/bin/true', ['true'])"
    )
    with recorded() as found:
        for _ in range(10):
            ostler.run([PYTHON, "-S", "-c", code])
    ran = [program for process in found[0].processes for program in process.programs]
    assert [program.outcome for program in ran] == [True] * 20


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="this is about x86-64")
def test_calls_of_32_bits(tmp_path):
    """By int 0x80, as any program of x86-64 may make them."""
    code = (
        "import ctypes, mmap\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.mmap.restype = ctypes.c_void_p\n"
        "at = libc.mmap(None, ctypes.c_size_t(4096), 7, 0x62, -1, 0)\n"  # in the lower 4 GiB
        "# push rbx; mov eax, edi; mov ebx, esi; mov ecx, edx; int 0x80; pop rbx; ret\n"
        "machine = bytes.fromhex('53 89f8 89f3 89d1 cd80 5b c3')\n"
        "ctypes.memmove(at, machine, len(machine))\n"
        "ctypes.memmove(at + 100, b'made\\0', 5)\n"
        "call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int)(at)\n"
        "print(call(39, at + 100, 0o700), call(40, at + 100, 0))\n"
    )
    story, result = run(PYTHON, "-c", code, cwd=tmp_path)
    if result.stdout.split() != [b"0", b"0"]:
        pytest.skip("the kernel has no calls of 32 bits")
    at = os.path.realpath(tmp_path)
    assert deeds(story, "mkdir", "rmdir", under=at) == [
        ("mkdir", f"{at}/made", ""), ("rmdir", f"{at}/made", "")
    ]  # fmt: skip
