"""The question of `ostler rehearse`: what is to be done with the changes, asked on the terminal."""

import re
import shlex
import signal
from fnmatch import fnmatch

import ostler
from ostler import host
from ostler.cli import shows_colours, tell
from ostler.cli.kept import tell_kept
from ostler.cli.question import answer as asked
from ostler.machines.rehearsal.pictures import about, shown

_QUESTION = "Commit all (c), choose (s), list (l), differences (d), discard (x), keep (k)? "
_ANSWERS = """\
  c  commit: bring all of it into the real files
  s  choose what is committed; you are asked again about the rest
  l  list all changes
  d  show the differences in text files
  x  discard: drop all of it
  k  keep all of it in a directory, for `ostler rehearse --kept DIR`"""


def ask(ending):
    """Ask on the terminal until it is done: (what was done, whether it failed)."""
    while True:
        answer = asked(_QUESTION).strip().lower()
        if answer in ("c", "commit") and ending.tried("commit"):
            return "commit", False
        if answer in ("x", "discard"):
            tell("ostler: the changes are discarded")
            return "discard", not ending.tried("discard")
        if answer in ("l", "list"):
            ending.show(None)
        elif answer in ("d", "differences"):
            paged(ending.machine.diff())
        elif answer in ("k", "keep"):
            if ending.options.kept is not None or _place(ending):
                if ending.tried("keep"):
                    if ending.options.kept is not None:
                        tell_kept(ending.options.kept)
                    return "keep", False
        elif answer in ("s", "choose"):
            paths = choose(ending)
            if paths and ending.tried("commit", paths):
                if not ending.left:
                    return "commit", False
                ending.show(ending.lines)
        elif answer not in ("c", "commit"):
            print(_ANSWERS)


def paged(text):
    """Show a difference, in colours, page by page when it is longer than the terminal."""
    _page(_coloured(text.translate(_CONTROLS)))


def _place(ending):
    """Ask for the directory in which the changes are to be kept; whether there is one."""
    place = asked("Keep in which new directory? ").strip()
    if not place or host.path.lexists(place):
        print("There is something already." if place else "Not kept.")
        return False
    ending.options.keep = place
    return True


def choose(ending):
    """The changes that are chosen by number or name."""
    names = [_name(change) for change in ending.left]
    for number, (change, name) in enumerate(zip(ending.left, names, strict=True), 1):
        print(f"{number:5} {change.kind:8} {shown(name)}  {about(change)}".rstrip())
    answer = asked("Which? Numbers, from-to, names or *.patterns, or nothing for none: ")
    try:
        return [ending.left[number - 1] for number in numbers(answer, names)]
    except ValueError as error:
        print(error)
        return []


def _name(change):
    """The path of a change as one would type it here."""
    try:
        here = host.getcwd().rstrip("/") + "/"
    except OSError:
        return change.path
    return change.path[len(here) :] if change.path.startswith(here) else change.path


# What is in files is not to steer the terminal.
_CONTROLS = {n: f"\\x{n:02x}" for n in (*range(32), *range(127, 160)) if n not in (9, 10)}
_COLOURS = {"+": 32, "-": 31, "@": 36}


def _coloured(text):
    """A difference in the colours that one knows it in, unless they are not wanted."""
    if not shows_colours():
        return text
    lines = text.split("\n")
    for n, line in enumerate(lines):
        if line.startswith(("--- ", "+++ ", "renamed ", "Binary ")):
            lines[n] = f"\x1b[1m{line}\x1b[0m"
        elif line[:1] in _COLOURS:
            lines[n] = f"\x1b[{_COLOURS[line[0]]}m{line}\x1b[0m"
    return "\n".join(lines)


def _page(text):
    """Show a text, page by page when it is longer than the terminal."""
    lines = text.count("\n")
    try:
        height = host.get_terminal_size().lines
    except OSError:
        height = 0
    if not 0 < height < lines or not _paged(text.encode("utf-8", "surrogateescape")):
        print(text, end="")


def _paged(text):
    """Whether there was a pager to show a text.

    A pager can save files and run commands, while who looks at what was rehearsed believes that
    nothing real is changed: it is run where nothing can be changed.
    """
    pager = host.environ.get("PAGER") or "less"
    environ = {"LESS": "FRX", **host.environ, "LESSSECURE": "1"}
    try:
        machine = ostler.read_only()
    except OSError:
        return False
    ours = signal.signal(signal.SIGINT, lambda number, frame: None)  # it is the pager's
    try:
        ended = machine.run(["/bin/sh", "-c", pager], input=text, env=environ)
    finally:
        signal.signal(signal.SIGINT, ours)
        machine.close()
    return ended.code not in (126, 127)


def numbers(text, names):
    """The numbers, from 1, that "1 3-5, *.py, docs" names; ValueError for what there isn't."""
    found = []
    for part in shlex.split(text.replace(",", " ")):
        number = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", part)
        if number is not None:
            first, last = int(number[1]), int(number[2] or number[1])
            if not 1 <= first <= last <= len(names):
                raise ValueError(f"{part}: there are 1 to {len(names)}")
            found += range(first, last + 1)
            continue
        place = part.rstrip("/")
        those = [
            n
            for n, name in enumerate(names, 1)
            if name == place
            or name.startswith(place + "/")
            or fnmatch(name, part)
            or fnmatch(host.path.basename(name), part)
        ]
        if not those:
            raise ValueError(f"{part}: nothing is called so")
        found += those
    return sorted(set(found))
