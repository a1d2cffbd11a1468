"""Wire: what the process of a test tells the one that has started it, in messages of JSON.

The test may be a lesser user's, and what it says is looked at before it is used.
"""

import json
import sys
from typing import Any

from ostler.machine import host

_LARGEST = 1 << 30


class Sender:
    """The end of the process that runs the test."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pid = host.getpid()

    def send(self, kind: str, *what: "Any") -> None:
        """Tell the parent; in a process that the test has forked and let run on, end that one."""
        if host.getpid() != self._pid:
            host._exit(1)
        data = json.dumps([kind, *what], default=_anything).encode()
        data = b"%d\n%s" % (len(data), data)
        while data:
            data = data[host.write(self._fd, data) :]

    def wait(self) -> None:
        """Go on when the parent has heeded what asks for an answer, so that output is in order."""
        host.read(self._fd, 1)


def _anything(value):
    return host.fspath(value) if hasattr(value, "__fspath__") else repr(value)


class Receiver:
    """The parent's end, which makes messages of what has come."""

    def __init__(self) -> None:
        self._data = bytearray()

    def messages(self, more: bytes) -> "list[list[Any]]":
        """Those that are whole by now: lists of a kind and what belongs to it."""
        self._data += more
        found = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

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
            message = json.loads(self._data[begin : begin + size])
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


def report_to_data(config: "Any", report: "Any") -> "Any":
    """A report as simple values, by pytest's own hook."""
    return config.hook.pytest_report_to_serializable(config=config, report=report)


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
