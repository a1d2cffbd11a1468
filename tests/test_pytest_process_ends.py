"""How a test in a process of its own ends: killed, interrupted, debugged, or saying junk."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.command_line import on_terminal, settled
from tests.test_pytest_plugin import PLUGIN, importable, run  # noqa: F401  # for all here

pytest_plugins = ["pytester"]


def test_a_process_that_ends_in_the_middle(pytester, monkeypatch):
    """That is the failure of its test alone, and nothing of it goes on anywhere."""
    nap = str(1_000_000 + os.getpid())  # of this run alone
    monkeypatch.setenv("NAP", nap)
    for name in ("CI", "BUILD_NUMBER"):  # with one of them pytest says each reason twice, whole
        monkeypatch.delenv(name, raising=False)
    result = run(
        pytester,
        """
        import ctypes, os, signal, socket, subprocess, sys
        import pytest

        pytestmark = pytest.mark.scratch(process=True)

        def test_killed():
            print("said before")
            os.write(1, b"and by the descriptor")
            child = os.fork()
            if child == 0:
                os.setsid()
                os.execlp("sleep", "sleep", NAP)
            os.kill(os.getpid(), signal.SIGKILL)

        def test_exits():
            os._exit(7)

        @pytest.mark.xfail(reason="known")
        def test_expected():
            os.abort()

        @pytest.fixture
        def exits_before():
            os._exit(0)

        def test_in_setup(exits_before): pass

        @pytest.fixture
        def exits_after():
            yield
            os._exit(0)

        def test_in_teardown(exits_after): pass

        def test_says_junk():
            for name in os.listdir("/proc/self/fd"):
                try:
                    if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                        os.write(int(name), b"x" * 100)
                except OSError:
                    pass

        def test_closes_all():
            os.closerange(3, 4096)
            sys.kept = [socket.socketpair() for _ in range(600)]  # with the same numbers

        def test_has_a_copy_with_the_socket():
            if os.fork() == 0:
                os.execlp("sleep", "sleep", NAP) if os.fork() else signal.pause()
            os.closerange(3, 4096)

        @pytest.mark.parametrize("most", [100, 1 << 12])
        def test_puts_its_own_over_all(most):
            pair = {end.fileno(): end for end in socket.socketpair()}
            for number in {*range(3, most)} - set(pair):
                os.dup2(min(pair), number)
            assert 0, "all the same"

        def test_says_that_it_has_ended():
            message = b'["end", false]'
            for name in os.listdir("/proc/self/fd"):
                try:
                    if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                        os.write(int(name), b"%d\\n%s" % (len(message), message))
                except OSError:
                    pass
            assert 0

        def test_tells_what_json_cant_write(record_property):
            record_property("key", {(1, 2): 3})

        def test_leaves_processes():
            subprocess.Popen(["sleep", NAP])
            subprocess.run(["sh", "-c", f"setsid sleep {NAP} & exit 0"])
            if os.fork() == 0:
                os.execlp("sleep", "sleep", NAP)

        def test_a_copy_that_runs_on():
            os.fork()

        def test_lets_go_of_orphans():
            ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.closerange(0, 4096)
                    os.execlp("sleep", "sleep", NAP)
                os._exit(0)
            os.wait()

        @pytest.mark.scratch(user="nobody" if os.geteuid() == 0 else None)
        def test_a_chain_of_forks():
            reading, writing = os.pipe()
            if os.fork() == 0:
                os.setsid()
                for _ in range(3):
                    os.fork()
                os.write(writing, b"x")
                while True:
                    if os.fork():
                        os._exit(0)
            os.read(reading, 1)

        def test_after(): pass

        NAP = os.environ["NAP"]
        """,
    )
    result.assert_outcomes(passed=7, failed=8, xfailed=1, errors=2)
    marks = nap.encode(), bytes(pytester.path)
    assert [line for line in command_lines() if any(mark in line for mark in marks)] == []
    assert result.stdout.str().count("the test's process has lost the descriptor by which") == 3
    result.stdout.fnmatch_lines(["*AssertionError: all the same"])
    result.stdout.fnmatch_lines(["*said that it is done, but not what has become of the test"])
    result.stdout.fnmatch_lines(["the process of the test says what nobody understands"])
    result.stdout.fnmatch_lines(["the test's process was ended by SIGKILL", "said before"])
    result.stdout.fnmatch_lines(["and by the descriptor"])
    result.stdout.fnmatch_lines(["*ended with status 7, as by os._exit()"])
    result.stdout.fnmatch_lines(["*ERROR at setup of test_in_setup*"])
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_in_teardown*"])


def command_lines():
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield file.read_bytes()
        except OSError:
            pass  # it is gone


TERMINAL = """
import os, time
import pytest

@pytest.mark.scratch(process=True)
def test_debugged():
    open("only_there", "w").close()
    assert os.listdir() == []

@pytest.mark.scratch(process=True)
def test_interrupted(tmp_path):
    try:
        print("READY", flush=True)
        time.sleep(1000)
    finally:
        print("ITS END", flush=True)

def test_never():
    print("NEVER")
"""


def on_pytest(pytester, *options, keys):
    pytester.makepyfile(test_it=TERMINAL)
    words = [sys.executable, "-m", "pytest", *PLUGIN, "-p", "no:cacheprovider", *options]
    return on_terminal(words, cwd=pytester.path, keys=keys)


@pytest.mark.thorough
def test_the_debugger_has_the_terminal(pytester):
    """It sees the machine; Ctrl-C at its prompt is the prompt's, and quitting ends the session."""
    keys = [
        (b"(Pdb) ", b"p os.listdir(), os.getcwd()\n"),
        (b"(Pdb) ", b"\x03"),
        (b"(Pdb) ", b"list\n"),
        (b"(Pdb) ", b"q\n"),
    ]
    status, shown = on_pytest(pytester, "--pdb", "-k", "debugged or never", keys=keys)
    shown = settled(shown)
    assert status == 2
    assert "(['only_there'], '/work')" in shown and "--KeyboardInterrupt--" in shown
    assert "->\t    assert os.listdir() == []" in shown
    assert "Quitting debugger" in shown and "1 failed" in shown and "NEVER" not in shown


@pytest.mark.thorough
def test_ctrl_c(pytester):
    status, shown = on_pytest(
        pytester, "-s", "-k", "interrupted or never", keys=[(b"READY", b"\x03")]
    )
    assert status == 2
    assert shown.count("ITS END") == 1 and "NEVER" not in shown
    assert re.search(r"KeyboardInterrupt: \S*test_it.py:1\d", settled(shown))


@pytest.mark.thorough
def test_what_json_cant_write(pytester):
    """It is told as its text, which is all that is made of it; the tests after it run."""
    pytester.makepyfile(
        """
        import decimal, pathlib
        import pytest

        class Shy:
            def __str__(self):
                raise RuntimeError
            __repr__ = __str__

        DEEP, ROUND = [], [1]
        for _ in range(100_000):
            DEEP = [DEEP]
        ROUND.append(ROUND)
        VALUES = [
            {(1, 2): 3}, {1: 2}, (1,), decimal.Decimal(1), pathlib.Path("a"), ROUND, float("nan"),
            True, None, "\\udc80", 1 << 80,
        ]

        def put(record_property, values):
            for value in values:
                record_property("key", value)
                record_property(7, value)

        def test_on_the_host(record_property):
            put(record_property, VALUES)

        @pytest.mark.scratch(process=True)
        def test_in_a_process(record_property, request):
            put(record_property, [*VALUES, DEEP, Shy(), 10 ** 5000, {1: DEEP}])
            assert 0

        @pytest.mark.scratch(process=True)
        def test_after(): pass
        """
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "--junitxml=xml")
    result.assert_outcomes(failed=1, passed=2)
    told = re.findall(
        '<property name="(.*?)" value="(.*?)" />', (pytester.path / "xml").read_text()
    )
    assert len(told) == 22 + 30
    assert told[:22] == told[22:44]


def test_what_a_lesser_user_says_is_looked_at():
    """Nothing of it is unpickled or run; what nobody understands is an error that says so."""
    from ostler.pytest_process import wire

    receiver = wire.Receiver()
    assert list(receiver.messages(b'11\n["phase",')) == []
    assert list(receiver.messages(b"1]2")) == [["phase", 1]]
    for junk in (b"x" * 30, b"-1\n", b"99999999999\n", b"2\n{}", b"2\n[]", b"3\n[1]", b"2\nxx"):
        with pytest.raises(ValueError):
            list(wire.Receiver().messages(junk))
        before = wire.Receiver().messages(b'7\n["end"]' + junk)
        assert next(before) == ["end"]  # which has come before it
        with pytest.raises(ValueError):
            next(before)
    with pytest.raises(ValueError, match="too deep"):
        next(wire.Receiver().messages(b"%d\n" % 200_000 + b"[" * 200_000))
    with pytest.raises(ValueError, match="nobody understands"):
        wire.report_of_data(None, ["nodeid"])
    shown = wire.warning_of_data({
        "text": "t", "module": "os", "name": "system", "filename": "f", "lineno": 1, "line": None,
        "when": "runtest", "location": None,
    })  # fmt: skip
    assert shown["warning_message"].category is UserWarning
