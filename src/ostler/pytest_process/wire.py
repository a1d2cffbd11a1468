"""Wire: what the process of a test tells the one that has started it, in messages of JSON.

The test may be a lesser user's, and what it says is looked at before it is used.
"""

import errno
import fcntl
import select
import signal
import sys
from _thread import allocate_lock
from json import dumps, loads
from typing import Any

from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SIMPLE = (str, int, float, bool, type(None))
LOST = 117  # the status of a process whose socket is no longer its own
_LARGEST = 1 << 30
_BLOCK = 1 << 16
_HIGH = 1000  # a descriptor above those that tests close, or put others in place of, by number


class Sender:
    """The end of the process that runs the test, by a socket, of which it is the owner.

    A test may close the socket, and give its number to something else: nothing is written there.
    """

    def __init__(self, fd: int) -> None:
        self._fd = _high(fd)
        self._is = _identity(self._fd)
        self._pid = host.getpid()
        self._asking = allocate_lock()

    def send(self, kind: str, *what: "Any") -> None:
        """Tell the parent; in a process that the test has forked and let run on, end that one."""
        if host.getpid() != self._pid:
            host._exit(1)
        data = _written([kind, *what])
        data = b"%d\n%s" % (len(data), data)
        while data:
            data = data[self._with_socket(select.POLLOUT, host.write, data) :]

    def wait(self) -> None:
        """Go on when the parent has heeded what asks for an answer, so that output is in order."""
        self._with_socket(select.POLLIN, host.read, 1)

    def ask(self, kind: str, *what: "Any") -> "Any":
        """What the parent answers. OSError (EPERM) in a process that the test has forked."""
        if host.getpid() != self._pid:
            problem = "a process that the test has forked can't have its machine changed"
            raise OSError(errno.EPERM, problem)
        # Nothing comes in between that would leave the answer to whoever reads next.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            with self._asking:
                self.send(kind, *what)
                return loads(self._line())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def _line(self):
        data = b""
        while not data.endswith(b"\n"):
            more = self._with_socket(select.POLLIN, host.read, _BLOCK)
            if not more:
                raise OSError(errno.EPIPE, "the process that has started the test is gone")
            data += more
        return data

    def _with_socket(self, event, function, argument):
        while True:
            if _identity(self._fd) != self._is:
                host._exit(LOST)
            try:
                return function(self._fd, argument)
            except BlockingIOError:  # the test has made it so
                poll = select.poll()
                poll.register(self._fd, event)
                poll.poll()


def _high(fd):
    try:
        found = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EMFILE):
            raise
        return fd  # it may not have so many
    host.close(fd)
    return found


def _identity(fd):
    try:
        status = host.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _written(message):
    try:
        return dumps(message, default=_anything).encode()
    except Exception:  # it holds what JSON can't write, or in itself, or too deep
        return dumps([_plain(each) for each in message], default=_anything).encode()


def _plain(value):
    if type(value) is dict:
        return {_text(key): each if _is_plain(each) else _text(each) for key, each in value.items()}
    return value if _is_plain(value) else _text(value)


def _is_plain(value):
    """Whether it can be written as JSON."""
    try:
        dumps(value, default=_anything)
    except Exception:
        return False
    return True


def _text(value):
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _anything(value):
    return host.fspath(value) if hasattr(value, "__fspath__") else repr(value)


class Receiver:
    """The parent's end, which makes messages of what has come."""

    def __init__(self) -> None:
        self._data = bytearray()

    def messages(self, more: bytes) -> "Iterator[list[Any]]":
        """Those that are whole by now: lists of a kind and what belongs to it.

        ValueError for one that nobody understands, when those before it are heeded.
        """
        self._data += more
        while (message := self._next()) is not None:
            yield message

    def _next(self):
        head, newline, _ = bytes(self._data[:20]).partition(b"\n")
        if not newline:
            if len(head) == 20:
                raise ValueError("the process of the test says what nobody understands")
            return None
        size = int(head)
        if not 0 < size < _LARGEST:
            raise ValueError(f"the process of the test says {size} bytes at once")
        begin = len(head) + 1
        if len(self._data) < begin + size:
            return None
        try:
            message = loads(self._data[begin : begin + size])
        except RecursionError:
            raise ValueError("the process of the test says what is too deep") from None
        del self._data[: begin + size]
        if not isinstance(message, list) or not message or not isinstance(message[0], str):
            raise ValueError("the process of the test says what nobody understands")
        return message


def flush(config: "Any") -> None:
    """Write what waits to be written, which else both processes would write."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    streams: list[Any] = [sys.stdout, sys.stderr, getattr(reporter, "_tw", None)]
    for stream in streams:
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass


def phase_after(report: "Any") -> str:
    """The phase of a test that comes after a report, as a rule."""
    return "call" if report.when == "setup" and report.passed else "teardown"


def report_to_data(config: "Any", report: "Any") -> "Any":
    """A report as simple values, by pytest's own hook."""
    data = config.hook.pytest_report_to_serializable(config=config, report=report)
    found = data.get("user_properties") if isinstance(data, dict) else None
    if found:
        # What is made of a value is its text; JSON would make another value of some.
        data["user_properties"] = [_property(pair) for pair in found]
    return data


def _property(pair):
    if type(pair) is not tuple or len(pair) != 2:
        return pair
    name, value = pair
    simple = type(value) in _SIMPLE and _is_plain(value)  # a number can be too long
    return _text(name), value if simple else _text(value)


def report_of_data(config: "Any", data: "Any") -> "Any":
    """The report again; ValueError if it is none."""
    if not isinstance(data, dict):
        raise ValueError("the process of the test reports what nobody understands")
    for name in ("sections", "user_properties"):
        if isinstance(data.get(name), list):
            data[name] = [tuple(pair) for pair in data[name]]
    if isinstance(data.get("location"), list):
        data["location"] = tuple(data["location"])
    if isinstance(data.get("longrepr"), list):  # of a skipped test: (path, line, reason)
        data["longrepr"] = tuple(data["longrepr"])
    report = config.hook.pytest_report_from_serializable(config=config, data=data)
    if report is None:
        raise ValueError("the process of the test reports what nobody understands")
    return report


def warning_to_data(message: "Any", when: str, location: "Any") -> "dict[str, Any]":
    """What pytest_warning_recorded was called with, as simple values."""
    category = message.category
    return {
        "text": str(message.message), "module": category.__module__, "name": category.__qualname__,
        "filename": message.filename, "lineno": message.lineno, "line": message.line,
        "when": when, "location": location,
    }  # fmt: skip


def warning_of_data(data: "dict[str, Any]") -> "dict[str, Any]":
    """The arguments for pytest_warning_recorded."""
    import warnings

    # Its class, if it is known here by that name.
    category: Any = getattr(sys.modules.get(str(data["module"])), str(data["name"]), None)
    text = str(data["text"])
    if not isinstance(category, type) or not issubclass(category, Warning):
        category, text = UserWarning, f"{data['name']}: {text}"
    try:
        shown = category(text)
    except Exception:  # one that takes other arguments
        shown = UserWarning(text)
    line = data["line"]
    message = warnings.WarningMessage(
        shown, category, str(data["filename"]), int(data["lineno"]),
        line=None if line is None else str(line),
    )  # fmt: skip
    location = data["location"]
    return {
        "warning_message": message,
        "when": str(data["when"]),
        "location": tuple(location) if isinstance(location, list) else None,
    }
