"""The kinds of machines, a file a kind; and what all machines get here: recorded()."""

__import__("ostler._compiled")  # who begins here waits until ostler is imported

from ostler.machine import CommitConflict, Host, Machine, MachineUnavailable, MergeConflict, host

__all__ = [
    "SHELL",
    "CommitConflict",
    "Host",
    "Machine",
    "MachineUnavailable",
    "MergeConflict",
    "host",
]


def recorded(self, children=False, reads=True, exact=False):
    """A context manager whose value is the log of what is asked of this machine inside.

    The log has each call of a verb that touches something, with its moment, thread, arguments
    and result or error, and of compositions the whole: see ostler.machines.recording. With
    `children` it also has what the programs do that are started inside, in `log.processes` and
    `log.events`, by seccomp(2); without `reads` of what they open only what they may change, which
    costs less. With `exact` each of their calls has the outcome and errno that the kernel told, by
    ptrace(2): it costs more, and a debugger that is started inside can't trace. OSError where
    the kernel has not got what it takes (ENOSYS), or nobody may trace here (EPERM).
    """
    from ostler.machines.recording import Recorded

    return Recorded(self, children, reads, exact)


def watch(self, reads=True, most=100_000, exact=False):
    """A context manager whose value is an iterator of what programs do, while they do it.

    It gives an Event of ostler.record.log for each thing that a program does that is started
    inside, or one that it started; without `reads` not for what is only read. `most` of them wait
    until they are taken, and `dropped` says how many more there were. It ends, once all were
    taken, when it is left or closed. `exact`, and the OSError where the kernel has not got what it
    takes, are as with recorded().
    """
    from ostler.record.watching import ProgramWatch

    return ProgramWatch(self, reads, most, exact)


def _path_class(self):
    """The class of this machine's paths: pathlib.Path, whose methods act on the machine."""
    from ostler.machines.paths import path_class

    return path_class(self)


def importing(self, *directories):
    """A context manager: inside, modules that lie in directories of this machine are imported.

    They are looked for before sys.path, in the directories in order: files of Python's source and
    packages. Tracebacks and inspect show their lines, and reload() reads them anew. On the way out
    they are gone from sys.modules, where what they stood for is again; modules of the host that
    they have imported stay. It is for the whole process. RuntimeError when it is entered already.
    """
    from ostler.machines.imported import Importing

    return Importing(self, directories)


Machine.recorded = recorded
Machine.importing = importing
Machine.watch = watch
Machine.Path = property(_path_class)
del recorded, watch, importing


def __getattr__(name):
    if name == "SHELL":
        from ostler.machines.binds import shell

        return shell()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
