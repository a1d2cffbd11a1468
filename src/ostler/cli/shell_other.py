"""`ostler shell` with a shell that is neither bash nor zsh: it lives on, with points on request.

What it has can't be written down and read again, so its lines are not run one by one. It gets a
command `point`, by which it asks us for a point; since it goes on with its work, that is a copy of
what was changed until then.
"""

import contextlib
import signal
import sys
import threading

from ostler import host
from ostler.cli.authors import noted
from ostler.cli.running import is_there, run

# Descriptors of the shell: what it reads at its start, what it asks for, and what is answered.
_START, _ASKS, _ANSWERS = 61, 62, 63
_OPENING = "Nothing real is changed. point [NAME] makes a point; exit leaves, and asks."
# What a shell of the family of sh reads at its start, when it is asked things on a terminal.
START = f"""\
if [ -n "$OSTLER_ENV" ]; then . "$OSTLER_ENV"; fi
point() {{
    printf '%s\\n' "$*" >/dev/fd/{_ASKS} && read -r point_answer </dev/fd/{_ANSWERS} &&
        printf '%s\\n' "${{point_answer#?}}" && test "${{point_answer%"${{point_answer#?}}"}}" = +
}}
"""
START_OF_FISH = f"""\
function point
    echo "$argv" >/dev/fd/{_ASKS}; and read -l answer </dev/fd/{_ANSWERS}
    and string sub -s 2 -- $answer; and string match -q '+*' -- $answer
end
"""
_LIKE_SH = frozenset(("ash", "busybox", "dash", "ksh", "lksh", "mksh", "oksh", "sh"))


def run_other(machine, name, record):
    """Run a shell to its end; its exit status, or minus our own."""
    if sys.stdin.isatty() and is_there(machine, name):
        print(_OPENING)
    words, kind = [name], host.path.basename(name)
    if kind == "busybox":
        words.append("sh")
    if kind == "fish":
        words += ["-C", START_OF_FISH]
    elif kind == "yash":  # which reads what is in ENV only where it is told to be as POSIX has it
        words.append(f"--rcfile=/dev/fd/{_START}")
        own = machine.path.expanduser("~/.yashrc")
        machine.environ["OSTLER_ENV"] = own if machine.path.isfile(own) else ""
    elif kind in _LIKE_SH:
        machine.environ["OSTLER_ENV"] = machine.environ.get("ENV", "")
        machine.environ["ENV"] = f"/dev/fd/{_START}"
    with _Requests(machine) as answers, noted(machine, record):
        try:
            return run(machine, words, False, answers.actions)
        finally:
            _take_terminal_back()


def _take_terminal_back():
    # A shell that was killed has not given it back.
    if sys.stdin.isatty():
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        with contextlib.suppress(OSError):
            host.tcsetpgrp(0, host.getpgrp())
        signal.signal(signal.SIGTTOU, before)


class _Requests:
    """A context manager: inside, what the shell asks for is done and answered, by a thread."""

    def __init__(self, machine):
        self.machine = machine

    def __enter__(self):
        start = host.memfd_create("ostler-shell")
        host.write(start, START.encode())
        host.lseek(start, 0, 0)
        asks, to_us = host.pipe()
        from_us, answers = host.pipe()
        self._fds = [start, asks, to_us, from_us, answers]
        pairs = (start, _START), (to_us, _ASKS), (from_us, _ANSWERS)
        self.actions = [(host.POSIX_SPAWN_DUP2, fd, number) for fd, number in pairs]
        self._thread = threading.Thread(target=self._serve, args=(asks, answers), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        host.write(self._fds[2], b"\0\n")
        self._thread.join()
        while self._fds:
            host.close(self._fds.pop())

    def _serve(self, asks, answers):
        with open(asks, "rb", closefd=False) as lines:
            self._answer(lines, answers)

    def _answer(self, lines, answers):
        for line in lines:
            if line == b"\0\n":
                return
            host.write(answers, self._made(line.decode("utf-8", "surrogateescape").strip()))

    def _made(self, name):
        try:
            point = self.machine.checkpoint(name or None, "copy")
        except (OSError, ValueError) as error:
            said = f"-ostler: {error}"
        else:
            said = f"+this is point {point.name}"
        return " ".join(said.split("\n")).encode("utf-8", "surrogateescape") + b"\n"
