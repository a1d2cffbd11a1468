"""Commands: what parity can't show: threads, memory, descriptors, signals, and no litter."""

import gc
import mmap
import os
import signal
import subprocess
import sys
import textwrap
import threading
import warnings

import pytest

import ostler
from ostler.core import popen


def child(code, *, new_group=False):
    """Run code in another interpreter; return its standard output."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=60, start_new_session=new_group,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def open_descriptors():
    return sorted(os.listdir("/proc/self/fd"))


def no_children():
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_commands_run_with_a_gibibyte_resident():
    with mmap.mmap(-1, 1 << 30) as memory:
        for page in range(0, 1 << 30, 4096):
            memory[page] = 1
        assert ostler.system("/bin/true") == 0
        assert ostler.system("exit 3") == 3 << 8
        assert ostler.spawnv(ostler.P_WAIT, "/bin/true", ["true"]) == 0
        with ostler.popen("echo there") as pipe:
            assert pipe.read() == "there\n"
        pid = ostler.posix_spawn("/bin/true", ["true"], {})
        assert ostler.waitpid(pid, 0) == (pid, 0)
    no_children()


def test_many_threads_start_commands_at_once():
    before = open_descriptors()
    wrong = []
    done = []

    def work(number):
        for i in range(10):
            code = (number * 10 + i) % 100
            answers = (
                ostler.system(f"exit {code}") == code << 8,
                ostler.system("/bin/false") == 1 << 8,
                ostler.popen(f"echo {code}").read() == f"{code}\n",
                ostler.spawnl(ostler.P_WAIT, "/bin/sh", "sh", "-c", f"exit {code}") == code,
            )
            if not all(answers):
                wrong.append((number, i, answers))
        done.append(number)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gc.collect()
    assert wrong == []
    assert sorted(done) == list(range(6))
    ostler.popen("true").close()
    assert open_descriptors() == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert "SigIgn" in status_of_self() and not ignored(signal.SIGINT)


def status_of_self():
    with open("/proc/self/status") as file:
        return dict(line.split(":", 1) for line in file)


def ignored(number):
    return int(status_of_self()["SigIgn"], 16) >> (number - 1) & 1


def test_failed_starts_leave_nothing():
    before = open_descriptors()
    for _ in range(20):
        with pytest.raises(FileNotFoundError):
            ostler.posix_spawn("/missing", ["x"], {})
        with pytest.raises(FileNotFoundError):
            ostler.posix_spawnp("missing-program", ["x"], {})
        with pytest.raises(OSError):
            ostler.posix_spawn("/bin/true", ["x"], {}, setpgroup=-1)
        with pytest.raises(ValueError):
            ostler.popen("a\0b")
    assert open_descriptors() == before
    no_children()


def test_spawned_programs_get_only_inheritable_descriptors():
    closed, inherited = os.pipe()
    os.set_inheritable(inherited, True)
    script = f"test -e /proc/$$/fd/{inherited} && ! test -e /proc/$$/fd/{closed}"
    try:
        assert ostler.spawnl(ostler.P_WAIT, "/bin/sh", "sh", "-c", script) == 0
        assert ostler.system(script) == 0
    finally:
        os.close(closed)
        os.close(inherited)


def test_a_popen_that_nobody_holds_is_closed_when_its_command_has_ended():
    before = open_descriptors()
    with pytest.warns(ResourceWarning):
        ostler.popen("cat", "w")
    (left,) = popen._left
    assert len(open_descriptors()) == len(before) + 1  # as in os: the command's end would else come
    os.kill(left.pid, signal.SIGKILL)
    os.waitid(os.P_PID, left.pid, os.WEXITED | os.WNOWAIT)
    del left
    ostler.popen("exit").close()
    assert open_descriptors() == before


def test_popen_passes_on_no_descriptor_but_the_pipe():
    fd = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(fd, True)
    with ostler.popen(f"test -e /proc/$$/fd/{fd} || echo none") as pipe:
        assert pipe.read() == "none\n"
    os.close(fd)


@pytest.mark.parametrize("command", ["/bin/sleep 5", "sleep 5; true"])
def test_an_interrupt_of_the_group_ends_the_command_and_not_us(command):
    said = child(
        f"""
        import os, threading, time, ostler
        def interrupt():
            while True:
                time.sleep(0.1)
                with open("/proc/thread-self/children") as f: pass
                found = [p for p in os.listdir("/proc") if p.isdigit() and parent(p) == os.getpid()]
                if found:
                    time.sleep(0.2)
                    os.killpg(0, 2)
                    return
        def parent(pid):
            try:
                with open(f"/proc/{{pid}}/stat") as f:
                    return int(f.read().rpartition(")")[2].split()[1])
            except OSError:
                return -1
        threading.Thread(target=interrupt).start()
        print(ostler.system({command!r}))
        """,
        new_group=True,
    )
    assert said == "2\n"


def test_what_was_ignored_stays_ignored_and_what_was_handled_is_default():
    def seen(module):
        text = child(
            f"""
            import signal, {module}
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGUSR1, lambda *_: None)
            {module}.system("grep -E 'Sig(Blk|Ign)' /proc/self/status")
            """
        )
        # Without 32 and 33, which are libc's own; its posix_spawn leaves them ignored.
        return [int(line.split()[1], 16) & ~(3 << 31) for line in text.splitlines()]

    found = seen("ostler")
    assert found == seen("os")
    assert found[1] >> (signal.SIGINT - 1) & 1


def test_the_environment_of_a_simple_command_is_the_shell_s():
    for name in ("os", "ostler"):
        code = f"""
        import os, {name}
        os.chdir("/usr")
        os.environ["EXTRA"] = "a b"
        {name}.system("/usr/bin/env")
        """
        text = child(code)
        if name == "os":
            expected = sorted(text.splitlines())
    assert sorted(text.splitlines()) == expected


def test_a_left_command_is_told_of_and_reaped():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pipe = ostler.popen("exec sleep 0.3")
        pid = pipe._proc.pid
        del pipe
        gc.collect()
    assert f"subprocess {pid} is still running" in [str(w.message) for w in caught]
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    ostler.popen("true").close()
    no_children()


def test_someone_else_may_have_waited():
    pipe = ostler.popen("exit 3")
    os.waitpid(pipe._proc.pid, 0)
    assert pipe.close() is None


def test_compositions_see_what_was_replaced_in_the_module(monkeypatch):
    calls = []

    def execv(*args):
        calls.append(args)
        raise FileNotFoundError(2, "none")

    monkeypatch.setattr(ostler, "execv", execv)
    monkeypatch.setattr(ostler, "get_exec_path", lambda env: ["/a", "/b"], raising=False)
    monkeypatch.setattr(ostler, "fsencode", os.fsencode, raising=False)
    with pytest.raises(FileNotFoundError):
        ostler.execvp("x", ["x"])
    assert calls == [(b"/a/x", ["x"]), (b"/b/x", ["x"])]


def test_spawn_with_a_replaced_exec_forks(monkeypatch):
    monkeypatch.setattr(ostler, "execv", lambda file, args: os._exit(41))
    assert ostler.spawnv(ostler.P_WAIT, "/bin/true", ["true"]) == 41
