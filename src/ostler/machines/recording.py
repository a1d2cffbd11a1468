"""Recording: what was asked of a machine, call by call, and a machine that answers so again.

The recorder stands before all verbs that touch something (see before.py). Of a composition it sees
the whole and not the parts: what a verb asks of the machine for itself is no call of the program's.
"""

from __future__ import annotations

import errno as numbers
import json
import pickle
import threading
import time
from _thread import RLock, get_ident
from collections.abc import Iterator
from io import IOBase
from typing import Any, NamedTuple, TextIO

from ostler.core.standers import Stander
from ostler.machine import Machine, host
from ostler.machines import before
from ostler.machines.between import Between
from ostler.verbs import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ostler.record.log import Event, RecordedProcess, Story
    from ostler.record.programs import AllPrograms, OneRun


class Call:
    """One call of a verb.

    `time`: when it began, seconds since the epoch; `thread`: the number of the thread; `verb`: its
    name, such as "stat" or "path.exists"; `arguments`: {parameter: (role, value)} of what was
    given; `result`: what it returned, or None; `error`: what it raised, or None; `errno`: of an
    OSError the number, else None. Of what gives bit by bit (walk, scandir, ...) `result` is the
    list of what has been taken so far. Of data that was written the argument is bytes, of a
    buffer that was filled what was put into it.
    """

    __slots__ = ("arguments", "error", "iterates", "result", "thread", "time", "verb")

    def __init__(self, verb: str, arguments: dict[str, tuple[str, Any]]) -> None:
        self.time = time.time()
        self.thread = get_ident()
        self.verb = verb
        self.arguments = arguments
        self.result: Any = None
        self.error: BaseException | None = None
        self.iterates = False

    @property
    def errno(self) -> int | None:
        """The number of the OSError that it raised, or None."""
        return self.error.errno if isinstance(self.error, OSError) else None

    def __repr__(self):
        given = ", ".join(f"{name}={value!r}" for name, (_, value) in self.arguments.items())
        if self.error is None:
            return f"<{self.verb}({given}) gave {self.result!r}>"
        return f"<{self.verb}({given}) raised {self.error!r}>"

    def as_json(self) -> str:
        """One line of JSON: paths as text (what is no text escaped), of data the size."""
        shown: dict[str, Any] = {
            "time": self.time,
            "thread": self.thread,
            "verb": self.verb,
            "arguments": {
                name: {"role": role, "value": _plain(value, role)}
                for name, (role, value) in self.arguments.items()
            },
        }
        if self.error is None:
            shown["result"] = _plain(self.result, None if self.verb in _OF_DATA else "")
        elif isinstance(self.error, OSError):
            shown["errno"] = numbers.errorcode.get(self.error.errno or 0, self.error.errno)
        else:
            shown["error"] = type(self.error).__name__
        return json.dumps(shown)


# What gives data, and not the names of files.
_OF_DATA = frozenset(("read", "pread", "getxattr", "getrandom", "urandom"))


class Seen(NamedTuple):
    """What a log has of an entry of a directory: what the directory itself tells of it."""

    name: str | bytes
    path: str | bytes
    kind: str  # "directory", "file", "link" or "other"
    number: int  # of the inode

    def __fspath__(self) -> str | bytes:
        return self.path

    def inode(self) -> int:
        """The number of its inode."""
        return self.number

    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return self.kind == "link"

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a directory; ENOSYS of a link that is to be followed: nobody looked."""
        return self._kind(follow_symlinks) == "directory"

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a regular file; ENOSYS of a link that is to be followed: nobody looked."""
        return self._kind(follow_symlinks) == "file"

    def _kind(self, follow: bool) -> str:
        if follow and self.kind == "link":
            raise OSError(numbers.ENOSYS, "the log doesn't say where this link leads", self.path)
        return self.kind


class Object(NamedTuple):
    """Stands in a log for an object that can't be kept: an open file, a process."""

    kind: str


class Log:
    """The calls of a machine's verbs, in the order in which they began: a sequence of Call.

    Where children are recorded, too (`recorded(children=True)`), what they did is in `processes`
    and `events`: see ostler.record.log. `run(..., record=log)` puts there what one program does;
    for this alone `Log()` makes an empty one. Of one that is `exact` each event has the outcome and
    the errno that the kernel told, as with recorded(children=True, exact=True).
    """

    def __init__(self, exact: bool = False) -> None:
        self.exact = exact
        self._calls: list[Call] = []
        self._programs: AllPrograms | None = None
        self._runs: list[Story] = []
        self._joined: tuple[int, Story] | None = None

    @property
    def story(self) -> Story:
        """What programs did until now, a Story; ValueError where they are not recorded."""
        from ostler.record.log import joined

        if self._programs is not None:
            return self._programs.story()
        if not self._runs:
            raise ValueError(
                "no programs are recorded here: recorded(children=True) and run(record=) do that"
            )
        if self._joined is None or self._joined[0] != len(self._runs):
            runs = self._runs[:]
            self._joined = len(runs), joined(runs)
        return self._joined[1]

    def of_one_run(self, machine: Machine, reads: bool = True) -> OneRun:
        """What run(..., record=log) asks for: a context manager, whose value is a Door, or None."""
        from ostler.record.programs import OneRun

        if self._programs is not None and not self._programs.is_of(machine):
            raise ValueError("this log is of another recording, and not of one run")
        return OneRun(self._runs, machine, self._programs is not None, reads, self.exact)

    @property
    def processes(self) -> list[RecordedProcess]:
        """The processes that were started, and those that they started, in that order."""
        return self.story.processes

    @property
    def events(self) -> list[Event]:
        """What these did, in the order in which it began."""
        return self.story.events

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    def __getitem__(self, index: int) -> Call:
        return self._calls[index]

    def __repr__(self):
        return f"<log of {len(self)} calls>"

    def write(self, file: TextIO) -> None:
        """Write the calls as JSON Lines to a text file that is open for writing."""
        for call in self:
            file.write(call.as_json() + "\n")


class Recorder(Stander):
    """Writes a Log of what passes by it."""

    verbs = frozenset(verb.name for verb in table.touching())

    def __init__(self) -> None:
        self.log = Log()
        self._thread = threading.local()

    def called(self, machine, verb, args, kwargs, go):
        """Make the call, and write it down unless another verb makes it for itself."""
        if getattr(self._thread, "inside", False) or (verb == "close" and not args and not kwargs):
            return go(
                *args, **kwargs
            )  # a part of another call; or it is the machine that is closed
        call = Call(verb, _given(verb, args, kwargs))
        self.log._calls.append(call)
        args, kwargs = self._with_callbacks(verb, args, kwargs)
        result = self.within(call, go, *args, **kwargs)
        if hasattr(result, "__next__") and not isinstance(result, IOBase):
            call.result, call.iterates = [], True
            return _Taken(self, call, result)
        call.result = _kept(result)
        _fill(call, verb, args, kwargs, result)
        if verb in ("replacing", "temporary_directory"):
            return _Held(self, call, result)
        return result

    def _with_callbacks(self, verb, args, kwargs):
        # What a function of the program's asks for is no part of the call that calls it.
        known = table.of(verb)

        def outside(name, value):
            if known.roles.get(name) not in (table.CALLBACK, table.DATA) or not callable(value):
                return value

            def callback(*args, **kwargs):
                self._thread.inside = False
                try:
                    return value(*args, **kwargs)
                finally:
                    self._thread.inside = True

            return callback

        named = [*known.names, *[None] * len(args)]
        return (
            tuple(outside(name, value) for name, value in zip(named, args, strict=False)),
            {name: outside(name, value) for name, value in kwargs.items()},
        )

    def within(self, call, go, *args, **kwargs):
        """Call a function, of which what it calls itself is a part."""
        self._thread.inside = True
        try:
            return go(*args, **kwargs)
        except StopIteration:
            raise
        except BaseException as error:
            call.error = _without_traceback(error)
            raise
        finally:
            self._thread.inside = False


class _Part:
    """An object that a verb gave, and that goes on with its work: its calls are parts of that."""

    def __init__(self, recorder, call, inner):
        self._recorder = recorder
        self._call = call
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


class _Taken(_Part):
    """An iterator, of which the log has what was taken."""

    def __iter__(self):
        return self

    def __next__(self):
        found = self._recorder.within(self._call, self._inner.__next__)
        self._call.result.append(_kept(found))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """As the iterator itself."""
        close = getattr(self._inner, "close", None)
        if close is not None:
            self._recorder.within(self._call, close)


class _Held(_Part):
    """A context manager, whose way out belongs to the call."""

    def __enter__(self):
        return self._recorder.within(self._call, self._inner.__enter__)

    def __exit__(self, *exception):
        return self._recorder.within(self._call, self._inner.__exit__, *exception)


class Recorded:
    """What `machine.recorded()` gives: a context manager, whose value is the Log."""

    def __init__(
        self, machine: Machine, children: bool = False, reads: bool = True, exact: bool = False
    ) -> None:
        if exact and not children:
            raise ValueError("exact is about what programs do: it wants children=True")
        self._exact = exact
        self._machine = machine
        self._recorder: Recorder | None = None
        self._children = children
        self._reads = reads

    def __enter__(self) -> Log:
        if self._recorder is not None:
            raise RuntimeError("this recording has begun already")
        self._machine.environ  # noqa: B018  a ValueError where it is closed
        self._recorder = Recorder()
        if self._children:
            from ostler.record.programs import AllPrograms

            self._recorder.log._programs = AllPrograms(self._machine, self._reads, self._exact)
            self._recorder.log.exact = self._exact
        before.stand(self._machine, self._recorder)
        return self._recorder.log

    def __exit__(self, *exception: object) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            before.leave(self._machine, recorder)
            if recorder.log._programs is not None:
                recorder.log._programs.end()


# What a log keeps


def _given(verb, args, kwargs):
    known = table.of(verb)
    given = dict(zip(known.names, args, strict=False))
    if len(args) > len(known.names):
        given["args"] = list(args[len(known.names) :])
    given.update(kwargs)
    return {
        name: (role, _argument(role, value))
        for name, value in given.items()
        for role in [known.roles.get(name, table.ARGV if name == "args" else table.OTHER)]
    }


def _argument(role, value):
    if role == table.DATA:
        return _data(value)
    if role == table.INTO:
        return b""  # until something has been put into it
    if role == table.CALLBACK:
        return value if isinstance(value, (str, type(None))) else Object(_name_of(value))
    if isinstance(value, dict) or hasattr(value, "keys"):
        return dict(value)
    return _kept(value)


def _data(value):
    if isinstance(value, (str, type(None))):
        return value
    if callable(value):
        return Object(_name_of(value))
    try:
        return bytes(memoryview(value))
    except TypeError:
        pass
    try:
        return b"".join(bytes(memoryview(part)) for part in value)
    except TypeError:
        return Object(_name_of(value))


def _name_of(value):
    return getattr(value, "__qualname__", type(value).__qualname__)


def _fill(call, verb, args, kwargs, result):
    # What has been put into buffers.
    for name, (role, value) in table.bound(verb, args, kwargs).items():
        if role == table.INTO and isinstance(result, int):
            found = b""
            for part in [value] if verb == "readinto" else value:
                found += bytes(memoryview(part).cast("B")[: result - len(found)])
            call.arguments[name] = role, found


def _kept(value):
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if isinstance(value, tuple):
        plain = type(value) is tuple
        return tuple(_kept(item) for item in value) if plain else value  # a record, which is kept
    if isinstance(value, (list, set, frozenset)):
        return type(value)(_kept(item) for item in value)
    if isinstance(value, dict):
        return dict(value)
    if hasattr(value, "__fspath__"):
        if hasattr(value, "inode") and hasattr(value, "is_symlink"):
            return _seen(value)
        return value.__fspath__()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return value if _is_record(value) else Object(type(value).__qualname__)


def _is_record(value):
    # Whether it is one of our results, which say what was found and hold nothing.
    if not type(value).__module__.startswith("ostler"):
        return False
    try:
        pickle.dumps(value)
    except Exception:
        return False
    return True


def _seen(entry):
    if entry.is_symlink():
        kind = "link"
    elif entry.is_dir(follow_symlinks=False):
        kind = "directory"
    else:
        kind = "file" if entry.is_file(follow_symlinks=False) else "other"
    number = entry.inode() if callable(entry.inode) else entry.inode
    return Seen(entry.name, entry.path, kind, number)


def _without_traceback(error):
    if isinstance(error, OSError) and error.errno is not None:
        try:
            return type(error)(error.errno, error.strerror, error.filename, None, error.filename2)
        except TypeError:  # a class of ours with a constructor of its own
            return OSError(error.errno, error.strerror, error.filename, None, error.filename2)
    try:
        return type(error)(*error.args)
    except Exception:
        return RuntimeError(str(error))


def _plain(value, role=None):
    """A value for JSON."""
    if role in (table.DATA, table.INTO) and isinstance(value, (bytes, str)):
        return {"size": len(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return {"size": len(value)} if role is None else host.fsdecode(value)
    if isinstance(value, Object):
        return {"object": value.kind}
    fields = getattr(type(value), "__match_args__", None)
    if isinstance(value, tuple) and fields:
        return {name: _plain(getattr(value, name), "") for name in fields}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, role) for item in value]
    if isinstance(value, dict):
        return {str(_plain(key, "")): _plain(item, "") for key, item in value.items()}
    return {"object": type(value).__qualname__}


class Replayed(Between):
    """A machine that answers from a Log: each call as the same call was answered there.

    Where a call was made several times there, its answers come in that order, and then the last
    one again and again. What the log doesn't have, and what gave an object that can't be kept (an
    open file, a process), is an OSError with ENOSYS. Text is worked out as everywhere.
    """

    def __init__(self, log: Log) -> None:
        super().__init__(None)
        self._lock = RLock()  # a signal's handler may ask, too
        self._answers: dict[Any, list[Call]] = {}
        for call in log:
            given = {name: value for name, (_, value) in call.arguments.items()}
            self._answers.setdefault(_key(call.verb, given), []).append(call)

    def called(self, verb, args, kwargs):
        """What the log has of this call."""
        given = {name: value for name, (_, value) in _given(verb, args, kwargs).items()}
        with self._lock:
            known = self._answers.get(_key(verb, given))
            call = None if known is None else known.pop(0) if len(known) > 1 else known[0]
        if call is not None and call.error is not None:
            raise _without_traceback(call.error)
        if call is None or isinstance(call.result, Object):
            raise OSError(numbers.ENOSYS, f"the log has no answer of {verb}")
        _put_into(call, verb, args, kwargs)
        return _Iterated(call.result) if call.iterates else _kept(call.result)

    def __exit__(self, *exception: object) -> None:
        pass


class _Iterated:
    """What was taken from an iterator, once more."""

    def __init__(self, items):
        self._items = iter(items)

    def __iter__(self):
        return self

    def __next__(self):
        return _kept(next(self._items))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Give nothing more."""
        self._items = iter(())


def _key(verb, given):
    left_out = (table.INTO, table.CALLBACK)
    return verb, tuple(
        (name, _hashable(value))
        for name, (role, value) in sorted(table.bound(verb, (), given).items())
        if role not in left_out
    )


def _hashable(value):
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(item) for item in value)
    if isinstance(value, dict):
        return tuple(sorted((str(key), _hashable(item)) for key, item in value.items()))
    if isinstance(value, (set, frozenset)):
        return frozenset(_hashable(item) for item in value)
    return value


def _put_into(call, verb, args, kwargs):
    for name, (role, value) in table.bound(verb, args, kwargs).items():
        if role == table.INTO:
            left = call.arguments.get(name, (role, b""))[1]
            for part in [value] if verb == "readinto" else value:
                room = memoryview(part).cast("B")
                size = min(len(room), len(left))
                room[:size], left = left[:size], left[size:]
