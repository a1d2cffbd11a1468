"""What the workers of an engine bring out: blocks of results, and what failed, with its path."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.trees._state import (
    OUT_LIMIT,
    SPOILED,
    Block,
    Engine,
    Failure,
    guard,
    release,
)

_BLOCK = cython.declare(cython.int, 65536)


def path_length(node):
    # With a slash after each directory; the root is as it was given.
    total: cython.int = 0
    while node != cython.NULL:
        total += node.length
        if node.length == 0 or node.name[node.length - 1] != 0x2F:
            total += 1 if node.length or node.parent != cython.NULL else 0
        node = node.parent
    return total


def path_write(node, at, length):
    # Fills `length` bytes (from path_length) from the end.
    while node != cython.NULL:
        if node.length == 0 or node.name[node.length - 1] != 0x2F:
            if node.length or node.parent != cython.NULL:
                length -= 1
                at[length] = 0x2F
        length -= node.length
        libc.memcpy(cython.address(at[length]), cython.address(node.name[0]), node.length)
        node = node.parent


def report(worker, node, name, number, doing):
    e: cython.pointer(Engine) = worker.engine
    length: cython.int = path_length(node)
    more: cython.int = libc.strlen(name) if name != cython.NULL else 0
    fault: cython.pointer(Failure) = cython.cast(
        cython.pointer(Failure), libc.malloc(cython.sizeof(Failure))
    )
    path: cython.p_char = cython.cast(cython.p_char, libc.malloc(length + more + 1))
    if fault == cython.NULL or path == cython.NULL:
        e.stop = 1
        return -1
    path_write(node, path, length)
    if more:
        libc.memcpy(cython.address(path[length]), name, more)
    elif length > 1 and node.name[node.length - 1] != 0x2F:
        length -= 1  # the directory itself
    path[length + more] = 0
    fault.next = cython.NULL
    fault.number = number
    fault.path = path
    fault.doing = doing
    libc.pthread_mutex_lock(cython.address(e.lock))
    if e.faults == cython.NULL:
        e.faults = fault
    else:
        e.last_fault.next = fault
    e.last_fault = fault
    e.fault_count += 1
    if e.stop_at_fault:
        e.stop = 1
        libc.pthread_cond_broadcast(cython.address(e.work))
        libc.pthread_cond_broadcast(cython.address(e.room))
    libc.pthread_mutex_unlock(cython.address(e.lock))
    spoil(node)
    return -1


def spoil(node):
    guard(node)
    node.state |= SPOILED
    release(node)


def flush(worker):
    e: cython.pointer(Engine) = worker.engine
    block: cython.pointer(Block) = worker.out
    worker.out = cython.NULL
    worker.out_serial = 0
    if block == cython.NULL:
        return
    libc.pthread_mutex_lock(cython.address(e.lock))
    if e.first == cython.NULL:
        e.first = block
    else:
        e.last.next = block
    e.last = block
    e.out_size += block.used
    if e.idle and e.streaming:
        libc.pthread_cond_broadcast(cython.address(e.work))  # the caller may be waiting for it
    libc.pthread_mutex_unlock(cython.address(e.lock))


def reserve(worker, size):
    # See to it that the next `size` bytes of output lie in one block; -1 without memory.
    block: cython.pointer(Block) = worker.out
    if block != cython.NULL and block.used + size > block.size:
        flush(worker)
        block = cython.NULL
    if block == cython.NULL:
        total: cython.int = _BLOCK if size < _BLOCK else size
        block = cython.cast(cython.pointer(Block), libc.malloc(cython.sizeof(Block) + total))
        if block == cython.NULL:
            worker.engine.stop = 1
            return -1
        block.next = cython.NULL
        block.used = 0
        block.size = total
        worker.out = block
        worker.out_serial = 0
    return 0


def room(worker, size):
    # Where the next `size` bytes of output go; NULL (and a stop) without memory.
    if reserve(worker, size) < 0:
        return cython.NULL
    worker.out.used += size
    return cython.address(worker.out.data[worker.out.used - size])


def engine_take(e):
    # The oldest block of output, for the caller to read and free.
    libc.pthread_mutex_lock(cython.address(e.lock))
    block: cython.pointer(Block) = e.first
    if block != cython.NULL:
        e.first = block.next
        e.out_size -= block.used
        if e.out_size <= OUT_LIMIT // 2:
            libc.pthread_cond_broadcast(cython.address(e.room))
    libc.pthread_mutex_unlock(cython.address(e.lock))
    return block
