"""Recording of programs: what is told of them is what they did."""

import contextlib
import errno
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest

import ostler
from ostler.record import database, exports, log
from ostler.record.log import CHANGES
from ostler.record.outline import Wanted, folded, lines
from ostler.record.recorder import ProgramRecorder
from tests.machines import as_self, as_user

PYTHON = os.environ.get("OSTLER_TEST_PYTHON", "/usr/bin/python3")

# Does random operations in the directory that it stands in, and says what it did and what came of
# each: lines of JSON, [what, path, other, whether it was done, errno].
RANDOM = r"""
import errno, json, os, random, sys
random.seed(int(sys.argv[1]))
names = [a + b for a in ("", "d/", "e/", "d/e/") for b in "abcde"]
def make(p): os.close(os.open(p, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
def write(p): os.close(os.open(p, os.O_WRONLY))
def append(p): os.close(os.open(p, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
def waits(p): return os.path.exists(p) and not os.path.isfile(p) and not os.path.isdir(p)
def read(p): os.close(os.open(p, os.O_RDONLY))
def symlink(p): os.symlink("a", p)
ONE = {"create": make, "write": write, "append": append, "read": read, "mkdir": os.mkdir,
       "remove": os.unlink, "rmdir": os.rmdir, "symlink": symlink, "mkfifo": os.mkfifo,
       "mode": lambda p: os.chmod(p, random.randrange(0o400, 0o777)),
       "times": lambda p: os.utime(p, ns=(random.randrange(10**18), random.randrange(10**18))),
       "truncate": lambda p: os.truncate(p, random.randrange(1, 9999))}
TWO = {"rename": os.rename, "link": lambda a, b: os.link(a, b, follow_symlinks=False)}
for _ in range(int(sys.argv[2])):
    what = random.choice([*ONE, *TWO])
    path, other = random.choice(names), ""
    if what in TWO:
        other = random.choice(names)
    real = os.path.realpath(path)
    if what in ("read", "write", "append") and waits(path):
        continue  # a FIFO
    try:
        ONE[what](path) if what in ONE else TWO[what](path, other)
        done, number = True, 0
    except OSError as error:
        done, number = False, error.errno
    print(json.dumps([what, path, other, done, number, real]), flush=True)
"""


@contextlib.contextmanager
def recorded(machine=ostler.host, reads=True, about=None, exact=False):
    """A list with the Story, once it is over."""
    found = []
    with tempfile.TemporaryFile() as file:
        with ProgramRecorder(machine, file.fileno(), reads, about, exact):
            yield found
        file.seek(0)
        found.append(log.read(file))


def run(*arguments, machine=ostler.host, reads=True, exact=False, **kwargs):
    """(the Story, the CommandResult) of one command."""
    with recorded(machine, reads, exact=exact) as found:
        result = machine.run(list(arguments), capture=True, **kwargs)
    return found[0], result


def deeds(story, *kinds, under=""):
    return [
        (event.kind, event.path, event.other)
        for event in story.events
        if event.outcome and event.kind in kinds and event.path.startswith(under)
    ]


# --- the truth


@pytest.mark.parametrize("seed", range(4))
def test_random_operations_are_told_as_the_program_says(tmp_path, seed):
    check_random(str(tmp_path), seed, 500)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_random_operations_are_told_as_the_program_says(tmp_path, seed):
    check_random(str(tmp_path), seed, 2000)


def check_random(directory, seed, count, program=(PYTHON, "-c", RANDOM)):
    directory = os.path.realpath(directory)
    with recorded() as found:
        result = ostler.run([*program, str(seed), str(count)], cwd=directory, capture=True)
    assert result.status == 0, result.stderr
    said = [json.loads(line) for line in result.stdout.splitlines()]
    told = [event for event in found[0].events if event.path.startswith(directory + "/")]
    assert len(told) == len(said)
    kinds = {"append": "write", "mkfifo": "mknod"}
    for event, (what, path, other, done, number, real) in zip(told, said, strict=True):
        kind = kinds.get(what, what)
        if what == "append" and event.kind == "create":
            kind = "create"  # it was not there, or a link to where nothing was
        assert event.kind == kind, (event, what, path)
        if event.outcome is None:
            continue  # nobody knows
        assert event.outcome is done, (event, what, path, number)
        if not done and event.errno:
            assert event.errno == number, (event, what, path)
        if done and kind in ("read", "write", "create"):
            assert event.path == real, what
        elif done and kind not in ("mode", "times", "truncate"):
            name = other if what == "link" else path
            assert os.path.basename(event.path) == os.path.basename(name), what
    # Of what was opened to be written to, and was not written to, nothing can be seen.
    told = [event for event in told if event.kind != "write"]
    known = [event for event in told if event.outcome is not None]
    assert len(known) > len(told) * 0.95


def test_what_a_shell_does(tmp_path):
    at = os.path.realpath(tmp_path)
    story, result = run(
        "sh", "-ec",
        "mkdir d; echo hi > d/a; cat d/a; mv d/a d/b; ln -s b d/c; ln d/b e; chmod 600 d/c; "
        "rm -r d; ! rm none; test -e e",
        cwd=tmp_path,
    )  # fmt: skip
    assert result.status == 0
    assert deeds(story, *CHANGES, under=at) == [
        ("mkdir", f"{at}/d", ""),
        ("create", f"{at}/d/a", ""),
        ("rename", f"{at}/d/a", f"{at}/d/b"),
        ("symlink", f"{at}/d/c", "b"),
        ("link", f"{at}/e", f"{at}/d/b"),
        ("mode", f"{at}/d/b", ""),
        *sorted(deeds(story, "remove", under=at), key=deeds(story, "remove", under=at).index),
        ("rmdir", f"{at}/d", ""),
    ]
    assert {path for _, path, _ in deeds(story, "remove", under=at)} == {f"{at}/d/b", f"{at}/d/c"}
    assert ("read", f"{at}/d/a", "") in deeds(story, "read", under=at)
    failed = [event for event in story.events if event.path == f"{at}/none"]
    assert [(event.kind, event.outcome, event.errno) for event in failed] == [("remove", False, 2)]


def test_processes(tmp_path):
    story, _ = run(
        "sh", "-c", "true one; sh -c 'exit 3'; sh -c 'kill -9 $$'; cd /; sleep 0 two; none; exit 7",
        cwd=tmp_path,
    )  # fmt: skip
    assert story.complete and story.problem == 0
    (shell,) = story.roots
    assert shell.status == 7 and shell.program.arguments[0] == "sh"
    assert shell.program.cwd == os.path.realpath(tmp_path)
    assert shell.uid == os.getuid() and shell.ended > shell.began
    ran = {child.program.arguments[-1]: child for child in shell.children if child.programs}
    assert (ran["exit 3"].status, ran["kill -9 $$"].status) == (3, -9)
    assert ran["two"].program.path == os.path.realpath("/bin/sleep")
    assert ran["two"].program.cwd == "/"
    assert all(child.parent is shell for child in shell.children)
    assert all(
        program.outcome is True for program in shell.programs if program.outcome is not False
    )


def test_programs_that_can_not_be_run(tmp_path):
    at = os.path.realpath(tmp_path)
    open(f"{at}/plain", "w").close()
    story, _ = run("sh", "-c", f"{at}/none; {at}/plain; {at}/plain/none; true")
    told = [
        (program.path, program.outcome, program.errno)
        for one in story.processes for program in one.programs if program.path.startswith(at)
    ]  # fmt: skip
    assert told == [(f"{at}/none", False, errno.ENOENT), (f"{at}/plain", False, errno.EACCES),
                    (f"{at}/plain/none", False, errno.ENOTDIR)]  # fmt: skip


def test_threads_and_vfork(tmp_path):
    at = os.path.realpath(tmp_path)
    program = (
        "import os, subprocess, threading\n"
        "def work(i):\n"
        "    for j in range(20):\n"
        "        open(f't{i}.{j}', 'w').close()\n"
        "        os.rename(f't{i}.{j}', f'r{i}.{j}')\n"
        "        os.unlink(f'r{i}.{j}')\n"
        "    subprocess.run(['true', str(i)])\n"
        "threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]\n"
        "[t.start() for t in threads]\n"
        "[t.join() for t in threads]\n"
    )
    story, result = run(PYTHON, "-c", program, cwd=tmp_path)
    assert result.status == 0
    for i in range(4):
        mine = [
            (event.kind, event.path)
            for event in story.events
            if event.kind in CHANGES and event.outcome and f"{at}/" in event.path
            and event.path.rpartition("/")[2][1:].startswith(f"{i}.")
        ]  # fmt: skip
        assert mine == [
            deed
            for j in range(20)
            for deed in [
                ("create", f"{at}/t{i}.{j}"),
                ("rename", f"{at}/t{i}.{j}"),
                ("remove", f"{at}/r{i}.{j}"),
            ]
        ]
    (main,) = story.roots
    assert sorted(child.program.arguments[-1] for child in main.children) == list("0123")


def test_connections(tmp_path):
    program = (
        "import socket, sys\n"
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
        "c = socket.socket(); c.connect(s.getsockname()); print(s.getsockname()[1])\n"
        "six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
        "u = socket.socket(socket.AF_UNIX); u.bind('door'); u.listen()\n"
        "v = socket.socket(socket.AF_UNIX); v.connect('door')\n"
        "d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); d.sendto(b'x', ('127.0.0.1', 9))\n"
        "v = socket.socket(socket.AF_UNIX)\n"
        "try: v.connect('\\0abstract')\n"
        "except OSError: pass\n"
    )
    story, result = run(PYTHON, "-c", program, cwd=tmp_path)
    assert result.status == 0, result.stderr
    port, at = (
        result.stdout.strip().decode()
        if isinstance(result.stdout, bytes)
        else result.stdout.strip(),
        os.path.realpath(tmp_path),
    )
    seen = [(e.kind, e.path) for e in story.events if e.kind in ("connect", "bind", "send")]
    assert [deed for deed in seen if "nscd" not in deed[1]] == [
        ("bind", "127.0.0.1:0"),
        ("connect", f"127.0.0.1:{port}"),
        ("bind", f"{at}/door"),
        ("connect", f"{at}/door"),
        ("send", "127.0.0.1:9"),
        ("connect", "@abstract"),
    ]


# --- machines


def on_machines(tmp):
    found = {}
    script = "echo one > a; mkdir d; rm b"
    base = f"{tmp}/base"
    os.mkdir(base)
    for name, make in {
        "scratch": ostler.scratch,
        "rehearsal": lambda: ostler.rehearsal(base),
        "confined": lambda: ostler.confined(base),
    }.items():
        for path in ("a", "d", "b"):
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(f"{base}/{path}") if path == "d" else os.unlink(f"{base}/{path}")
        with open(f"{base}/b", "w"):
            pass
        bind = {"bind": ostler.machines.SHELL} if name == "scratch" else {}
        with make(**bind) if bind else make() as m:
            if name == "scratch":
                with m.open_file("/b", "w"):
                    pass
            m.chdir("/")
            try:
                story, result = run("/bin/sh", "-c", script, machine=m)
            except FileNotFoundError:
                found[name] = None  # a machine without programs
                continue
            found[name] = (result.status, deeds(story, "create", "mkdir", "remove"), story.complete)
    return found


@pytest.mark.parametrize("user", [as_self, as_user])
def test_on_machines(user):
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o777)
        found = user(on_machines, top)
    for name, seen in found.items():
        if seen is not None:
            assert seen == (
                0, [("create", "/a", ""), ("mkdir", "/d", ""), ("remove", "/b", "")], True
            ), name  # fmt: skip
    assert found["scratch"] is not None


def test_what_begins_outside_is_not_recorded(tmp_path):
    with ostler.scratch() as m, recorded(m) as found:
        subprocess.run(["true"], check=True)
        ostler.run(["true"])
    assert found[0].processes == []
    with recorded() as found:
        pass
    ostler.run(["true"])
    assert found[0].processes == [] and found[0].complete


def test_only_what_may_change_something(tmp_path):
    script = "cat /etc/passwd > a; cat a"
    every, _ = run("sh", "-c", script, cwd=tmp_path)
    few, _ = run("sh", "-c", script, cwd=tmp_path, reads=False)
    assert any(event.path == "/etc/passwd" for event in every.events)
    assert [event.path for event in few.events] == [f"{os.path.realpath(tmp_path)}/a"]


# --- what goes on, and what goes wrong


def test_what_is_left_running_goes_on(tmp_path):
    """After the recording, and after the process that has recorded it."""
    program = (
        "import ostler, tempfile\n"
        "from ostler.record.recorder import ProgramRecorder\n"
        "file = tempfile.TemporaryFile()\n"
        "with ProgramRecorder(ostler.host, file.fileno()) as recorder:\n"
        "    ostler.run(['sh', '-c', '(read line < go; echo late > late; cat late > last) & '])\n"
        "    assert recorder.living == 1\n"
    )
    os.mkfifo(tmp_path / "go")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False, timeout=60)
    assert done.returncode == 0
    with open(tmp_path / "go", "r+b", buffering=0) as go:
        go.write(b"on\n")
        wait_for(tmp_path / "last")


def wait_for(path):
    until = time.monotonic() + 30
    while not path.exists() or path.read_text() != "late\n":
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_recorder_is_killed(tmp_path):
    """What it recorded can be read; what it had started gets an error, and does not hang."""
    program = (
        "import ostler, os, sys, time\n"
        "from ostler.record.recorder import ProgramRecorder\n"
        "file = os.open('log', os.O_RDWR | os.O_CREAT)\n"
        "with ProgramRecorder(ostler.host, file) as recorder:\n"
        "    ostler.run(['sh', '-c', 'echo one > one'])\n"
        "    script = 'exec < go; echo > ready; read line; echo late > late'\n"
        "    ostler.run(['sh', '-c', f'({script}) & '])\n"
        "    while not os.path.exists('ready'): time.sleep(0.01)\n"
        "    recorder.flush()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    os.mkfifo(tmp_path / "go")
    with open(tmp_path / "go", "r+b", buffering=0) as go:
        child = subprocess.Popen(
            [sys.executable, "-c", program], cwd=tmp_path, stderr=subprocess.PIPE
        )
        assert child.wait(60) == -signal.SIGKILL, child.stderr.read()
        go.write(b"on\n")
        said = child.stderr.read()  # until all who have it have ended
    child.stderr.close()
    assert b"Function not implemented" in said
    with open(tmp_path / "log", "rb") as file:
        story = log.read(file)
    assert not story.complete
    at = os.path.realpath(tmp_path)
    assert [path for _, path, _ in deeds(story, "create")] == [f"{at}/one", f"{at}/ready"]


def test_a_log_that_is_cut_off_anywhere(tmp_path):
    with open(tmp_path / "log", "w+b") as file:
        with ProgramRecorder(ostler.host, file.fileno()):
            ostler.run(["sh", "-c", "cat /etc/passwd > a; true"], cwd=tmp_path)
        file.seek(0)
        whole = file.read()
    story = log.read(io.BytesIO(whole))
    for size in range(16, len(whole)):
        part = log.read(io.BytesIO(whole[:size]))
        assert not part.complete
        # They are in the order of their ends there.
        assert {event[2:] for event in part.events} <= {event[2:] for event in story.events}
    with pytest.raises(log.NotALog, match="newer"):
        log.read(io.BytesIO(whole[:15] + b"\2" + whole[16:]))
    for bad in (b"", b"x" * 64, whole + b"\xff" * 64):
        with pytest.raises(log.NotALog):
            log.read(io.BytesIO(bad))


def test_a_disk_that_gets_full(tmp_path):
    with ostler.scratch(size="64K") as m:
        file = m.open("/log", m.O_RDWR | m.O_CREAT)
        with ProgramRecorder(ostler.host, file) as recorder:
            result = ostler.run(
                ["sh", "-c", "i=0; while [ $i -lt 3000 ]; do : > f$i; i=$((i+1)); done; echo end"],
                cwd=tmp_path, capture=True,
            )  # fmt: skip
            recorder.flush()
            assert recorder.problem == 28
        assert result.status == 0 and len(os.listdir(tmp_path)) == 3000
        m.lseek(file, 0, 0)
        with open(file, "rb") as stream:
            story = log.read(stream)
    assert not story.complete
    assert 0 < len(story.events) < 3000


def test_io_uring_is_as_if_the_kernel_had_not_got_it():
    story, result = run(
        PYTHON, "-c",
        "import ctypes; libc = ctypes.CDLL(None, use_errno=True); "
        "print(libc.syscall(425, 1, 0), ctypes.get_errno())",
    )  # fmt: skip
    assert result.stdout.split()[-2:] == [b"-1", b"38"]
    assert story.complete


def test_a_recorder_within_a_recorder(tmp_path):
    """A program has one at most: what the inner one starts is refused, and says so."""
    program = (
        "import ostler, tempfile\n"
        "from ostler.record.recorder import ProgramRecorder\n"
        "with tempfile.TemporaryFile() as file, ProgramRecorder(ostler.host, file.fileno()):\n"
        "    try: ostler.run(['true'])\n"
        "    except OSError as error: print(error.errno)\n"
    )
    story, result = run(sys.executable, "-c", program)
    assert result.status == 0, result.stderr
    assert result.stdout.split() == [b"16"]
    assert story.complete


# --- kept, and shown


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    with recorded(about={"command": ["sh"]}) as found:
        ostler.run(
            ["sh", "-c", "echo x > a; mv a b; for i in 1 2 3 4 5 6 7 8; do : > f$i; done; cat b"],
            cwd=tmp_path_factory.mktemp("story"), capture=True,
        )  # fmt: skip
    return found[0]


def as_plain(story):
    text = io.StringIO()
    exports.json_lines(story, text)
    return [json.loads(line) for line in text.getvalue().splitlines()]


def test_a_database_has_all_of_it(story, tmp_path):
    path = str(tmp_path / "a b?#%.db")
    database.write(story, path)
    again = database.read(path)
    assert as_plain(again) == as_plain(story)
    import sqlite3

    rows = sqlite3.connect(path).execute("SELECT kind, path FROM story WHERE kind = 'rename'")
    assert rows.fetchall() == [("rename", deeds(story, "rename")[0][1])]


def test_a_trace(story):
    text = io.StringIO()
    exports.trace(story, text)
    events = json.loads(text.getvalue())["traceEvents"]
    assert sum(event["ph"] == "X" for event in events) == len(story.processes)
    assert any(event["ph"] == "i" and event["name"].startswith("rename ") for event in events)


def test_the_outline(story):
    text = [line for _, line in lines(story, Wanted())]
    at = deeds(story, "rename")[0][1].rpartition("/")[0]
    assert text[0].startswith("sh -c 'echo x > a; mv a b;") and " s" in text[0]
    assert f"    created {at}/ (9)" in text
    assert f"      renamed {at}/a -> {at}/b" in text
    assert text[-1].endswith("read")
    only = [line for _, line in lines(story, Wanted(paths=[f"{at}/b"]))]
    assert [line.strip() for line in only if at in line] == [
        f"renamed {at}/a -> {at}/b", f"read {at}/b"
    ]  # fmt: skip
    assert not any("libc" in line for line in text)
    assert any("libc" in line for _, line in lines(story, Wanted("all")))


def test_folding_takes_no_time_to_speak_of():
    """Of paths in tens of thousands of directories, too; and none is lost."""
    paths = [f"/a/{i % 7}/{i % 100}/{i}/file" for i in range(30_000)]
    found = folded(paths)
    assert len(found) <= 6
    assert sum(int(line.rpartition("(")[2][:-1].replace(",", "")) for line in found) == len(paths)
    assert folded(paths[:3]) == paths[:3]
    assert folded([f"/b/{i}" for i in range(7)]) == ["/b/ (7)"]
    assert folded([f"relative{i}" for i in range(7)]) == [" (7)"]


def test_a_long_line_of_descendants_is_drawn_on_lines_that_have_an_end():
    story = log.Story()
    above = None
    for number in range(1, 5000):
        above = log.RecordedProcess(number, number, 0, above, 0.0)
        story.processes.append(above)
    assert max(len(text) for _, text in lines(story, Wanted())) < 200
