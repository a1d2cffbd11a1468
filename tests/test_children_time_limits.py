"""Time limits of run(): all that a program has started ends with it, however many at once."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import ostler
from tests.test_children import gone

# Each thread's program is over its limit at the same moment; prints what is asked for.
AT_ONCE = """
import os, resource, sys, threading, time
import ostler
from ostler.core import descendants

count, seconds = int(sys.argv[1]), float(sys.argv[2])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16 * count + 256), hard))
threading.stack_size(1 << 18)
end = time.monotonic() + seconds
ended = []

def work():
    try:
        left = max(0, end - time.monotonic())
        ostler.run(["sh", "-c", "sleep 60 & sleep 60"], timeout=left)
    except ostler.CommandTimeout as error:
        ended.append(error.result.signal)

threads = [threading.Thread(target=work) for _ in range(count)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

def living():
    left = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            left += int(fields[3]) == os.getsid(0) and fields[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            pass
    return left

end = time.monotonic() + 25
while (left := living()) > 1 and time.monotonic() < end:
    time.sleep(0.01)  # one that was killed ends when it has its turn
print(ended == [9] * count, left, descendants.readings())
"""


def test_many_at_once_share_their_looks_at_the_processes():
    """One reading of /proc serves all who wait for one: else 200 of them take 400."""
    said = subprocess.run(
        [sys.executable, "-c", AT_ONCE, "200", "4"],
        capture_output=True, text=True, start_new_session=True, timeout=300,
    )  # fmt: skip
    assert not said.stderr
    all_killed, left, readings = said.stdout.split()
    assert all_killed == "True"
    assert left == "1"  # the interpreter itself
    assert 1 <= int(readings) <= 100


def pids_of(path, count):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = path.read_text().split() if path.exists() else []
        if len(found) == count:
            return [int(pid) for pid in found]
        time.sleep(0.01)
    raise AssertionError(f"{count} were to be started: {found}")


# Programs, and how many pids they leave in the file "pids".
FAMILIES = {
    # A child in a session of its own, whose parent is of the group but no descendant.
    "of a member": ("( (setsid sleep 60 & echo $! >> pids; wait) & ); sleep 60", 1),
    # Seven generations, each in a session of its own.
    "generations": (
        "n=$1; echo $$ >> pids; [ $n -gt 0 ] && setsid sh \"$0\" $((n - 1)) & sleep 60; wait", 7,
    ),
    # Stopped and deaf.
    "stopped": (
        "(trap '' TERM; setsid sh -c 'echo $$ >> pids; kill -STOP $$; sleep 60') & sleep 60", 1,
    ),
    # Some that go on starting others.
    "busy": (
        "for i in 1 2 3; do (setsid sh -c 'while :; do sleep 0.001 & wait; done' & "
        "echo $! >> pids; wait) & done; wait", 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "stdin"),
    [
        *((name, "null") for name in FAMILIES),
        ("of a member", None),
        *(pytest.param(name, None, marks=pytest.mark.thorough) for name in list(FAMILIES)[1:]),
    ],
)
def test_the_whole_family_ends(tmp_path, name, stdin):
    program, count = FAMILIES[name]
    (tmp_path / "program").write_text(program)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        with pytest.raises(ostler.CommandTimeout):
            ostler.run(
                ["sh", str(tmp_path / "program"), str(count - 1)],
                cwd=tmp_path, timeout=1.5, stdin=stdin,
            )  # fmt: skip
        assert all(gone(pid) for pid in pids_of(tmp_path / "pids", count))
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


SHORT = """
import os, resource, sys
import ostler
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
used = len(os.listdir("/proc/self/fd"))
resource.setrlimit(resource.RLIMIT_NOFILE, (used + int(sys.argv[1]), hard))
code = "for i in $(seq 30); do setsid sleep 60 & echo $! >> pids; done; sleep 60"
try:
    ostler.run(["sh", "-c", code], timeout=3, stdin="null")
except ostler.CommandTimeout:
    print("time")
print(len(os.listdir("/proc/self/fd")) - used)
"""


FEW = [6, pytest.param(9, marks=pytest.mark.thorough), pytest.param(20, marks=pytest.mark.thorough)]


@pytest.mark.parametrize("spare", FEW)
def test_without_descriptors_to_spare(tmp_path, spare):
    """Thirty in sessions of their own, and a limit that lets hardly any of them be held."""
    said = subprocess.run(
        [sys.executable, "-c", SHORT, str(spare)], cwd=tmp_path, timeout=40,
        stdout=subprocess.PIPE, stderr=open(tmp_path / "errors", "w"), text=True,
    )  # fmt: skip
    assert said.stdout.split() == ["time", "0"], (tmp_path / "errors").read_text()
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) > 20  # as many as were started in that time
    assert all(gone(pid) for pid in pids)


def test_a_process_forked_while_others_are_killed(tmp_path):
    """Who held the lock is not in the child: it must not wait for it."""
    over = threading.Event()

    def work():
        while not over.is_set():
            with pytest.raises(ostler.CommandTimeout):
                ostler.run(["sleep", "60"], timeout=0.001, stdin="null")

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            pid = os.fork()
            if pid == 0:
                signal.alarm(60)
                try:
                    ostler.run(["sleep", "60"], timeout=0.001, stdin="null")
                except ostler.CommandTimeout:
                    os._exit(0)
                os._exit(1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("make", ["scratch", "rehearsal", "confined"])
def test_on_machines(tmp_path, make):
    if make == "scratch":
        machine = ostler.scratch(bind=ostler.machines.SHELL)
    elif make == "rehearsal":
        machine = ostler.rehearsal("/")
    else:
        machine = ostler.confined("/", read_only=True)
    code = "setsid sleep 61.7 & (sleep 61.7 & setsid sleep 61.7); sleep 61.7"
    with machine:
        failures = []

        def work():
            try:
                machine.run(["sh", "-c", code], timeout=1.5, stdin="null")
            except ostler.CommandTimeout as error:
                failures.append(error.result.pid)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(failures) == 8
        assert not left_with(b"61.7")


def left_with(argument):
    """Processes below this one that have an argument and are not dead."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if argument in file.read().split(b"\0"):
                    found.append(int(name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return [pid for pid in found if not gone(pid)]
