"""How much a tree holds."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.trees._links import (
    inodes_add,
    inodes_clear,
    inodes_find,
    inodes_init,
)
from cython.cimports.ostler.trees._output import engine_take, path_length, path_write, report, room
from cython.cimports.ostler.trees._patterns import compile_all, matches_any
from cython.cimports.ostler.trees._run import Run, counts_of
from cython.cimports.ostler.trees._state import (
    DESCEND,
    DONE,
    Block,
    Node,
    Worker,
    add_tally,
    counted,
)

from ostler.trees._how import How
from ostler.trees._results import Counts

_ALL = 1 << 30


@cython.cclass
class Size(Run):
    """The run that adds up a tree."""

    task: cython.pointer(SizeTask)

    def __init__(self, machine, how, depth, apart, exclude=()):
        Run.__init__(self, machine, how)
        self.task = cython.cast(cython.pointer(SizeTask), self.new_task(cython.sizeof(SizeTask)))
        inodes_init(cython.address(self.task.seen))
        self.task.depth = depth
        self.task.apart = apart
        self.task.pattern = compile_all(exclude)
        self.task.excluded = len(exclude)
        self.e.chunks = 1
        self.e.enter = _enter
        self.e.entry = _entry
        self.e.refused = _refused
        if depth >= 0:
            self.e.leave = _leave

    def __dealloc__(self):
        if self.task != cython.NULL:
            inodes_clear(cython.address(self.task.seen))
            libc.free(self.task.pattern)

    def after(self, before):
        """Count each directory once, and none that an earlier run met; what it knows goes over."""
        self.task.once = 1
        if before is not None:
            other: Size = before
            self.task.single = other.task.single
            self.task.seen.slots, other.task.seen.slots = other.task.seen.slots, cython.NULL
            self.task.seen.size, other.task.seen.size = other.task.seen.size, 0
            self.task.seen.used, other.task.seen.used = other.task.seen.used, 0

    def meet(self, st, directory):
        """Remember a file that counts for itself, whose directory this is; False when either was
        met."""
        there: libc.stat_t
        there.st_dev = directory.st_dev
        there.st_ino = directory.st_ino
        if _met(self.task, cython.address(there)):
            return False
        self.task.single = 1
        return inodes_add(cython.address(self.task.seen), st.st_dev, st.st_ino) == 1

    def totals(self, links, directories):
        """Move what was handed over into these two, a list and a dictionary."""
        block: cython.pointer(Block)
        total: cython.pointer(Total)
        at: cython.int
        while True:
            block = engine_take(self.e)
            if block == cython.NULL:
                return
            at = 0
            while at < block.used:
                total = cython.cast(cython.pointer(Total), cython.address(block.data[at]))
                path = self.text(
                    cython.cast(cython.p_char, total) + cython.sizeof(Total), total.length
                )
                if total.is_link:
                    disk = total.tally.blocks * 512
                    links.append((total.dev, total.ino, path, total.kind, total.tally.bytes, disk))
                else:
                    directories[path] = counts_of(cython.address(total.tally), ())
                at += _rounded(total.length)
            libc.free(block)


def _met(task, st):
    # Whether this inode is in the set.
    libc.pthread_mutex_lock(cython.address(task.seen.lock))
    slot = inodes_find(cython.address(task.seen), st.st_dev, st.st_ino)
    found: cython.bint = slot != cython.NULL and (slot.ino != 0 or slot.dev != 0)
    libc.pthread_mutex_unlock(cython.address(task.seen.lock))
    return found


def _rounded(length):
    return cython.sizeof(Total) + ((length + 7) & ~7)


def _bytes(kind, st):
    # Those of contents, which directories and special files have none of.
    return st.st_size if kind == libc.S_IFREG >> 12 or kind == libc.S_IFLNK >> 12 else 0


def _count(worker, node, kind, st):
    task: cython.pointer(SizeTask) = cython.cast(cython.pointer(SizeTask), worker.engine.task)
    size: cython.long = _bytes(kind, st)
    counted(cython.address(worker.tally), kind)
    worker.tally.blocks += st.st_blocks
    worker.tally.bytes += size
    if task.depth >= 0 and node != cython.NULL:
        if kind == libc.S_IFDIR >> 12:
            libc.atomic_add(cython.address(node.tally.directories), 1, libc.ATOMIC_RELAXED)
        elif kind == libc.S_IFREG >> 12:
            libc.atomic_add(cython.address(node.tally.files), 1, libc.ATOMIC_RELAXED)
        elif kind == libc.S_IFLNK >> 12:
            libc.atomic_add(cython.address(node.tally.links), 1, libc.ATOMIC_RELAXED)
        else:
            libc.atomic_add(cython.address(node.tally.others), 1, libc.ATOMIC_RELAXED)
        libc.atomic_add(cython.address(node.tally.bytes), size, libc.ATOMIC_RELAXED)
        libc.atomic_add(cython.address(node.tally.blocks), st.st_blocks, libc.ATOMIC_RELAXED)


def _hand(worker, node, name):
    # Room for a total with its path: of the directory, or of a name in it.
    length: cython.int = path_length(node)
    more: cython.int = libc.strlen(name) if name != cython.NULL else 0
    total: cython.pointer(Total) = cython.cast(
        cython.pointer(Total), room(worker, _rounded(length + more))
    )
    path: cython.p_char
    if total == cython.NULL:
        return cython.NULL
    libc.memset(total, 0, cython.sizeof(Total))
    path = cython.cast(cython.p_char, total) + cython.sizeof(Total)
    path_write(node, path, length)
    if more:
        libc.memcpy(path + length, name, more)
        total.length = length + more
    else:
        total.length = length
        if length > 1 and node.name[node.length - 1] != 0x2F:
            total.length -= 1
    # The room is measured by the length that is read.
    worker.out.used -= _rounded(length + more) - _rounded(total.length)
    return total


def _enter(worker, node):
    task: cython.pointer(SizeTask) = cython.cast(cython.pointer(SizeTask), worker.engine.task)
    st: libc.stat_t
    if libc.fstat(node.fd[0], cython.address(st)) < 0:
        return report(worker, node, cython.NULL, libc.errno, b"stat")
    if task.once and inodes_add(cython.address(task.seen), st.st_dev, st.st_ino) == 0:
        return 1
    _count(worker, node, libc.S_IFDIR >> 12, cython.address(st))
    return 0


def _refused(worker, node, number):
    # A directory that can't be opened counts all the same; a name that is none any more, as it is.
    if number == libc.ENOENT:
        return 0
    _entry(worker, node.parent, cython.address(node.name[0]), -1)
    return 0 if number == libc.ENOTDIR or number == libc.ELOOP else number


def _entry(worker, node, name, kind):
    task: cython.pointer(SizeTask) = cython.cast(cython.pointer(SizeTask), worker.engine.task)
    st: libc.stat_t
    total: cython.pointer(Total)
    if task.excluded and matches_any(task.pattern, task.excluded, name, libc.strlen(name)):
        return DONE
    if kind == libc.S_IFDIR >> 12:
        return DESCEND
    if libc.fstatat(node.fd[0], name, cython.address(st), libc.AT_SYMLINK_NOFOLLOW) < 0:
        if libc.errno != libc.ENOENT:  # else it is gone
            report(worker, node, name, libc.errno, b"stat")
        return DONE
    kind = (st.st_mode & libc.S_IFMT) >> 12
    if task.single and _met(task, cython.address(st)):
        return DONE
    if st.st_nlink > 1 and kind != libc.S_IFDIR >> 12:
        if task.apart:
            total = _hand(worker, node, name)
            if total != cython.NULL:
                total.is_link = 1
                total.dev = st.st_dev
                total.ino = st.st_ino
                total.kind = kind
                total.tally.bytes = st.st_size
                total.tally.blocks = st.st_blocks
            return DONE
        if inodes_add(cython.address(task.seen), st.st_dev, st.st_ino) == 0:
            return DONE
    _count(worker, node, kind, cython.address(st))
    # A directory that comes here could not be opened, and nothing else will tell of it.
    if (task.files or kind == libc.S_IFDIR >> 12) and node.depth < task.depth:
        total = _hand(worker, node, name)
        if total != cython.NULL:
            counted(cython.address(total.tally), kind)
            total.tally.bytes = _bytes(kind, cython.address(st))
            total.tally.blocks = st.st_blocks
    return DONE


def _leave(worker, node):
    task: cython.pointer(SizeTask) = cython.cast(cython.pointer(SizeTask), worker.engine.task)
    parent: cython.pointer(Node) = node.parent
    total: cython.pointer(Total)
    if node.depth <= task.depth:
        total = _hand(worker, node, cython.NULL)
        if total == cython.NULL:
            return
        total.tally = node.tally
    if parent != cython.NULL:
        add_tally(cython.address(parent.tally), cython.address(node.tally))


def number_entry(worker, node, name, kind):
    if kind == libc.S_IFDIR >> 12:
        return DESCEND
    counted(cython.address(worker.tally), kind)
    return DONE


def number_enter(worker, node):
    worker.tally.directories += 1
    return 0


def number_refused(worker, node, number):
    if number == libc.ENOENT or number == libc.ENOTDIR or number == libc.ELOOP:
        return 0  # gone, or no directory any more
    worker.tally.directories += 1
    return number


def number(machine, top, how):
    """How many entries of which kinds a tree has; nothing is looked at but the names."""
    run: Run = Size(machine, how, -1, False)
    run.e.chunks = 0
    run.e.enter = number_enter
    run.e.entry = number_entry
    run.e.refused = number_refused
    run.place_root(top, "count", True)
    return run.finish()


def nothing(machine):
    """A run that measured nothing yet, for measure() to begin after."""
    run: Size = Size(machine, How(threads=1), -1, True)
    run.after(None)
    return run


def measure(
    machine,
    top,
    how,
    depth,
    apart,
    shallow=False,
    exclude=(),
    files=False,
    before=None,
):
    """The counts of a tree, and the files with several names when these are to stay apart.

    `before`, a list, holds the run that measured an earlier tree, if any, and then this one: what
    was met there does not count. The counts are None when that is the root itself.
    """
    if depth is True:
        depth = _ALL
    elif depth is None or depth is False:
        depth = -1
    run: Run = Size(machine, how, depth, apart or depth >= 0, exclude)
    run.e.shallow = bool(shallow)
    cython.cast(Size, run).task.files = bool(files)
    run.place_root(_bare(top) if depth >= 0 else top, "size", True)
    if before is not None:
        cython.cast(Size, run).after(before[0] if before else None)
        before[:] = [run]
    counts = run.finish()
    links = []
    directories = {}
    cython.cast(Size, run).totals(links, directories)
    if depth >= 0:
        counts.by_directory = directories
    if not apart:
        count_once(counts, links, directories, depth if files else -1, run.kept)
        links = []
    return counts, links


def _bare(top):
    # Without the slashes at its end, so that directories' names are found in those of files.
    top = py.PyOS_FSPath(top)
    slash = b"/" if isinstance(top, bytes) else "/"
    return top.rstrip(slash) or top[:1]


def count_once(counts, links, directories, depth, top):
    """Count each file with several names where the first of them, by name, stands.

    Down to `depth` below `top` they get a line of their own.
    """
    first = {}
    for link in links:
        known = first.get(link[:2])
        if known is None or link[2] < known[2]:
            first[link[:2]] = link
    for _, _, path, kind, size, disk in first.values():
        counts.add(kind, size, disk)
        slash = b"/" if isinstance(path, bytes) else "/"
        if path[len(top) :].lstrip(slash).count(slash) < depth:
            directories[path] = Counts()
            directories[path].add(kind, size, disk)
        while True:
            path, found, _ = path.rpartition(slash)
            total = directories.get(path or found)
            if total is not None:
                total.add(kind, size, disk)
            if not found:
                break
