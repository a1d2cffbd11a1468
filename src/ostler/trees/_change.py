"""Changing modes and owners in a whole tree; links are never followed."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import Core
from cython.cimports.ostler.core.numbers import to_gid, to_uid
from cython.cimports.ostler.trees._holding import hold, open_directory, unhold
from cython.cimports.ostler.trees._metadata import chmod_name
from cython.cimports.ostler.trees._output import report
from cython.cimports.ostler.trees._run import Run
from cython.cimports.ostler.trees._state import DESCEND, DONE, POST_SELF, counted

_PERMISSIONS = cython.declare(cython.uint, 0o7777)
_MOST_CLAUSES = 32
_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o1007, "a": 0o7777}
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}


# ---- modes


def wanted(task, mode):
    # The mode that an entry shall have instead of this one.
    i: cython.int
    bits: cython.uint
    like: cython.uint
    clause: cython.pointer(Clause)
    new: cython.uint = mode & _PERMISSIONS
    if task.clauses == 0:
        return task.mode
    for i in range(task.clauses):
        clause = cython.address(task.clause[i])
        bits = clause.bits
        if clause.search and (mode & libc.S_IFMT == libc.S_IFDIR or new & 0o111):
            bits |= 0o111
        if clause.like:
            like = (new >> (6 if clause.like == 0x75 else 3 if clause.like == 0x67 else 0)) & 7
            bits |= like * 0o111
        bits &= clause.who
        if clause.act == 0x2B:
            new |= bits
        elif clause.act == 0x2D:
            new &= ~bits
        elif mode & libc.S_IFMT == libc.S_IFDIR:
            new = (new & ~(clause.clears & 0o1777)) | bits  # a directory keeps its set-id bits
        else:
            new = (new & ~clause.clears) | bits
    return new


def mode_enter(worker, node):
    # What the owner gains is needed to get on; all else is set when the directory is complete.
    task: cython.pointer(ChangeTask) = cython.cast(cython.pointer(ChangeTask), worker.engine.task)
    st: libc.stat_t
    new: cython.uint
    if libc.fstat(node.fd[0], cython.address(st)) < 0:
        return report(worker, node, cython.NULL, libc.errno, b"stat")
    node.mode = st.st_mode
    new = wanted(task, st.st_mode)
    if new & ~st.st_mode & 0o700 and (
        libc.fchmod(node.fd[0], (st.st_mode & _PERMISSIONS) | (new & 0o700)) < 0
    ):
        return report(worker, node, cython.NULL, libc.errno, b"chmod")
    return 0


def mode_refused(worker, node, number):
    # A directory that may not be read: perhaps its new mode lets us.
    task: cython.pointer(ChangeTask) = cython.cast(cython.pointer(ChangeTask), worker.engine.task)
    st: libc.stat_t
    name: cython.p_char = cython.address(node.name[0])
    dir: cython.int = node.parent.fd[0]
    if number == libc.ENOENT or number == libc.ELOOP:
        return 0  # it is gone, or a link now
    if libc.fstatat(dir, name, cython.address(st), libc.AT_SYMLINK_NOFOLLOW) < 0:
        return libc.errno
    if st.st_mode & libc.S_IFMT != libc.S_IFDIR:
        mode_entry(worker, node.parent, name, (st.st_mode & libc.S_IFMT) >> 12)
        return 0
    if number == libc.EACCES:
        number = chmod_name(dir, name, wanted(task, st.st_mode))
        if number == 0:
            node.fd[0] = open_directory(worker, dir, name)
            if node.fd[0] < 0:
                return libc.errno
    return number


def mode_entry(worker, node, name, kind):
    task: cython.pointer(ChangeTask) = cython.cast(cython.pointer(ChangeTask), worker.engine.task)
    st: libc.stat_t
    number: cython.int
    if kind == libc.S_IFDIR >> 12:
        return DESCEND
    if kind == libc.S_IFLNK >> 12:
        return DONE  # has no mode of its own
    st.st_mode = 0
    if task.clauses and (
        libc.fstatat(node.fd[0], name, cython.address(st), libc.AT_SYMLINK_NOFOLLOW) < 0
    ):
        if libc.errno != libc.ENOENT:
            report(worker, node, name, libc.errno, b"stat")
        return DONE
    number = chmod_name(node.fd[0], name, wanted(task, st.st_mode))
    if number == 0:
        counted(cython.address(worker.tally), kind)
    elif number != libc.ENOENT and number != libc.EOPNOTSUPP:  # gone, or a link now
        report(worker, node, name, number, b"chmod")
    return DONE


def mode_leave(worker, node):
    task: cython.pointer(ChangeTask) = cython.cast(cython.pointer(ChangeTask), worker.engine.task)
    number: cython.int = 0
    if hold(worker, node) < 0:
        report(worker, node, cython.NULL, libc.errno, b"open")
        return
    if libc.fchmod(node.fd[0], wanted(task, node.mode)) < 0:
        number = libc.errno
    unhold(worker.engine, node)
    if number:
        report(worker, node, cython.NULL, number, b"chmod")
    else:
        worker.tally.directories += 1


def parse(text, task, umask):
    # A symbolic mode, as chmod(1) has it.
    for part in text.split(","):
        who = 0
        at = 0
        while at < len(part) and part[at] in _WHO:
            who |= _WHO[part[at]]
            at += 1
        if at == len(part) or part[at] not in "+-=":
            raise ValueError(f"invalid mode: {text!r}")
        masked = ~umask & 0o7777 if who == 0 else who
        while at < len(part):
            if part[at] not in "+-=":
                raise ValueError(f"invalid mode: {text!r}")
            if task.clauses == _MOST_CLAUSES:
                raise ValueError(f"a mode of more than {_MOST_CLAUSES} clauses")
            clause: cython.pointer(Clause) = cython.address(task.clause[task.clauses])
            task.clauses += 1
            clause.act = ord(part[at])
            clause.who = masked
            clause.clears = who or 0o7777
            at += 1
            if at < len(part) and part[at] in "ugo":
                clause.like = ord(part[at])
                at += 1
            while at < len(part) and part[at] in "rwxXst":
                if part[at] == "X":
                    clause.search = 1
                else:
                    clause.bits |= cython.cast(cython.uint, _BITS[part[at]])
                at += 1


# ---- owners


def owner_entry(worker, node, name, kind):
    task: cython.pointer(ChangeTask) = cython.cast(cython.pointer(ChangeTask), worker.engine.task)
    if kind == libc.S_IFDIR >> 12:
        return DESCEND
    if libc.fchownat(node.fd[0], name, task.uid, task.gid, libc.AT_SYMLINK_NOFOLLOW) == 0:
        counted(cython.address(worker.tally), kind)
    elif libc.errno != libc.ENOENT:
        report(worker, node, name, libc.errno, b"chown")
    return DONE


def owner_leave(worker, node):
    # Last, since a directory given away may be closed to us.
    task: cython.pointer(ChangeTask) = cython.cast(cython.pointer(ChangeTask), worker.engine.task)
    number: cython.int = 0
    if hold(worker, node) < 0:
        report(worker, node, cython.NULL, libc.errno, b"open")
        return
    if libc.fchown(node.fd[0], task.uid, task.gid) < 0:
        number = libc.errno
    unhold(worker.engine, node)
    if number:
        report(worker, node, cython.NULL, number, b"chown")
    else:
        worker.tally.directories += 1


# ---- from Python


@cython.cclass
class Setting(Run):
    """The run that changes modes or owners."""

    def __init__(self, machine, how):
        Run.__init__(self, machine, how)
        self.new_task(cython.sizeof(ChangeTask))
        self.e.post = POST_SELF
        self.e.chunks = 1


@cython.cclass
class Modes(Setting):
    """The run that changes modes."""


@cython.cclass
class Owners(Setting):
    """The run that changes owners."""


def change_mode(machine: Core, top, mode, how):
    """Set the modes of a tree; the counts of what was set."""
    run: Run = Modes(machine, how)
    task: cython.pointer(ChangeTask) = cython.cast(cython.pointer(ChangeTask), run.e.task)
    if isinstance(mode, str):
        parse(mode, task, machine.file_mask())
    else:
        number: cython.long = py.PyLong_AsLong(py.PyNumber_Index(mode))
        if number & ~0o7777:
            raise ValueError("mode out of range")
        task.mode = number
    run.e.enter = mode_enter
    run.e.entry = mode_entry
    run.e.refused = mode_refused
    run.e.leave = mode_leave
    run.place_root(top, "chmod", False)
    py.audit2(b"ostler.trees.chmod", b"OO", run.kept, mode)
    return run.finish()


def change_owner(machine, top, uid, gid, how):
    """Set the owners of a tree, links included; the counts of what was set."""
    run: Run = Owners(machine, how)
    task: cython.pointer(ChangeTask) = cython.cast(cython.pointer(ChangeTask), run.e.task)
    task.uid = to_uid(uid)
    task.gid = to_gid(gid)
    run.e.entry = owner_entry
    run.e.leave = owner_leave
    run.place_root(top, "chown", False)
    py.audit3(b"ostler.trees.chown", b"OOO", run.kept, uid, gid)
    return run.finish()
