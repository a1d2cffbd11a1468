"""Faults: calls of a machine that fail when a test wants them to.

A machine's rules stand before its verbs (see before.py) as long as there are any.
"""

import errno as numbers
from fnmatch import fnmatchcase
from weakref import WeakKeyDictionary

from ostler.core.living import lock_over_forks
from ostler.core.standers import OF_FILES, Stander, file_over, promised, standing
from ostler.machine import host
from ostler.machines import before
from ostler.verbs import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ostler.machine import Machine

_rules: "WeakKeyDictionary[Machine, Standing]" = WeakKeyDictionary()
# For the rules and their counts, which threads share. A signal's handler may use the machine, or
# change its rules, while its thread is in here.
_lock = lock_over_forks()
# Of machines, what is called with True before they get a rule, with False when they have none.
_told: "WeakKeyDictionary[Machine, Callable[[bool], object]]" = WeakKeyDictionary()


def tell(machine: "Machine", function: "Callable[[bool], object] | None") -> None:
    """Call a function with True before a machine gets a rule, with False when it has none again."""
    if function is None:
        _told.pop(machine, None)
    else:
        _told[machine] = function


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
        """Whether a call on these paths fails; counts it. For one thread at a time."""
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

    def __init__(self, machine: "Machine") -> None:
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
        if not isinstance(errno, int):
            # Of an OSError whose number is a text there is nothing that a program could ask for.
            raise TypeError(f"errno should be a number, as errno.EIO is, not {errno!r}")
        fault = Fault(call, path, errno, after, count)
        self._tell(True)
        with _lock:
            rules = _rules.get(self._machine) or Standing()
            rules.add(fault)  # first: so no handler finds them empty, and takes them away
            rules = _rules.setdefault(self._machine, rules)
            if rules not in standing(self._machine):
                before.stand(self._machine, rules)
            before.settle(self._machine)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take a Fault back; ValueError when it isn't there."""
        with _lock:
            rules = _rules.get(self._machine)
            if rules is None:
                raise ValueError("the machine has no such fault")
            rules.remove(fault)
            if rules.faults:
                before.settle(self._machine)
            else:
                self._leave(rules)
        self._tell(bool(rules.faults))

    def clear(self) -> None:
        """Take all of them back."""
        with _lock:
            rules = _rules.get(self._machine)
            if rules is not None:
                self._leave(rules)
        self._tell(False)

    def _leave(self, rules):
        if _rules.pop(self._machine, None) is rules:
            before.leave(self._machine, rules)

    def _tell(self, there):
        told = _told.get(self._machine)
        if told is not None:
            told(there)

    def __iter__(self) -> "Iterator[Fault]":
        return iter(_of(self._machine))

    def __len__(self) -> int:
        return len(_of(self._machine))


def _of(machine):
    rules = _rules.get(machine)
    return () if rules is None else tuple(rules.faults)


class Standing(Stander):
    """The faults of a machine, before its verbs and their steps."""

    sees_steps = True

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let calls fail by one more rule."""
        self.faults.append(fault)
        self._tell()

    def remove(self, fault: Fault) -> None:
        """Let them fail by this rule no more."""
        self.faults.remove(fault)
        self._tell()

    def _tell(self):
        self.verbs = frozenset(fault.call for fault in self.faults)
        self.on_files = bool(self.verbs & OF_FILES)
        if self.on_files:
            self.verbs |= {"fdopen", "open_file"}

    def called(self, machine, verb, args, kwargs, go):
        """Fail where a rule strikes; files look at the rules themselves later."""
        try:
            _ask(machine, verb, args, kwargs)
        except OSError:
            if verb == "close":  # as the kernel's, which gives the descriptor back all the same
                go(*args, **kwargs)
            raise
        if self.on_files and verb == "open_file":
            return _open_file(machine, *args, **kwargs)
        if self.on_files and verb == "fdopen":
            return _fdopen(machine, *args, **kwargs)
        return go(*args, **kwargs)

    def step(self, machine, call, args):
        """The errno of a rule for a call that is made among others, in C."""
        return _in_steps(machine, call, args)

    def step_in_tree(self, machine, operation, kind, path):
        """The errno of a rule for what an operation does to an entry of a tree."""
        return _in_tree(machine, operation, kind, path)


def _ask(machine, call, args, kwargs):
    """OSError, naming what the call itself would name, when a rule for it strikes."""
    if call == "close" and not args and not kwargs:
        return  # the machine is closed, and no descriptor
    bound = table.bound(call, args, kwargs)
    number = _struck(machine, (call,), lambda: asked(machine, bound))
    if number:
        named = []
        for name, (role, value) in bound.items():
            given = value is not table.of(call).defaults.get(name, None)
            if role == table.COMMAND and isinstance(value, (list, tuple)):
                named += value[:1]
            elif given and role in (table.PATH, table.PROGRAM, table.TEXT):
                named.append(value)
        raise _failure(number, *named[:2])


def _failure(number, *named):
    text = host.strerror(number)
    named = [host.fspath(name) if hasattr(name, "__fspath__") else name for name in named]
    return OSError(number, text, named[0], None, *named[1:]) if named else OSError(number, text)


def asked(machine, bound):
    """The whole paths on the machine of all that a call acts on."""
    paths = []
    for name, (role, value) in bound.items():
        if role == table.COMMAND and isinstance(value, (list, tuple)) and value:
            role, value = table.PROGRAM, value[0]
        if role == table.FD or (role == table.PATH and hasattr(value, "__index__")):
            paths += _paths_of(machine, value)
        elif role in (table.PATH, table.PROGRAM) and value is not None:
            paths.append(_whole(machine, value, table.directory_of(name, bound)))
    return paths


def _in_steps(machine, call, args):
    def paths():
        found = []
        for arg in args:
            if isinstance(arg, int):
                found += _paths_of(machine, arg)
            elif isinstance(arg, tuple):
                found.append(_whole(machine, arg[1], arg[0]))
            else:
                found.append(_whole(machine, arg))
        return found

    return _struck(machine, (call,), paths)


def _struck(machine, calls, paths):
    """The errno of the first rule for one of these calls that strikes, else 0.

    `paths` gives the paths that the call acts on, and is called when they are asked for.
    """
    rules = [rule for rule in _of(machine) if rule.call in calls]
    if not rules:
        return 0
    found = paths() if any(rule.path is not None for rule in rules) else []
    with _lock:
        return next((rule.errno for rule in rules if rule.strikes(found)), 0)


def _in_tree(machine, operation, kind, path):
    chosen = table.steps_of_tree(operation, kind)
    return _struck(machine, chosen, lambda: [_whole(machine, path)]) if chosen else 0


def _whole(machine, path, directory=None):
    """The path on the machine that is meant, from its root on; "" for none."""
    try:
        path = host.fsdecode(path)
        if not path.startswith("/"):
            above = machine.getcwd() if directory is None else _paths_of(machine, directory)[0]
            path = f"{above}/{path}"
        return _normal(path)
    except (OSError, TypeError, ValueError):
        return ""


def _normal(path):
    return host.path.normpath("/" + path.lstrip("/"))


def _paths_of(machine, fd):
    """The paths on the machine of what is open under a descriptor, the present one first."""
    try:
        fd = fd.__index__()
        path = host.readlink(f"/proc/self/fd/{fd}")
        root = host.readlink(f"/proc/self/fd/{machine._root}")
    except (AttributeError, OSError, TypeError):
        return [""]
    if root != "/" and (path == root or path.startswith(root + "/")):
        path = path[len(root) :] or "/"
    later = promised(machine, fd)
    return [path.removesuffix(" (deleted)")] + ([] if later is None else [_normal(later)])


def _fdopen(self, fd, mode="r", buffering=-1, encoding=None, *args, **kwargs):
    """As fdopen of a machine without faults."""
    if not isinstance(fd, int):
        raise TypeError(f"invalid fd type ({type(fd)}, expected integer)")
    return _open_file(self, fd, mode, buffering, encoding, *args, **kwargs)


def _open_file(
    self, file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True,
    opener=None,
):  # fmt: skip
    """As open_file of a machine without faults."""
    if opener is None and not isinstance(file, int):

        def opener(path, flags):
            return self.open(path, flags, 0o666)

    return file_over(self, file, mode, buffering, encoding, errors, newline, closefd, opener)
