"""Running the commands as a user does: called here, on a pseudo-terminal, into a pipe."""

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import traceback
from pathlib import Path

from ostler.cli import main

SOURCE = str(Path(__file__).parent.parent / "src")
PATIENCE = 25
# Root becomes another user, who may not be able to read the interpreter's modules.
AS_USER = """
import datetime, difflib, encodings.ascii, gettext, importlib, json, locale, shlex, signal, sys, os
import ostler.cli.acting, ostler.cli.copy, ostler.cli.dry, ostler.cli.find, ostler.cli.remove
import ostler.cli.size, ostler.cli.walk, ostler.machines.rehearsal.pictures, ostler.trees._find
import ostler.trees._following, ostler.trees._remove
ostler.cli.find.find_parser().read(["x"])
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
"""
# What a name may not bring onto a terminal.
UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufffd]")


def called(*arguments, cwd=None):
    """(exit status, standard output, what was said on standard error) of a command, here."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape")
    said = io.StringIO()
    before = os.getcwd()
    os.chdir(cwd or before)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            status = main([os.fspath(argument) for argument in arguments])
    finally:
        os.chdir(before)
    out.flush()
    return status, out.buffer.getvalue(), said.getvalue()


def program(*arguments, rich=True, before="", fast=True):
    """The command line of an interpreter that runs a command, `before` being done first."""
    lines = [f"import sys; sys.path.insert(0, {SOURCE!r})"]
    if not rich:
        lines.append("sys.modules['rich'] = None")
    if fast:  # progress shows from the beginning
        lines.append("import ostler.cli._trees as trees; trees._AFTER = trees._EVERY = 0")
    lines += [before, "from ostler.cli import main; sys.exit(main())"]
    return [sys.executable, "-c", "\n".join(lines), *map(os.fspath, arguments)]


def run(*arguments, shell=None, **kwargs):
    """A command as a process of its own; with `shell` in a line of sh, as "$@"."""
    words = program(*arguments)
    if arguments[0] == "tour":  # which is run by the interpreter that runs this
        words = [sys.executable, "-m", "ostler", *arguments]
        kwargs["env"] = {**kwargs.get("env", os.environ), "PYTHONPATH": SOURCE}
    if shell is not None:
        words = ["sh", "-c", shell, "sh", *words]
    return subprocess.run(
        words, capture_output=True, check=False, timeout=PATIENCE, stdin=subprocess.DEVNULL,
        **kwargs,
    )  # fmt: skip


def has_rehearsals():
    """Whether this kernel and this user have them."""
    # Asked for in another process: what is known here would be remembered for other tests.
    report = json.loads(run("doctor", "--json").stdout)
    return report["capabilities"]["rehearsal"]["available"]


def on_terminal(words, columns=80, cwd=None, keys=(), term="xterm"):
    """Run a program on a terminal of its own: (exit status, all that was shown).

    `keys` are pairs (what is waited for, what is typed then).
    """
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            os.chdir(cwd or ".")
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests may ignore it
            for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
                os.environ.pop(name, None)
            os.environ["TERM"] = term
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            # Not the process's own, into which libreadline has put COLUMNS and LINES.
            os.execve(words[0], words, dict(os.environ))
        finally:
            traceback.print_exc()
            os._exit(255)
    keys, shown, seen = list(keys), b"", 0
    end = time.monotonic() + PATIENCE
    try:
        while True:
            left = end - time.monotonic()
            assert left > 0, f"nothing comes after {shown.decode(errors='replace')!r}"
            if not select.select([terminal], [], [], left)[0]:
                continue
            try:
                block = os.read(terminal, 65536)
            except OSError:
                break
            if not block:
                break
            shown += block
            if keys and keys[0][0] in shown[seen:]:
                seen = len(shown)
                os.write(terminal, keys.pop(0)[1])
    finally:
        os.close(terminal)
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
    return os.waitstatus_to_exitcode(status), shown.decode().replace("\r\n", "\n")


def settled(shown):
    """What stays on the terminal: without colours, and without what is written over."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    return re.sub(r"[^\n]*\r\x1b\[K", "", plain)
