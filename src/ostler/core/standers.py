"""Standers: what stands before the verbs of a machine, and is asked before they are made.

This is what the floors below the machines know of it; machines/before.py puts standers there.
"""

import io
from weakref import WeakKeyDictionary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any


class Stander:
    """What stands before verbs of a machine; put there by before.stand(), derived by its work."""

    verbs: frozenset[str] = frozenset()  # the names of those before which it stands
    # Whether it stands also before the steps of a composition, which are else made at once, in C.
    sees_steps = False
    # A class without slots of its own whose members the machine has before its kind's; for what
    # stands not before verbs alone, but before every use of the machine.
    mixin: type | None = None

    def called(
        self, machine: "Any", verb: str, args: tuple, kwargs: dict, go: "Callable[..., Any]"
    ) -> "Any":
        """A call of one of its verbs: what this returns or raises, the caller gets.

        `go(*args, **kwargs)` makes the call, by what stands behind this.
        """
        return go(*args, **kwargs)

    def step(self, machine: "Any", call: str, args: tuple) -> int:
        """The errno with which a step of a composition shall fail, or 0.

        `args` are what it acts on: paths, descriptors, or (directory's descriptor, name).
        """
        return 0

    def step_in_tree(self, machine: "Any", operation: str, kind: int, path: bytes) -> int:
        """The errno with which an operation on a tree shall fail at an entry, or 0."""
        return 0


def standing(machine: "Any") -> tuple[Stander, ...]:
    """What stands before the verbs of a machine; the first is the first to be asked."""
    return getattr(machine, "_between", ())


def step(machine: "Any", call: str, args: tuple) -> int:
    """The errno with which a step of a composition shall fail, or 0."""
    for stander in standing(machine):
        if stander.sees_steps and call in stander.verbs:
            number = stander.step(machine, call, args)
            if number:
                return number
    return 0


def step_in_tree(machine: "Any", operation: str, kind: int, path: bytes) -> int:
    """The errno with which an operation on a tree shall fail at an entry, or 0."""
    for stander in standing(machine):
        if stander.sees_steps:
            number = stander.step_in_tree(machine, operation, kind, path)
            if number:
                return number
    return 0


# Files

_promised: "WeakKeyDictionary[Any, dict[int, str]]" = WeakKeyDictionary()


def promise(machine: "Any", fd: int, path: "Any") -> None:
    """The file of this descriptor will be put at a path: what stands before that is asked now."""
    try:
        path = machine.fsdecode(path)
        if not path.startswith("/"):
            path = f"{machine.getcwd()}/{path}"
    except OSError:
        return  # it has no working directory, and the path no meaning
    _promised.setdefault(machine, {})[fd] = path


def promised(machine: "Any", fd: int) -> str | None:
    """The path, from the machine's root on, that promise() was told of this descriptor."""
    return _promised.get(machine, {}).get(fd)


def keep_promise(machine: "Any", fd: int) -> None:
    """What promise() was told is over."""
    _promised.get(machine, {}).pop(fd, None)


# The calls that a file makes, and for which it asks.
OF_FILES = frozenset(("read", "write", "truncate", "lseek", "close"))


class _File(io.FileIO):
    """A file whose calls pass by what stands before the verbs of its machine."""

    def __init__(self, machine, *args, **kwargs):
        self._machine = machine
        super().__init__(*args, **kwargs)

    def _ask(self, call):
        number = step(self._machine, call, (self.fileno(),))
        if number:
            raise OSError(number, self._machine.strerror(number))

    def readinto(self, buffer):
        self._ask("read")
        return super().readinto(buffer)

    def read(self, size=-1):
        self._ask("read")
        return super().read(size)

    def readall(self):
        self._ask("read")
        return super().readall()

    def write(self, data):
        self._ask("write")
        return super().write(data)

    def truncate(self, size=None):
        self._ask("truncate")
        return super().truncate(size)

    def seek(self, position, whence=0):
        self._ask("lseek")
        return super().seek(position, whence)

    def close(self):
        # As the kernel's: the descriptor is given back also when it fails.
        if self.closed:
            return
        try:
            self._ask("close")
        finally:
            super().close()


def file_over(
    machine: "Any",
    file: "Any",
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: "Any" = None,
    kind: "Callable[..., Any] | None" = None,
) -> "Any":
    """As io.open(), a file whose calls pass by what stands before the verbs of the machine.

    `kind` makes the raw file, if it shall be another: of the machine and what FileIO takes.
    """
    raw = (kind or _File)(machine, file, mode.replace("b", "").replace("t", ""), closefd, opener)
    try:
        return _layered(raw, mode, buffering, encoding, errors, newline)
    except BaseException:
        raw.close()
        raise


def _layered(
    raw: io.FileIO,
    mode: str,
    buffering: int,
    encoding: str | None,
    errors: str | None,
    newline: str | None,
) -> "Any":
    """The file object that io.open() makes of a raw file in this mode."""
    if buffering == 0 and "b" in mode:
        return raw
    buffer: Any
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
    text.mode = mode  # type: ignore[misc]
    return text
