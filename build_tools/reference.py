"""Writes the entries of the reference: what each public name takes, touches and raises.

Signatures and texts are taken by the site's generator from the stubs and docstrings. What a verb
touches, what it changes and how long it may take are taken from the table of verbs. A page of
docs/reference/ says by a comment what is to stand where:

    <!-- verbs: files xattrs -->          the verbs of these modules
    <!-- constants: files xattrs -->      their constants
    <!-- object: PATH MEMBER... -->       a class or a function, with these members; * is all
                                          public ones of its own that are no verbs;
                                          behind `as` stands the name that it is shown by
    <!-- record: MODULE NAME... -->       the fields of records
    <!-- commands: -->                    the help of each command

What stands below the last such comment, under a heading of the third level that is a verb's name,
is moved into that verb's entry.
"""

import importlib
import re

import ostler
from ostler.cli import COMMANDS, helptext
from ostler.verbs import table

_MARK = re.compile(r"^<!-- (verbs|constants|object|record|commands): ?(.*?) -->\n", re.MULTILINE)
_TOUCHED = {
    table.NOTHING: "nothing: it works on text and numbers",
    table.FILES: "files",
    table.OPENED: "the file that is open under a descriptor",
    table.DESCRIPTOR: "a descriptor of this process",
    table.VARIABLES: "the environment",
    table.PROGRAMS: "programs: it starts one, or becomes one",
    table.PROCESS: "processes",
    table.SYSTEM: "what the kernel tells of the whole computer",
}
# What a call may change of them.
_CHANGED = {
    table.FILES: "them",
    table.OPENED: "it",
    table.DESCRIPTOR: "it",
    table.VARIABLES: "it",
    table.PROCESS: "them",
}
_WAITS = {
    table.AT_ONCE: "for nothing",
    table.DISK: "for a file system",
    table.FOR_EVER: "for others, without limit",
}
_ASKED = {
    table.RIGHTS: "The kernel asks whether the caller may do it",
    table.REAL_RIGHTS: "The kernel asks whether the caller's real user may do it",
}
# What a path that can't be looked at means to these.
SILENT = frozenset(
    """
    path.exists path.isdir path.isfile path.islink path.isjunction path.ismount path.lexists
    path.isdevdrive path.realpath access walk
    """.split()
)
# What always has an answer.
SURE = frozenset("cpu_count getpgrp getpid getppid process_cpu_count umask".split())
_NO_ERROR = "No `OSError`"
# Where the table does not tell.
_ERRORS = {
    "walk": "No `OSError` but by `onerror`, which is called with it",
    "walk_entries": "`OSError`, or as `on_error` says",
    "path.realpath": "`OSError` with `strict` alone",
    "path.abspath": "`OSError` where there is no working directory",
    "path.relpath": "`OSError` where there is no working directory",
    "utime": "`OSError` with `errno`, and with `filename` where `os` of this Python has it",
    "exists": 'No `OSError` but with `errors="raise"`',
    "isfile": 'No `OSError` but with `errors="raise"`',
    "isdir": 'No `OSError` but with `errors="raise"`',
    "probe": "`OSError` for what is neither an absence nor a refusal",
    "spawnv": "the child ends with status 127 where the program can't be started",
    "system": "a status, which tells of the failure",
    "abort": "it does not return",
    "_exit": "it does not return",
}
for _name in ("spawnve", "spawnvp", "spawnvpe", "spawnl", "spawnle", "spawnlp", "spawnlpe"):
    _ERRORS[_name] = _ERRORS["spawnv"]


def errors(verb):
    """What a call of a verb raises, apart from TypeError for arguments of a wrong type."""
    if verb.name in _ERRORS:
        return _ERRORS[verb.name]
    if verb.name in SILENT:
        return _NO_ERROR + ": the answer is `False`"
    if verb.touches in (table.NOTHING, table.VARIABLES) or verb.name in SURE:
        return _NO_ERROR
    if verb.identity == table.TOLD and not verb.names:
        return _NO_ERROR
    named = [r for r in verb.roles.values() if r in (table.PATH, table.PROGRAM, table.TEXT)]
    if not named or verb.touches not in (table.FILES, table.OPENED, table.PROGRAMS):
        return "`OSError` with `errno`"
    second = " and `filename2`" if len(named) > 1 and verb.name in _TWO else ""
    return f"`OSError` with `errno` and `filename`{second}"


_TWO = frozenset(
    "exchange link move rename rename_noreplace replace replace_durable symlink".split()
)


def told(verb):
    """The line below an entry's text."""
    touched = _TOUCHED[verb.touches]
    if verb.changes and verb.touches in _CHANGED:
        touched += f", and may change {_CHANGED[verb.touches]}"
    if verb.identity in _ASKED:
        touched += f". {_ASKED[verb.identity]}"
    lines = [
        f"**Touches** {touched}.",
        f"**May wait** {_WAITS[verb.waits]}.",
        f"**Errors** {errors(verb)}.",
    ]
    return "  \n".join(lines)  # two spaces break a line


def anchor(name):
    return f'<a id="{name}"></a>\n'


def entry(verb, example=""):
    """A verb's entry: an anchor, what the generator fills in, the line, an example."""
    function, _, _ = table._home_of(verb.name)
    plain = verb.name.rpartition(".")[2]
    kind = table._kind_of(verb.name)[0]
    if verb.name == "open_file":
        path = "ostler.machines.rooted.Rooted.open_file"
    elif kind is None or not hasattr(function, "__doc__"):
        return f"### {verb.name} {{ #{verb.name} }}\n\nThe interpreter's own function.\n"
    else:
        home = next(base for base in kind.__mro__ if plain in vars(base))
        path = f"{home.__module__}.{home.__name__}.{plain}"
    text = f"{anchor(verb.name)}\n::: {path}\n    options:\n      heading: {verb.name}\n\n"
    return text + told(verb) + "\n" + (f"\n{example.strip()}\n" if example else "")


def verbs_of(homes):
    """The verbs of modules, in the order of the sources."""
    found = []
    for home in homes:
        plain = {"path": "path", "trees": "trees.operations", "rooted": "machines.rooted"}
        here = [v for v in table.every() if v.home == plain.get(home, f"verbs.{home}")]
        here.sort(key=lambda verb: verb.name.lower())
        found += here
    return found


def constants_of(homes):
    """The constants of modules as one paragraph for each beginning of a name."""
    groups = {}
    for home in homes:
        where = "ostler.path" if home == "path" else f"ostler.verbs.{home}"
        for name in importlib.import_module(where).CONSTANTS:
            head = name.partition("_")[0] + "_" if name.isupper() and "_" in name else ""
            groups.setdefault(head, []).append(name)
    lines = []
    for head in sorted(groups):
        names = " ".join(f"`{name}`" for name in sorted(groups[head]))
        lines.append(f"- {names}")
    return "\n".join(lines) + "\n"


def own_of(kind):
    """The public members that a class has itself, without those that are verbs."""
    verbs = set()
    if issubclass(kind, ostler.Machine):
        verbs = {verb.name for verb in table.every()} - {"close"}
    parts = [part for part in kind.__mro__ if part.__name__ == "WithPoints"]
    names = [name for home in (kind, *parts) for name in vars(home)]
    return [name for name in names if name[0] != "_" and name not in verbs]


def object_of(words):
    """A class or a function that is no verb."""
    path, *members = words
    name = path.rpartition(".")[2]
    if members[:1] == ["as"]:
        _, name, *members = members
    if members == ["*"]:
        module, _, kind = path.rpartition(".")
        members = own_of(getattr(importlib.import_module(module), kind))
    text = f"{anchor(name)}\n::: {path}\n    options:\n      heading: {name}\n"
    text += f"      members: [{', '.join(members)}]\n" if members else ""
    return text + ("      inherited_members: true\n" if words[1:] == ["*"] else "")


def records(words):
    """Records, with their fields in order where they have one."""
    module = importlib.import_module(words[0])
    parts = []
    for name in words[1:]:
        kind = getattr(module, name)
        fields = [*getattr(kind, "__match_args__", ())]
        fields += sorted({each for each in dir(kind) if each[0] != "_"} - {*fields, *dir(tuple)})
        fields = [each for each in fields if not each.startswith("n_")]
        shown = ", ".join(f"`{each}`" + "()" * callable(getattr(kind, each)) for each in fields)
        text = kind.__doc__ if kind.__doc__ and kind.__module__ != "builtins" else ""
        text = "" if text.startswith(f"{name}(") else text.partition("\n\n")[0].strip()
        parts.append(f"### {name} {{ #{name} }}\n\n{text}\n\nFields: {shown}.\n")
    return "\n".join(parts)


def commands():
    """The help of each command as it is printed."""
    parts = []
    for name in COMMANDS:
        text = helptext.told(name, "--help").rstrip("\n")
        parts.append(f"## ostler {name} {{ #{name} }}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def expanded(page):
    """A page of docs/reference/ as the site's generator gets it."""
    last = max((found.end() for found in _MARK.finditer(page)), default=None)
    if last is None:
        return page
    after, *sections = re.split(r"^### `(.+)`\n", page[last:], flags=re.MULTILINE)
    page = page[:last] + after
    examples = dict(zip(sections[::2], sections[1::2], strict=True))

    def put(found):
        kind, words = found[1], found[2].split()
        if kind == "verbs":
            verbs = verbs_of(words)
            return "\n".join(entry(verb, examples.pop(verb.name, "")) for verb in verbs)
        if kind == "constants":
            return constants_of(words)
        if kind == "record":
            return records(words)
        return commands() if kind == "commands" else object_of(words)

    page = _MARK.sub(put, page)
    if examples:
        raise ValueError(f"examples of what is not on the page: {', '.join(examples)}")
    return page
