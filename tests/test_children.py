"""Running programs without a shell, and handles that can't come to mean another process."""

import gc
import inspect
import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import pytest

import ostler

PYTHON = sys.executable


def python(code, *arguments, **options):
    return ostler.run([PYTHON, "-c", code, *arguments], **options)


def children():
    """The children of this process, zombies as well."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                if int(file.read().rpartition(")")[2].split()[1]) == os.getpid():
                    found.add(int(name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def gone(pid, within=5):
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] in "ZX":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


class TestRun:
    def test_output(self):
        result = ostler.run(["echo", "$HOME; a  b"], capture=True)
        assert (result.stdout, result.stderr) == (b"$HOME; a  b\n", b"")
        assert (result.code, result.signal, result.status, result.ok) == (0, None, 0, True)

    def test_text(self):
        code = "import sys; print(sys.stdin.read(), end=''); print('\\xe9', file=sys.stderr)"
        result = python(code, input="ä\n", capture=True, encoding="utf-8",
                        env={"PYTHONIOENCODING": "utf-8"})  # fmt: skip
        assert (result.stdout, result.stderr) == ("ä\n", "é\n")

    def test_status_and_signal(self):
        assert python("raise SystemExit(300)").code == 300 % 256
        result = python("import os; os.kill(os.getpid(), 15)")
        assert (result.code, result.signal, result.status) == (None, 15, -15)
        assert "SIGTERM" in repr(result)

    def test_check(self):
        with pytest.raises(ostler.CommandFailed, match=r"exited with 3: no$") as caught:
            python("import sys; sys.stderr.write('no'); exit(3)", capture=True, check=True)
        assert caught.value.result.code == 3
        assert ostler.run(["true"], check=True).check().ok

    def test_a_result_can_be_pickled(self):
        result = ostler.run(["true"])
        assert pickle.loads(pickle.dumps(result)).code == 0

    def test_times_and_memory(self):
        code = "x = b'1' * (64 << 20); import time; t = time.process_time()\n"
        result = python(code + "while time.process_time() < t + 0.1: pass")
        assert result.peak_memory > 64 << 20
        assert result.user + result.system >= 0.1
        assert result.wall >= 0.1

    def test_much_both_ways(self):
        data = os.urandom(3_000_000)
        code = (
            "import sys\n"
            "while data := sys.stdin.buffer.read(70000):\n"
            "    sys.stdout.buffer.write(data); sys.stderr.buffer.write(data)\n"
        )
        result = python(code, input=memoryview(data), capture=True, timeout=60)
        assert result.stdout == result.stderr == data

    def test_input_that_is_not_read(self):
        assert ostler.run(["true"], input=b"x" * 1_000_000).ok
        assert ostler.run(["cat"], input=b"", capture=True).stdout == b""

    def test_streams(self, tmp_path):
        with open(tmp_path / "f", "w+b") as file:
            file.write(b"content")
            file.flush()
            file.seek(0)
            assert ostler.run(["cat"], stdin=file, stdout="capture").stdout == b"content"
        with open(tmp_path / "g", "wb") as file:
            result = python("import sys; print(1, flush=True); print(2, file=sys.stderr)",
                            stdout=file.fileno(), stderr="stdout")  # fmt: skip
        assert (tmp_path / "g").read_bytes() == b"1\n2\n"
        assert result.stdout is result.stderr is None
        result = ostler.run(["cat"], stdin="null", stdout="capture", stderr="null")
        assert (result.stdout, result.stderr) == (b"", None)
        both = python("import sys; print(1, flush=True); print(2, file=sys.stderr)",
                      stdout="capture", stderr="stdout")  # fmt: skip
        assert both.stdout == b"1\n2\n"

    def test_the_caller_s_own_streams_may_be_swapped(self):
        code = (
            "import os, ostler\n"
            "r, w = os.pipe(); os.dup2(w, 0); os.close(w)\n"
            "ostler.run(['echo', 'x'], stdout=0)\n"
            "ostler.run(['echo', 'y'], stdin=1, stdout=0, stderr='stdout')\n"
            "assert os.read(r, 9) == b'x\\ny\\n'\n"
        )
        assert python(code).ok

    def test_with_closed_standard_streams(self):
        code = (
            "import os, ostler\n"
            "for fd in (0, 1): os.close(fd)\n"
            "found = ostler.run(['cat'], input=b'x', capture=True)\n"
            "os._exit(0 if found.stdout == b'x' and found.stderr == b'' else 1)\n"
        )
        assert python(code).ok

    def test_directory_and_environment(self, tmp_path):
        result = ostler.run(["pwd"], cwd=tmp_path, capture=True, encoding="utf-8")
        assert result.stdout == f"{tmp_path}\n"
        result = ostler.run(["env"], env={"A": "1", "PATH": "/usr/bin:/bin"}, capture=True)
        assert result.stdout.splitlines() == [b"A=1", b"PATH=/usr/bin:/bin"]

    def test_inherits_no_other_descriptors(self):
        r, w = os.pipe()
        os.set_inheritable(r, True)
        try:
            result = ostler.run(["ls", f"/proc/self/fd/{r}"], capture=True)
            assert result.code != 0
        finally:
            os.close(r)
            os.close(w)

    def test_leaks_nothing(self):
        before = os.listdir("/proc/self/fd"), children()
        for _ in range(3):
            ostler.run(["cat"], input=b"x", capture=True)
            with pytest.raises(FileNotFoundError):
                ostler.run(["no-such-program"], input=b"x", capture=True)
            with pytest.raises(ostler.CommandTimeout):
                ostler.run(["sleep", "9"], input=b"x", capture=True, timeout=0.01)
        assert (os.listdir("/proc/self/fd"), children()) == before

    def test_from_many_threads(self):
        results = []

        def work(i):
            results.append(ostler.run(["cat"], input=b"%d" % i, capture=True).stdout == b"%d" % i)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [True] * 16

    @pytest.mark.parametrize(
        ("argv", "options", "error", "says"),
        [
            ("ls -l", {}, TypeError, "no shell"),
            (b"ls", {}, TypeError, "no shell"),
            ([], {}, ValueError, "empty"),
            ([""], {}, ValueError, "empty"),
            (["a\0b"], {}, ValueError, "null"),
            ([1], {}, TypeError, "str, bytes or os.PathLike"),
            (["no-such-program"], {}, FileNotFoundError, "no-such-program"),
            (["/etc"], {}, PermissionError, "/etc"),
            (["true"], {"cwd": "/no/such"}, FileNotFoundError, "/no/such"),
            (["true"], {"timeout": -1}, ValueError, "negative"),
            (["true"], {"timeout": float("nan")}, ValueError, "negative"),
            (["true"], {"timeout": "1"}, TypeError, "number"),
            (["true"], {"input": b"", "stdin": "null"}, ValueError, "together"),
            (["true"], {"input": 5}, TypeError, "bytes-like"),
            (["true"], {"stdin": "capture"}, ValueError, "stdin"),
            (["true"], {"stdout": "nul"}, ValueError, "stdout"),
            (["true"], {"stdout": -1}, ValueError, "negative"),
            (["true"], {"stdout": 999}, OSError, "Bad file"),
            (["true"], {"env": {"A=": "1"}}, ValueError, "illegal"),
        ],
    )
    def test_bad_input(self, argv, options, error, says):
        with pytest.raises(error, match=says):
            ostler.run(argv, **options)

    def test_a_script_without_an_interpreter_is_not_given_to_a_shell(self, tmp_path):
        path = tmp_path / "script"
        path.write_text("echo from a shell\n")
        path.chmod(0o755)
        with pytest.raises(OSError, match="Exec format error"):
            ostler.run([path])


class TestTimeLimit:
    def test_keeps_what_was_said(self):
        code = "import time; print('before', flush=True); time.sleep(60)"
        with pytest.raises(ostler.CommandTimeout) as caught:
            python(code, capture=True, encoding="utf-8", timeout=0.5)
        result = caught.value.result
        assert isinstance(caught.value, TimeoutError)
        assert result.timed_out and result.signal == signal.SIGKILL
        assert result.stdout in ("before\n", "")
        assert 0.5 <= result.wall < 30

    @pytest.mark.parametrize("capture", [True, False])
    def test_no_orphan_stays(self, tmp_path, capture):
        # A grandchild whose parent has gone, one in a group of its own, and one that ignores all.
        code = (
            "sh -c 'sleep 60 & echo $! >> pids'\n"
            "setsid sleep 60 & echo $! >> pids\n"
            "(trap '' TERM INT HUP; exec sleep 60) & echo $! >> pids\n"
            "wait\n"
        )
        with pytest.raises(ostler.CommandTimeout):
            ostler.run(["sh", "-c", code], cwd=tmp_path, timeout=1, capture=capture, stdin="null")
        pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
        assert len(pids) == 3
        assert all(gone(pid) for pid in pids)

    def test_while_the_grandchild_holds_the_pipe(self):
        with pytest.raises(ostler.CommandTimeout) as caught:
            ostler.run(["sh", "-c", "sleep 60 & echo x"], timeout=0.5, capture=True)
        assert caught.value.result.stdout == b"x\n"
        assert caught.value.result.wall < 30

    def test_in_time(self):
        assert ostler.run(["sleep", "0"], timeout=60).ok

    def test_an_error_in_between_kills_as_well(self, tmp_path):
        def stop(number, frame):
            raise KeyboardInterrupt

        old = signal.signal(signal.SIGALRM, stop)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                ostler.run(["sh", "-c", "echo $$ > pid; sleep 60"], cwd=tmp_path)
        finally:
            signal.signal(signal.SIGALRM, old)
        assert gone(int((tmp_path / "pid").read_text()))


class TestProcess:
    def test_wait(self):
        child = subprocess.Popen(["sh", "-c", "exit 7"])
        with ostler.process(child.pid) as process:
            assert process.wait(30) == 7
            assert process.poll() is True
            assert process.wait() == process.status == 7
        assert child.wait() == 0  # subprocess finds it reaped

    def test_signal(self):
        child = subprocess.Popen(["sleep", "60"])
        with ostler.process(child.pid) as process:
            assert process.poll() is False
            process.signal(0)
            process.signal(signal.SIGTERM)
            assert process.wait(30) == -signal.SIGTERM
            with pytest.raises(ProcessLookupError, match=str(child.pid)):
                process.signal(0)
            with pytest.raises(ProcessLookupError):
                process.info()
        child.wait()

    def test_of_a_process_that_is_not_our_child(self):
        shell = subprocess.Popen(
            ["sh", "-c", "sleep 0.3 & echo $!; wait; read x"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        pid = int(shell.stdout.readline())
        assert ostler.wait_for(pid, 30) is None
        assert gone(pid)
        shell.communicate(b"\n")

    def test_wait_in_time(self):
        child = subprocess.Popen(["sleep", "60"])
        try:
            used = time.process_time()
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                ostler.wait_for(child.pid, 0.3)
            assert time.monotonic() - began >= 0.3
            assert time.process_time() - used < 0.2  # it slept
        finally:
            child.kill()
            child.wait()

    def test_info(self):
        with ostler.process(os.getpid()) as me:
            info = me.info()
        assert (info.pid, info.parent, info.session) == (os.getpid(), os.getppid(), os.getsid(0))
        assert (info.uid, info.gid, info.group) == (os.geteuid(), os.getegid(), os.getpgrp())
        with open("/proc/self/comm") as file:
            assert info.name == file.read().strip()
        assert info.threads >= 1
        assert 0 < info.memory <= info.peak_memory
        assert info.state == "running"
        assert time.time() - 3600 * 24 < info.started < time.time() + 1
        assert info.command[0] == open("/proc/self/cmdline").read().split("\0")[0]

    def test_info_of_a_zombie(self):
        child = subprocess.Popen(["true"])
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        with ostler.process(child.pid) as process:
            info = process.info()
            assert (info.state, info.memory, info.command) == ("zombie", 0, ())
        child.wait()

    def test_closed(self):
        process = ostler.process(os.getpid())
        process.close()
        process.close()
        for use in (process.poll, process.wait, process.info, process.fileno):
            with pytest.raises(ValueError, match="closed"):
                use()

    @pytest.mark.parametrize(
        ("pid", "error"),
        [(0, ValueError), (-1, ValueError), ("1", TypeError), (1.0, TypeError),
         (1 << 40, OverflowError), (4194304 + 1, ProcessLookupError)],
    )  # fmt: skip
    def test_bad_pid(self, pid, error):
        with pytest.raises(error):
            ostler.process(pid)
        with pytest.raises(error):
            ostler.wait_for(pid)

    def test_a_thread_is_no_process(self):
        # Kernels say ENOENT or EINVAL.
        numbers, go_on = [], threading.Event()

        def wait():
            numbers.append(threading.get_native_id())
            go_on.wait()

        thread = threading.Thread(target=wait)
        thread.start()
        try:
            while not numbers:
                time.sleep(0.001)
            for call in (ostler.process, ostler.wait_for):
                with pytest.raises(ProcessLookupError, match=str(numbers[0])):
                    call(numbers[0])
        finally:
            go_on.set()
            thread.join()

    def test_gone_pid(self):
        child = subprocess.Popen(["true"])
        child.wait()
        with pytest.raises(ProcessLookupError, match=str(child.pid)):
            ostler.process(child.pid)
        with pytest.raises(ValueError, match="negative"):
            ostler.wait_for(os.getpid(), -1)


def test_in_other_machines():
    machine = ostler.scratch(bind=ostler.machines.SHELL)
    with machine:
        machine.mkdir("/work")
        machine.chdir("/work")
        result = machine.run(["sh", "-c", "pwd; cat; echo made > here"], input="in\n", capture=True)
        assert (result.stdout, result.code) == (b"/work\nin\n", 0)
        with machine.open_file("/work/here") as file:
            assert file.read() == "made\n"
        machine.mkdir("sub")
        assert machine.run(["pwd"], cwd="sub", capture=True).stdout == b"/work/sub\n"
        with pytest.raises(FileNotFoundError):
            machine.run(["no-such-program"])
        with pytest.raises(ostler.CommandTimeout):
            machine.run(["sh", "-c", "sleep 60 & sleep 60"], timeout=0.2, capture=True)


def test_output_may_go_to_a_file_like_object_with_a_descriptor_only():
    with pytest.raises(io.UnsupportedOperation):
        ostler.run(["true"], stdout=io.BytesIO())


def test_a_handle_that_was_never_made_ends_quietly(monkeypatch):
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    for arguments in ((), (1, 2), ("x",), (0,)):
        with pytest.raises((TypeError, ValueError)):
            ostler.Process(*arguments)
    gc.collect()
    assert said == []


def test_process_info_is_a_namedtuple_in_all_but_its_making():
    from collections import namedtuple

    info = ostler.process(ostler.getpid()).info()
    kind, like = type(info), namedtuple("ProcessInfo", type(info)._fields)
    plain = like(*info)
    assert tuple(info) == tuple(plain) and repr(info) == repr(plain)
    assert set(dir(like)) <= set(dir(kind))
    assert hasattr(kind, "__replace__") == hasattr(like, "__replace__")
    assert info._asdict() == plain._asdict() and kind.__match_args__ == like.__match_args__
    assert inspect.signature(kind) == inspect.signature(like)
    assert info._replace(pid=1) == plain._replace(pid=1) and info._replace(pid=1).pid == 1
    assert kind._make(range(15)) == like._make(range(15)) == tuple(range(15))
    assert pickle.loads(pickle.dumps(info)) == info
    for wrong in (lambda k: k._make([1]), lambda k: k._make(range(15))._replace(pids=1),
                  lambda k: k(1), lambda k: setattr(k._make(range(15)), "pid", 1)):  # fmt: skip
        with pytest.raises(Exception) as expected:
            wrong(like)
        with pytest.raises(expected.type) as found:
            wrong(kind)
        if "__new__" not in str(expected.value):
            assert str(found.value) == str(expected.value)
    for name in like._fields:
        assert getattr(kind, name).__doc__ == getattr(like, name).__doc__
