"""Globbing: the paths of a machine that match a pattern, as pathlib of the running Python has them.

What "**" means at a pattern's end, and what a name without wildcards is looked up by, has changed
between versions; each path is given once.
"""

import fnmatch
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_NEW = sys.version_info >= (3, 13)
_FOLLOWS = sys.version_info < (3, 12)  # a name without wildcards is asked for with stat()
_MAGIC = re.compile(r"[*?[]")


def parts_of(pattern: str, recursive: bool) -> list[str]:
    """The parts of a pattern, the last one empty where only directories are meant.

    `recursive`: it is to begin with "**". ValueError for a pattern that can't be one,
    NotImplementedError for one that is absolute.
    """
    if pattern.startswith("/"):
        raise NotImplementedError("Non-relative patterns are unsupported")
    parts = [part for part in pattern.split("/") if part and part != "."]
    if not parts and not recursive:
        raise ValueError(f"Unacceptable pattern: {pattern!r}")
    if pattern.endswith("/") or (not pattern and _NEW):
        parts.append("")
    if not _NEW and any("**" in part and part != "**" for part in parts):
        raise ValueError("Invalid pattern: '**' can only be an entire path component")
    return ["**", *parts] if recursive else parts


class Globbing:
    """One search on a machine."""

    def __init__(
        self, machine: "Any", parts: list[str], case_sensitive: "bool | None", follow: bool
    ) -> None:
        self._machine = machine
        self._follow = follow
        flags = re.IGNORECASE if case_sensitive is False else re.NOFLAG
        self._steps = []
        for part in parts:
            if part == "**" and self._steps and self._steps[-1] == ("**", None):
                continue  # a second one means nothing more
            match = None
            if part not in ("", "..", "**") and (case_sensitive is not None or _MAGIC.search(part)):
                match = re.compile(fnmatch.translate(part), flags).match
            self._steps.append((part, match))

    def found(self, top: str) -> "Iterator[str]":
        """The texts of the paths that match, from the directory `top` on, in no order."""
        # Before 3.13 a top that can't be asked about is an error, as one in a closed directory.
        if not _NEW and not self._machine.Path(top).is_dir():
            return
        seen = set()
        # What is still to be done: (path, how many steps were taken, whether the path is known
        # to be there, whether it is known for a directory).
        todo = [("" if top == "." else top, 0, False, False)]
        while todo:
            path, taken, known, inside = todo.pop()
            if taken == len(self._steps):
                if path not in seen and (known or self._machine.path.lexists(path or ".")):
                    seen.add(path)
                    yield path or "."
                continue
            todo += self._step(path, taken, inside)

    def _step(self, path, taken, inside):
        part, match = self._steps[taken]
        last = taken + 1 == len(self._steps)
        if part == "**":
            return self._below(path, taken, inside)
        if match is not None:
            names = [
                (name, is_dir)
                for name, is_dir in self._entries(path, True, not last)
                if match(name) and (last or is_dir)
            ]
            return [(_joined(path, name), taken + 1, True, is_dir) for name, is_dir in names]
        if part == "":
            inside = inside or self._machine.path.isdir(path or ".")
            return [(path, taken + 1, True, True)] if inside else []
        below = _joined(path, part)
        if _FOLLOWS:
            there = self._is_there(below, not last)
        else:
            there = last or self._machine.path.isdir(below)
        return [(below, taken + 1, not last, not last)] if there else []

    def _is_there(self, path, as_directory):
        path = self._machine.Path(path)
        try:
            return path.is_dir() if as_directory else path.exists()
        except PermissionError:
            return False

    def _below(self, top, taken, inside):
        # What "**" stands for: the directories, and at the end of the pattern whatever is there.
        if not inside and not self._machine.path.isdir(top or "."):
            return []
        last = taken + 1 == len(self._steps)
        found = [(top, taken + 1, True, True)]
        todo = [top]
        while todo:
            path = todo.pop()
            for name, is_dir in self._entries(path, self._follow, True):
                below = _joined(path, name)
                if is_dir:
                    todo.append(below)
                if is_dir or (last and _NEW):
                    found.append((below, taken + 1, True, is_dir))
        return found

    def _entries(self, path, follow, ask):
        # Pairs of a name and whether that is a directory, if that is asked for.
        try:
            with self._machine.scandir(path or ".") as entries:
                return _told(entries, follow, ask)
        except OSError:
            return []


def _told(entries, follow, ask):
    return [(entry.name, ask and _is_dir(entry, follow)) for entry in entries]


def _is_dir(entry, follow):
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:
        return False


def _joined(path, name):
    return path + name if not path or path.endswith("/") else f"{path}/{name}"
