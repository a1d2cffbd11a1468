"""Reaching: in a process on a machine, the machine's faults reach all of Python's code there.

They stand before the machine's verbs, past which the process's own calls go. So the machine is
installed in that process as long as it has faults.
"""

from contextlib import contextmanager
from typing import Any

from ostler.core import interpreter
from ostler.machine import host
from ostler.machines import faults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def faults_of(machine: "Any") -> "Iterator[None]":
    """Inside, the faults that a machine gets are for all of Python's code of this process."""
    reaching = _Reaching(machine)
    faults.tell(machine, reaching.take)
    try:
        yield
    finally:
        faults.tell(machine, None)
        reaching.take(False)


class _Reaching:
    """Has the machine installed while it has faults."""

    def __init__(self, machine):
        self._machine = machine
        self._block: Any = None

    def take(self, wanted):
        if wanted and self._block is None:
            self._begin()
        elif not wanted and self._block is not None:
            self._end()

    def _begin(self):
        machine = self._machine
        environ = interpreter.os.environ
        # What the code has changed until now is the process's, and goes on.
        _make_alike(machine.environ, environ)
        machine.umask(_umask())
        _go(machine, host)
        block = machine.installed(everywhere=True)
        block.__enter__()
        self._block = block

    def _end(self):
        machine = self._machine
        block, self._block = self._block, None
        block.__exit__(None, None, None)
        _make_alike(interpreter.os.environ, machine.environ)
        umask = machine.umask(0)
        machine.umask(umask)
        host.umask(umask)
        _go(host, machine)


def _make_alike(variables, others):
    for name in [name for name in variables if name not in others]:
        del variables[name]
    for name, value in others.items():
        if variables.get(name) != value:
            variables[name] = value


def _umask():
    umask = host.umask(0o77)
    host.umask(umask)
    return umask


def _go(there, other):
    try:
        there.chdir(other.getcwd())
    except OSError:
        pass  # that directory is gone, or can't be entered: each stays where it stands
