"""What the help texts say, taken apart: manual pages and completions follow them."""

import re
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO

from ostler.cli import COMMANDS, main

_OPTION = re.compile(r"  (-\S(?:\S| (?! ))*)(?: {2,}(.*))?")


@dataclass
class Option:
    """One option: its names, what stands for its value ("" if it has none), what it does."""

    names: list[str]
    value: str
    text: str


@dataclass
class Help:
    """A help text: its usage, its paragraphs and options in their order, its examples."""

    name: str
    usage: list[str] = field(default_factory=list)
    parts: list[str | list[Option]] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def options(self):
        """All options, in their order."""
        return [option for part in self.parts if isinstance(part, list) for option in part]

    @property
    def summary(self):
        """What the command does, in a sentence."""
        return COMMANDS[self.name]


def told(*arguments):
    """What `ostler ARGUMENTS...` prints."""
    out = StringIO()
    with redirect_stdout(out):
        main([*arguments])
    return out.getvalue()


def of_command(name):
    """The help of a command, taken apart."""
    return parsed(name, told(name, "--help"))


def parsed(name, text):
    """A help text, taken apart."""
    made = Help(name)
    for block in text.rstrip("\n").split("\n\n"):
        lines = block.split("\n")
        if lines[0].startswith("usage:"):
            made.usage = [line.removeprefix("usage:").strip() for line in lines]
        elif lines[0] == "Examples:":
            made.examples = [line.removeprefix("  ") for line in lines[1:]]
        else:
            _add_block(made.parts, lines)
    return made


def _add_block(parts, lines):
    # Paragraphs, and lists of options between and behind them.
    for line in lines:
        last = parts[-1] if parts else None
        found = _OPTION.fullmatch(line)
        if found:
            if not isinstance(last, list):
                parts.append(last := [])
            last.append(_option(found[1], found[2] or ""))
        elif line.startswith("    ") and isinstance(last, list):
            last[-1].text = f"{last[-1].text} {line.strip()}".strip()
        elif line == "options:":
            parts.append([])
        elif line is not lines[0] and isinstance(last, str) and not line.startswith(" "):
            parts[-1] = f"{last} {line}"
        else:
            parts.append(line)


def _option(words, text):
    # "-d, --depth, --max-depth N", "--scratch [SIZE]", "--env NAME[=VALUE]"
    names = []
    value = ""
    for word in words.split(", "):
        name, _, value = word.partition(" ")
        names.append(name)
    return Option(names, value, text)
