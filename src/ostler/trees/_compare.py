"""Comparing two trees: names, metadata, contents."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.trees._content import large_buffer
from cython.cimports.ostler.trees._engine import maybe_tick
from cython.cimports.ostler.trees._holding import open_any, open_directory
from cython.cimports.ostler.trees._output import engine_take, path_length, path_write, report, room
from cython.cimports.ostler.trees._run import Run, open_root
from cython.cimports.ostler.trees._state import DESCEND, DONE, Block

from ostler.trees._results import Difference

_HALF = cython.declare(cython.long, 262144)
_PATH = cython.declare(cython.int, 4096)
_WORDS = (
    "only in first", "only in second", "type", "mode", "owner", "size", "time", "target",
    "device", "content",
)  # fmt: skip


def rounded(length):
    return cython.sizeof(Differs) + ((length + 7) & ~7)


def differs(worker, node, name, what):
    length: cython.int = path_length(node)
    more: cython.int = libc.strlen(name)
    record: cython.pointer(Differs) = cython.cast(
        cython.pointer(Differs), room(worker, rounded(length + more))
    )
    if record == cython.NULL:
        return
    text: cython.p_char = cython.cast(cython.p_char, record) + cython.sizeof(Differs)
    path_write(node, text, length)
    libc.memcpy(text + length, name, more)
    record.what = what
    record.length = length + more


def enter(worker, node):
    # The same directory in the second tree; the names were compared when the parent was read.
    if node.parent != cython.NULL:
        node.fd[1] = open_directory(worker, node.parent.fd[1], cython.address(node.name[0]))
        if node.fd[1] < 0:
            return report(worker, node, cython.NULL, libc.errno, b"open")
    worker.tally.directories += 1
    return 0


def entry(worker, node, name, kind):
    a: libc.stat_t
    b: libc.stat_t
    if libc.fstatat(node.fd[0], name, cython.address(a), libc.AT_SYMLINK_NOFOLLOW) < 0:
        if libc.errno != libc.ENOENT:
            report(worker, node, name, libc.errno, b"stat")
        return DONE
    if libc.fstatat(node.fd[1], name, cython.address(b), libc.AT_SYMLINK_NOFOLLOW) < 0:
        if libc.errno == libc.ENOENT:
            differs(worker, node, name, ONLY_FIRST)
        else:
            report(worker, node, name, libc.errno, b"stat")
        return DONE
    look(worker, node, name, cython.address(a), cython.address(b))
    if a.st_mode & libc.S_IFMT == libc.S_IFDIR:
        return DESCEND if b.st_mode & libc.S_IFMT == libc.S_IFDIR else DONE
    return DONE


def look(worker, node, name, a, b):
    task: cython.pointer(CompareTask) = cython.cast(cython.pointer(CompareTask), worker.engine.task)
    kind: cython.uint = a.st_mode & libc.S_IFMT
    if kind != b.st_mode & libc.S_IFMT:
        differs(worker, node, name, TYPE)
        return
    if task.metadata and kind != libc.S_IFLNK and a.st_mode != b.st_mode:
        differs(worker, node, name, MODE)
    if task.metadata and (a.st_uid != b.st_uid or a.st_gid != b.st_gid):
        differs(worker, node, name, OWNER)
    if task.times and (
        a.st_mtim.tv_sec != b.st_mtim.tv_sec or a.st_mtim.tv_nsec != b.st_mtim.tv_nsec
    ):
        differs(worker, node, name, TIME)
    if kind == libc.S_IFREG:
        worker.tally.files += 1
        if a.st_size != b.st_size:
            differs(worker, node, name, SIZE)
        elif task.content and (a.st_dev != b.st_dev or a.st_ino != b.st_ino):
            contents(worker, node, name)
    elif kind == libc.S_IFLNK:
        worker.tally.links += 1
        targets(worker, node, name)
    elif kind != libc.S_IFDIR:
        worker.tally.others += 1
        if kind in (libc.S_IFCHR, libc.S_IFBLK) and a.st_rdev != b.st_rdev:
            differs(worker, node, name, DEVICE)


def targets(worker, node, name):
    a: cython.char[4096]
    b: cython.char[4096]
    m: cython.long = libc.readlinkat(node.fd[0], name, a, _PATH)
    n: cython.long = libc.readlinkat(node.fd[1], name, b, _PATH) if m >= 0 else -1
    if m < 0 or n < 0:
        report(worker, node, name, libc.errno, b"readlink")
    elif m != n or libc.memcmp(a, b, m):
        differs(worker, node, name, TARGET)


def contents(worker, node, name):
    b: cython.int = -1
    same: cython.int
    a: cython.int = open_any(worker, node.fd[0], name, libc.O_RDONLY | libc.O_NONBLOCK, 0)
    if a >= 0:
        b = open_any(worker, node.fd[1], name, libc.O_RDONLY | libc.O_NONBLOCK, 0)
    if b < 0:
        report(worker, node, name, libc.errno, b"open")
    else:
        same = same_bytes(worker, a, b)
        if same == 0:
            differs(worker, node, name, CONTENT)
        elif same < 0:
            report(worker, node, name, -same, b"read")
        libc.close(b)
    if a >= 0:
        libc.close(a)


def same_bytes(worker, a, b):
    # 1 or 0, or the errno negated.
    first: cython.p_char = large_buffer(worker)
    second: cython.p_char = first + _HALF
    at: cython.long = 0
    end: cython.long = _HALF  # of what is to be read before holes are looked for again
    m: cython.long
    n: cython.long
    if first == cython.NULL:
        return -libc.ENOMEM
    while True:
        if at >= end:
            at = next_data(a, b, at, cython.address(end))
        m = libc.pread(a, first, _HALF, at)
        n = libc.pread(b, second, _HALF, at)
        if m < 0 or n < 0:
            if libc.errno == libc.EINTR:
                continue
            return -libc.errno
        if m != n or libc.memcmp(first, second, m):
            return 0
        if m == 0:
            return 1
        at += m
        worker.tally.bytes += m
        if maybe_tick(worker):
            return 1


def next_data(a, b, at, end):
    # Where the next data of either begins, and in `end` where they end; the end of the file when
    # there are none. Where holes are not told all is data.
    size: cython.long = libc.lseek(a, 0, libc.SEEK_END)
    first: cython.long = libc.lseek(a, at, libc.SEEK_DATA)
    second: cython.long
    if first < 0:
        first = size if libc.errno == libc.ENXIO else at
    second = libc.lseek(b, at, libc.SEEK_DATA)
    if second < 0:
        second = size if libc.errno == libc.ENXIO else at
    at = max(at, first if first < second else second)  # some files say nothing of their size
    end[0] = at
    if first == at:
        end[0] = libc.lseek(a, at, libc.SEEK_HOLE)
    if second == at:
        second = libc.lseek(b, at, libc.SEEK_HOLE)
        if second > end[0]:
            end[0] = second
    if end[0] <= at:
        end[0] = at + _HALF
    return at


def after(worker, node):
    # What the second directory has and the first has not.
    n: cython.long
    at: cython.long
    item: cython.pointer(libc.dirent)
    name: cython.p_char
    st: libc.stat_t
    while not worker.engine.stop:
        n = libc.getdents64(node.fd[1], worker.buffer, 65536)
        if n < 0:
            report(worker, node, cython.NULL, libc.errno, b"read")
            return
        if n == 0:
            return
        at = 0
        while at < n:
            item = cython.cast(cython.pointer(libc.dirent), worker.buffer + at)
            at += item.d_reclen
            name = cython.address(item.d_name[0])
            if name[0] == 0x2E and (name[1] == 0 or (name[1] == 0x2E and name[2] == 0)):
                continue
            if libc.fstatat(node.fd[0], name, cython.address(st), libc.AT_SYMLINK_NOFOLLOW) < 0:
                if libc.errno == libc.ENOENT:
                    differs(worker, node, name, ONLY_SECOND)
                else:
                    report(worker, node, name, libc.errno, b"stat")


@cython.cclass
class Compare(Run):
    """The run that compares two trees."""

    def __init__(self, machine, how, metadata, times, content):
        Run.__init__(self, machine, how)
        task: cython.pointer(CompareTask) = cython.cast(
            cython.pointer(CompareTask), self.new_task(cython.sizeof(CompareTask))
        )
        task.metadata = bool(metadata)
        task.times = bool(times)
        task.content = bool(content)
        self.e.chunks = 1
        self.e.enter = enter
        self.e.entry = entry
        self.e.after = after

    def differences(self, skip):
        block: cython.pointer(Block)
        record: cython.pointer(Differs)
        at: cython.int
        found = []
        while True:
            block = engine_take(self.e)
            if block == cython.NULL:
                return sorted(found)
            at = 0
            while at < block.used:
                record = cython.cast(cython.pointer(Differs), cython.address(block.data[at]))
                path = self.text(
                    cython.cast(cython.p_char, record) + cython.sizeof(Differs), record.length
                )
                found.append(Difference(path[skip:], _WORDS[record.what]))
                at += rounded(record.length)
            libc.free(block)


def compare_trees(machine, first, second, second_machine, how, metadata, times, content):
    """The differences of two trees, sorted by path."""
    run: Compare = Compare(machine, how, metadata, times, content)
    run.place_root(first, "compare", True)
    run.e.root.fd[1] = run.e.roots[1] = open_root(second_machine, second, "compare", True)
    skip = path_length(run.e.root)
    if not run.as_bytes:
        skip = len(py.PyOS_FSPath(first))
        skip += not py.PyOS_FSPath(first).endswith("/")
    run.finish()
    return run.differences(skip)
