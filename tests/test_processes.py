"""Processes: what parity can't show: fork's hooks, threads, signals that interrupt."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import pytest

import ostler


@pytest.fixture(autouse=True)
def no_child_of_another_test():
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def child(code):
    """Run code in another interpreter; return its standard output."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("call", ["fork()", "forkpty()[0]"])
def test_fork_runs_the_interpreter_s_hooks(call):
    said = child(
        f"""
        import sys, ostler
        ostler.register_at_fork(
            before=lambda: print("before", flush=True),
            after_in_child=lambda: ostler._exit(9),
            after_in_parent=lambda: print("parent", flush=True),
        )
        pid = ostler.{call}
        print(ostler.waitpid(pid, 0)[1] >> 8)
        """
    )
    assert said == "before\nparent\n9\n"


def test_fork_is_audited_and_can_be_refused():
    said = child(
        """
        import sys, ostler
        def refuse(name, args):
            if name in ("os.fork", "os.forkpty"):
                raise PermissionError(name, *args)
        sys.addaudithook(refuse)
        for call in (ostler.fork, ostler.forkpty):
            try:
                call()
            except PermissionError as error:
                print(error)
        """
    )
    assert said == "os.fork\nos.forkpty\n"


@pytest.mark.parametrize("name", ["fork", "forkpty"])
def test_fork_with_threads_warns_as_the_running_version_does(name):
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()

    def heard(module):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pid = getattr(module, name)()
            if name == "forkpty":
                pid, master = pid
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
            if name == "forkpty":
                os.close(master)
        return [(w.category, str(w.message), w.filename) for w in caught]

    try:
        assert heard(ostler) == heard(os)
    finally:
        stop.set()
        thread.join()


def test_a_lock_held_by_another_thread_doesn_t_stop_the_child():
    # The import lock and threading's own are put right by the hooks.
    said = child(
        """
        import threading, time, warnings, ostler
        warnings.simplefilter("ignore")
        started = threading.Event()
        def work():
            started.set()
            time.sleep(1)
        thread = threading.Thread(target=work)
        thread.start()
        started.wait()
        pid = ostler.fork()
        if pid == 0:
            import wave  # takes the import lock
            ostler._exit(threading.active_count())
        print(ostler.waitpid(pid, 0)[1] >> 8)
        """
    )
    assert said == "1\n"


@pytest.mark.parametrize(
    "wait",
    [
        lambda pid: ostler.wait()[0],
        lambda pid: ostler.waitpid(pid, 0)[0],
        lambda pid: ostler.wait3(0)[0],
        lambda pid: ostler.wait4(pid, 0)[0],
        lambda pid: ostler.waitid(ostler.P_PID, pid, ostler.WEXITED).si_pid,
    ],
    ids=["wait", "waitpid", "wait3", "wait4", "waitid"],
)
def test_a_signal_runs_its_handler_and_the_wait_goes_on(wait):
    read, write = os.pipe()
    heard = []

    def handler(*_):
        heard.append(1)
        if len(heard) == 3:
            os.write(write, b"x")

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        pid = ostler.fork()
        if pid == 0:
            os.read(read, 1)
            os._exit(0)
        assert wait(pid) == pid
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        os.close(read)
        os.close(write)
    assert len(heard) >= 3


def test_a_handler_s_error_ends_the_wait():
    class Stop(Exception):
        pass

    def handler(*_):
        raise Stop

    before = signal.signal(signal.SIGALRM, handler)
    pid = ostler.fork()
    if pid == 0:
        while True:
            signal.pause()
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        with pytest.raises(Stop):
            ostler.waitpid(pid, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_waiting_lets_other_threads_run():
    pid = ostler.fork()
    if pid == 0:
        while True:
            signal.pause()
    threading.Timer(0.05, lambda: ostler.kill(pid, signal.SIGKILL)).start()
    assert ostler.waitpid(pid, 0) == (pid, signal.SIGKILL)


def test_a_signal_to_oneself_is_handled_before_kill_returns():
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))
    try:
        ostler.kill(ostler.getpid(), signal.SIGUSR1)
        assert heard == [1]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_pidfd_tells_when_its_process_has_ended():
    pid = ostler.fork()
    if pid == 0:
        time.sleep(0.05)
        os._exit(6)
    fd = ostler.pidfd_open(pid)
    found = ostler.waitid(ostler.P_PIDFD, fd, ostler.WEXITED)
    os.close(fd)
    assert (found.si_pid, found.si_status) == (pid, 6)


def test_affinity_of_a_thread_can_be_narrowed_and_given_back():
    all_of_them = ostler.sched_getaffinity(0)
    one = min(all_of_them)
    try:
        ostler.sched_setaffinity(0, [one])
        assert os.sched_getaffinity(0) == {one}
    finally:
        ostler.sched_setaffinity(0, all_of_them)
    assert os.sched_getaffinity(0) == all_of_them


def test_a_sched_param_of_os_serves_as_well():
    own, other = ostler.sched_param(0), os.sched_param(0)
    policy = ostler.sched_getscheduler(0)
    for param in (own, other):
        ostler.sched_setscheduler(0, policy, param)
        ostler.sched_setparam(0, param)
        pid = ostler.posix_spawn("/bin/true", ["true"], {}, scheduler=(None, param))
        assert ostler.waitpid(pid, 0)[1] == 0
    for wrong in ((0,), 0, None, [0]):
        with pytest.raises(TypeError, match="must have a sched_param object"):
            ostler.sched_setparam(0, wrong)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the warning is of 3.12")
@pytest.mark.parametrize("name", ["fork", "forkpty"])
def test_a_warning_of_threads_that_is_an_error(name):
    """Up to 3.14 it is dropped; since then the parent gets it, when the child is there already."""
    code = """if True:
        import os as system, sys, threading, warnings
        import {os} as os
        go = threading.Event()
        threading.Thread(target=go.wait).start()
        warnings.simplefilter("error")
        parent = system.getpid()
        try:
            made = os.{name}()
        except DeprecationWarning as error:
            made = str(error).replace(str(parent), "N")
        if system.getpid() != parent:
            system._exit(7)
        go.set()
        print(type(made), made if type(made) is str else "", system.waitpid(-1, 0)[1])
    """
    seen = [
        subprocess.run(
            [sys.executable, "-c", code.format(os=module, name=name)],
            capture_output=True, text=True,
        ).stdout
        for module in ("os", "ostler")
    ]  # fmt: skip
    assert seen[0] == seen[1] != ""
