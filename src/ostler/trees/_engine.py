"""The engine under every tree operation: directories on a stack, worked off without the GIL.

A directory is opened relative to its parent's descriptor, never through a link, and never by a
path again, so that nobody who swaps a directory for a link can lead the work out of the tree.
Descriptors are few: the oldest ones are closed when the budget is spent and opened again from
the nearest open ancestor, name by name, the directory's identity being checked. Names that wait
are kept in blocks, as text. The calling thread works; helpers are started when there is enough
to do.

Each worker has a stack of its own, so that it seldom waits for a lock. Where the common stack is
empty, who has enough puts the lowest block of his there: it is nearest to the root, and most is
below it. Whoever has nothing takes from it or waits; when all wait, the work is done. With
`whole`, where directories are to come in their order, there is the common stack alone. The
descriptors and counts of a directory are guarded by the lock of the worker that found it. No two
of these locks are held at once.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.scan import is_last
from cython.cimports.ostler.trees._holding import enlist, hold, open_directory, shut, unhold
from cython.cimports.ostler.trees._output import flush, report, spoil
from cython.cimports.ostler.trees._state import (
    CHUNK,
    DESCEND,
    ENTERED,
    KNOWN,
    LEAVING,
    LISTED,
    MORE,
    NAMES,
    OPENING,
    OUT_LIMIT,
    POST_PARENT,
    POST_SELF,
    SPOILED,
    Batch,
    Block,
    Engine,
    Failure,
    Node,
    Worker,
    guard,
    release,
)

_BUFFER = cython.declare(cython.int, 65536)
_WORTH_HELPERS = cython.declare(cython.int, 48)
_TICK = cython.declare(cython.long, 20_000_000)


def monotonic():
    now: libc.timespec
    libc.clock_gettime(libc.CLOCK_MONOTONIC, cython.address(now))
    return now.tv_sec * 1_000_000_000 + now.tv_nsec


def engine_new(threads, budget):
    e: cython.pointer(Engine) = cython.cast(
        cython.pointer(Engine), libc.calloc(1, cython.sizeof(Engine))
    )
    limit: libc.rlimit
    short: libc.pthread_mutexattr_t
    i: cython.int
    if e == cython.NULL:
        return cython.NULL
    # What is guarded takes less than falling asleep does.
    libc.pthread_mutexattr_init(cython.address(short))
    libc.pthread_mutexattr_settype(cython.address(short), libc.PTHREAD_MUTEX_ADAPTIVE_NP)
    libc.pthread_mutex_init(cython.address(e.lock), cython.address(short))
    libc.pthread_mutex_init(cython.address(e.reopening), cython.NULL)
    libc.pthread_cond_init(cython.address(e.work), cython.NULL)
    libc.pthread_cond_init(cython.address(e.room), cython.NULL)
    e.threads = threads
    if budget <= 0:
        budget = 256
        if libc.getrlimit(libc.RLIMIT_NOFILE, cython.address(limit)) == 0:
            if limit.rlim_cur // 4 < 256:
                budget = limit.rlim_cur // 4
    e.budget = budget if budget > 8 else 8
    e.workers = cython.cast(cython.pointer(Worker), libc.calloc(threads, cython.sizeof(Worker)))
    for i in range(threads):
        e.workers[i].engine = e
        e.workers[i].index = i
        e.workers[i].serial = i
        libc.pthread_mutex_init(cython.address(e.workers[i].lock), cython.address(short))
    libc.pthread_mutexattr_destroy(cython.address(short))
    e.roots[0] = e.roots[1] = -1
    e.next_tick = monotonic() + _TICK
    return e


def engine_root(e, fd, fd2, name, length):
    root: cython.pointer(Node) = _node(cython.address(e.workers[0]), cython.NULL, name, length)
    if root == cython.NULL:
        return -1
    root.fd[0] = fd
    root.fd[1] = fd2
    root.needs = 1
    root.state |= KNOWN  # never closed, never opened again
    e.roots[0] = fd
    e.roots[1] = fd2
    e.root = root
    batch: cython.pointer(Batch) = _batch(root, MORE, 0)
    if batch == cython.NULL:
        return -1
    batch.count = 1
    e.top = batch
    e.pending = 1
    return 0


def _node(worker, parent, name, length):
    node: cython.pointer(Node) = cython.cast(
        cython.pointer(Node), libc.malloc(cython.sizeof(Node) + length)
    )
    if node == cython.NULL:
        return cython.NULL
    libc.memset(node, 0, cython.sizeof(Node))
    node.parent = parent
    node.fd[0] = -1
    node.fd[1] = -1
    node.refs = 1
    node.owner = worker
    worker.serial += worker.engine.threads
    node.serial = worker.serial
    node.length = length
    libc.memcpy(cython.address(node.name[0]), name, length + 1)
    if parent != cython.NULL:
        node.depth = parent.depth + 1
    return node


def _batch(parent, kind, size):
    batch: cython.pointer(Batch) = cython.cast(
        cython.pointer(Batch), libc.malloc(cython.sizeof(Batch) + size)
    )
    if batch == cython.NULL:
        return cython.NULL
    batch.below = batch.above = cython.NULL
    batch.parent = parent
    batch.kind = kind
    batch.at = batch.used = batch.count = 0
    batch.size = size
    return batch


def maybe_tick(worker):
    # The calling thread looks after signals, errors and progress some fifty times a second.
    e: cython.pointer(Engine) = worker.engine
    worker.round += 1
    if worker.index == 0 and e.tick != cython.NULL and monotonic() >= e.next_tick:
        e.tick(e.owner)
        e.next_tick = monotonic() + _TICK
    return e.stop


# ---- the work


def _push(e, batch):
    # On the common stack, with the lock.
    batch.above = cython.NULL
    batch.below = e.top
    e.top = batch
    e.pending += batch.count
    if e.idle:
        if batch.count > 1 and e.idle > 1:
            libc.pthread_cond_broadcast(cython.address(e.work))
        else:
            libc.pthread_cond_signal(cython.address(e.work))


def _push_own(worker, batch):
    batch.above = cython.NULL
    batch.below = worker.top
    if worker.top != cython.NULL:
        worker.top.above = batch
    else:
        worker.bottom = batch
    worker.top = batch
    worker.pending += batch.count


def _drop_own(worker, batch):
    # Take a block out of the worker's stack, at its top or its bottom.
    if batch.above != cython.NULL:
        batch.above.below = batch.below
    else:
        worker.top = batch.below
    if batch.below != cython.NULL:
        batch.below.above = batch.above
    else:
        worker.bottom = batch.above
    worker.pending -= batch.count


def _put(worker, batch):
    # Where this worker's work goes.
    e: cython.pointer(Engine) = worker.engine
    if not e.whole:
        _push_own(worker, batch)
        if e.begun or e.threads == 1 or worker.pending < _WORTH_HELPERS:
            return
    libc.pthread_mutex_lock(cython.address(e.lock))
    if e.whole:
        _push(e, batch)
    if not e.begun and e.threads > 1 and e.pending + worker.pending >= _WORTH_HELPERS:
        _begin(e)
    libc.pthread_mutex_unlock(cython.address(e.lock))


def _give(worker):
    # Others have nothing: the lowest block of this worker's, or half of its only one, is theirs.
    e: cython.pointer(Engine) = worker.engine
    batch: cython.pointer(Batch) = worker.bottom
    half: cython.pointer(Batch)
    at: cython.int
    i: cython.int
    if batch == worker.top:
        if batch.kind != NAMES or batch.count < 2:
            return
        at = batch.at
        for i in range((batch.count + 1) // 2):
            at += libc.strlen(cython.address(batch.data[at])) + 1
        half = _batch(batch.parent, NAMES, batch.used - at)
        if half == cython.NULL:
            return
        half.used = batch.used - at
        half.count = batch.count // 2
        libc.memcpy(cython.address(half.data[0]), cython.address(batch.data[at]), half.used)
        batch.used = at
        batch.count -= half.count
        worker.pending -= half.count
        batch = half
    else:
        _drop_own(worker, batch)
    libc.pthread_mutex_lock(cython.address(e.lock))
    _push(e, batch)
    libc.pthread_mutex_unlock(cython.address(e.lock))


def _give_all(worker):
    # The caller is about to do something else.
    e: cython.pointer(Engine) = worker.engine
    batch: cython.pointer(Batch)
    if worker.top == cython.NULL:
        return
    libc.pthread_mutex_lock(cython.address(e.lock))
    while worker.bottom != cython.NULL:
        batch = worker.bottom
        _drop_own(worker, batch)
        _push(e, batch)
    libc.pthread_mutex_unlock(cython.address(e.lock))


def _hand_over(worker):
    # The directories gathered so far go on the stack.
    batch: cython.pointer(Batch) = worker.gathered
    worker.gathered = cython.NULL
    if batch == cython.NULL:
        return
    guard(batch.parent)
    batch.parent.refs += batch.count
    batch.parent.needs += batch.count
    release(batch.parent)
    _put(worker, batch)


def _gather(worker, node, name):
    size: cython.int = libc.strlen(name) + 1
    batch: cython.pointer(Batch) = worker.gathered
    grown: cython.int = 4000
    if batch != cython.NULL and batch.used + size > batch.size:
        if worker.engine.whole:  # in one batch, so that they are taken in their order
            grown = batch.size * 2
        else:
            _hand_over(worker)
            batch = cython.NULL
    if batch == cython.NULL or grown > batch.size:
        if batch == cython.NULL:
            batch = _batch(node, NAMES, grown)
        else:
            batch = cython.cast(
                cython.pointer(Batch), libc.realloc(batch, cython.sizeof(Batch) + grown)
            )
        if batch == cython.NULL:
            return report(worker, node, name, libc.ENOMEM, b"open")
        batch.size = grown
        worker.gathered = batch
    libc.memcpy(cython.address(batch.data[batch.used]), name, size)
    batch.used += size
    batch.count += 1
    return 0


def revisit(worker, node):
    # From `leave`: the directory is to be opened and worked through once more.
    if _gather(worker, node.parent, cython.address(node.name[0])) == 0:
        _hand_over(worker)


def _helper(argument):
    worker: cython.pointer(Worker) = cython.cast(cython.pointer(Worker), argument)
    _work(worker)
    flush(worker)
    return cython.NULL


def _begin(e):
    # With the lock: start the helpers. Without threads to be had, the caller works alone.
    i: cython.int
    every: libc.sigset_t
    before: libc.sigset_t
    e.begun = 1
    libc.sigfillset(cython.address(every))
    libc.pthread_sigmask(libc.SIG_SETMASK, cython.address(every), cython.address(before))
    for i in range(1, e.threads):
        if libc.pthread_create(
            cython.address(e.workers[i].thread), cython.NULL, _helper, cython.address(e.workers[i])
        ):
            break
        e.helpers += 1
    libc.pthread_sigmask(libc.SIG_SETMASK, cython.address(before), cython.NULL)


def _work(worker):
    # Until all is done (0) or, for the caller who streams, there is output to take (1).
    e: cython.pointer(Engine) = worker.engine
    batch: cython.pointer(Batch)
    parent: cython.pointer(Node)
    node: cython.pointer(Node)
    caller: cython.int = worker.index == 0
    while True:
        if caller and maybe_tick(worker):
            return 0
        if e.stop:
            return 0
        if e.streaming:
            if caller:
                if e.first != cython.NULL:
                    _give_all(worker)
                    return 1
            elif e.out_size > OUT_LIMIT:
                _wait_for_room(e)
                continue
        if worker.top == cython.NULL:
            node = cython.NULL
            batch = _take(worker, cython.address(node))
            if node != cython.NULL:
                _visit(worker, node)
                continue
            if batch == cython.NULL:
                if e.stop or e.finished:
                    return 0
                continue  # there is output
            _push_own(worker, batch)
        elif e.top == cython.NULL and e.helpers and not e.whole:
            _give(worker)
        batch = worker.top
        parent = batch.parent
        if batch.kind == NAMES:
            node = _next(worker, batch)
            worker.pending -= 1
            if batch.count == 0:
                _drop_own(worker, batch)
                libc.free(batch)
            if node != cython.NULL:
                _visit(worker, node)
            continue
        _drop_own(worker, batch)
        if batch.kind == CHUNK:
            _entries(worker, parent, cython.address(batch.data[0]), batch.used)
            _hand_over(worker)
            _complete(worker, parent, 1)
        elif parent.state & ENTERED:
            _read(worker, parent)
        else:
            _enter_root(worker, parent)
        libc.free(batch)


def _wait_for_room(e):
    libc.pthread_mutex_lock(cython.address(e.lock))
    while e.out_size > OUT_LIMIT and not e.stop:
        libc.pthread_cond_wait(cython.address(e.room), cython.address(e.lock))
    libc.pthread_mutex_unlock(cython.address(e.lock))


def _next(worker, batch):
    # The directory whose name is the next in a block.
    length: cython.int = libc.strlen(cython.address(batch.data[batch.at]))
    node: cython.pointer(Node) = _node(
        worker, batch.parent, cython.address(batch.data[batch.at]), length
    )
    batch.at += length + 1
    batch.count -= 1
    if node == cython.NULL:
        worker.engine.stop = 1
        _complete(worker, batch.parent, 0)
    return node


def _take(worker, node):
    # A block from the common stack; with `whole` only the next directory in it. Neither when
    # there is an end, or output for the caller.
    e: cython.pointer(Engine) = worker.engine
    batch: cython.pointer(Batch)
    until: libc.timespec
    caller: cython.int = worker.index == 0
    libc.pthread_mutex_lock(cython.address(e.lock))
    e.busy -= worker.busy
    worker.busy = 0
    while True:
        batch = cython.NULL
        if e.stop or e.finished or (caller and e.streaming and e.first != cython.NULL):
            break
        batch = e.top
        if batch != cython.NULL:
            e.busy += 1
            worker.busy = 1
            if not e.whole or batch.kind != NAMES:
                e.top = batch.below
                e.pending -= batch.count
                break
            node[0] = _next(worker, batch)
            e.pending -= 1
            if batch.count == 0:
                e.top = batch.below
                libc.free(batch)
            batch = cython.NULL
            break
        if e.busy == 0:
            e.finished = 1
            libc.pthread_cond_broadcast(cython.address(e.work))
            libc.pthread_cond_broadcast(cython.address(e.room))
            continue
        if worker.out != cython.NULL:  # nobody shall wait for what lies here
            libc.pthread_mutex_unlock(cython.address(e.lock))
            flush(worker)
            libc.pthread_mutex_lock(cython.address(e.lock))
            continue
        e.idle += 1
        if caller:
            libc.clock_gettime(libc.CLOCK_REALTIME, cython.address(until))
            until.tv_nsec += _TICK
            if until.tv_nsec >= 1_000_000_000:
                until.tv_nsec -= 1_000_000_000
                until.tv_sec += 1
            libc.pthread_cond_timedwait(
                cython.address(e.work), cython.address(e.lock), cython.address(until)
            )
        else:
            libc.pthread_cond_wait(cython.address(e.work), cython.address(e.lock))
        e.idle -= 1
        if caller:
            libc.pthread_mutex_unlock(cython.address(e.lock))
            maybe_tick(worker)
            libc.pthread_mutex_lock(cython.address(e.lock))
    libc.pthread_mutex_unlock(cython.address(e.lock))
    return batch


def _visit(worker, node):
    # Open a directory below its parent, and read it.
    e: cython.pointer(Engine) = worker.engine
    parent: cython.pointer(Node) = node.parent
    held: cython.int = hold(worker, parent) == 0
    number: cython.int = 0
    agreed: cython.int = 0
    if not held:
        number = libc.errno
    elif _refusal(worker, node, cython.NULL, OPENING, b"open") == 0:
        node.fd[0] = open_directory(worker, parent.fd[0], cython.address(node.name[0]))
        if node.fd[0] < 0:
            number = libc.errno
            if e.refused != cython.NULL:
                number = e.refused(worker, node, number)
        if node.fd[0] >= 0:
            agreed = _agree(worker, node)
    if number:
        report(worker, node, cython.NULL, number, b"open")
    if not agreed and node.fd[0] >= 0:
        libc.close(node.fd[0])
        node.fd[0] = -1
    guard(parent)
    parent.users -= held
    if not e.post & POST_PARENT:
        parent.needs -= 1
    if parent.users == 0 and parent.needs == 0:
        shut(parent)
    release(parent)
    if not agreed:
        _complete(worker, node, 0)
        return
    guard(node)
    node.users = 1
    node.needs = 1 if e.post & POST_SELF else 0
    node.state |= ENTERED
    enlist(node)
    release(node)
    _read(worker, node)


def _refusal(worker, node, name, kind, doing):
    # Whether this is to fail on purpose, which is reported.
    number: cython.int = asked(worker, node, name, kind)
    if number:
        report(worker, node, name, number, doing)
    return number


def asked(worker, node, name, kind):
    # The errno with which this is to fail on purpose, mostly 0.
    e: cython.pointer(Engine) = worker.engine
    return 0 if e.ask == cython.NULL else e.ask(e.owner, node, name, kind)


def _agree(worker, node):
    # Whether the operation wants this open directory read; its parent is held.
    e: cython.pointer(Engine) = worker.engine
    st: libc.stat_t
    if e.one_filesystem:
        if libc.fstat(node.fd[0], cython.address(st)) < 0:
            report(worker, node, cython.NULL, libc.errno, b"stat")
            return 0
        if node.parent == cython.NULL:
            e.device = st.st_dev
        elif st.st_dev != e.device:
            if e.post & POST_PARENT:
                spoil(node)
            return 0
    return e.enter == cython.NULL or e.enter(worker, node) == 0


def _enter_root(worker, root):
    if _refusal(worker, root, cython.NULL, OPENING, b"open") == 0 and _agree(worker, root):
        root.users = 1
        root.state |= ENTERED
        _read(worker, root)
    else:
        _complete(worker, root, 0)


def _read(worker, node):
    # Read a directory to its end, or put the rest off when the output must be taken first.
    e: cython.pointer(Engine) = worker.engine
    n: cython.long
    later: cython.pointer(Batch)
    if worker.buffer == cython.NULL:
        worker.buffer = cython.cast(cython.p_char, libc.malloc(_BUFFER))
        if worker.buffer == cython.NULL:
            e.stop = 1
    while not e.stop:
        n = libc.getdents64(node.fd[0], worker.buffer, _BUFFER)
        if n < 0:
            if libc.errno == libc.EINTR:
                continue
            report(worker, node, cython.NULL, libc.errno, b"read")
            break
        if n == 0:
            break
        if e.chunks and e.threads > 1 and n > _BUFFER // 2 and _hand_out(worker, node, n):
            maybe_tick(worker)
            continue
        if _entries(worker, node, worker.buffer, n):
            break
        maybe_tick(worker)
        if (
            e.streaming
            and not e.whole
            and (e.first != cython.NULL if worker.index == 0 else e.out_size > OUT_LIMIT)
        ):
            later = _batch(node, MORE, 0)
            if later == cython.NULL:
                continue
            later.count = 1
            # On top of its children: an unfinished directory keeps its descriptor.
            _hand_over(worker)
            _put(worker, later)
            return
    _hand_over(worker)
    if e.after != cython.NULL:
        e.after(worker, node)
    _complete(worker, node, 1)


def _hand_out(worker, node, n):
    # Let another worker do the entries just read; 0 when enough is waiting already.
    e: cython.pointer(Engine) = worker.engine
    chunk: cython.pointer(Batch)
    if e.pending >= e.threads:
        return 0
    chunk = _batch(node, CHUNK, n)
    if chunk == cython.NULL:
        return 0
    libc.memcpy(cython.address(chunk.data[0]), worker.buffer, n)
    chunk.used = n
    chunk.count = 1
    guard(node)
    node.users += 1
    node.refs += 1
    release(node)
    libc.pthread_mutex_lock(cython.address(e.lock))
    _push(e, chunk)
    if not e.begun:
        _begin(e)
    libc.pthread_mutex_unlock(cython.address(e.lock))
    return 1


def _entries(worker, node, entries, size):
    # Whether these were the last of the directory, as far as the file system tells.
    e: cython.pointer(Engine) = worker.engine
    at: cython.long = 0
    i: cython.int = 0
    kind: cython.int
    entry: cython.pointer(libc.dirent) = cython.NULL
    name: cython.p_char
    st: libc.stat_t
    while at < size:
        entry = cython.cast(cython.pointer(libc.dirent), cython.address(entries[at]))
        at += entry.d_reclen
        name = cython.address(entry.d_name[0])
        if name[0] == 0x2E and (name[1] == 0 or (name[1] == 0x2E and name[2] == 0)):
            continue
        i += 1
        if i & 15 == 0 and (e.stop or maybe_tick(worker)):
            return 0
        kind = entry.d_type
        if kind == libc.DT_UNKNOWN:
            if libc.fstatat(node.fd[0], name, cython.address(st), libc.AT_SYMLINK_NOFOLLOW) < 0:
                if libc.errno != libc.ENOENT:
                    report(worker, node, name, libc.errno, b"stat")
                continue
            kind = (st.st_mode & libc.S_IFMT) >> 12
        if e.shallow and kind == libc.S_IFDIR >> 12:
            continue
        if kind != libc.S_IFDIR >> 12 and _refusal(worker, node, name, kind, b"work"):
            continue
        if e.entry(worker, node, name, kind) == DESCEND:
            _gather(worker, node, name)
    return entry != cython.NULL and is_last(entry)


def _complete(worker, node, held):
    # One thing less to wait for; what is complete is left, and counts for its parent. With `held`
    # the worker needs the descriptors no longer.
    e: cython.pointer(Engine) = worker.engine
    parent: cython.pointer(Node)
    left: cython.int
    open: cython.int
    spoiled: cython.int = 0
    unneeded: cython.int = 0
    while True:
        guard(node)
        node.state |= spoiled
        node.users -= held
        node.needs -= unneeded
        node.refs -= 1
        if node.users == 0 and node.needs == 0:
            shut(node)
        left = node.refs
        open = node.state & LISTED
        release(node)
        if left > 0:
            return
        if (
            node.state & ENTERED
            and not e.stop
            and e.leave != cython.NULL
            and (
                node.state & SPOILED or _refusal(worker, node, cython.NULL, LEAVING, b"leave") == 0
            )
        ):
            e.leave(worker, node)
            open = 1  # perhaps again
        if open:
            guard(node)
            shut(node)
            release(node)
        spoiled = node.state & SPOILED
        unneeded = 1 if e.post & POST_PARENT else 0
        held = 0
        parent = node.parent
        libc.free(node.own)
        libc.free(node)
        if parent == cython.NULL:
            e.root = cython.NULL
            e.spoiled = spoiled
            return
        node = parent


# ---- from outside


def engine_work(e):
    # Until the end, or until there is output for a streaming caller to take.
    if _work(cython.address(e.workers[0])):
        return 1
    engine_join(e)
    return 0


def engine_stop(e):
    e.stop = 1  # seen by those who hold the lock, one after the other
    libc.pthread_mutex_lock(cython.address(e.lock))
    libc.pthread_cond_broadcast(cython.address(e.work))
    libc.pthread_cond_broadcast(cython.address(e.room))
    libc.pthread_mutex_unlock(cython.address(e.lock))


def engine_join(e):
    # Wait for the helpers, and let go of all that was not done.
    i: cython.int
    batch: cython.pointer(Batch)
    for i in range(1, e.helpers + 1):
        libc.pthread_join(e.workers[i].thread, cython.NULL)
    e.helpers = 0
    e.begun = 1
    e.finished = 1
    flush(cython.address(e.workers[0]))
    for i in range(e.threads):
        _give_all(cython.address(e.workers[i]))
    while e.top != cython.NULL:
        batch = e.top
        e.top = batch.below
        e.stop = 1
        for i in range(batch.count):
            _complete(cython.address(e.workers[0]), batch.parent, 0)
        libc.free(batch)


def engine_free(e):
    block: cython.pointer(Block)
    fault: cython.pointer(Failure)
    i: cython.int
    engine_stop(e)
    engine_join(e)
    for i in range(e.threads):
        libc.free(e.workers[i].buffer)
        libc.free(e.workers[i].own)
        libc.free(e.workers[i].out)
        libc.free(e.workers[i].gathered)
        libc.pthread_mutex_destroy(cython.address(e.workers[i].lock))
    while e.first != cython.NULL:
        block = e.first
        e.first = block.next
        libc.free(block)
    while e.faults != cython.NULL:
        fault = e.faults
        e.faults = fault.next
        libc.free(fault.path)
        libc.free(fault)
    for i in range(2):
        if e.roots[i] >= 0:
            libc.close(e.roots[i])
    libc.pthread_mutex_destroy(cython.address(e.lock))
    libc.pthread_mutex_destroy(cython.address(e.reopening))
    libc.pthread_cond_destroy(cython.address(e.work))
    libc.pthread_cond_destroy(cython.address(e.room))
    libc.free(e.workers)
    if e.forget != cython.NULL:
        e.forget(e.task)
    libc.free(e.task)
    libc.free(e)
