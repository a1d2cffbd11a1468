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
    # Few are long.
    filled: cython.size_t = 0
    size: cython.size_t
    got: cython.long
    size = 4096 - at % 4096
    if size > 256:
        size = 256
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
    where: cython.ulonglong[SOME]
    text: cython.char[SOME_PIECES]
    sizes: cython.size_t[SOME]
    count: cython.int
    i: cython.int
    got: cython.long
    begin: cython.size_t
    while at:
        count = _peek_pointers(tid, at, where, of_32_bits)
        if count <= 0:
            break
        at += count * (4 if of_32_bits else 8)
        for i in range(count):
            if where[i] == 0:
                count = i
                at = 0
                break
        got = _peek_beginnings(tid, where, count, text, sizes)
        begin = 0
        for i in range(count):
            found = -2
            if filled < WORDS:
                found = 0
                if (
                    got >= cython.cast(cython.long, begin + sizes[i])
                    and filled + sizes[i] <= WORDS
                    and libc.memchr(text + begin, 0, sizes[i]) != cython.NULL
                ):
                    asking.strcpy(into + filled, text + begin)
                else:
                    found = peek_string(tid, where[i], into + filled, WORDS - filled)
            begin += sizes[i]
            if found < 0:
                cut[0] = True
                if found == -2:
                    filled = WORDS
                return filled - 1 if filled else 0
            filled += libc.strlen(into + filled) + 1
    return filled - 1 if filled else 0


def _peek_pointers(tid, at, into, of_32_bits):
    # Some of a list of them, of which the next page may not be there; how many.
    narrow: cython.uint[SOME]
    size: cython.size_t = 4 if of_32_bits else 8
    count: cython.size_t = (4096 - at % 4096) // size
    got: cython.long
    i: cython.int
    if count == 0:
        count = 1
    elif count > SOME:
        count = SOME
    if not of_32_bits:
        return cython.cast(cython.int, peek_memory(tid, at, into, count * size) // 8)
    got = peek_memory(tid, at, narrow, count * size) // 4
    for i in range(got):
        into[i] = narrow[i]
    return cython.cast(cython.int, got)


def _peek_beginnings(tid, where, count, into, sizes):
    # Of several texts what lies on their page, PIECE at the most, in one go; how much of it all.
    here: libc.iovec
    there: libc.iovec[SOME]
    i: cython.int
    here.iov_base = into
    here.iov_len = 0
    for i in range(count):
        sizes[i] = 4096 - where[i] % 4096
        if sizes[i] > PIECE:
            sizes[i] = PIECE
        there[i].iov_base = cython.cast(cython.p_void, cython.cast(cython.size_t, where[i]))
        there[i].iov_len = sizes[i]
        here.iov_len += sizes[i]
    if count == 0:
        return 0
    return libc.syscall(asking.SYS_process_vm_readv, tid, cython.address(here), 1, there, count, 0)


def name_of(descriptors, fd, into):
    # The path of what is open, as the process that has it there sees it; `descriptors` is that
    # directory of /proc of ours.
    name: cython.char[16]
    size: cython.long
    libc.snprintf(name, 16, b"%d", fd)
    size = libc.readlinkat(descriptors, name, into, ROOM - 1)
    if size < 0:
        size = 0
    into[size] = 0
    return size


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
        if p.own_pid == 0:
            status: Status
            p.own_pid = p.pid
            if read_status(p.pid, cython.address(status)) == 0:
                p.own_pid = status.own_pid
        libc.snprintf(into, ROOM, b"/proc/%d%s%s", p.own_pid, begin, path + skip)
    else:
        asking.strcpy(into, path)
    return 0


def status_at(place, name, status):
    if place < 0:
        return -1
    if name == cython.NULL:
        return libc.fstat(place, status)
    return libc.fstatat(place, name, status, libc.AT_SYMLINK_NOFOLLOW)


def may(fd, mode):
    # Whether we may read, write or run what is named there.
    return cython.cast(cython.int, libc.syscall(
        asking.SYS_faccessat2, fd, cython.cast(cython.p_char, b""), mode,
        libc.AT_EACCESS | libc.AT_EMPTY_PATH,
    ))  # fmt: skip


def may_only_grow(fd, flags):
    # Whether it can be opened for nothing but to be added to, and this would be something else.
    if flags & libc.O_APPEND and not flags & libc.O_TRUNC:
        return False
    return asking.ostler_grows_only(fd) != 0


def is_touched(before, now):
    # Whether something was done to what has been open since.
    return (
        before.st_ctim.tv_sec != now.st_ctim.tv_sec
        or before.st_ctim.tv_nsec != now.st_ctim.tv_nsec
        or before.st_size != now.st_size
        or before.st_ino != now.st_ino  # it was copied to where it can be changed
        or before.st_dev != now.st_dev
    )


def is_read_only(fd):
    # Whether nothing can be changed where that is.
    status: libc.statvfs_t
    return libc.fstatvfs(fd, cython.address(status)) == 0 and status.f_flag & libc.ST_RDONLY != 0


def held_by(tid, status):
    # Which of the first 64 descriptors of a thread are of a file, a bit for each.
    name: cython.char[64]
    found: libc.stat_t
    mask: cython.ulonglong = 0
    left: cython.longlong = 64
    i: cython.int
    fd: cython.int
    libc.snprintf(name, 64, b"/proc/%d/fd", tid)
    fd = libc.openat(libc.AT_FDCWD, name, libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC)
    if fd < 0:
        return 0
    if libc.fstat(fd, cython.address(found)) == 0 and found.st_size > 0:
        left = found.st_size  # how many there are, as newer kernels tell
    for i in range(64):
        if left <= 0:
            break
        libc.snprintf(name, 64, b"%d", i)
        if libc.fstatat(fd, name, cython.address(found), asking.OSTLER_AS_KNOWN) < 0:
            continue
        left -= 1
        if found.st_ino == status.st_ino and found.st_dev == status.st_dev:
            mask |= cython.cast(cython.ulonglong, 1) << i
    libc.close(fd)
    return mask


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


def identify(tid, status):
    # Whose thread it is; a pidfd of its process, or -1 where it is gone, or the process has a
    # pidfd already. What the kernel tells by the pidfd alone costs a tenth of /proc.
    info: asking.ostler_pidfd_info
    fd: cython.int = cython.cast(cython.int, libc.syscall(libc.SYS_pidfd_open, tid, 0))
    status.pid = 0
    if fd >= 0:
        info.mask = asking.OSTLER_PIDFD_INFO_WHO
        if libc.ioctl(fd, asking.OSTLER_PIDFD_GET_INFO, cython.address(info)) == 0:
            status.pid = tid
            status.parent = info.ppid
            status.uid = info.ids[2]
            status.own_pid = 0
            return fd
    if read_status(tid, status) < 0:
        status.pid = 0
    return fd


def owner_of(p):
    # The user by whom it opens files.
    status: Status
    info: asking.ostler_pidfd_info
    info.mask = asking.OSTLER_PIDFD_INFO_WHO
    if libc.ioctl(p.pidfd, asking.OSTLER_PIDFD_GET_INFO, cython.address(info)) == 0:
        return info.ids[2]
    return p.uid if read_status(p.pid, cython.address(status)) < 0 else status.uid


def has_ended(p):
    # Whether a process is at its end, though nobody has looked yet.
    fds: libc.pollfd
    fds.fd = p.pidfd
    fds.events = libc.POLLIN
    return libc.poll(cython.address(fds), 1, 0) == 1


def _field(text, number):
    # Of /proc/PID/stat, counted from 1; the second one may have blanks in it.
    at: cython.p_char = libc.strrchr(text, b")"[0])
    i: cython.int = 2
    while at and i < number:
        at = libc.strchr(at + 1, b" "[0])
        i += 1
    return asking.strtoull(at + 1, cython.NULL, 10) if at else 0


def _stack_of(pid):
    # Where its stack begins, which is another place after each exec; 0 when that is not told.
    text: cython.char[2048]
    if _file(pid, b"stat", text, 2048) <= 0:
        return 0
    return _field(text, 28)


def begin_proof(tid, at, proof):
    # To be called before a program begins. Its code is where chance has put it, and so is what
    # stands at that place afterwards: nothing, for nearly all. Where chance is turned off, or for
    # code that has a fixed place, it is where the stack begins, by a file of /proc.
    fixed: cython.ulonglong = at >> 36
    proof.at = 0
    if (
        at >> 32 and fixed != 0x7FF and fixed != 0x555
        and peek_memory(tid, at - CODE // 2, proof.code, CODE) == CODE
    ):  # fmt: skip
        proof.at = at - CODE // 2
        return 0
    proof.stack = _stack_of(tid)
    return 0


def proved(tid, proof):
    # Whether another program runs now: 1 yes, 0 no, -1 nobody knows.
    code: cython.uchar[CODE]
    now: cython.ulonglong
    got: cython.long
    if proof.at:
        got = peek_memory(tid, proof.at, code, CODE)
        if got == CODE:
            return libc.memcmp(code, proof.code, CODE) != 0
        return 1 if got >= 0 or libc.errno == libc.EFAULT else -1
    now = _stack_of(tid)
    return -1 if now == 0 or proof.stack == 0 else now != proof.stack


def count_use(p):
    used: libc.timespec
    status: Status
    if libc.clock_gettime(asking.ostler_clock_of(p.pid), cython.address(used)) == 0:
        p.used = used.tv_sec * _SECOND + used.tv_nsec
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
