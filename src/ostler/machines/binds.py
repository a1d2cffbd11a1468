"""Binds: parts of the host that are shown, read-only, on a scratch machine."""

from ostler.core import mounts
from ostler.machine import host
from ostler.machines.rooted import MachineUnavailable

# What a shell and the usual commands need; what this host lacks is left out.
_SHELL = (
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/nix/store",
    "/etc/alternatives", "/etc/group", "/etc/ld.so.cache", "/etc/ld.so.conf",
    "/etc/ld.so.conf.d", "/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd",
    "/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero", "/proc",
)  # fmt: skip
# What is a machine's own in /dev: links, terminals that are not the host's, shared memory.
_LINKS = {
    b"/dev/fd": b"/proc/self/fd",
    b"/dev/ptmx": b"pts/ptmx",
    b"/dev/stderr": b"/proc/self/fd/2",
    b"/dev/stdin": b"/proc/self/fd/0",
    b"/dev/stdout": b"/proc/self/fd/1",
}
_PTS, _SHM = b"/dev/pts", b"/dev/shm"
TERMINALS = _PTS[1:]  # of what is shown the only one that is no part of the host
_OWN = (*_LINKS, _PTS, _SHM)


def shell():
    """The paths with which a shell runs on a scratch machine, as a list."""
    return [path for path in _SHELL if host.path.lexists(path)] + [p.decode() for p in _OWN]


class Sources(list):
    """What sources() has given, which need not be looked at again.

    What of it is in `passing` may be gone by the time when it is shown, and is left out then.
    """

    __slots__ = ("passing",)

    def __init__(self, passing=frozenset()):
        super().__init__()
        self.passing = passing


def sources(bind):
    """The absolute paths (bytes) that are asked for, outer ones first, none within another."""
    if bind is None:
        return Sources()
    if isinstance(bind, Sources):
        return bind
    if isinstance(bind, (str, bytes)) or hasattr(bind, "__fspath__"):
        raise TypeError("bind should be a list of paths, not one path")
    wanted = set()
    for path in bind:
        text = host.path.abspath(host.fsencode(path))
        if text not in _OWN:
            host.lstat(text)
        if text == b"/":
            raise ValueError("the whole host can't be bound into a scratch machine")
        wanted.add(text)
    return _outermost(wanted)


def joined(found, asked_for):
    """Sources of paths that were found, which may be gone by now, and of those of other Sources."""
    return _outermost({*found, *asked_for}, frozenset(found).difference(asked_for))


def _outermost(paths, passing=frozenset()):
    found = Sources(passing)
    for path in sorted(paths, key=lambda path: path + b"/"):
        # What lies within a path comes right behind it.
        if not found or not path.startswith(found[-1] + b"/"):
            found.append(path)
    return found


def show(machine, paths):
    """Put these paths of the host upon the machine, at the same place there, read-only.

    Return where something is mounted now: [path below the root].
    """
    shown = _build(machine, _steps(paths))
    if _SHM in paths:
        machine.chmod(_SHM, 0o1777)
    if _PTS in paths:
        shown += _build(machine, _console(machine))
    return shown


def _build(machine, steps):
    shown = []
    while steps:
        built = mounts.build(machine._root, machine._user_ns, machine._mount_ns, steps)
        number, step, failed = built.number, built.step, built.failed
        shown += built.mounted
        if not number:
            break
        kind, _, source, *_ = steps[failed]
        if kind == mounts.NEW:
            # No terminals of one's own here: without them.
            steps = steps[failed + 1 :]
            continue
        which = host.fsdecode(source or steps[failed][1])
        if step == "lstat":
            raise OSError(number, host.strerror(number), which)
        raise MachineUnavailable(
            f"{which} can't be shown there: {step}: {host.strerror(number)}", "", number
        )
    return shown


def _steps(paths):
    # By plain paths below the root: the machine is new, and none of its links is on the way to a
    # path, for of two that lie in each other the inner one is left out.
    passing = getattr(paths, "passing", frozenset())
    steps = []
    made = set()
    for path in paths:
        place = path[1:]
        _add_parents(steps, place, made)
        if path in _LINKS:
            steps.append((mounts.MAKE_LINK, place, _LINKS[path], None, None, None, False))
        elif path in (_SHM, _PTS):
            steps.append((mounts.MAKE_DIRECTORY, place, None, None, None, None, False))
            if path == _PTS:
                steps.append((mounts.NEW, place, b"devpts", None, None, _PTS_OPTIONS, False))
        else:
            kind = mounts.SHOW_PASSING if path in passing else mounts.SHOW
            steps.append((kind, place, path, None, None, None, True))
    return steps


_PTS_OPTIONS = b"ptmxmode\x000666\0mode\x00620\0\0"
_CONSOLE = b"/dev/console"


def _console(machine):
    """The step that shows the terminal of this process: its name is not in the machine's pts."""
    for fd in range(3):
        try:
            if not host.isatty(fd):
                continue
            terminal = host.fsencode(host.ttyname(fd))
        except OSError:
            continue
        machine.close(machine.open(_CONSOLE, machine.O_WRONLY | machine.O_CREAT, 0o644))
        return [(mounts.CLONE_TREE, _CONSOLE[1:], terminal, None, None, None, True)]
    return []


def _add_parents(steps, path, made):
    # Those that are not among `made`, to which they are added.
    end = path.find(b"/")
    while end > 0:
        parent = path[:end]
        if parent not in made:
            steps.append((mounts.MAKE_DIRECTORY, parent, None, None, None, None, False))
            made.add(parent)
        end = path.find(b"/", end + 1)
