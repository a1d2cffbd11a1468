"""Looking at other processes: their memory, and what /proc tells of them. Without the GIL."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.libc import recording as asking

_SECOND = cython.declare(cython.ulonglong, 1_000_000_000)


def peek_memory(tid, at, into, size):
    here: libc.iovec
    there: libc.iovec
    here.iov_base = into
    here.iov_len = size
    there.iov_base = cython.cast(cython.p_void, cython.cast(cython.size_t, at))
    there.iov_len = size
    return libc.syscall(
        asking.SYS_process_vm_readv, tid, cython.address(here), 1, cython.address(there), 1, 0
    )


def peek_string(tid, at, into, room):
    # Page by page, for the next one may not be there; -1: it can't be read, -2: it goes on there.
    filled: cython.size_t = 0
    size: cython.size_t
    got: cython.long
    size = 256 - at % 256
    while filled < room:
        if filled + size > room:
            size = room - filled
        got = peek_memory(tid, at + filled, into + filled, size)
        if got <= 0:
            return -1
        if libc.memchr(into + filled, 0, got) != cython.NULL:
            return 0
        filled += got
        size = 4096 - (at + filled) % 4096
    return -2


def peek_arguments(tid, at, into, of_32_bits, cut):
    # With a zero byte between two; `cut`: there is more than WORDS, or what can't be read.
    filled: cython.size_t = 0
    found: cython.int
    where: cython.ulonglong
    size: cython.size_t
    while at:
        where = 0
        size = 4 if of_32_bits else 8
        if peek_memory(tid, at, cython.address(where), size) != cython.cast(cython.long, size):
            break
        if where == 0:
            break
        at += size
        found = -2
        if filled < WORDS:
            found = peek_string(tid, where, into + filled, WORDS - filled)
        if found < 0:
            cut[0] = True
            if found == -2:
                filled = WORDS
            break
        filled += libc.strlen(into + filled) + 1
    return filled - 1 if filled else 0


def name_of(fd, into):
    # The path of what is open, as the process that has it there sees it.
    name: cython.char[64]
    size: cython.long
    size = libc.readlinkat(libc.AT_FDCWD, of_descriptor(fd, name), into, ROOM - 1)
    if size < 0:
        size = 0
    into[size] = 0
    return size


def of_descriptor(fd, into):
    libc.snprintf(into, 64, b"/proc/self/fd/%d", fd)
    return into


def of_self(p, path, into):
    # "/proc/self" is the process that asks, and not the one that looks.
    skip: cython.size_t = 0
    begin: cython.p_char = b""
    if libc.strncmp(path, b"/proc/self/", 11) == 0:
        skip = 10
    elif libc.strncmp(path, b"/proc/thread-self/", 18) == 0:
        skip = 17
    elif libc.strncmp(path, b"/dev/fd/", 8) == 0:
        skip = 7
        begin = b"/fd"
    elif libc.strcmp(path, b"/dev/stdin") == 0:
        skip = 10
        begin = b"/fd/0"
    elif libc.strcmp(path, b"/dev/stdout") == 0:
        skip = 11
        begin = b"/fd/1"
    elif libc.strcmp(path, b"/dev/stderr") == 0:
        skip = 11
        begin = b"/fd/2"
    if skip:
        libc.snprintf(into, ROOM, b"/proc/%d%s%s", p.own_pid, begin, path + skip)
    else:
        asking.strcpy(into, path)
    return 0


def without_slashes(path):
    # A path that ends in slashes is the same one without them.
    size: cython.size_t = libc.strlen(path)
    while size > 1 and path[size - 1] == b"/"[0]:
        size -= 1
        path[size] = 0
    return 0


def status_at(place, name, status):
    if place < 0:
        return -1
    if name == cython.NULL:
        return libc.fstat(place, status)
    return libc.fstatat(place, name, status, libc.AT_SYMLINK_NOFOLLOW)


def drop_pending(pending):
    if pending.name != cython.NULL or pending.entry.what:
        if pending.place >= 0:
            libc.close(pending.place)
        if pending.place2 >= 0:
            libc.close(pending.place2)
    libc.free(pending.name)
    libc.free(pending.name2)
    libc.memset(pending, 0, cython.sizeof(Pending))
    pending.place = pending.place2 = -1
    return 0


def _file(tid, name, into, size):
    path: cython.char[64]
    fd: cython.int
    got: cython.long
    libc.snprintf(path, 64, b"/proc/%d/%s", tid, name)
    fd = libc.openat(libc.AT_FDCWD, path, libc.O_RDONLY | libc.O_CLOEXEC)
    if fd < 0:
        return -1
    got = libc.read(fd, into, size - 1)
    libc.close(fd)
    into[got if got > 0 else 0] = 0
    return got


def read_status(tid, status):
    text: cython.char[4096]
    at: cython.p_char
    if _file(tid, b"status", text, 4096) <= 0:
        return -1
    at = libc.strstr(text, b"\nTgid:")
    if at == cython.NULL:
        return -1
    status.pid = libc.atoi(at + 6)
    at = libc.strstr(text, b"\nPPid:")
    status.parent = libc.atoi(at + 6) if at else 0
    at = libc.strstr(text, b"\nUid:")
    status.uid = 0
    if at:
        at = libc.strchr(at + 6, 9)  # the second one, by which files are opened
        status.uid = cython.cast(cython.uint, asking.atol(at)) if at else 0
    status.own_pid = status.pid
    at = libc.strstr(text, b"\nNStgid:")
    if at:
        at += 8
        while at[0] == 9:
            status.own_pid = libc.atoi(at + 1)
            at += 1
            while b"0"[0] <= at[0] <= b"9"[0]:
                at += 1
    status.memory = 0
    at = libc.strstr(text, b"\nVmHWM:")
    if at:
        status.memory = cython.cast(cython.uint, asking.atol(at + 7))
    return 0


def owner_of(pid, otherwise):
    status: Status
    return otherwise if read_status(pid, cython.address(status)) < 0 else status.uid


def _field(text, number):
    # Of /proc/PID/stat, counted from 1; the second one may have blanks in it.
    at: cython.p_char = libc.strrchr(text, b")"[0])
    i: cython.int = 2
    while at and i < number:
        at = libc.strchr(at + 1, b" "[0])
        i += 1
    return asking.strtoull(at + 1, cython.NULL, 10) if at else 0


def stack_of(pid):
    # Where its stack begins, which is another place after each exec; 0 when that is not told.
    text: cython.char[2048]
    if _file(pid, b"stat", text, 2048) <= 0:
        return 0
    return _field(text, 28)


def count_use(p):
    text: cython.char[2048]
    status: Status
    if _file(p.pid, b"stat", text, 2048) > 0:
        ticks: cython.long = libc.sysconf(libc._SC_CLK_TCK)
        p.used = (_field(text, 14) + _field(text, 15)) * (_SECOND // ticks)
    if read_status(p.pid, cython.address(status)) == 0:
        p.memory = status.memory
    return 0


def exit_of_zombie(pid, status):
    # What wait() will say of a process that is at its end; -1 where that is not told.
    text: cython.char[2048]
    at: cython.p_char
    if _file(pid, b"stat", text, 2048) <= 0:
        return -1
    at = libc.strrchr(text, b")"[0])
    if at == cython.NULL or at[1] == 0 or at[2] != b"Z"[0]:
        return -1
    status[0] = cython.cast(cython.int, _field(text, 52))
    return 0
