"""Listing: all that a machine holds, as lines for a person, or as files on the host."""

import stat

from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def tree(machine: "Any", most: int = 200, but: "frozenset[str]" = frozenset()) -> "list[str]":
    """A line for each entry of a machine: rights, size, path and where a link leads.

    `most`: after so many lines one says how many more there are. `but`: paths that are left out.
    What is mounted there, as parts of the host are, is one entry.
    """
    with machine.as_root():
        return _lines(machine, most, but)


def _lines(machine: "Any", most: int, but: "frozenset[str]") -> "list[str]":
    lines, more = [], 0
    for path, status in _entries(machine, "/", machine.lstat("/").st_dev):
        if path in but:
            continue
        if len(lines) < most:
            lines.append(_line(machine, path, status))
        else:
            more += 1
    return [*lines, f"... and {more} more"] if more else lines


def _entries(machine: "Any", top: str, device: int) -> "Iterator[tuple[str, Any]]":
    waiting = [top]
    while waiting:
        above = waiting.pop()
        below = []
        for name in sorted(machine.listdir(above)):
            path = f"{above.rstrip('/')}/{name}"
            status = machine.lstat(path)
            yield path, status
            if stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                below.append(path)
        waiting += reversed(below)


def _line(machine: "Any", path: str, status: "Any") -> str:
    name = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    name = "".join(each if each.isprintable() else repr(each)[1:-1] for each in name)
    if stat.S_ISDIR(status.st_mode):
        name += "/"
    if stat.S_ISLNK(status.st_mode):
        name += f" -> {machine.readlink(path)!r}"
    return f"{stat.filemode(status.st_mode)} {status.st_size:>10} {name}"


def keep(machine: "Any", directory: "Any", name: str, but: "frozenset[str]" = frozenset()) -> str:
    """Copy all that a machine holds into a new directory of the host; its path.

    It lies in `directory`, which is made if it is not there, under the name, with a number behind
    it where that is taken. What is mounted on the machine, as parts of the host are, stays out, and
    so do pipes, sockets and devices. `but`: paths that are left out, but for what else is in them.
    """
    host.makedirs(directory, exist_ok=True)
    plain = "".join(each if each.isalnum() or each in "-_." else "-" for each in name)[-100:]
    path = host.path.join(host.path.abspath(host.fsdecode(directory)), plain.strip(".") or "test")
    to, number = path, 1
    while not _is_new(to):
        number += 1
        to = f"{path}-{number}"
    with machine.as_root():
        machine.trees.copy(
            "/", to, machine=host, existing="merge", one_filesystem=True, special=False,
            on_error="collect",
        )  # fmt: skip
    for each in sorted(but, reverse=True):  # what lies in a directory comes before it
        _leave_out(to + each)
    return to


def _is_new(path: str) -> bool:
    # By making it: another process of the same run may be about to keep something there.
    try:
        host.mkdir(path)
    except FileExistsError:
        return False
    return True


def _leave_out(path: str) -> None:
    try:
        if stat.S_ISDIR(host.lstat(path).st_mode):
            host.rmdir(path)
        else:
            host.unlink(path)
    except OSError:
        return  # it is not there, or something else is in it
