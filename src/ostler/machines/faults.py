"""Faults: calls of a machine that fail when a test wants them to.

A machine without faults is not touched: the first fault gives it a class of its own, in which the
calls in question look at the rules first; with the last one it gets its own class back.
"""

import errno as numbers
import io
from fnmatch import fnmatchcase
from weakref import WeakKeyDictionary

from ostler.machines import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostler.machines.rooted import Rooted

_rules = WeakKeyDictionary()
_classes = {}
_ON_FILES = frozenset(("read", "write", "truncate"))


class Fault:
    """One rule: which calls fail, and with what."""

    def __init__(
        self, call: str, path: str | None, errno: int, after: int, count: int | None
    ) -> None:
        self.call = call
        self.path = path
        self.errno = errno
        self.after = after  # calls that still go well
        self.count = count  # failures that are left; None: no end

    def __repr__(self):
        name = numbers.errorcode.get(self.errno, self.errno)
        return f"<fault {name} in {self.call} of {self.path or 'anything'}>"

    def strikes(self, paths: list[str]) -> bool:
        """Whether a call on these paths fails; counts it."""
        if self.path is not None and not any(_means(self.path, path) for path in paths):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.count is not None:
            if self.count == 0:
                return False
            self.count -= 1
        return True


def _means(pattern: str, path: str) -> bool:
    return fnmatchcase(path if "/" in pattern else path.rpartition("/")[2], pattern)


class Faults:
    """The faults of one machine: `machine.faults`."""

    def __init__(self, machine: "Rooted") -> None:
        self._machine = machine

    def add(
        self,
        call: str,
        path: str | None = None,
        errno: int = numbers.EIO,
        after: int = 0,
        count: int | None = None,
    ) -> Fault:
        """Let `call` (a name such as "write") fail with `errno`; return the Fault.

        `path` is a pattern as of fnmatch, for the last name or, with a slash, the whole path on
        the machine; `after` calls go well first, and `count` fail (None: all from then on).
        """
        if call.startswith("_") or not callable(getattr(self._machine, call, None)):
            raise ValueError(f"no call of a machine: {call!r}")
        fault = Fault(call, path, errno, after, count)
        _rules.setdefault(self._machine, []).append(fault)
        self._settle()
        return fault

    def remove(self, fault: Fault) -> None:
        """Take a Fault back; ValueError when it isn't there."""
        _rules.get(self._machine, []).remove(fault)
        self._settle()

    def clear(self) -> None:
        """Take all of them back."""
        _rules.pop(self._machine, None)
        self._settle()

    def __iter__(self) -> "Iterator[Fault]":
        return iter(tuple(_rules.get(self._machine, ())))

    def __len__(self) -> int:
        return len(_rules.get(self._machine, ()))

    def _settle(self):
        kind = getattr(type(self._machine), "_without_faults", type(self._machine))
        calls = frozenset(fault.call for fault in self)
        self._machine._hooked = calls or None  # so that what shortcuts in C doesn't
        self._machine.__class__ = _class(kind, calls) if calls else kind


def _class(kind, calls):
    found = _classes.get((kind, calls))
    if found is None:
        names = {"__slots__": (), "__module__": kind.__module__, "_without_faults": kind}
        names.update((call, _asking(call, getattr(kind, call))) for call in calls)
        if calls & _ON_FILES:
            names["open_file"] = _open_file
        found = _classes[kind, calls] = type(kind.__name__, (kind,), names)
    return found


def _asking(call, original):
    def method(self, *args, **kwargs):
        _ask(self, call, args)
        return original(self, *args, **kwargs)

    method.__name__ = call
    method.__doc__ = original.__doc__
    return method


def _ask(machine, call, args):
    number = _struck(machine, (call,), args)
    if number:
        named = [a for a in args[:1] if isinstance(a, (str, bytes)) or hasattr(a, "__fspath__")]
        raise OSError(number, host.strerror(number), *named)


def _struck(machine, calls, args):
    """The errno of the first rule for one of these calls that strikes, else 0."""
    rules = [rule for rule in _rules.get(machine, ()) if rule.call in calls]
    paths = [_whole(machine, arg) for arg in args[:2]] if any(r.path for r in rules) else []
    return next((rule.errno for rule in rules if rule.strikes(paths)), 0)


_OPENING, _LEAVING = -1, -2
_FILE, _LINK, _DIRECTORY = 0o10, 0o12, 0o4
_READ_DIRECTORY = ("scandir", "listdir", "open")

# What the operations on whole trees do, in C, to an entry of which kind; None: of any other.
_OF_TREES = {
    "Remove": {_OPENING: _READ_DIRECTORY, _LEAVING: ("rmdir",), None: ("unlink", "remove")},
    "Copy": {
        _OPENING: _READ_DIRECTORY,
        _FILE: ("open", "read"),
        _LINK: ("readlink",),
        _LEAVING: (),
        None: ("lstat",),
    },
    "To": {
        _OPENING: ("mkdir",),
        _FILE: ("open", "write"),
        _LINK: ("symlink",),
        _LEAVING: ("chmod", "utime"),
        None: ("mknod", "mkfifo"),
    },
    "Modes": {_OPENING: _READ_DIRECTORY, _LINK: (), None: ("chmod",)},
    "Owners": {_OPENING: _READ_DIRECTORY, None: ("chown", "lchown")},
    "Compare": {
        _OPENING: _READ_DIRECTORY,
        _FILE: ("open", "read", "lstat"),
        _LINK: ("readlink", "lstat"),
        _LEAVING: (),
        None: ("lstat",),
    },
    "Size": {_OPENING: _READ_DIRECTORY, _LEAVING: (), None: ("stat", "lstat")},
    "Stream": {_OPENING: _READ_DIRECTORY, _LEAVING: (), None: ()},
}


def in_tree(machine, operation, kind, path):
    """The errno with which an operation on a tree shall fail at this path (bytes), else 0."""
    calls = _OF_TREES.get(operation, _OF_TREES["Stream"])
    return _struck(machine, calls[kind if kind in calls else None], (path,))


def _whole(machine, arg):
    """The path on the machine that an argument means, "" for none."""
    try:
        if isinstance(arg, int):
            return host.readlink(f"/proc/self/fd/{int(arg)}")
        return machine.path.join(machine.getcwd(), machine.fsdecode(arg))
    except (OSError, TypeError):
        return ""


class _File(io.FileIO):
    """A file whose calls look at the rules of its machine."""

    def __init__(self, machine, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._machine = machine

    def readinto(self, buffer):
        _ask(self._machine, "read", (self.fileno(),))
        return super().readinto(buffer)

    def read(self, size=-1):
        _ask(self._machine, "read", (self.fileno(),))
        return super().read(size)

    def readall(self):
        _ask(self._machine, "read", (self.fileno(),))
        return super().readall()

    def write(self, data):
        _ask(self._machine, "write", (self.fileno(),))
        return super().write(data)

    def truncate(self, size=None):
        _ask(self._machine, "truncate", (self.fileno(),))
        return super().truncate(size)


def _open_file(
    self, file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True,
    opener=None,
):  # fmt: skip
    """As open_file of a machine without faults."""
    if opener is None and not isinstance(file, int):

        def opener(path, flags):
            return self.open(path, flags, 0o666)

    raw = _File(self, file, mode.replace("b", "").replace("t", ""), closefd, opener)
    try:
        if buffering == 0 and "b" in mode:
            return raw
        size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
        if "+" in mode:
            buffer = io.BufferedRandom(raw, size)
        elif "r" in mode:
            buffer = io.BufferedReader(raw, size)
        else:
            buffer = io.BufferedWriter(raw, size)
        if "b" in mode:
            return buffer
        text = io.TextIOWrapper(buffer, encoding, errors, newline, buffering == 1)
        text.mode = mode
        return text
    except BaseException:
        raw.close()
        raise
