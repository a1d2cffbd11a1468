"""Forks beside imports: a copy of the process imports what another thread was importing."""

import subprocess
import sys

import pytest

# A thread is in the middle of an import while another one forks; the copy imports the same.
PROGRAM = """
import os, signal, sys, threading, time
signal.alarm(30)
WHEN, WHAT, WHERE = sys.argv[1:]
middle = threading.Event()

class Slow:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == WHERE and threading.current_thread() is thread:
            middle.set()
            time.sleep(0.3)

def begin():
    # At the last moment: those who are told first are asked last.
    if WHEN == "at the last moment" and not middle.is_set():
        thread.start()
        middle.wait(1)  # it may be that it waits until the fork is over

os.register_at_fork(before=begin)
thread = threading.Thread(target=__import__, args=(WHAT,))
import ostler
sys.meta_path.insert(0, Slow)
if WHEN == "before":
    thread.start()
    middle.wait()
pid = os.fork()
if pid == 0:
    signal.alarm(15)
__import__(WHAT)
module = sys.modules[WHAT]
assert not module.__spec__._initializing and len(vars(module)) > 10
ostler.path.join("a", "b")
if pid == 0:
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
thread.join()
assert sys.modules[WHAT] is module
print("fine")
"""


@pytest.mark.parametrize("when", ["before", "at the last moment"])
@pytest.mark.parametrize(
    ("what", "where"),
    [
        ("ostler.installation.process", "ostler.installation.process"),
        ("ostler.machines.scratch", "ostler.machines.scratch"),
        # The thread is in the middle of the first, whose C can't be begun anew, at the second.
        ("ostler.installation.process", "ostler.installation.kinship"),
        ("ostler.trees._copy", "ostler.trees._content"),
    ],
)
def test_a_copy_imports_it_too(when, what, where):
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, when, what, where]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr
