"""The descriptors of an engine's directories: few are open, the others opened again when needed.

Guarded by the lock of the worker that found the directory. What is opened again is found from the
nearest open ancestor, name by name, and must be the directory that it was.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.trees._state import KNOWN, LISTED, Engine, Node, Worker, guard, release


def enlist(node):
    # Guarded. The root is never listed: it stays open.
    owner: cython.pointer(Worker) = node.owner
    node.state |= LISTED
    node.newer = cython.NULL
    node.older = owner.newest
    if owner.newest != cython.NULL:
        owner.newest.newer = node
    else:
        owner.oldest = node
    owner.newest = node
    owner.open += 1
    if owner.open > owner.engine.budget // (owner.engine.helpers + 1) and owner.open > 8:
        _evict(owner)


def _unlist(node):
    owner: cython.pointer(Worker) = node.owner
    if node.older != cython.NULL:
        node.older.newer = node.newer
    else:
        owner.oldest = node.newer
    if node.newer != cython.NULL:
        node.newer.older = node.older
    else:
        owner.newest = node.older
    node.newer = node.older = cython.NULL
    node.state &= ~LISTED
    owner.open -= 1


def shut(node):
    # Guarded, no users.
    if node.state & LISTED:
        _unlist(node)
        libc.close(node.fd[0])
        node.fd[0] = -1
        if node.fd[1] >= 0:
            libc.close(node.fd[1])
            node.fd[1] = -1


def _identify(node):
    st: libc.stat_t
    side: cython.int
    if not node.state & KNOWN:
        for side in range(2):
            if node.fd[side] < 0:
                continue
            if libc.fstat(node.fd[side], cython.address(st)) < 0:
                return -1
            node.dev[side] = st.st_dev
            node.ino[side] = st.st_ino
        node.state |= KNOWN
    return 0


def _evict(owner):
    # Guarded: close the oldest descriptors that nobody uses. 0 when there were none.
    node: cython.pointer(Node) = owner.oldest
    while node != cython.NULL:
        if node.users == 0 and _identify(node) == 0:
            shut(node)
            return 1
        node = node.newer
    return 0


def open_any(worker, dir, name, flags, mode):
    # openat(2), never through a link at the end; frees descriptors when the process has none.
    return open_through(worker, dir, name, flags | libc.O_NOFOLLOW, mode)


def open_through(worker, dir, name, flags, mode):
    # The same, also through a link.
    e: cython.pointer(Engine) = worker.engine
    fd: cython.int
    freed: cython.int
    i: cython.int
    while True:
        fd = libc.openat(dir, name, flags | libc.O_CLOEXEC, mode)
        if fd >= 0:
            return fd
        if libc.errno == libc.EINTR:
            continue
        if libc.errno != libc.EMFILE:
            return -1
        freed = 0
        for i in range(e.helpers + 1):
            if freed:
                break
            libc.pthread_mutex_lock(cython.address(e.workers[i].lock))
            freed = _evict(cython.address(e.workers[i]))
            libc.pthread_mutex_unlock(cython.address(e.workers[i].lock))
        if not freed:
            libc.errno = libc.EMFILE
            return -1
        if e.budget > 8:
            e.budget -= 1


def open_directory(worker, dir, name):
    return open_any(worker, dir, name, libc.O_RDONLY | libc.O_DIRECTORY | libc.O_NONBLOCK, 0)


def hold(worker, node):
    # Keep the directory's descriptors open until unhold(); 0, or -1 with errno.
    e: cython.pointer(Engine) = worker.engine
    guard(node)
    if node.fd[0] >= 0:
        node.users += 1
        release(node)
        return 0
    release(node)
    libc.pthread_mutex_lock(cython.address(e.reopening))
    r: cython.int = _reopen(worker, node)
    number: cython.int = libc.errno
    libc.pthread_mutex_unlock(cython.address(e.reopening))
    libc.errno = number
    return r


def unhold(e, node):
    guard(node)
    node.users -= 1
    if node.users == 0 and node.needs == 0:
        shut(node)
    release(node)


def _reopen(worker, node):
    # From the nearest ancestor that is open, down by name; each is looked at before it is used.
    e: cython.pointer(Engine) = worker.engine
    at: cython.pointer(Node) = node
    below: cython.pointer(cython.pointer(Node))
    count: cython.int = 0
    i: cython.int
    while True:
        guard(at)
        if at.fd[0] >= 0:
            at.users += 1
            release(at)
            break
        release(at)
        count += 1
        at = at.parent
    if count == 0:
        return 0
    below = cython.cast(
        cython.pointer(cython.pointer(Node)), libc.malloc(count * cython.sizeof(cython.p_void))
    )
    if below == cython.NULL:
        unhold(e, at)
        libc.errno = libc.ENOMEM
        return -1
    step: cython.pointer(Node) = node
    for i in range(count):
        below[count - 1 - i] = step
        step = step.parent
    number: cython.int = 0
    fd: cython.int[2]
    held: cython.pointer(Node) = at  # the open ancestor that `fd` hangs on, or NULL
    fd[0] = at.fd[0]
    fd[1] = at.fd[1]
    for i in range(count):
        step = below[i]
        number = _reopen_one(worker, fd, held, step, i == count - 1 or i >= count - e.budget // 2)
        if held != cython.NULL:
            unhold(e, held)
        if number:
            break
        held = step if step.state & LISTED and step.fd[0] == fd[0] else cython.NULL
    libc.free(below)
    if number:
        libc.errno = number
        return -1
    return 0


def _reopen_one(worker, fd, held, step, keep):
    # Replaces fd by the directory `step` below it; errno. A kept one has a user more.
    new: cython.int[2]
    st: libc.stat_t
    side: cython.int
    number: cython.int = 0
    new[0] = new[1] = -1
    for side in range(2):
        if fd[side] < 0 or number:
            continue
        new[side] = open_directory(worker, fd[side], cython.address(step.name[0]))
        if new[side] < 0:
            number = libc.errno
        elif step.state & KNOWN:
            if libc.fstat(new[side], cython.address(st)) < 0:
                number = libc.errno
            elif st.st_dev != step.dev[side] or st.st_ino != step.ino[side]:
                number = libc.ESTALE
    if held == cython.NULL:
        for side in range(2):
            if fd[side] >= 0:
                libc.close(fd[side])
    if number:
        for side in range(2):
            if new[side] >= 0:
                libc.close(new[side])
        return number
    if keep and step.needs > 0:
        guard(step)
        if step.fd[0] < 0:
            step.fd[0] = new[0]
            step.fd[1] = new[1]
            step.users += 1
            enlist(step)
            release(step)
        else:  # another thread was quicker
            step.users += 1
            release(step)
            for side in range(2):
                if new[side] >= 0:
                    libc.close(new[side])
            new[0] = step.fd[0]
            new[1] = step.fd[1]
    fd[0] = new[0]
    fd[1] = new[1]
    return 0
