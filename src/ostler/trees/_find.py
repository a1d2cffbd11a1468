"""Finding names in a tree, and walking it, as streams."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.trees._ignoring import (
    ignores,
    ignoring_enter,
    ignoring_free,
    ignoring_new,
)
from cython.cimports.ostler.trees._output import (
    engine_take,
    path_length,
    path_write,
    report,
    reserve,
    room,
)
from cython.cimports.ostler.trees._patterns import compile_all, matches_any
from cython.cimports.ostler.trees._run import Run, joined
from cython.cimports.ostler.trees._state import DESCEND, DONE, Block, Node, Worker, counted

_FOREVER = 0x7FFFFFFFFFFFFFFF
_MOST_PATTERNS = 64
_LINK_TO_DIRECTORY = cython.declare(cython.int, 100)
_KINDS = {
    "file": libc.S_IFREG >> 12, "directory": libc.S_IFDIR >> 12, "link": libc.S_IFLNK >> 12,
    "fifo": libc.S_IFIFO >> 12, "socket": libc.S_IFSOCK >> 12, "block": libc.S_IFBLK >> 12,
    "character": libc.S_IFCHR >> 12,
}  # fmt: skip


# ---- the work of the threads


def _ascii(text, length):
    all: cython.uchar = 0
    i: cython.int
    for i in range(length):
        all |= cython.cast(cython.uchar, text[i])
    return all < 0x80


def _sized(length):
    # Room for any record with so much text.
    return cython.sizeof(Record) + cython.sizeof(Origin) + ((length + 7) & ~7)


def _text(record):
    at: cython.p_char = cython.cast(cython.p_char, record) + cython.sizeof(Record)
    return at if record.tag == ENTRY else at + cython.sizeof(Origin)


def _origin(record):
    return cython.cast(
        cython.pointer(Origin), cython.cast(cython.p_char, record) + cython.sizeof(Record)
    )


def _step(record):
    # From this record to the next.
    size: cython.int = cython.sizeof(Record) + ((record.length + 7) & ~7)
    return size if record.tag == ENTRY else size + cython.sizeof(Origin)


def _record(worker, tag, node, text, length):
    size: cython.int = cython.sizeof(Record) + ((length + 7) & ~7)
    if tag != ENTRY:
        size += cython.sizeof(Origin)
    record: cython.pointer(Record) = cython.cast(cython.pointer(Record), room(worker, size))
    if record == cython.NULL:
        return cython.NULL
    record.tag = tag
    record.kind = 0
    record.length = length
    if tag != ENTRY:
        _origin(record).serial = node.serial
        _origin(record).parent = node.parent.serial if node.parent != cython.NULL else 0
    if text != cython.NULL:
        libc.memcpy(_text(record), text, length)
        record.ascii = _ascii(text, length)
    return record


def _header(worker, node):
    length: cython.int = path_length(node)
    text: cython.p_char
    record: cython.pointer(Record) = _record(worker, HEADER, node, cython.NULL, length)
    if record == cython.NULL:
        return -1
    text = _text(record)
    path_write(node, text, length)
    record.ascii = _ascii(text, length)
    worker.out_serial = node.serial
    return 0


def _emit(worker, node, name, length, kind):
    record: cython.pointer(Record)
    out: cython.pointer(Block) = worker.out
    size: cython.int = _sized(length)
    if out == cython.NULL or worker.out_serial != node.serial or out.used + size > out.size:
        # The header stands in the same block as its entries.
        if reserve(worker, size + _sized(path_length(node))) < 0 or _header(worker, node) < 0:
            return
    record = _record(worker, ENTRY, node, name, length)
    if record != cython.NULL:
        record.kind = kind


def _find_entry(worker, node, name, kind):
    task: cython.pointer(FindTask) = cython.cast(cython.pointer(FindTask), worker.engine.task)
    length: cython.int = libc.strlen(name)
    directory: cython.int = kind == libc.S_IFDIR >> 12
    st: libc.stat_t
    if task.excluded and matches_any(
        cython.address(task.pattern[task.patterns]), task.excluded, name, length
    ):
        return DONE
    if task.ignoring != cython.NULL and ignores(
        task.ignoring, worker, node, name, length, directory
    ):
        return DONE
    counted(cython.address(worker.tally), kind)
    if (
        node.depth + 1 >= task.least
        and (task.kinds == 0 or task.kinds >> kind & 1)
        and (task.patterns == 0 or matches_any(task.pattern, task.patterns, name, length))
    ):
        if not task.looks:
            _emit(worker, node, name, length, kind)
        elif libc.fstatat(node.fd[0], name, cython.address(st), libc.AT_SYMLINK_NOFOLLOW) < 0:
            if libc.errno != libc.ENOENT:
                report(worker, node, name, libc.errno, b"stat")
        elif (
            task.size_least <= st.st_size
            and st.st_size <= task.size_most
            and task.newer <= st.st_mtim.tv_sec
            and st.st_mtim.tv_sec <= task.older
        ):
            _emit(worker, node, name, length, kind)
    return DESCEND if directory and node.depth + 1 < task.most else DONE


def _find_enter(worker, node):
    task: cython.pointer(FindTask) = cython.cast(cython.pointer(FindTask), worker.engine.task)
    return ignoring_enter(task.ignoring, worker, node)


def _find_forget(task):
    find: cython.pointer(FindTask) = cython.cast(cython.pointer(FindTask), task)
    libc.free(find.pattern)
    ignoring_free(find.ignoring)


def _find_refused(worker, node, number):
    # A name that is gone, or no directory any more, was yielded already; there is nothing below.
    if number == libc.ENOENT or number == libc.ENOTDIR or number == libc.ELOOP:
        return 0
    return number


def _walk_entry(worker, node, name, kind):
    st: libc.stat_t
    if kind == libc.S_IFLNK >> 12:
        if libc.fstatat(node.fd[0], name, cython.address(st), 0) == 0 and (
            st.st_mode & libc.S_IFMT == libc.S_IFDIR
        ):
            kind = _LINK_TO_DIRECTORY
    _emit(worker, node, name, libc.strlen(name), kind)
    if kind == libc.S_IFDIR >> 12:
        worker.tally.directories += 1
        most: cython.pointer(cython.int) = cython.cast(
            cython.pointer(cython.int), worker.engine.task
        )
        return DESCEND if node.depth < most[0] else DONE
    worker.tally.files += 1
    return DONE


def _walk_after(worker, node):
    # A header goes before it when the directory held nothing.
    if worker.out == cython.NULL or worker.out_serial != node.serial:
        if reserve(worker, _sized(path_length(node)) + _sized(node.length)) < 0:
            return
        if _header(worker, node) < 0:
            return
    _record(worker, END, node, cython.address(node.name[0]), node.length)


def _walk_refused(worker, node, number):
    _record(worker, SKIPPED, node, cython.address(node.name[0]), node.length)
    return number


# ---- the streams


@cython.cfunc
def _or(value, otherwise):
    return otherwise if value is None else value


@cython.cclass
class Stream(Run):
    """A run whose output is taken while it goes on."""

    def __iter__(self):
        return self

    def check(self):
        # Threads take turns; who is in it already, by a callback, would wait for himself.
        if not self.over and self.pid != libc.getpid():
            # A helper that is not here may have held the lock.
            raise RuntimeError("a tree operation does not outlive a fork")
        if self.holder == py.PyThread_get_thread_ident():
            raise ValueError("the tree operation is at work already")
        return 0

    def fetch(self):
        # The next block of output, or NULL at the end.
        block: cython.pointer(Block)
        while True:
            block = engine_take(self.e)
            if block != cython.NULL or self.over:
                return block
            self.over = True  # should work() raise
            self.over = not self.work()


@cython.cclass
class Search(Stream):
    """An iterator over the paths that find was asked for."""

    def __init__(
        self,
        machine,
        top,
        how,
        patterns=(),
        exclude=(),
        kinds=(),
        least=1,
        most=None,
        sizes=(None, None),
        times=(None, None),
        expression=None,
        typed=False,
        ignoring=None,
    ):
        Run.__init__(self, machine, how)
        task: cython.pointer(FindTask) = cython.cast(
            cython.pointer(FindTask), self.new_task(cython.sizeof(FindTask))
        )
        self.e.forget = _find_forget
        self.take_patterns(task, patterns, exclude)
        if ignoring is not None:
            names, layers, everywhere = ignoring
            task.ignoring = ignoring_new(names, layers, everywhere)
            self.e.enter = _find_enter
        for kind in kinds:
            if kind not in _KINDS:
                raise ValueError(f"unknown type {kind!r}; known are {', '.join(_KINDS)}")
            task.kinds |= 1 << cython.cast(cython.int, _KINDS[kind])
        task.least = least
        task.most = _or(most, 0x7FFFFFFF)
        task.size_least = _or(sizes[0], 0)
        task.size_most = _or(sizes[1], _FOREVER)
        task.newer = int(_or(times[0], -_FOREVER))
        task.older = int(_or(times[1], _FOREVER))
        task.looks = any(value is not None for value in (*sizes, *times))
        self.e.chunks = task.looks
        self.e.entry = _find_entry
        self.e.refused = _find_refused
        self.e.streaming = 1
        self.ready = []
        self.expression = expression
        self.typed = typed
        self.place_root(top, "find", True)
        self.over = task.most <= 0
        self.skip = len(self.kept) + (not self.kept.endswith(b"/" if self.as_bytes else "/"))

    def take_patterns(self, task, patterns, exclude):
        if len(patterns) + len(exclude) > _MOST_PATTERNS:
            raise ValueError(f"more than {_MOST_PATTERNS} patterns")
        task.pattern = compile_all([*patterns, *exclude])
        task.patterns = len(patterns)
        task.excluded = len(exclude)
        return 0

    def below(self):
        """Where, in a path as bytes, the part below the root begins."""
        return (
            self.skip
            if self.as_bytes
            else len(py.PyUnicode_EncodeFSDefault(self.kept)) + (not self.kept.endswith("/"))
        )

    def __next__(self):
        while True:
            with cython.critical_section(self):
                if self.at < len(self.ready):
                    found = self.ready[self.at]
                    self.at += 1
                    return found
            self.more()

    def more(self):
        # Make the next paths ready, unless another thread has meanwhile.
        block: cython.pointer(Block)
        self.check()
        with self.lock:
            if self.at < len(self.ready):
                return 0
            self.holder = py.PyThread_get_thread_ident()
            try:
                block = self.fetch()
                if block == cython.NULL:
                    raise StopIteration
                try:
                    ready = self.unpack(block)
                finally:
                    libc.free(block)
                with cython.critical_section(self):
                    self.ready = ready
                    self.at = 0
            finally:
                self.holder = 0
        return 0

    def unpack(self, block):
        at: cython.int = 0
        record: cython.pointer(Record)
        head: cython.pointer(Record) = cython.NULL
        text: cython.p_char
        head_text: cython.p_char = cython.NULL
        ready: list = []
        head_bytes: bytes = b""
        while at < block.used:
            record = cython.cast(cython.pointer(Record), cython.address(block.data[at]))
            at += _step(record)
            text = _text(record)
            if record.tag == HEADER:
                head = record
                head_text = text
                if self.as_bytes:
                    head_bytes = py.PyBytes_FromStringAndSize(text, record.length)
                continue
            if self.as_bytes:
                path = head_bytes + py.PyBytes_FromStringAndSize(text, record.length)
            else:
                path = joined(
                    head_text, head.length, head.ascii and record.ascii, text, record.length
                )
            if self.expression is None or self.expression(path[self.skip :]):
                ready.append((path, record.kind) if self.typed else path)
        return ready


@cython.cclass
class Walked(Stream):
    """An iterator over (directory, names of directories, other names), parents first."""

    def __init__(self, machine, top, how, sort, max_depth=None):
        Run.__init__(self, machine, how)
        self.most = _or(max_depth, 0x7FFFFFFF)
        most: cython.pointer(cython.int) = cython.cast(
            cython.pointer(cython.int), self.new_task(cython.sizeof(cython.int))
        )
        most[0] = self.most
        self.e.entry = _walk_entry
        self.e.after = _walk_after
        self.e.refused = _walk_refused
        self.e.streaming = 1
        self.e.whole = 1
        self.sort = bool(sort)
        self.begun = {}
        self.complete = {}
        self.place_root(top, "walk", True)
        self.expected = [[0, [self.kept], 0]]

    def __next__(self):
        self.check()
        with self.lock:
            self.holder = py.PyThread_get_thread_ident()
            try:
                return self.next_directory()
            finally:
                self.holder = 0

    def next_directory(self):
        while self.expected:
            level: list = self.expected[len(self.expected) - 1]
            if level[2] >= len(level[1]):
                self.expected.pop()
                continue
            found = self.step(level)
            if found is None:
                continue
            path, directories, files, below, serial = found
            if self.sort:
                directories.sort()
                files.sort()
                below.sort()
            deepest: cython.bint = len(self.expected) > self.most
            self.expected.append([serial, [] if deepest else below, 0])
            return path, directories, files
        raise StopIteration

    def step(self, level):
        # The next directory of this level; None when it was gone or could not be read.
        block: cython.pointer(Block)
        key = (level[0], level[1][level[2]])
        level[2] += 1
        while True:
            found = self.complete.pop(key, None)
            if found is not None:
                return found if found[4] is not None else None
            block = self.fetch()
            if block == cython.NULL:
                return None
            try:
                self.unpack(block)
            finally:
                libc.free(block)

    def unpack(self, block):
        at: cython.int = 0
        record: cython.pointer(Record)
        text: cython.p_char
        current: tuple = None
        while at < block.used:
            record = cython.cast(cython.pointer(Record), cython.address(block.data[at]))
            at += _step(record)
            text = _text(record)
            name = self.name(text, record.length, record.ascii)
            if record.tag == ENTRY:
                if record.kind == libc.S_IFDIR >> 12:
                    cython.cast(list, current[1]).append(name)
                    cython.cast(list, current[3]).append(name)
                elif record.kind == _LINK_TO_DIRECTORY:
                    cython.cast(list, current[1]).append(name)
                else:
                    cython.cast(list, current[2]).append(name)
            elif record.tag == HEADER:
                current = self.begun.get(_origin(record).serial)
                if current is None:
                    if record.length > 1 and _origin(record).parent:
                        name = name[: record.length - 1] if self.as_bytes else name[: len(name) - 1]
                    elif not _origin(record).parent:
                        name = self.kept
                    current = (name, [], [], [], _origin(record).serial)
                    self.begun[_origin(record).serial] = current
            elif record.tag == SKIPPED:
                self.complete[_origin(record).parent, name] = (None, None, None, None, None)
            else:
                current = self.begun.pop(_origin(record).serial, None)
                self.complete[_origin(record).parent, name] = current

    def name(self, text, length, ascii):
        if self.as_bytes:
            return py.PyBytes_FromStringAndSize(text, length)
        return joined(text, length, ascii, text, 0)
