"""What code must not do: a recording of functions and programs, and what is expected of it."""

from __future__ import annotations

import sys
import sysconfig
from typing import TYPE_CHECKING, Any

from ostler.machine import host
from ostler.machines.recording import Log
from ostler.record.log import NETWORK, is_change
from ostler.record.outline import command, is_usual, lies_in, on_one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ostler.core.outcome import CommandResult
    from ostler.record.log import Event, RecordedProcess

_MOST = 10  # events that a message names


class RecordedCode:
    """Calls functions and runs programs, records what they do, and compares it with what they may.

    `recorded(function, *args, **kwargs)` calls a function in a copy of this process, and returns
    its result or raises its error; `recorded.run(argv, ...)` runs a program, as ostler.run() does.
    `events` and `processes` are those of all that was called and run until now. The assertions
    look at all of it, and say in an AssertionError which process did what to which path.
    With `exact = True` the calls from then on are recorded as the kernel answered them, by
    ptrace(2), as with ostler.recorded(children=True, exact=True).
    """

    def __init__(self) -> None:
        self._log = Log()
        self._began = False

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        from ostler.record.calling import called

        self._began = True
        with self._log.of_one_run(host) as door:
            assert door is not None
            return called(door, function, *args, **kwargs)

    def run(self, argv: Iterable[Any], **options: Any) -> CommandResult:
        """Run a program and record it; the arguments and the result are those of ostler.run()."""
        self._began = True
        return host.run(list(argv), record=self._log, **options)

    @property
    def exact(self) -> bool:
        """Whether each call has the outcome and the errno that the kernel told."""
        return self._log.exact

    @exact.setter
    def exact(self, exact: bool) -> None:
        self._log.exact = exact

    @property
    def events(self) -> list[Event]:
        """What was done, in the order in which it began."""
        return self._log.events if self._began else []

    @property
    def processes(self) -> list[RecordedProcess]:
        """The processes that were recorded, in the order of their beginning."""
        return self._log.processes if self._began else []

    def assert_only_reads(self, *paths: Any) -> None:
        """Assert that nothing was read but what lies at or below the paths.

        What every program reads when it begins (libraries, locales) is left out, and so are the
        modules of this interpreter; and what was not there, or was refused.
        """
        allowed = [*_real(paths), *_of_python()]
        self._none("read", paths, [
            event
            for event in self.events
            if event.kind == "read" and event.outcome is not False
            and not is_usual(event.path) and not lies_in(event.path, allowed)
        ])  # fmt: skip

    def assert_only_writes(self, *paths: Any) -> None:
        """Assert that nothing was changed, made or removed but what lies at or below the paths.

        What failed is left out, and so are devices that keep nothing, such as /dev/null.
        """
        allowed = _real(paths)
        self._none("changed", paths, [
            event
            for event in self.events
            if is_change(event) and not all(lies_in(path, allowed) for path in _changed(event))
        ])  # fmt: skip

    def assert_no_network(self) -> None:
        """Assert that no address of a network was connected to, bound or sent to.

        Sockets that are files, or have a name in place of an address, are no network.
        """
        self._none("used as a network", (), [
            event
            for event in self.events
            if event.kind in NETWORK and not event.path.startswith(("/", "@"))
        ])  # fmt: skip

    def _none(self, what: str, paths: tuple[Any, ...], found: list[Event]) -> None:
        __tracebackhide__ = True
        if not found:
            return
        wanted = ", ".join(host.fsdecode(path) for path in paths) or "nothing"
        lines = list(dict.fromkeys(_line(event) for event in found))
        shown = lines[:_MOST]
        if len(lines) > _MOST:
            shown.append(f"... and {len(lines) - _MOST} more")
        raise AssertionError(f"only {wanted} may be {what}:\n  " + "\n  ".join(shown))


def _line(event: Event) -> str:
    one = event.process
    program = one.program
    name = command(program.arguments, program.path, 60) if program is not None else "this test"
    other = f" -> {on_one_line(event.other)}" if event.other else ""
    tried = "" if event.outcome else " (tried)"
    return f"{name} [{one.pid}]: {event.kind} {on_one_line(event.path)}{other}{tried}"


def _changed(event: Event) -> tuple[str, ...]:
    return (event.path, event.other) if event.kind == "rename" else (event.path,)


def _real(paths: Iterable[Any]) -> list[str]:
    return [host.path.realpath(host.fsdecode(path)) for path in paths]


def _of_python() -> list[str]:
    # Where modules are, which are read when they are first needed.
    known = {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, *sys.path}
    known -= {"", "/usr", "/", host.getcwd()}
    return _real(sorted(known))
