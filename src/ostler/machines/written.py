"""Written: what a journal says, read strictly; it may be damaged, or of another version.

Names are components without "..", links aside; a stash has the exact name that a commit makes, and
each step moves something into one or out of one. Whatever is not so is no journal of ours.
"""

import re
from collections import namedtuple

from ostler.machines import host
from ostler.machines.journals import LARGEST, VERSION
from ostler.machines.looks import is_look

# The records of a journal. `tops`: paths, bytes; `stashes`: (number of a top, path below it,
# bytes); `steps`, `times`: as in moves.py; `looks`: [look, look] for each step; `notes`: what else
# stands there, in order.
Written = namedtuple("Written", "base tops stashes steps times looks notes")

_STASH = re.compile(rb"(?:.*/)?\.ostler-commit-[0-9a-f]{16}", re.S)
_SLOT = re.compile(rb"[0-9]+")
_AFTER = {  # what may follow a record
    "begin": ("go",),
    "go": ("done", "back", "undone", "kept"),
    "back": ("undone", "kept"),
    "kept": ("kept", "undone"),
    "done": ("done",),
    "undone": ("undone",),
}
_START = b'["begin", '
_BLOCK = 1 << 20


class Damaged(ValueError):
    """A journal says what none says; `base`, when it has said that much."""

    def __init__(self, reason, base=None):
        super().__init__(reason)
        self.base = base


def read(file):
    """What stands in a journal, None when nothing was begun; Damaged when it is no journal.

    A last line that was not written to its end is as if it had never been begun, and is cut off.
    """
    base = None
    try:
        lines = _lines(file)
        if not lines:
            return None
        records = [_record(line, number) for number, line in enumerate(lines, 1)]
        _need(records[0][0] == "begin", "it does not begin with its beginning")
        base, tops, stashes = _begin(*records[0][1:])
        last, steps, times, looks, notes = "begin", [], [], [], []
        for kind, *rest in records[1:]:
            _need(kind in _AFTER[last], f"{kind!r} stands after {last!r}")
            if kind == "go":
                steps, times, looks = _go(tops, stashes, *rest)
            else:
                _need(not rest, f"{kind!r} says more than is known")
            notes.append(kind)
            last = kind
        return Written(base, tops, stashes, steps, times, looks, notes)
    except Damaged as error:
        raise Damaged(str(error), base) from None
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise Damaged(f"it has another form ({type(error).__name__})", base) from None


def _need(fact, reason):
    if not fact:
        raise Damaged(reason)


def _lines(file):
    size = host.fstat(file.fileno()).st_size
    _need(size <= LARGEST, "it is larger than any that was written here")
    start = file.read(len(_START))
    _need(start == _START[: len(start)], "it does not begin with its beginning")
    parts = [start]
    while size > 0 and (part := file.read(min(size, _BLOCK))):
        parts.append(part)
        size -= len(part)
    text = b"".join(parts)
    ended = text.rfind(b"\n") + 1
    if ended < len(text):
        file.truncate(ended)
    return text[:ended].split(b"\n")[:-1]


def _record(line, number):
    import json  # when it is needed: it brings much along

    try:
        record = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise Damaged(f"its line {number} is damaged") from None
    _need(isinstance(record, list) and record, f"its line {number} is no record")
    _need(record[0] in _AFTER, f"its line {number} is of a kind that is not known here")
    return record


def _begin(base, tops, stashes, version=1):
    _need(_is_count(version) and version <= VERSION, "a later version of ostler has written it")
    base = _bytes(base)
    tops = [_bytes(top) for top in tops]
    for path in (base, *tops):
        _need(_is_absolute(path), "it names a directory that is no absolute path")
    found = []
    for top, path in stashes:
        path = _path(path)
        _need(_is_index(top, tops) and _STASH.fullmatch(path), "it names no stash of a commit")
        found.append((top, path))
    return base, tops, found


def _go(tops, stashes, steps, times, looks=None):
    _need(looks is None or len(looks) == len(steps), "not every step has its looks")
    found = [_step(tops, stashes, *step) for step in steps]
    for pair in looks or ():
        _need(len(pair) == 2 and all(x is None or is_look(x) for x in pair), "a look is none")
    return found, [_times(tops, *entry) for entry in times], looks or [[None, None]] * len(found)


def _step(tops, stashes, kind, top, one, *rest):
    _need(_is_index(top, tops), "a step is in no directory of the commit")
    one = _path(one, empty=kind == "meta")
    if kind == "meta":
        inode, old, new = rest
        _need(_is_count(inode), "a step has no object")
        _need(not _is_in_stash(stashes, top, one), "a step is about the stash itself")
        return kind, top, one, inode, _metadata(old), _metadata(new)
    two, inode = rest
    two = _path(two)
    _need(_is_count(inode), "a step has no object")
    slots = [_is_slot(stashes, top, path) for path in (one, two)]
    _need(kind in ("move", "swap"), "a step is of a kind that is not known here")
    _need(sum(slots) == 1 and (kind == "move" or slots[0]), "a step is not from or to a stash")
    _need(not _is_in_stash(stashes, top, one if slots[1] else two), "a step is about the stash")
    return kind, top, one, two, inode


def _is_slot(stashes, top, path):
    above, _, name = path.rpartition(b"/")
    return (top, above) in stashes and _SLOT.fullmatch(name) is not None


def _is_in_stash(stashes, top, path):
    return any(t == top and (path + b"/").startswith(stash + b"/") for t, stash in stashes)


def _metadata(wanted):
    checks = {
        "mode": lambda mode: _is_count(mode) and mode <= 0o7777,
        "owner": lambda owner: _are_numbers(owner) and all(0 <= n < 1 << 32 for n in owner),
        "times": _are_numbers,
        "xattrs": lambda found: all(
            isinstance(value, str) and value.encode("latin-1") is not None and _is_name(name)
            for name, value in found.items()
        ),
    }
    _need(isinstance(wanted, dict), "a step has no metadata")
    _need(all(key in checks and checks[key](wanted[key]) for key in wanted), "metadata is none")
    return wanted


def _is_name(text):
    return isinstance(text, str) and 0 < len(text) < 256 and "\0" not in text


def _times(tops, top, after, before, inode, old, new):
    _need(_is_index(top, tops) and _is_count(inode), "times are of nothing")
    after, before = _bytes(after), _path(before, empty=True)
    if after.startswith(b"\0"):  # the directory will be gone
        _need(new is None, "times are given to what is gone")
    else:
        after = _path(after.decode("latin-1"), empty=True)
    _need(all(t is None or _are_numbers(t) for t in (old, new)), "times are none")
    return top, after, before, inode, old, new


def _are_numbers(pair):
    return isinstance(pair, list) and len(pair) == 2 and all(type(n) is int for n in pair)


def _is_count(number):
    return type(number) is int and number >= 0


def _is_index(number, things):
    return _is_count(number) and number < len(things)


def _bytes(text):
    _need(isinstance(text, str), "a name is none")
    return text.encode("latin-1")


def _path(text, empty=False):
    path = _bytes(text)
    _need(_is_relative(path) or (empty and not path), "it names what lies elsewhere")
    return path


def _is_relative(path):
    return b"\0" not in path and not {b"", b".", b".."} & set(path.split(b"/"))


def _is_absolute(path):
    return path == b"/" or (path.startswith(b"/") and _is_relative(path[1:]))
