"""Copying trees with what their links lead to: each link to a directory is a tree of its own.

The source is read by paths, which links may lead anywhere. What is written is found again by
descriptors from the copy's root, name by name: the copies of directories may belong to others, who
could put links there, by the time that the links in them are followed.
"""

import errno

from ostler.core.crossing import HostCore
from ostler.trees._copy import copy_tree
from ostler.trees._how import Errors, How
from ostler.trees._place import Place
from ostler.trees._results import Counts
from ostler.trees._run import descriptor


class Followed:
    """What a copy tells of its links to directories, whose own copies it has left empty."""

    def __init__(self):
        self.root = None  # (kernel, device, inode) of the copy
        self.links = []  # (path below the root, whether the directory was made)


def copy_following(machine, top, to, to_machine, how, keep, clone, exclude) -> Counts:
    """As copy_tree; a link to a directory that it lies in is an error (ELOOP)."""
    top, to = machine.fspath(top), to_machine.fspath(to)
    _refuse_other_roots(machine, top)
    errors = Errors(how)
    total = Counts(errors=errors.list)

    def tell(error):
        errors.take([error])

    on_error = tell if callable(how.on_error) else how.on_error
    each = How(how.threads, on_error, how.progress, how.one_filesystem)
    waiting = [(top, to, frozenset(), False, False)]
    while waiting:
        source, target, above, fill, made = waiting.pop()
        followed = Followed()
        try:
            counts = copy_tree(
                machine, source, target, to_machine, each, keep, clone, exclude=exclude,
                followed=followed, fill=fill,
            )  # fmt: skip
        except OSError as error:
            if not fill or error.filename is None or hasattr(error, "done"):
                raise
            if made:
                _give_up(machine, source, to_machine, target, keep["times"])
            tell(error)  # this link can't be followed; the others can
            continue
        if on_error == "collect":
            errors.take(counts.errors)
        total.plus(counts.numbers())
        place = target if fill else Place(to, followed.root)
        for path, made in sorted(followed.links, reverse=True):
            link, copy = _name_below(machine, source, path), place.place_of(to_machine, path)
            try:
                around = above | _around(machine, source, path)
                if _identity(machine, link) in around:
                    if made:
                        _give_up(machine, link, to_machine, copy, keep["times"])
                    raise OSError(errno.ELOOP, machine.strerror(errno.ELOOP), link)
            except OSError as error:
                tell(error)
                continue
            waiting.append((link, copy, around, True, made))
    return total


def _refuse_other_roots(machine, top):
    # The kernel follows absolute links from the process's own root, not from a machine's.
    if not isinstance(machine, HostCore):
        raise OSError(errno.EOPNOTSUPP, "links are followed in trees of the host alone", top)


def _give_up(machine, link, to_machine, copy, times):
    # The empty directory that was made for a link goes, and its own keeps the times that it has.
    try:
        holder = descriptor(to_machine, copy.above(), "copy")
    except OSError:
        return
    try:
        to_machine.rmdir(copy.names[-1], dir_fd=holder)
        if times:
            st = machine.stat(machine.path.dirname(link))
            to_machine.utime(holder, ns=(st.st_atime_ns, st.st_mtime_ns))
    except OSError:
        pass  # it holds something
    finally:
        to_machine.close(holder)


def _identity(machine, path):
    st = machine.stat(path)
    return st.st_dev, st.st_ino


def _name_below(machine, root, path):
    # The name of what has this path, given as bytes, below a root.
    if isinstance(root, bytes):
        return root.rstrip(b"/") + b"/" + path
    return root.rstrip("/") + "/" + machine.fsdecode(path)


def _around(machine, source, path):
    """The directories between the root of a tree and a name in it, the root included."""
    found = {_identity(machine, source)}
    names = path.split(b"/")[:-1]
    for number in range(1, len(names) + 1):
        found.add(_identity(machine, _name_below(machine, source, b"/".join(names[:number]))))
    return found
