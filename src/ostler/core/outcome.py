"""What came of a child: its result, and the errors that carry one."""

import cython


class CommandResult:
    """What run() tells of a program that has ended.

    `code` is its exit status and `signal` the number of the signal that ended it: one of them is
    None; both are when another part of this process has taken the status from the kernel.
    `stdout`, `stderr`: what was captured, else None. `wall`, `user`, `system`: seconds.
    `peak_memory`: bytes. `timed_out`: whether the time limit ended it. The times and the memory
    are of the program and of those children that it waited for.
    """

    __slots__ = (
        "argv", "code", "core_dumped", "peak_memory", "pid", "signal", "stderr", "stdout",
        "system", "timed_out", "user", "wall",
    )  # fmt: skip

    def __init__(self, **fields):
        for name, value in fields.items():
            setattr(self, name, value)

    @property
    def ok(self):
        """Whether the program exited with 0, and in time."""
        return self.code == 0 and not self.timed_out

    @property
    def status(self):
        """One number for both: the exit status, or minus the signal; None when not known."""
        return self.code if self.signal is None else -self.signal

    def check(self):
        """This result, if the program exited with 0; else CommandFailed."""
        if not self.ok:
            raise (CommandTimeout if self.timed_out else CommandFailed)(self)
        return self

    def outcome(self):
        """What happened, in words."""
        if self.timed_out:
            return f"was killed after {self.wall:.3g} s"
        if self.signal is not None:
            from signal import Signals

            try:
                name = Signals(self.signal).name
            except ValueError:
                name = f"signal {self.signal}"
            return f"was ended by {name}" + (", core dumped" if self.core_dumped else "")
        if self.code is None:
            return "has ended; its status was taken by another part of this process"
        return f"exited with {self.code}"

    def __repr__(self):
        return f"<CommandResult: {self.argv!r} {self.outcome()}>"

    def __reduce__(self):
        return _result, ({name: getattr(self, name) for name in self.__slots__},)


def _result(fields):
    return CommandResult(**fields)


class CommandFailed(Exception):
    """A program did not exit with 0; `result` is its CommandResult."""

    def __init__(self, result):
        super().__init__(result)
        self.result = result

    def __str__(self):
        text = f"{self.result.argv!r} {self.result.outcome()}"
        said = self.result.stderr
        if said:
            if isinstance(said, bytes):
                said = said.decode("utf-8", "backslashreplace")
            text += f": {said.strip()[-500:]}"
        return text


class CommandTimeout(CommandFailed, TimeoutError):
    """A program was killed, with all that it had started, because its time was up."""


for _kind in (CommandResult, CommandFailed, CommandTimeout):
    _kind.__module__ = "ostler"
