"""Stacks: the upper layers of an overlay, one upon the other, seen as if they were one.

What the kernel does when it looks a name up in several layers is done here for their marks: a
whiteout ends the search, as does an opaque directory; a redirect goes on at another path; the data
of a file of which only the metadata were copied (metacopy) are further down. So a stack tells of
each object which layer has it, and where what lies below all of these layers has it.

Paths are bytes relative to the top, which is b"". The layers are trees that know `status`,
`entries` and `xattr`, the uppermost first.
"""

import cython

from ostler.core.status import file_handle

_KIND, _DIRECTORY, _FILE, _DEVICE = 0o170000, 0o040000, 0o100000, 0o020000
_HEAD, _TYPE = 21, 4  # of a mark: version, magic, length, flags, type, 16 bytes of the file system
_OF_OVERLAY = 0xF8  # the type of an overlay's own handle, which is such a mark itself


def child_of(path, name):
    """The path of a name in a directory of such a tree, whose root is b""."""
    return path + b"/" + name if path else name


def is_whiteout(status):
    """Whether an object of a layer only says that there is nothing, by its lstat."""
    return status.st_mode & _KIND == _DEVICE and status.st_rdev == 0


def named_by(mark):
    """The file handle, as file_handle() gives it, of the object that a mark of an origin names."""
    while len(mark) > _HEAD + _TYPE and mark[_TYPE] == _OF_OVERLAY:
        mark = mark[_HEAD:]
    return mark[_TYPE], mark[_HEAD:]


@cython.cfunc
def _led(path: bytes, redirect: bytes):
    # Where a redirect leads from: it names another path, or a name beside.
    if redirect.startswith(b"/"):
        return redirect.strip(b"/")
    return child_of(path.rpartition(b"/")[0], redirect)


def _leaves(tree):
    # Of all of a layer that is no directory: its path, and lstat of it.
    waiting = [b""]
    while waiting:
        path = waiting.pop()
        for name, status in tree.entries(path):
            child = child_of(path, name)
            if status.st_mode & _KIND == _DIRECTORY:
                waiting.append(child)
            else:
                yield child, status


def _looks(status):
    # What a copy has from the file that it is of, until it is changed.
    return status.st_size, status.st_mtime_ns, status.st_mode, status.st_uid, status.st_gid


@cython.cclass
class Layered:
    """One object of a stack.

    - `layer`, `path`: the number of the uppermost layer that has it, and where
    - `status`: what lstat says of it there
    - `below`: the path at which what lies below all layers has it; None: nothing there is it
    - `parts`: of a directory, [(layer, path)] of all layers that have a part of it
    - `data`: (layer, path) of the content of a file of which `path` has the metadata; else None
    """

    def __init__(self, layer, path, status):
        self.layer = layer
        self.path = path
        self.status = status
        self.below = None
        self.parts = None
        self.data = None


@cython.cclass
class Stack:
    """Layers seen as one; `marks` is what the names of their marks begin with."""

    def __init__(self, trees, marks):
        self.trees = list(trees)
        self.marks = marks
        self.redirects = marks.startswith("trusted.")  # an ordinary user's overlay has none
        self._origins = None
        self._left = None
        self.forget()

    def forget(self):
        """Look at everything anew."""
        top = Layered(0, b"", self.trees[0].status(b""))
        top.below = b""
        top.parts = [(number, b"") for number in range(len(self.trees))]
        self._known = {b"": top}

    def seen(self, path):
        """The Layered at a path; None where no layer has anything."""
        above = path
        names = []
        while above not in self._known:
            above, _, name = above.rpartition(b"/")
            names.append(name)
        found = self._known[above]
        while names:
            if found is None or found.parts is None:
                return None
            name = names.pop()
            above = child_of(above, name)
            found = self._look(found, name, None)
            if found is not None and found.parts is not None:
                self._known[above] = found
        return found

    def entries(self, path):
        """[(name, Layered)] of a directory, sorted; whiteouts where they hide something below."""
        here = self.seen(path)
        listed = []
        for layer, at in here.parts:
            listed.append(dict(self.trees[layer].entries(at)))
        names = set()
        for each in listed:
            names.update(each)
        found = []
        for name in sorted(names):
            seen = self._look(here, name, listed)
            if seen is None or (is_whiteout(seen.status) and here.below is None):
                continue
            if seen.parts is not None:
                self._known[child_of(path, name)] = seen
            found.append((name, seen))
        return found

    def below(self, path):
        """Where what lies below all layers has what is at a path; None: it has not."""
        at, rest = path, b""
        seen = self.seen(at)
        while seen is None:
            at, _, last = at.rpartition(b"/")
            rest = b"/" + last + rest
            seen = self.seen(at)
        if not rest:
            return seen.below
        if seen.parts is None or seen.below is None:
            return None
        return (seen.below + rest).lstrip(b"/")

    def _look(self, here, name, listed):
        # What a directory has at a name; `listed`: what its parts have, or None.
        parts = here.parts
        number: cython.Py_ssize_t = 0
        layer: cython.Py_ssize_t = -1
        absolute = None  # where the rest of the layers is asked, from their tops
        at, first, found = name, None, None
        closed: cython.bint = False
        last: cython.bint
        while not closed:
            if absolute is None:
                if number == len(parts):
                    break
                layer, path = parts[number]
                path = child_of(path, at)
                if listed is not None and at is name:
                    status = listed[number].get(name)
                else:
                    status = self.trees[layer].status(path)
                number += 1
                last = False
            else:
                layer += 1
                if layer == len(self.trees):
                    break
                path, absolute, last = self._from_top(layer, absolute)
                status = None if path is None else self.trees[layer].status(path)
                closed = last
            if status is None:
                continue
            kind = status.st_mode & _KIND
            if kind == _DIRECTORY:
                if first is not None and first.parts is None:
                    closed = True  # only the metadata of a file were copied, which is gone
                    break
                if first is None:
                    first = Layered(layer, path, status)
                    first.parts = []
                first.parts.append((layer, path))
                if self.trees[layer].xattr(path, self.marks + "opaque") == b"y":
                    closed = True
                    break
            else:
                if is_whiteout(status):
                    if first is None:
                        first = Layered(layer, path, status)
                    closed = True
                    break
                if first is not None and first.parts is not None:
                    closed = True
                    break
                found = Layered(layer, path, status)
                if first is None:
                    first = found
                if (
                    kind != _FILE
                    or not self.redirects
                    or self.trees[layer].xattr(path, self.marks + "metacopy") is None
                ):
                    if found is not first:
                        first.data = layer, path
                    closed = True
                    break
            if self.redirects:
                redirect = self.trees[layer].xattr(path, self.marks + "redirect")
                if redirect is not None:
                    if absolute is not None or redirect.startswith(b"/"):
                        absolute = _led(absolute or b"", redirect)
                        if redirect.startswith(b"/"):
                            closed = False  # by a directory above it, which says nothing of there
                    else:
                        at = redirect
        if first is None:
            return None
        if not closed:
            if absolute is not None:
                first.below = absolute
            elif here.below is not None:
                first.below = child_of(here.below, at)
        return first

    def _from_top(self, layer, path):
        # Where a layer has what is looked for from its top: (path there or None, the path at which
        # the layers further down are asked, whether these are asked no more).
        tree = self.trees[layer]
        at, below = b"", b""
        last: cython.bint = False
        names = path.split(b"/")
        number: cython.Py_ssize_t
        for number in range(len(names) - 1):
            at, below = child_of(at, names[number]), child_of(below, names[number])
            status = tree.status(at)
            if status is None:  # what the directories above it say holds further down all the same
                return None, b"/".join([below, *names[number + 1 :]]), last
            if status.st_mode & _KIND != _DIRECTORY:
                return None, path, True
            if tree.xattr(at, self.marks + "opaque") == b"y":
                last = True
            redirect = tree.xattr(at, self.marks + "redirect")
            if redirect is not None:
                below = _led(below, redirect)
                if redirect.startswith(b"/"):
                    last = False
        return child_of(at, names[-1]), child_of(below, names[-1]), last

    # What the marks of the whole are

    def redirect(self, path, seen):
        """Where what lies below has an object, if that is not where its name says; else None."""
        if seen.below is None:
            return None
        above, _, name = path.rpartition(b"/")
        up = self._known[above] if above in self._known else self.seen(above)
        if up.below is not None:
            if child_of(up.below, name) == seen.below:
                return None
        return b"/" + seen.below

    def mark(self, path, name):
        """A mark of the whole at a path, by its name without the beginning; None: it has none."""
        seen = self.seen(path)
        if seen is None:
            return None
        tree = self.trees[seen.layer]
        if name == "opaque":
            return b"y" if seen.parts is not None and seen.below is None else None
        if name == "redirect" and (seen.parts is not None or self._is_metacopy(seen)):
            return self.redirect(path, seen) if seen.data is None else None
        if name == "metacopy" and seen.data is not None:
            return None
        value = tree.xattr(seen.path, self.marks + name)
        if name == "redirect" and value is not None:
            return self._redirect_of_copy(seen, value)
        if name == "origin" and value is not None:
            if value:
                return self._first_origin(seen.layer, value)
            return None if self._is_copy_of_new(path, seen) else value
        if value is None and name not in ("redirect", "metacopy", "origin"):
            return self._further_down(path, seen, name)
        return value

    def _is_metacopy(self, seen):
        return self.redirects and (
            self.trees[seen.layer].xattr(seen.path, self.marks + "metacopy") is not None
        )

    def _redirect_of_copy(self, seen, value):
        # Of a file that has its data by now: where it came from, as the lowest layer would say it.
        at = _led(seen.path, value)
        layer: cython.Py_ssize_t
        for layer in range(seen.layer + 1, len(self.trees)):
            path, at, last = self._from_top(layer, at)
            status = None if path is None else self.trees[layer].status(path)
            if status is not None:
                if status.st_mode & _KIND != _FILE:
                    return None
                further = self.trees[layer].xattr(path, self.marks + "redirect")
                if further is not None:
                    at = _led(at, further)
                elif self.trees[layer].xattr(path, self.marks + "origin") is None:
                    return None
            if last:
                return None
        return b"/" + at

    def _further_down(self, path, seen, name):
        # A mark of our own, which the kernel leaves behind when it copies an object up again.
        if seen.parts is not None:
            for layer, at in seen.parts:
                value = self.trees[layer].xattr(at, self.marks + name)
                if value is not None:
                    return value
            return None
        if self.trees[seen.layer].xattr(seen.path, self.marks + "origin") is None:
            return None
        up = self.seen(path.rpartition(b"/")[0])
        last = path.rpartition(b"/")[2]
        for layer, at in up.parts:
            if layer <= seen.layer:
                continue
            at = child_of(at, last)
            status = self.trees[layer].status(at)
            if status is not None:
                if status.st_mode & _KIND != seen.status.st_mode & _KIND:
                    return None
                value = self.trees[layer].xattr(at, self.marks + name)
                if value is not None:
                    return value
        return None

    def _first_origin(self, layer, value):
        # The mark names the object that was copied: that may be a copy in another layer, which has
        # a mark itself. None: it was new there.
        if layer == len(self.trees) - 1:
            return value
        if self._origins is None:
            self._origins = self._all_origins()
        seen = set()
        while value:
            handle = named_by(value)
            if handle not in self._origins or handle in seen:
                return value
            seen.add(handle)
            value = self._origins[handle]
        return value

    def _is_copy_of_new(self, path, seen):
        # Whether a file is a copy of one that another layer has made, where the mark doesn't name
        # what was copied: an ordinary user's overlay never does. In doubt it is not.
        if seen.status.st_mode & _KIND != _FILE or seen.layer == len(self.trees) - 1:
            return False
        above, _, last = path.rpartition(b"/")
        up = self.seen(above)
        for layer, at in up.parts:
            if layer <= seen.layer:
                continue
            at = child_of(at, last)
            status = self.trees[layer].status(at)
            if status is None:
                continue
            if status.st_mode & _KIND != _FILE:
                break
            if self.trees[layer].xattr(at, self.marks + "origin") is None:
                return True
        # Under another name: it has been renamed since.
        if self._left is None:
            self._left = self._all_left()
        return (seen.layer, _looks(seen.status)) in self._left

    def _all_left(self):
        # Of each file that was new in a layer, and that an upper one has removed or renamed: that
        # layer, and what the file looks like.
        found = set()
        number: cython.Py_ssize_t
        upper: cython.Py_ssize_t
        for number in range(1, len(self.trees)):
            tree = self.trees[number]
            for path, status in _leaves(tree):
                if (
                    status.st_mode & _KIND == _FILE
                    and tree.xattr(path, self.marks + "origin") is None
                ):
                    for upper in range(number):
                        if self.trees[upper].status(path) is not None:
                            found.add((upper, _looks(status)))
        return found

    def _all_origins(self):
        # {handle of each file of the lower layers: its origin, or None where it was new there}
        found = {}
        for tree in self.trees[1:]:
            for path, status in _leaves(tree):
                if not is_whiteout(status):
                    above, last = tree.parent(path)
                    handle = file_handle(above, last)
                    if handle is not None:
                        found[handle] = tree.xattr(path, self.marks + "origin")
        return found
