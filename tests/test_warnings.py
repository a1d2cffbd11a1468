"""Warnings that need an interpreter of their own, and the lines of the program that they tell of.

All others are compared in every case of tests/parity.
"""

import re
import subprocess
import sys

PROGRAM = """
import sys, threading, warnings
import {module} as os

warnings.simplefilter("always")

def told(message, category, file, line, *_):
    # Where os calls itself in Python it tells of its own line, which ostler has not.
    print(" ", category.__name__, message, line if file == __file__ else "")

def caller():
    print(name)
    return call()

def fork(made):
    pid = made if isinstance(made, int) else made[0]
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

def scandir():
    for entry in os.scandir("/"):
        break
    del entry

warnings.showwarning = told
r, w = os.pipe()
go = threading.Event()
threading.Thread(target=go.wait).start()
for name, call in [
    ("fdopen", lambda: os.fdopen(r, closefd=False).close()),
    ("fdopen of bytes", lambda: os.fdopen(w, "wb", 1, closefd=False).close()),
    ("fdopen, the locale's", lambda: os.fdopen(r, encoding="locale", closefd=False).close()),
    ("popen", lambda: os.popen("true").close()),
    ("popen to write", lambda: os.popen("cat", "w").close()),
    ("fork", lambda: fork(os.fork())),
    ("forkpty", lambda: fork(os.forkpty())),
    ("posix_spawn", lambda: fork(os.posix_spawn("/bin/true", ["true"], {{}}))),
    ("system", lambda: os.system("true")),
    ("scandir", scandir),
]:
    caller()
go.set()
"""


def seen(module, directory):
    program = directory / "program.py"
    program.write_text(PROGRAM.format(module=module))
    command = [sys.executable, "-X", "warn_default_encoding", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return re.sub(r"pid=\d+|0x[0-9a-f]+", "N", done.stdout).splitlines()


def test_warnings_are_those_of_os_and_tell_of_the_line_that_called(tmp_path):
    theirs, ours = seen("os", tmp_path), seen("ostler", tmp_path)
    kinds = {"EncodingWarning", "ResourceWarning", "RuntimeWarning"}
    if sys.version_info >= (3, 12):  # since when fork warns
        kinds.add("DeprecationWarning")
    assert kinds == {line.split()[0] for line in theirs if line.startswith(" ")}
    for their, our in zip(theirs, ours, strict=True):
        assert our == their or (their.endswith(" ") and our.startswith(their))
        assert not our.endswith(" ")  # always a line of the program
