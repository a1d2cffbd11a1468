"""Pictures: the changes of a rehearsal for people, as a text difference and as a tree."""

from __future__ import annotations

import shlex

from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Self, TextIO

    from ostler.machines.rehearsal.authors import Author
    from ostler.machines.rehearsal.changes import Change, Record
    from ostler.machines.rehearsal.places import HeldTree
    from ostler.machines.rehearsal.walk import Walk

_MARKS = {
    "created": ("+", "green"),
    "modified": ("~", "yellow"),
    "removed": ("-", "red"),
    "renamed": (">", "cyan"),
    "retyped": ("!", "magenta"),
    "metadata": ("·", "blue"),
}
_COMMAND = 100  # characters of one that are shown
_LARGE = 4 << 20  # of which no difference is made: it could take minutes
_LONGEST = 1 << 16  # characters of a line
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


class Picture(str):
    """Text for people; a terminal that shows it through rich has it in colours."""

    __slots__ = ("_rich",)
    _rich: Callable[[], Any] | None

    def __new__(cls, text: str, rich: Callable[[], Any] | None = None) -> Self:
        made = super().__new__(cls, text)
        made._rich = rich
        return made

    def __rich__(self) -> Any:
        return self._rich() if self._rich is not None else str(self)

    def show(self, file: TextIO | None = None) -> None:
        """Print it, in colours when that goes to a terminal and rich is there."""
        import sys

        file = sys.stdout if file is None else file
        plain = host.environ.get("TERM") in (None, "", "dumb")
        if self._rich is not None and file.isatty() and not plain:
            try:
                from rich.console import Console
            except ImportError:
                pass
            else:
                # A long path is for the terminal to break: so it can still be copied as one.
                Console(file=file, highlight=False, width=_LONGEST).print(self._rich())
                return
        print(self, file=file)


# The difference


def difference(walks: Iterable[Walk], tell: Callable[[list[Change]], None]) -> str:
    """The unified difference of the text files among the changes.

    `tell`: gives changes their authors, who stand before what they changed, each in a line. Binary
    files are only named, and those of more than four megabytes, of which nothing is read.
    """
    parts = []
    for walk in walks:
        with walk:
            parts += _lines_of_all(walk, tell)
    return "".join(parts)


def _lines_of_all(walk: Walk, tell: Callable[[list[Change]], None]) -> list[str]:
    parts = []
    changes = list(walk.changes())
    tell(changes)
    for change in changes:
        if change.kind == "metadata":
            continue
        try:
            lines = _lines_of(walk, change)
            if lines and change.by is not None:
                parts.append(f"{shown(change.path)}: by {author(change.by)}\n")
            parts += lines
        except FileNotFoundError:
            if walk.upper.status(change._found.path) is not None:
                raise
            # it was removed meanwhile
    return parts


def _lines_of(walk: Walk, change: Change) -> list[str]:
    old, new = change.before, change.after
    found = change._found
    name = shown(change.path)
    first = []
    if change.kind == "renamed":
        first = [f"renamed {shown(change.source or '')} to {name}\n"]
    if all(side is None or side.type == "directory" for side in (old, new)):
        return first or [f"Directory {name} {change.kind}\n"]
    if first:
        if found.same:
            return first
    large = [f"Large file {name} {change.kind}, {about(change)}\n"]
    if _is_large(old) or _is_large(new):
        return large
    before = _content(walk.lower, found.lower, old)
    after = _content(*walk.current(found), new)
    if before is None or after is None:
        return large  # it has grown since
    if before == after:
        return first or [f"{change.kind} {name}\n"]
    if b"\0" in before[:8192] or b"\0" in after[:8192]:
        return [f"Binary file {name} {change.kind}, {about(change)}\n"]
    try:
        texts = _lines(before.decode()), _lines(after.decode())
    except UnicodeDecodeError:
        return [f"Binary file {name} {change.kind}, {about(change)}\n"]
    import difflib

    lines = difflib.unified_diff(
        *texts,
        "/dev/null" if change.base is None else shown(change.base),
        "/dev/null" if new is None else name,
    )
    return first + [
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines
    ]


def author(by: Author) -> str:
    """The program that changed something, on one line: its command, cut where it is long."""
    text = shown(shlex.join(by.argv) or by.program or "?")
    text = text if len(text) <= _COMMAND else text[: _COMMAND - 1] + "…"
    return f"{text} [{by.process}]" + (
        "" if by.point is None else f", after point {shown(by.point)}"
    )


def _is_large(record: Record | None) -> bool:
    return record is not None and record.type == "file" and record.size > _LARGE


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])


def _content(place: HeldTree, path: bytes | None, record: Record | None) -> bytes | None:
    if path is None or record is None or record.type == "directory":
        return b""
    if record.type == "link":
        return b"link to " + host.fsencode(record.target or "") + b"\n"
    if record.type != "file":
        return record.type.encode() + b"\n"
    try:
        fd = place.open(path)
    except PermissionError:
        return b"\0 unreadable"
    with open(fd, "rb") as file:
        content = file.read(_LARGE + 1)
    return content if len(content) <= _LARGE else None


# The tree


def tree(base: str, changes: list[Change], most: int | None = None) -> Picture:
    """A Picture of the changes as a tree of directories, with sizes.

    With `most`, one of not many more lines: what is new or gone as a whole is one line, and of
    long lists the beginning is shown, with a count of the others.
    """
    top = _Node(base)
    prefix = base.rstrip("/") + "/"
    for change in changes:
        node = top
        for name in change.path[len(prefix) :].split("/"):
            if name:
                node = node.below.setdefault(name, _Node(name))
        node.change = change
    if most is not None and len(changes) > most:
        for number in (None, 20, 10, 5, 3):
            shorter = _shortened(top, number)
            if len(_plain(shorter)) <= most:
                break
        top = shorter
    return Picture("\n".join(_plain(top)), lambda: _coloured(top))


def summary(changes: list[Change]) -> str:
    """How many changes of which kind there are, and how much: one line."""
    if not changes:
        return "nothing is changed"
    parts = []
    for kind in _MARKS:
        those = [change for change in changes if change.kind == kind]
        if those:
            side = "before" if kind == "removed" else "after"
            records = [getattr(change, side) for change in those]
            total = sum(record.size for record in records if record.type == "file")
            much = f" ({size(total)})" if kind in ("created", "modified", "removed") else ""
            parts.append(f"{len(those):,} {kind}{much}")
    number = len(changes)
    return f"{number:,} change{'s' if number > 1 else ''}: " + ", ".join(parts)


class _Node:
    __slots__ = ("below", "change", "name", "note")

    def __init__(self, name: str) -> None:
        self.name = name
        self.below: dict[str, _Node] = {}
        self.change: Change | None = None
        self.note = ""  # in the place of what is below it

    def all_below(self) -> list[Change]:
        """The changes below it."""
        found, waiting = [], list(self.below.values())
        while waiting:
            node = waiting.pop()
            if node.change is not None:
                found.append(node.change)
            waiting += node.below.values()
        return found


def _shortened(top: _Node, number: int | None) -> _Node:
    """A copy in which at most `number` names of a directory are shown, None: all."""
    answer = _Node(top.name)
    waiting = [(top, answer)]
    while waiting:
        node, copy = waiting.pop()
        copy.change = node.change
        if not node.below:
            continue
        kind = node.change.kind if node.change is not None else None
        if kind in ("created", "removed") and len(node.below) > 1:
            copy.note = _count(node.all_below())
            continue
        shown_ones = list(node.below.values())
        if number is not None and len(shown_ones) > number + 1:
            rest = _Node("")
            rest.below = {node.name: node for node in shown_ones[number:]}
            more = _Node(f"and {len(shown_ones) - number:,} more: {_count(rest.all_below())}")
            more.note = " "
            shown_ones = shown_ones[:number]
            copy.below = {child.name: _Node(child.name) for child in shown_ones}
            copy.below["\0"] = more
        else:
            copy.below = {child.name: _Node(child.name) for child in shown_ones}
        waiting += [(child, copy.below[child.name]) for child in shown_ones]
    return answer


def _count(changes: list[Change]) -> str:
    return summary(changes).partition(": ")[2]


def _joined(node: _Node) -> tuple[str, _Node]:
    # Directories on the way, of which nothing else is shown, share a line.
    names = [shown(node.name)]
    while node.change is None and len(node.below) == 1 and "\0" not in node.below:
        (below,) = node.below.values()
        if below.change is not None and _is_directory(below):
            break
        node = below
        names.append(shown(node.name))
    return "/".join(names), node


def _is_directory(node: _Node) -> bool:
    return (bool(node.below) and not node.note) or (
        node.change is not None and (node.change.after or node.change._old).type == "directory"
    )


def _line(node: _Node, name: str) -> tuple[str, str, str, str]:
    text = name.rstrip("/") + "/" if _is_directory(node) else name
    if node.change is None:
        return " ", "", text, ""
    mark, colour = _MARKS[node.change.kind]
    more = about(node.change)
    return mark, colour, text, ", ".join(part for part in (more, node.note) if part)


def about(change: Change) -> str:
    """What a line says of a change besides its path."""
    text = _about(change)
    if change.parts:
        others = change._old.links - 1
        names = "its other name" if others == 1 else f"its {others} other names"
        text += f"{', ' if text else ''}parts from {names}"
    if change.by is not None:
        words = change.by.argv[:1] or (change.by.program,)
        text += (
            f"{', ' if text else ''}by {shown(host.path.basename(words[0]))} [{change.by.process}]"
        )
    return text


def _about(change: Change) -> str:
    if change.kind in ("created", "removed"):
        return _about_one(change.after or change._old)
    old, new = change._old, change._new
    if change.kind == "renamed":
        source = change.source or ""
        above, name = host.path.split(source)
        parts = [f"from {shown(name if above == host.path.dirname(change.path) else source)}"]
        if not change._found.same:
            parts.append(f"{size(old.size)} to {size(new.size)}")
        return ", ".join(parts)
    if change.kind == "retyped":
        return f"{old.type} became {new.type}"
    if change.kind == "metadata":
        parts = []
        if old.mode != new.mode:
            parts.append(f"mode {old.mode:o} to {new.mode:o}")
        if old.owner != new.owner:
            parts.append("owner {}:{} to {}:{}".format(*old.owner, *new.owner))
        if old.xattrs != new.xattrs:
            parts.append("attributes")
        if old.times[1] != new.times[1] and not parts:
            parts.append("time")
        return ", ".join(parts)
    if new.type == "file" and size(old.size) != size(new.size):
        return f"{size(old.size)} to {size(new.size)}"
    return _about_one(new)


def _about_one(it: Record) -> str:
    if it.type == "link":
        return f"to {shown(it.target or '')}"
    if it.type != "file":
        return "" if it.type == "directory" else it.type
    return size(it.size)


def size(number: int) -> str:
    """A size in bytes for people."""
    if number < 1024:
        return f"{number} B"
    value, unit = float(number), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value /= 1024
        unit += 1
    return f"{value:.1f} {_UNITS[unit]}" if value < 10 else f"{value:.0f} {_UNITS[unit]}"


def shown(path: str) -> str:
    """A path on one line, whatever is in it."""
    if path.isprintable():
        return path
    return "".join(c if c.isprintable() else _escaped(c) for c in path)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is no text
        return f"\\x{ord(character) - 0xDC00:02x}"
    return ascii(character)[1:-1]


def _plain(top: _Node) -> list[str]:
    lines = [_text(_line(top, shown(top.name)))]
    waiting = [(child, "") for child in reversed(top.below.values())]
    last = {id(waiting[0][0])} if waiting else set()
    while waiting:
        child, indent = waiting.pop()
        name, node = _joined(child)
        is_last = id(child) in last
        lines.append(indent + ("└── " if is_last else "├── ") + _text(_line(node, name)))
        below = list(reversed(node.below.values()))
        if below:
            last.add(id(below[0]))
        deeper = indent + ("    " if is_last else "│   ")
        waiting += [(grandchild, deeper) for grandchild in below]
    return lines


def _text(line: tuple[str, str, str, str]) -> str:
    mark, _, name, more = line
    return f"{mark} {name}" + (f"  {more}" if more else "") if mark != " " else name


def _coloured(top: _Node) -> Any:
    from rich.text import Text
    from rich.tree import Tree

    def label(node: _Node, name: str) -> Text:
        mark, colour, name, more = _line(node, name)
        if mark == " ":
            return Text(name, style="dim" if node.note else "bold")
        return Text.assemble((f"{mark} {name}", colour), ("  " + more if more else "", "dim"))

    root = Tree(label(top, shown(top.name)), guide_style="dim")
    waiting = [(top, root)]
    while waiting:
        node, branch = waiting.pop()
        for child in node.below.values():
            name, last = _joined(child)
            waiting.append((last, branch.add(label(last, name))))
    return root
