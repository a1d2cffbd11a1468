"""A set of inodes that workers share: which files with several names were met already."""

import cython
from cython.cimports.ostler.core import libc


def inodes_init(set):
    libc.pthread_mutex_init(cython.address(set.lock), cython.NULL)
    set.slots = cython.NULL
    set.size = set.used = 0
    set.telling = 0
    set.further = cython.NULL
    return 0


def inodes_clear(set):
    i: cython.long
    name: cython.pointer(Name)
    while set.further != cython.NULL:
        name = set.further
        set.further = name.next
        libc.free(name.path)
        libc.free(name)
    for i in range(set.size):
        libc.free(set.slots[i].path)
    libc.free(set.slots)
    set.slots = cython.NULL
    set.size = set.used = 0
    libc.pthread_mutex_destroy(cython.address(set.lock))


def inodes_find(set, dev, ino):
    # The slot of this inode, or the free one where it would go; NULL without memory. With the lock.
    if set.used * 2 >= set.size and _grow(set) < 0:
        return cython.NULL
    mask: cython.ulong = set.size - 1
    at: cython.ulong = ((ino ^ (dev << 7)) * cython.cast(cython.ulong, 0x9E3779B97F4A7C15)) >> 20
    slot: cython.pointer(Inode)
    while True:
        slot = cython.address(set.slots[at & mask])
        if slot.ino == 0 and slot.dev == 0:
            return slot
        if slot.ino == ino and slot.dev == dev:
            return slot
        at += 1


def inodes_further(set, slot, path):
    # Keep a further name of an inode; the path is freed with the set. With the lock.
    name: cython.pointer(Name) = cython.cast(cython.pointer(Name), libc.malloc(cython.sizeof(Name)))
    if name == cython.NULL or path == cython.NULL:
        libc.free(name)
        libc.free(path)
        return -1
    name.dev = slot.dev
    name.ino = slot.ino
    name.path = path
    name.next = set.further
    set.further = name
    return 0


def _grow(set):
    old: cython.pointer(Inode) = set.slots
    size: cython.long = set.size
    new: cython.long = size * 2 if size else 1024
    i: cython.long
    slots: cython.pointer(Inode) = cython.cast(
        cython.pointer(Inode), libc.calloc(new, cython.sizeof(Inode))
    )
    slot: cython.pointer(Inode)
    if slots == cython.NULL:
        return -1
    set.slots = slots
    set.size = new
    set.used = 0
    for i in range(size):
        if old[i].ino or old[i].dev:
            slot = inodes_find(set, old[i].dev, old[i].ino)
            slot[0] = old[i]
            set.used += 1
    libc.free(old)
    return 0


def inodes_add(set, dev, ino):
    # 1 when it is new, 0 when it was there, -1 without memory.
    new: cython.int = -1
    libc.pthread_mutex_lock(cython.address(set.lock))
    slot: cython.pointer(Inode) = inodes_find(set, dev, ino)
    if slot != cython.NULL:
        new = not (slot.ino or slot.dev)
        if new:
            slot.dev = dev
            slot.ino = ino
            set.used += 1
    libc.pthread_mutex_unlock(cython.address(set.lock))
    return new
