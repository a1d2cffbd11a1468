"""Removing a tree: every name by the descriptor of its directory, never through a link."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.creating import is_point, may_leave
from cython.cimports.ostler.core.crossing import Where, failure, plain_failure, take
from cython.cimports.ostler.trees._engine import revisit
from cython.cimports.ostler.trees._holding import hold, unhold
from cython.cimports.ostler.trees._output import report
from cython.cimports.ostler.trees._run import Run, open_holder, open_root, split
from cython.cimports.ostler.trees._state import DESCEND, DONE, POST_PARENT, SPOILED, Node, counted

from ostler.trees._place import Place


def retries(worker):
    return cython.cast(cython.pointer(cython.long), worker.engine.task)


_AGAIN = 1000  # directories that were not empty when they should have been


@cython.cclass
class Remove(Run):
    """The run that removes a tree."""

    def __init__(self, machine, how):
        Run.__init__(self, machine, how)
        self.e.post = POST_PARENT
        left: cython.pointer(cython.long) = cython.cast(
            cython.pointer(cython.long), self.new_task(cython.sizeof(cython.long))
        )
        left[0] = _AGAIN
        self.e.entry = _entry
        self.e.refused = _refused
        self.e.leave = _leave


def _unlink(worker, node, name, kind):
    # 0, or the errno. What is gone already counts as removed by someone else.
    if worker.engine.mounted and is_point(node.fd[0], name):
        return libc.EBUSY
    if libc.unlinkat(node.fd[0], name, 0) < 0:
        return 0 if libc.errno == libc.ENOENT else libc.errno
    counted(cython.address(worker.tally), kind)
    return 0


def _entry(worker, node, name, kind):
    number: cython.int
    if kind == libc.S_IFDIR >> 12:
        return DESCEND
    number = _unlink(worker, node, name, kind)
    if number == libc.EISDIR:  # it became a directory meanwhile
        return DESCEND
    if number:
        report(worker, node, name, number, b"unlink")
    return DONE


def _rmdir(worker, node, name):
    if worker.engine.mounted and is_point(node.fd[0], name):
        libc.errno = libc.EBUSY
        return -1
    return libc.unlinkat(node.fd[0], name, libc.AT_REMOVEDIR)


def _refused(worker, node, number):
    # The parent is held. A name that is no directory any more is removed as what it is; a
    # directory that can't be read may still be empty.
    if number == libc.ENOENT:
        return 0
    if number == libc.ENOTDIR or number == libc.ELOOP:
        return _unlink(worker, node.parent, cython.address(node.name[0]), 0)
    if _rmdir(worker, node.parent, cython.address(node.name[0])) == 0:
        worker.tally.directories += 1
        return 0
    return number


def _leave(worker, node):
    parent: cython.pointer(Node) = node.parent
    number: cython.int = 0
    done: cython.int
    if parent == cython.NULL or node.state & SPOILED:
        return
    if hold(worker, parent) < 0:
        report(worker, node, cython.NULL, libc.errno, b"rmdir")
        return
    done = _rmdir(worker, parent, cython.address(node.name[0]))
    if done < 0:
        number = libc.errno
    unhold(worker.engine, parent)
    if done == 0:
        worker.tally.directories += 1
    elif number == libc.ENOTEMPTY and libc.atomic_add(retries(worker), -1, libc.ATOMIC_RELAXED) > 0:
        revisit(worker, node)  # the reading missed names, or somebody makes new ones
    elif number != libc.ENOENT:
        report(worker, node, cython.NULL, number, b"rmdir")


def remove_tree(machine, top, how, beside=-1):
    """Remove a tree, its root last; the counts of what was removed.

    `beside`: a descriptor of the directory that holds the root, instead of the path to it.
    """
    holder: cython.int = beside
    run: Run = Remove(machine, how)
    w: Where
    take(cython.address(w), top, "remove", "top", 0)  # for its errors
    path = py.PyOS_FSPath(top)
    head, name = split(path)
    text: bytes = name if isinstance(name, bytes) else py.PyUnicode_EncodeFSDefault(name)
    base: cython.p_const_char = text
    r: cython.int
    number: cython.int = 0
    py.audit1(b"ostler.trees.remove", b"O", path)
    parent: cython.int
    if holder < 0:
        if isinstance(top, Place) and top.names:
            parent = open_root(machine, top.above(), "remove", False)
        else:
            parent = open_holder(machine, head, "remove", path)
    else:
        parent = libc.fcntl(holder, libc.F_DUPFD_CLOEXEC, 0)
        if parent < 0:
            raise plain_failure(libc.errno)
    try:
        run.place_below(parent, text, top)
        # Two threads that remove wait for each other there, and in vain for the processor.
        kind: cython.long = libc.kind_of_filesystem(parent)
        run.fit(how, kind in (libc.BTRFS_SUPER_MAGIC, libc.XFS_SUPER_MAGIC))
        run.e.mounted = run.machine.has_mounts()
        run.work()
        if not run.spoiled():
            with cython.nogil:
                r = 0
                if run.e.mounted:
                    r = may_leave(parent, base, True)
                if r == 0:
                    r = libc.unlinkat(parent, base, libc.AT_REMOVEDIR)
                if r < 0:
                    number = libc.errno
            if r == 0:
                run.e.workers[0].tally.directories += 1
            elif number != libc.ENOENT:
                run.failed(failure(number, top))
        return run.finish()
    finally:
        libc.close(parent)
