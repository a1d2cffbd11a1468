"""One run of the engine, seen from Python: its root, its errors, its progress, its interruption."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import Core, Where, failure, failure2, settle, take
from cython.cimports.ostler.trees._engine import (
    engine_free,
    engine_new,
    engine_root,
    engine_stop,
    engine_work,
)
from cython.cimports.ostler.trees._output import path_length, path_write
from cython.cimports.ostler.trees._state import (
    LEAVING,
    LINKING,
    OPENING,
    RENAMING,
    UNLINKING,
    Failure,
    Node,
    Tally,
    add_tally,
)

from ostler.core.crossing import the_host
from ostler.trees._place import Place, this_kernel
from ostler.trees._results import Counts

_MOST_THREADS = 8
# What workers do with the copy, and not with what is copied.
_AT_THE_COPY = frozenset(
    (b"mkdir", b"create", b"set", b"rename", b"copy", b"symlink", b"mknod", b"link")
)
# The kinds of an entry, or of a step, that `refusal` tells by their numbers.
STEPS = {
    OPENING: "opening",
    LEAVING: "leaving",
    LINKING: "linking",
    RENAMING: "renaming",
    UNLINKING: "unlinking",
    libc.DT_REG: "file",
    libc.DT_LNK: "link",
}


def default_threads():
    """How many threads fit this process: one for each processor it may use, at most eight."""
    return max(1, min(len(the_host().sched_getaffinity(0)), _MOST_THREADS))


def start_thread(function, arguments, begun):
    """Start a thread and add its number to the list `begun`: no signal handler comes between."""
    from _thread import start_new_thread

    begun.append(start_new_thread(function, arguments))


def open_for(owner, machine, path, flags, above):
    """Give the owner, as its fd, what is opened: no signal handler comes between."""
    owner.fd = machine.open(path, flags, dir_fd=above)


def identify(machine, top, function, follow=True):
    """(kernel, device, inode) of a directory, for those who must find the same one."""
    st: libc.stat_t
    fd: cython.int = open_root(machine, top, function, follow)
    libc.fstat(fd, cython.address(st))
    libc.close(fd)
    return this_kernel(), st.st_dev, st.st_ino


def descriptor(machine, place, function):
    """An open descriptor of the directory at a Place."""
    return open_root(machine, place, function, False)


def verify(fd, place):
    # Whether the root of the place is what it was when the work was shared out.
    st: libc.stat_t
    kernel, dev, ino = place.identity
    if libc.fstat(fd, cython.address(st)) < 0:
        raise failure(libc.errno, place.root)
    if st.st_ino != ino or (st.st_dev != dev and kernel == this_kernel()):
        raise failure(libc.ESTALE, place.root)
    return 0


def open_place(machine, place, function, follow):
    # The same for a directory below a root, name by name, so that no link leads elsewhere.
    at: cython.int = open_root(machine, place.root, function, follow)
    next: cython.int
    number: cython.int = 0
    text: bytes
    name: cython.p_const_char
    flags: cython.int = libc.O_RDONLY | libc.O_DIRECTORY | libc.O_CLOEXEC | libc.O_NONBLOCK
    try:
        verify(at, place)
    except BaseException:
        libc.close(at)
        raise
    for part in place.names:
        text = part if isinstance(part, bytes) else py.PyUnicode_EncodeFSDefault(part)
        name = text
        with cython.nogil:
            next = libc.openat(at, name, flags | libc.O_NOFOLLOW)
            if next < 0:
                number = libc.errno
            libc.close(at)
        if next < 0:
            raise failure(number, py.PyOS_FSPath(place))
        at = next
    return at


def open_root(machine, top, function, follow):
    # A descriptor of the directory that is the root of a tree. The machine finds it, once.
    if isinstance(top, Place):
        return open_place(machine, top, function, follow)
    w: Where
    fd: cython.int
    r: cython.int
    flags: cython.int = libc.O_RDONLY | libc.O_DIRECTORY | libc.O_CLOEXEC | libc.O_NONBLOCK
    if not follow:
        flags |= libc.O_NOFOLLOW
    kept = take(cython.address(w), top, function, "top", 0)
    py.audit2(b"ostler.trees.open", b"OO", function, top)
    while True:
        with cython.nogil:
            fd = machine.open_at(cython.address(w), flags, 0)
            r = settle(cython.address(w), fd)
        if r == libc.EINTR:
            py.PyErr_CheckSignals()
            continue
        if r:
            raise failure(r, kept)
        return fd


def open_holder(machine, head, function, path):
    # A descriptor of the directory that holds this path; what fails is told of the path.
    try:
        return open_root(machine, head, function, True)
    except OSError as error:
        if error.filename != head:
            raise
        raise failure(error.errno, path) from None


def split(top):
    # A path as the directory that holds its last name, and that name.
    slash, dot = (b"/", b".") if isinstance(top, bytes) else ("/", ".")
    bare = top.rstrip(slash)
    head, found, name = bare.rpartition(slash)
    if not top:
        raise failure(libc.ENOENT, top)
    if name in (dot, dot + dot) or not name:
        raise failure(libc.EINVAL, top)
    return (head or slash) if found else dot, name


def joined(head, head_size, ascii, name, size):
    # The text of a path from its two parts.
    if ascii:
        result = py.PyUnicode_New(head_size + size, 127)
        at: cython.p_char = cython.cast(cython.p_char, py.PyUnicode_DATA(result))
        libc.memcpy(at, head, head_size)
        libc.memcpy(at + head_size, name, size)
        return result
    return py.PyUnicode_DecodeFSDefaultAndSize(head, head_size) + (
        py.PyUnicode_DecodeFSDefaultAndSize(name, size)
    )


def counts_of(tally, errors):
    # The Counts of a tally, with the errors that did not stop it.
    return Counts(
        tally.files, tally.directories, tally.links, tally.others, tally.bytes, tally.blocks * 512,
        errors,
    )  # fmt: skip


@cython.cfunc
@cython.with_gil
@cython.exceptval(check=False)
def _tick(owner: cython.p_void) -> cython.void:
    run: Run = cython.cast(Run, owner)
    try:
        py.PyErr_CheckSignals()
        run.look()
        if run.progress is not None:
            run.progress(run.counts())
    except BaseException as error:
        if run.interrupt is None:
            run.interrupt = error
        engine_stop(run.e)


@cython.cfunc
@cython.with_gil
@cython.exceptval(check=False)
def _ask(
    owner: cython.p_void, node: cython.pointer(Node), name: cython.p_const_char, kind: cython.int
) -> cython.int:
    run: Run = cython.cast(Run, owner)
    try:
        return run.refusal(node, name, kind)
    except BaseException as error:
        if run.interrupt is None:
            run.interrupt = error
        engine_stop(run.e)
        return libc.EIO


@cython.cclass
class Run:
    """What every operation on a tree has: on_error, progress, threads, and a way to stop."""

    def __init__(self, machine: Core, how):
        count: cython.int = default_threads() if how.threads is None else how.threads
        if count < 1:
            raise ValueError("threads must be at least 1")
        self.machine = machine
        self.on_error = how.on_error
        self.collecting = how.on_error == "collect"
        self.progress = how.progress
        self.errors = []
        self.pid = libc.getpid()
        self.e = engine_new(min(count, 256), 0)
        if self.e == cython.NULL:
            raise MemoryError
        self.e.owner = cython.cast(cython.p_void, self)
        self.e.tick = _tick
        if machine._hooked is not None:
            self.e.ask = _ask
        self.e.stop_at_fault = how.on_error == "raise"
        self.e.one_filesystem = how.one_filesystem

    def __dealloc__(self):
        if self.e != cython.NULL and self.pid == libc.getpid():
            # Without the GIL: a helper may be waiting, none needs Python.
            self.e.tick = cython.NULL
            with cython.nogil:
                engine_free(self.e)
            self.e = cython.NULL

    def new_task(self, size):
        # What the operation itself keeps, all zeros; it goes with the engine.
        self.e.task = libc.calloc(1, size)
        if self.e.task == cython.NULL:
            raise MemoryError
        return self.e.task

    def place_root(self, top, function, follow):
        # Open the root and give it to the engine.
        name = py.PyOS_FSPath(top)
        self.as_bytes = isinstance(name, bytes)
        fd: cython.int = open_root(self.machine, top, function, follow)
        self.kept = name
        text: bytes = name if self.as_bytes else py.PyUnicode_EncodeFSDefault(name)
        if engine_root(self.e, fd, -1, py.PyBytes_AS_STRING(text), len(text)) < 0:
            raise MemoryError

    def place_below(self, parent, name, top):
        # The same, the root being a name in an open directory.
        fd: cython.int
        number: cython.int = 0
        directory: cython.int = parent
        text: bytes = name
        last: cython.p_const_char = text
        flags: cython.int = libc.O_RDONLY | libc.O_DIRECTORY | libc.O_NOFOLLOW | libc.O_CLOEXEC
        with cython.nogil:
            fd = libc.openat(directory, last, flags)
            if fd < 0:
                number = libc.errno
        if fd < 0:
            raise failure(number, py.PyOS_FSPath(top))
        whole = py.PyOS_FSPath(top)
        if isinstance(top, Place) and not top.names:
            try:
                verify(fd, top)
            except BaseException:
                libc.close(fd)
                raise
        self.as_bytes = isinstance(whole, bytes)
        self.kept = whole
        text = whole if self.as_bytes else py.PyUnicode_EncodeFSDefault(whole)
        if engine_root(self.e, fd, -1, py.PyBytes_AS_STRING(text), len(text)) < 0:
            raise MemoryError

    def fit(self, how, alone):
        # Where several workers are slower than one, there is one, unless the caller chose.
        if how.threads is None and alone:
            self.e.threads = 1
        return 0

    def text(self, path, size):
        if self.as_bytes:
            return py.PyBytes_FromStringAndSize(path, size)
        return py.PyUnicode_DecodeFSDefaultAndSize(path, size)

    def look(self):
        # Take the errors that the workers reported, and do with them what the caller asked for.
        fault: cython.pointer(Failure)
        while True:
            libc.pthread_mutex_lock(cython.address(self.e.lock))
            fault = self.e.faults
            if fault != cython.NULL:
                self.e.faults = fault.next
            libc.pthread_mutex_unlock(cython.address(self.e.lock))
            if fault == cython.NULL:
                return 0
            path = self.text(fault.path, libc.strlen(fault.path))
            if self.goes_to is not None and cython.cast(bytes, fault.doing) in _AT_THE_COPY:
                place = self.place_of_copy(cython.cast(bytes, fault.path))
                error = failure2(fault.number, path, place)
            else:
                error = failure(fault.number, path)
            libc.free(fault.path)
            libc.free(fault)
            self.on_fault(error)

    def place_of_copy(self, path):
        # Where the copy of what has this path has its own.
        top, name = self.kept, self.goes_to
        at: bytes = name if isinstance(name, bytes) else py.PyUnicode_EncodeFSDefault(name)
        if not self.alone:
            text: bytes = top if self.as_bytes else py.PyUnicode_EncodeFSDefault(top)
            below: bytes = path[len(text.rstrip(b"/")) :].lstrip(b"/")
            if below:
                at = at.rstrip(b"/") + b"/" + below
        return at if isinstance(name, bytes) else py.PyUnicode_DecodeFSDefaultAndSize(at, len(at))

    def refusal(self, node, name, kind):
        # The errno with which this shall fail, as the machine's faults want it.
        from ostler.core.standers import step_in_tree

        length: cython.int = path_length(node)
        text: bytes = py.PyBytes_FromStringAndSize(cython.NULL, length)
        path_write(node, py.PyBytes_AS_STRING(text), length)
        if name != cython.NULL:
            text += cython.cast(bytes, name)
        else:
            text = text.rstrip(b"/")
        number = step_in_tree(self.machine, type(self).__name__, kind, text)
        if number == 0 and self.to_machine is not None:
            if node.parent == cython.NULL and name == cython.NULL and kind == OPENING:
                return 0  # the new root is made already: asked_root() came before that
            root = node
            while root.parent != cython.NULL:
                root = root.parent
            if not self.alone:
                text = self.to + b"/" + text[path_length(root) :]
            else:
                text = self.to
            number = step_in_tree(self.to_machine, "To", kind, text)
        return number

    def asked_root(self, name, kind):
        # The errno with which making the root of a copy shall fail, or the only entry, `name`.
        if self.e.ask == cython.NULL:
            return 0
        if name != cython.NULL:
            self.alone = True
            return self.refusal(self.e.root, name, kind)
        if self.to_machine is None:
            return 0
        from ostler.core.standers import step_in_tree

        return step_in_tree(self.to_machine, "To", kind, self.to)

    def writes_to(self, machine: Core, to: bytes):
        # A copy goes to this name on that machine.
        if machine._hooked is not None:
            self.to_machine = machine
            self.to = to
            self.e.ask = _ask
        return 0

    def on_fault(self, error):
        if self.collecting:
            self.errors.append(error)
        elif self.on_error == "raise":
            if self.interrupt is None:
                self.interrupt = error
        else:
            self.errors.append(error)
            self.on_error(error)

    def spoiled(self):
        return bool(self.e.spoiled)

    def failed(self, error):
        # An error outside the engine, treated as one of its own.
        self.on_fault(error)
        if self.interrupt is not None:
            raise self.stopped()

    def counts(self):
        """What was done so far."""
        total: Tally
        i: cython.int
        libc.memset(cython.address(total), 0, cython.sizeof(Tally))
        for i in range(self.e.threads):
            add_tally(cython.address(total), cython.address(self.e.workers[i].tally))
        return counts_of(cython.address(total), self.errors)

    def work(self):
        # Run until the end, or until there is output; raises what stopped it.
        if self.pid != libc.getpid():
            raise RuntimeError("a tree operation does not outlive a fork")
        more: cython.int
        with cython.nogil:
            more = engine_work(self.e)
        try:
            self.look()
        except BaseException as error:
            if self.interrupt is None:
                self.interrupt = error
        if self.interrupt is not None:
            raise self.stopped()
        return more

    def stopped(self):
        # The reason to stop, telling what was done; the helpers have ended.
        with cython.nogil:
            engine_stop(self.e)
            engine_work(self.e)
        error, self.interrupt = self.interrupt, None
        try:
            error.done = self.counts()
        except AttributeError:
            pass
        return error

    def finish(self):
        # All of it, at one go.
        self.work()
        counts = self.counts()
        if self.progress is not None:
            try:
                self.progress(counts)
            except BaseException as error:
                error.done = counts
                raise
        return counts
