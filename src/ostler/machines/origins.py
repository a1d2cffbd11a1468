"""Origins: which file of the base a new name in a rehearsal stands for.

The overlay marks what it copied from the base. Root's marks have the file handle of the original,
which is the file itself, whatever was done to it since, or else its path. An ordinary user's say
only that there is one: then it is known while size, modification time and content are the same.
"""

import stat

from ostler.machines._calls import file_handle
from ostler.machines.linked import Pairs, size_and_time

_HEAD, _TYPE = 21, 4  # of a mark: version, magic, length, flags, type, 16 bytes of the file system


def find_renamed(walk):
    """Make pairs of what is gone and what is new into changes that are "renamed"."""
    gone, new = [], []
    for change in walk.found:
        before, after = change.before, change.after
        if before is not None and before.type != "directory":
            gone.append(change)
        if after is not None and after.type != "directory" and change.kind != "renamed":
            new.append(change)
    if not new:
        return
    known = _Known(walk, gone)
    taken, devices = {}, {}

    def take(source, change):
        if source is None or source is change or id(source) in taken:
            return False
        if _device(walk, change, devices) != known.status(source).st_dev:
            return False
        taken[id(source)] = source, change, source.before, source._found.lower
        return True

    stays = {
        found.status.st_ino
        for found in walk.unchanged
        if found.status.st_nlink > 1 and not stat.S_ISDIR(found.status.st_mode)
    }
    rest = []  # without a mark of the kernel's own
    for change in new:
        mark = _mark(walk, change) if gone else None
        if mark is None:
            rest.append(change)
        elif mark:
            take(known.by_handle(mark), change)
        elif change._found.status.st_ino not in stays:  # else it is one more name of that one
            take(known.by_look(change, taken), change)
    pairs = Pairs(walk, gone, take)
    if pairs.needed():
        pairs.find(rest)
    for source, change, _, _ in taken.values():
        _vacate(walk, source, change)
    for source, change, before, lower in taken.values():
        _make_renamed(walk, source, change, before, lower)
    walk.found = [c for c in walk.found if c.kind != "removed" or id(c) not in taken]


def is_same(walk, change):
    """Whether the file that a change leaves at its path is the base's own, changed in place.

    None where the overlay does not tell.
    """
    mark = _mark(walk, change)
    if not mark:
        return None
    return _handle(walk, change._found.lower) == (mark[_TYPE], mark[_HEAD:])


def _mark(walk, change):
    found = change._found
    if walk.ordinary and not stat.S_ISREG(found.status.st_mode):
        return None
    return walk.mark(found.path, found.status, "origin")


def _handle(walk, lower):
    return file_handle(*walk.lower.parent(lower))


class _Known:
    """The files of the base that are gone from their places, or may be."""

    def __init__(self, walk, gone):
        self.walk = walk
        self.gone = gone
        self._handles = None
        self._looks = None
        self._found = {}

    def status(self, change):
        """lstat of what the base has there."""
        found = self._found.get(id(change))
        if found is None:
            found = self._found[id(change)] = self.walk.lower.there(change._found.lower)
        return found

    def by_handle(self, mark):
        """The change at which the base has the object of a mark."""
        if self._handles is None:
            self._handles = {}
            for change in self.gone:
                handle = _handle(self.walk, change._found.lower)
                # A name that is gone comes before one that may only have been changed.
                if handle is not None and (handle not in self._handles or change.kind == "removed"):
                    self._handles[handle] = change
        return self._handles.get((mark[_TYPE], mark[_HEAD:]))

    def by_look(self, new, taken):
        """A change at which the base had a file with the same time, size and content."""
        if not self.walk.ordinary and (redirect := self._redirect(new)) is not None:
            same = [c for c in self.gone if c._found.lower == redirect and id(c) not in taken]
            return same[0] if same else None
        if self._looks is None:
            self._looks = {}
            for change in self.gone:
                # What was changed itself is no source, but what something else replaced is.
                if change.before.type == "file" and (
                    change.after is None or _mark(self.walk, change) is None
                ):
                    self._looks.setdefault(size_and_time(change.before), []).append(change)
        name = new._found.path.rpartition(b"/")[2]
        same = [c for c in self._looks.get(size_and_time(new.after), ()) if id(c) not in taken]
        same.sort(key=lambda change: change._found.lower.rpartition(b"/")[2] != name)
        for change in same:
            if self.walk.upper.same_content(new._found.path, self.walk.lower, change._found.lower):
                return change
        return None

    def _redirect(self, change):
        # Where root's overlay finds the content, on file systems without handles.
        found = change._found
        mark = self.walk.mark(found.path, found.status, "redirect")
        if mark is None or mark.startswith(b"/") or found.at is None:
            return mark if mark is None else mark.strip(b"/")
        above = found.at.rpartition(b"/")[0]
        return above + b"/" + mark if above else mark


def _device(walk, change, known):
    """The file system that a name of the rehearsal would be in; `known`: of directories, so far."""
    path = change._found.path
    passed = []
    device = None
    while path and device is None:
        path = path.rpartition(b"/")[0]
        device = known.get(path)
        if device is None:
            passed.append(path)
            status = walk.lower.status(path)
            device = None if status is None else status.st_dev
    known.update(dict.fromkeys(passed, device))
    return device


def _vacate(walk, source, change):
    """The base's object leaves this place: what stands there now is new."""
    found = source._found
    walk.moved[found.lower] = change._found.path
    if source.kind not in ("removed", "renamed"):
        source.kind = "created"
        source.before = None
        found.lower = None


def _make_renamed(walk, source, change, before, lower):
    found = change._found
    change.kind = "renamed"
    change.before = before
    found.lower = lower
    found.same = (
        before.type != "file"
        or walk.mark(found.path, found.status, "metacopy") is not None
        or walk.same_content(found.path, lower, walk.lower.there(lower), found.status)
    )
