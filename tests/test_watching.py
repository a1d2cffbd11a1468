"""What programs and functions do, told to tests: run(record=), watch(), the fixture recorded."""

import os
import pickle
import subprocess
import sys
import threading
import time

import pytest

import ostler
from ostler.machines import SHELL
from ostler.machines.recording import Log
from tests.test_pytest_plugin import PLUGIN
from tests.test_record import PYTHON

pytest_plugins = ["pytester"]


def done(events, *kinds):
    return [(e.kind, os.path.basename(e.path)) for e in events if e.kind in kinds and e.outcome]


# --- run(..., record=log)


def test_a_run_is_recorded_in_a_log(tmp_path):
    log = Log()
    result = ostler.run(["sh", "-c", "echo x > a; exit 3"], cwd=tmp_path, record=log)
    assert result.code == 3
    assert done(log.events, "create") == [("create", "a")]
    assert [one.status for one in log.processes] == [3]
    ostler.run(["sh", "-c", "mv a b; true"], cwd=tmp_path, record=log)
    ostler.run(["touch", "not"], cwd=tmp_path)
    assert done(log.events, "create", "rename") == [("create", "a"), ("rename", "a")]
    assert [one.number for one in log.processes] == list(range(1, len(log.processes) + 1))
    assert log.processes[-1].began > log.processes[0].ended
    assert {event.process for event in log.events} <= set(log.processes)


def test_only_this_run_is_in_its_log(tmp_path):
    """Whatever other threads start on the same machine meanwhile."""
    logs = {number: Log() for number in range(4)}

    def work(number):
        for i in range(5):
            ostler.run(["sh", "-c", f": > {number}.{i}"], cwd=tmp_path, record=logs[number])
            ostler.run(["sh", "-c", f": > other{number}.{i}"], cwd=tmp_path)

    threads = [threading.Thread(target=work, args=(number,)) for number in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, log in logs.items():
        assert done(log.events, "create") == [("create", f"{number}.{i}") for i in range(5)]


def test_a_run_on_other_machines_and_in_a_recording(tmp_path):
    with ostler.scratch(bind=SHELL) as m:
        log = Log()
        m.run(["sh", "-c", ": > new"], record=log)
        assert done(log.events, "create") == [("create", "new")]
        with m.recorded(children=True) as outer:
            m.run(["sh", "-c", ": > newer"], record=outer)
        assert done(outer.events, "create") == [("create", "newer")]
        with pytest.raises(ValueError, match="another recording"):
            ostler.run(["true"], record=outer)
    with ostler.recorded() as log:
        ostler.run(["true"], record=log)
    assert [call.verb for call in log] == ["run"] and len(log.processes) == 1


def test_what_is_no_log(tmp_path):
    with pytest.raises(TypeError, match="record should be a Log, not dict"):
        ostler.run(["true"], record={})
    with pytest.raises(ValueError, match="no programs are recorded here"):
        _ = Log().events
    log = Log()
    with pytest.raises(FileNotFoundError):
        ostler.run(["/none"], record=log)
    assert log.processes[0].programs[0].outcome is False


# --- watch()


def test_events_come_while_the_program_runs(tmp_path):
    os.mkfifo(tmp_path / "go")
    program = ["sh", "-c", f"cd {tmp_path}; : > a; read x < go; : > b"]
    with ostler.watch(reads=False) as events:
        runs = threading.Thread(target=ostler.run, args=(program,))
        runs.start()
        event = next(events)
        assert (event.kind, event.path) == ("create", os.path.realpath(tmp_path / "a"))
        assert runs.is_alive()
        assert event.process.program.arguments[0] == "sh"
        (tmp_path / "go").write_text("on\n")
        assert next(events).path.endswith("/b")
        runs.join()
    assert list(events) == [] and events.dropped == 0
    assert [one.status for one in events.processes] == [0]


def test_who_takes_nothing_misses_some_and_is_told(tmp_path):
    with ostler.watch(most=10) as events:
        ostler.run(["sh", "-c", "i=0; while [ $i -lt 100 ]; do : > f$i; i=$((i+1)); done"],
                   cwd=tmp_path)  # fmt: skip
    found = list(events)
    assert len(found) == 10
    assert events.dropped >= 90
    with pytest.raises(StopIteration):
        next(events)


def test_a_watch_that_is_closed_ends_who_waits():
    with ostler.watch() as events:
        found = []
        waits = threading.Thread(target=lambda: found.extend(events))
        waits.start()
        ostler.run(["true"])
        time.sleep(0.05)
        events.close()
        waits.join(60)
        assert not waits.is_alive()
        events.close()
    assert found


def test_a_watch_is_made_of_what_makes_sense():
    with pytest.raises(ValueError, match="at least 1"):
        ostler.watch(most=0)
    with ostler.watch() as events, pytest.raises(RuntimeError):
        events.__enter__()
    with ostler.scratch() as m:
        m.close()
        with pytest.raises(ValueError, match="closed"):
            m.watch().__enter__()


def test_nothing_is_left_of_a_watch():
    def descriptors():
        return sorted(os.listdir("/proc/self/fd"))

    def watched():
        with ostler.watch() as events:
            ostler.run(["true"])
        return list(events)

    assert watched()
    before = descriptors()
    for _ in range(5):
        watched()
    until = time.monotonic() + 30
    while len(descriptors()) > len(before) and time.monotonic() < until:
        time.sleep(0.01)  # the threads are about to end
    assert len(descriptors()) == len(before)


@pytest.mark.thorough
def test_what_was_taken_needs_no_room():
    program = (
        "import os\n"
        "for i in range(400_000):\n"
        "    try: os.open(f'/etc/none{i % 50}', 0)\n"
        "    except OSError: pass\n"
    )
    with ostler.watch() as events:
        count = [0]

        def take():
            for _ in events:
                count[0] += 1

        taker = threading.Thread(target=take)
        taker.start()
        ostler.run([PYTHON, "-c", program])
        blocks = os.fstat(events._file).st_blocks
    taker.join()
    assert count[0] + events.dropped > 400_000
    assert blocks * 512 < 8 << 20


def test_a_watch_that_is_open_at_the_end_of_the_interpreter():
    program = (
        "import ostler\n"
        "events = ostler.watch()\n"
        "events.__enter__()\n"
        "ostler.run(['true'])\n"
        "print(next(events).kind)\n"
    )
    end = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=False
    )
    assert (end.returncode, end.stdout, end.stderr) == (0, b"read\n", b"")


# --- the fixture


def test_a_function_is_called_where_it_is_recorded(recorded, tmp_path):
    def work(name, *, data):
        (tmp_path / name).write_text(data)
        subprocess.run(["sh", "-c", "echo more > more"], cwd=tmp_path, check=True)
        return {"size": len(data)}

    assert recorded(work, "a", data="hello") == {"size": 5}
    assert (tmp_path / "a").read_text() == "hello"
    assert done(recorded.events, "create") == [("create", "a"), ("create", "more")]
    recorded.assert_only_writes(tmp_path)
    recorded.assert_only_reads(tmp_path)
    recorded.assert_no_network()


def test_a_function_that_raises(recorded):
    with pytest.raises(ZeroDivisionError) as error:
        recorded(lambda: 1 / 0)
    assert "in <lambda>" in error.value.__notes__[0]
    with pytest.raises(RuntimeError, match="ended with 7"):
        recorded(os._exit, 7)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError, RuntimeError)):
        recorded(lambda: lambda: 1)
    with pytest.raises(RuntimeError, match="Odd"):

        class OddError(Exception):
            def __reduce__(self):
                raise TypeError("no")

        def odd():
            raise OddError

        recorded(odd)


def test_what_is_said_of_who_does_more(recorded, tmp_path):
    (tmp_path / "in").mkdir()
    recorded.run(["sh", "-c", "cat /etc/passwd > out; mv out in/out"], cwd=tmp_path, check=True)
    with pytest.raises(AssertionError) as error:
        recorded.assert_only_reads(tmp_path)
    said = str(error.value)
    assert f"only {tmp_path} may be read:" in said
    assert "cat /etc/passwd [" in said and "]: read /etc/passwd" in said
    with pytest.raises(AssertionError) as error:
        recorded.assert_only_writes(tmp_path / "in")
    at = os.path.realpath(tmp_path)
    said = str(error.value)
    assert f"]: create {at}/out" in said and f"]: rename {at}/out -> {at}/in/out" in said
    recorded.assert_only_writes(tmp_path)
    recorded.assert_only_reads("/etc/passwd", tmp_path)


def test_a_name_that_begins_alike_is_another_directory(recorded, tmp_path):
    (tmp_path / "aa").mkdir()
    recorded.run(["touch", "aa/b"], cwd=tmp_path, check=True)
    with pytest.raises(AssertionError):
        recorded.assert_only_writes(tmp_path / "a")


def test_network_is_an_address(recorded, tmp_path):
    program = (
        "import socket\n"
        "a, b = socket.socketpair()\n"
        "u = socket.socket(socket.AF_UNIX); u.bind('door')\n"
    )
    recorded.run([PYTHON, "-c", program], cwd=tmp_path, check=True)
    recorded.assert_no_network()
    more = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0))"
    recorded.run([PYTHON, "-c", more], check=True)
    with pytest.raises(AssertionError, match=r"bind 127\.0\.0\.1:0"):
        recorded.assert_no_network()


def test_the_fixture_is_there(pytester):
    pytester.makepyfile(
        "def test_it(recorded, tmp_path):\n"
        "    recorded.run(['touch', 'a'], cwd=tmp_path)\n"
        "    recorded.assert_only_writes(tmp_path / 'b')\n"
    )
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines([r"E .*AssertionError: only .*/b may be changed:"])
    assert "expecting.py" not in result.stdout.str()


WATCHED_AND_FORKED = """
import os, sys
import ostler
with ostler.watch(reads=False) as events:
    ostler.run(["touch", sys.argv[1]])
    first = next(events)
    pid = os.fork()
    if not pid:
        assert [*events] == []
        sys.exit(7)  # which leaves the block here, too
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    ostler.run(["rm", sys.argv[1]])
print(first.kind, [event.kind for event in events][-1])
"""


def test_a_fork_leaves_a_watch_and_the_process_goes_on_with_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WATCHED_AND_FORKED, tmp_path / "a"],
        stdout=subprocess.PIPE, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == b"create remove\n"


@pytest.mark.parametrize("kind", ["watch", "recorded"])
def test_a_machine_that_is_closed_meanwhile(kind):
    machine = ostler.scratch(bind=SHELL)
    recording = machine.watch() if kind == "watch" else machine.recorded(children=True)
    with recording as found:
        machine.run(["touch", "/a"])
        machine.close()
    events = found if kind == "watch" else found.events
    assert done(events, "create") == [("create", "a")]
