"""What a machine's log has of programs: those of one run, or of all that the machine starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostler.machine import Machine, host
from ostler.record.log import Story, read
from ostler.record.recorder import ProgramRecorder, RunRecorder

if TYPE_CHECKING:
    from ostler.core.door import Door


class OneRun:
    """The recording of one program, of which a list gets the Story."""

    def __init__(
        self, stories: list[Story], machine: Machine, known: bool, reads: bool, exact: bool
    ) -> None:
        self._stories = stories
        self._machine = machine
        self._known = known  # it is recorded in any case
        self._reads = reads
        self._exact = exact

    def __enter__(self) -> Door | None:
        if self._known:
            return None
        self._file = host.memfd_create("ostler-record")
        try:
            self._recorder = RunRecorder(self._machine, self._file, self._reads, None, self._exact)
            self._recorder.__enter__()
        except BaseException:
            host.close(self._file)
            raise
        return self._recorder.door

    def __exit__(self, *exception: object) -> None:
        if self._known:
            return
        with open(self._file, "rb") as file:
            try:
                self._recorder.__exit__()
            finally:
                file.seek(0)
                self._stories.append(read(file))


class AllPrograms:
    """The recording of programs that belongs to a log."""

    def __init__(self, machine: Machine, reads: bool, exact: bool) -> None:
        self._file = host.memfd_create("ostler-record")
        try:
            self._recorder = ProgramRecorder(machine, self._file, reads, None, exact)
            self._recorder.__enter__()
        except BaseException:
            host.close(self._file)
            raise
        self._last: Story | None = None
        self._machine = machine

    def is_of(self, machine: Machine) -> bool:
        """Whether it records what this machine starts."""
        return self._machine is machine and self._last is None

    def story(self) -> Story:
        """What happened until now, or until the end."""
        if self._last is not None:
            return self._last
        self._recorder.flush()
        with open(f"/proc/self/fd/{self._file}", "rb") as file:
            return read(file)

    def end(self) -> None:
        """What comes is no longer recorded."""
        try:
            self._recorder.__exit__()
        finally:
            self._last = self.story()
            host.close(self._file)
