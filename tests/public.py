"""The public names that are ostler's own, frozen in tests/public.txt, one a line.

`python -m tests.public` prints them as they are now; with --write it puts them into the file,
which is a decision about the interface and belongs into the change log. The names of os itself
follow the running interpreter and are held by tests/test_names.py. With --write what follows from
other files is written, too: the functions of the host in the stub of the facade, and the list of
headers.
"""

import inspect
import sys
from pathlib import Path

FILE = Path(__file__).with_name("public.txt")
PACKAGE = Path(__file__).parents[1] / "src" / "ostler"
STUB = PACKAGE / "__init__.pyi"
HEADERS = PACKAGE / "core" / "libc" / "__init__.pxd"
# Declarations for some modules, which cimport them by their names.
BESIDE = {
    "confining", "entering", "family", "holding", "identity", "recorded_calls", "recording",
    "tracing",
}  # fmt: skip
# Names of os, public ones, that not every Python from 3.11 on has, or not with every C library.
# A machine has them all.
NOT_ALWAYS_OF_OS = frozenset(
    """
    AT_NO_AUTOMOUNT AT_STATX_DONT_SYNC AT_STATX_FORCE_SYNC AT_STATX_SYNC_AS_STAT
    CLONE_FILES CLONE_FS CLONE_NEWCGROUP CLONE_NEWIPC CLONE_NEWNET CLONE_NEWNS CLONE_NEWPID
    CLONE_NEWTIME CLONE_NEWUSER CLONE_NEWUTS CLONE_SIGHAND CLONE_SYSVSEM CLONE_THREAD CLONE_VM
    NODEV PIDFD_NONBLOCK POSIX_SPAWN_CLOSEFROM RWF_ATOMIC RWF_DONTCACHE SCHED_DEADLINE SCHED_NORMAL
    STATX_ATIME STATX_BASIC_STATS STATX_BLOCKS STATX_BTIME STATX_CTIME STATX_DIOALIGN STATX_GID
    STATX_INO STATX_MNT_ID STATX_MNT_ID_UNIQUE STATX_MODE STATX_MTIME STATX_NLINK STATX_SIZE
    STATX_SUBVOL STATX_TYPE STATX_UID STATX_WRITE_ATOMIC STATX_DIO_READ_ALIGN
    TFD_CLOEXEC TFD_NONBLOCK TFD_TIMER_ABSTIME TFD_TIMER_CANCEL_ON_SET
    grantpt posix_openpt process_cpu_count ptsname readinto reload_environ setns statx statx_result
    timerfd_create timerfd_gettime timerfd_gettime_ns timerfd_settime timerfd_settime_ns unlockpt
    unshare
    """.split()
)


def shown(prefix, name, value):
    if inspect.ismodule(value):
        return None
    if isinstance(value, type):
        return f"{prefix}.{name} class"
    if callable(value):
        try:
            return f"{prefix}.{name}{_without_types(inspect.signature(value))}"
        except ValueError:
            return f"{prefix}.{name}(...)"
    return f"{prefix}.{name}"


def _without_types(signature):
    # These are held by tests/typed_uses.py.
    empty = inspect.Parameter.empty
    plain = [each.replace(annotation=empty) for each in signature.parameters.values()]
    return signature.replace(parameters=plain, return_annotation=empty)


def members(prefix, thing, without=()):
    names = [name for name in dir(thing) if not name.startswith("_") and name not in without]
    return filter(None, (shown(prefix, name, getattr(thing, name)) for name in names))


def public():
    """The lines, sorted."""
    import os

    import ostler
    from ostler import machines, trees
    from ostler.machines import kinds

    of_os = NOT_ALWAYS_OF_OS | set(dir(os))
    lines = set(members("ostler", ostler, of_os | {"host", "trees"}))
    lines |= set(members("ostler.host", type(ostler.host), of_os | set(dir(ostler))))
    lines |= {shown("ostler.trees", name, getattr(trees, name)) for name in trees.__all__}
    lines |= set(members("ostler.machines.MachineUnavailable", machines.MachineUnavailable,
                         dir(OSError)))  # fmt: skip
    base = set(dir(machines.Machine))
    for name in kinds.__all__:
        lines |= set(members(f"ostler.{name}", getattr(kinds, name), base))
    return sorted(lines)


_FUNCTIONS = "# What a machine has besides the functions of os, as functions of the host.\n"


def stub():
    """The stub of the facade, with each function of the host that os has not."""
    import ostler

    before, heading, after = STUB.read_text().partition(_FUNCTIONS)
    others = after[after.index("\n\n") :]
    names = [name.removeprefix("ostler.").partition("(")[0] for name in public() if "(" in name]
    names = [name for name in names if callable(getattr(type(ostler.host), name, None))]
    return before + heading + "\n".join(f"{name} = host.{name}" for name in names) + others


def headers():
    """The file by which all C declarations have the one prefix `libc.`, a file for each header."""
    names = {path.stem for path in HEADERS.parent.glob("*.pxd")} - BESIDE - {"__init__"}
    first = HEADERS.read_text().partition("\n")[0]
    lines = [f"from ostler.core.libc.{name} cimport *" for name in sorted(names)]
    return "\n".join([first, *lines, ""])


def written():
    """{file: what is to be in it}."""
    return {FILE: "\n".join([*public(), ""]), STUB: stub(), HEADERS: headers()}


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        for path, text in written().items():
            if path.read_text() != text:
                path.write_text(text)
    else:
        print(*public(), sep="\n")
