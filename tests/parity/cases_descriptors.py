"""Cases of descriptors.py, transfers.py, terminals.py and timers.py."""

import contextlib

from tests.parity import BAD_INTS, BAD_PATHS, attempt, case, touch

# Numbers of descriptors that are surely closed, and what is no descriptor.
CLOSED_ONE = 987_654_321  # a descriptor that nobody can have open
CLOSED = [*(b for b in BAD_INTS if b != 2**31), CLOSED_ONE]


@contextlib.contextmanager
def opened(os, *descriptors):
    try:
        yield descriptors if len(descriptors) > 1 else descriptors[0]
    finally:
        for fd in descriptors:
            os.close(fd)


def file(os, data=b"0123456789", flags=None):
    touch(os, "f", data)
    return opened(os, os.open("f", os.O_RDWR if flags is None else flags))


def memory(os, fd):
    """An open descriptor's number differs from run to run."""
    os.close(fd)
    return "open"


@case
def open_bad_paths(os):
    return [attempt(os.open, path, os.O_RDONLY) for path in BAD_PATHS]


@case
def open_bad_numbers(os):
    touch(os, "f")
    return [
        [attempt(os.open, "f", flags) for flags in BAD_INTS if flags != -1],
        [attempt(os.open, "missing", os.O_RDONLY, mode) for mode in BAD_INTS],
        [attempt(os.open, "missing", os.O_RDONLY, dir_fd=fd) for fd in BAD_INTS],
        attempt(os.open, path="missing", flags=0, mode=0),
    ]


@case
def open_kinds(os):
    touch(os, "f")
    os.mkdir("d")
    os.symlink("f", "l")
    os.symlink("loop", "loop")
    results = [
        attempt(os.open, "f", os.O_CREAT | os.O_EXCL),
        attempt(os.open, "d", os.O_WRONLY),
        attempt(os.open, "f", os.O_DIRECTORY),
        attempt(os.open, "l", os.O_NOFOLLOW),
        attempt(os.open, "loop", os.O_RDONLY),
        attempt(os.open, "f/x", os.O_RDONLY),
        attempt(os.open, b"missing\xff", os.O_RDONLY),
    ]
    with opened(os, os.open("d", os.O_RDONLY)) as d:
        with opened(os, os.open("new", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=d)) as fd:
            results.append(os.get_inheritable(fd))
        results.append(os.listdir("d"))
    return results


@case
def closed_descriptors(os):
    calls = {
        "close": (), "dup": (), "dup2": (5000,), "read": (1,), "write": (b"x",), "pread": (1, 0),
        "pwrite": (b"x", 0), "readv": ([],), "writev": ([b"x"],), "preadv": ([bytearray(1)], 0),
        "pwritev": ([b"x"], 0), "lseek": (0, 0), "fsync": (), "fdatasync": (), "isatty": (),
        "ttyname": (), "get_blocking": (), "set_blocking": (True,), "get_inheritable": (),
        "set_inheritable": (True,), "lockf": (os.F_TEST, 1), "posix_fadvise": (0, 0, 0),
        "posix_fallocate": (0, 1), "sendfile": (0, 0, 1), "splice": (0, 1),
        "copy_file_range": (0, 1), "tcgetpgrp": (), "tcsetpgrp": (1,), "get_terminal_size": (),
        "device_encoding": (), "eventfd_read": (), "eventfd_write": (1,), "login_tty": (),
        "fdopen": (), "timerfd_gettime": (), "timerfd_gettime_ns": (), "timerfd_settime": (),
        "timerfd_settime_ns": (), "grantpt": (), "unlockpt": (), "ptsname": (),
    }  # fmt: skip
    return [
        (name, [attempt(getattr(os, name), fd, *rest) for fd in CLOSED])
        for name, rest in calls.items()
        if name in os.__all__
    ]


@case
def what_is_no_eventfd(os):
    with file(os) as fd:
        os.ftruncate(fd, 3)
        return [attempt(os.eventfd_read, fd), attempt(os.eventfd_read, fd)]


@case
def the_order_of_checks_between_descriptors(os):
    arguments = [
        (CLOSED_ONE, CLOSED_ONE, -1), (0.5, CLOSED_ONE, -1), (CLOSED_ONE, CLOSED_ONE, -1, "x"),
        (CLOSED_ONE, CLOSED_ONE, -1, None, "x"), (CLOSED_ONE, CLOSED_ONE, 1, "x", "y"),
        (CLOSED_ONE, CLOSED_ONE, "x", "y"), (CLOSED_ONE, CLOSED_ONE, 1, 2**70, "y"),
    ]  # fmt: skip
    found = [attempt(os.copy_file_range, *given) for given in arguments]
    for given in arguments:
        given = (*given, *(None,) * (5 - len(given)))
        found += [attempt(os.splice, *given, flags) for flags in (0, -1, "f", 2**32, 1.5)]
    return found


@case
def wrong_second_argument(os):
    with file(os) as fd:
        calls = {
            "read": (), "pread": (0,), "lseek": (0,), "dup2": (), "set_inheritable": (),
            "lockf": (0,), "posix_fallocate": (1,), "posix_fadvise": (0, 0),
        }  # fmt: skip
        bad = [b for b in BAD_INTS if b not in (2**31, 2**63)]
        return [
            (name, [attempt(getattr(os, name), fd, value, *rest) for value in bad])
            for name, rest in calls.items()
        ]


@case
def wrong_buffers(os):
    bad = [None, "text", 1, [1], 2.5, object, memoryview(b"abcd")[::2]]
    with file(os) as fd:
        return [
            [attempt(os.write, fd, value) for value in bad],
            [attempt(os.pwrite, fd, value, 0) for value in bad],
            [attempt(os.writev, fd, value) for value in bad],
            [attempt(os.readv, fd, value) for value in [*bad, [b"x"], [bytearray(2), "x"]]],
            [attempt(os.preadv, fd, value, 0) for value in bad],
            [attempt(os.pwritev, fd, value, 0) for value in bad],
            [attempt(os.pwritev, fd, [b"x"], value) for value in BAD_INTS],
            [attempt(os.preadv, fd, [bytearray(1)], 0, value) for value in BAD_INTS],
        ]


@case
def reads_and_writes(os):
    with file(os) as fd:
        first, second = bytearray(3), bytearray(3)
        return [
            os.read(fd, 4), os.read(fd, 100), os.read(fd, 5), os.read(fd, 0),
            os.lseek(fd, 2, os.SEEK_SET), os.lseek(fd, 1, os.SEEK_CUR),
            os.lseek(fd, -1, os.SEEK_END), attempt(os.lseek, fd, -1, os.SEEK_SET),
            os.pread(fd, 3, 4), os.pread(fd, 3, 100), attempt(os.pread, fd, 3, -1),
            os.lseek(fd, 0, os.SEEK_SET), os.readv(fd, [first, second]), first, second,
            os.preadv(fd, [first, second], 3), first, second,
            os.writev(fd, [b"ab", memoryview(b"cd"), b""]), os.pwrite(fd, b"XY", 0),
            os.pwritev(fd, (b"Z", bytearray(b"z")), 20), os.pread(fd, 100, 0),
            os.write(fd, b""), os.writev(fd, []), os.readv(fd, []),
        ]  # fmt: skip


@case
def copies(os):
    touch(os, "target")
    with file(os) as source, opened(os, os.open("target", os.O_RDWR)) as target:
        r, w = os.pipe()
        with opened(os, r, w):
            return [
                os.sendfile(target, source, 2, 4), os.sendfile(target, source, None, 3),
                os.copy_file_range(source, target, 4, 0, 20), os.pread(target, 100, 0),
                attempt(os.copy_file_range, source, target, -1),
                os.splice(source, w, 4, offset_src=1), os.read(r, 10),
                attempt(os.splice, source, w, -1), attempt(os.splice, source, target, 1),
                attempt(os.splice, source, w, 1, flags=-1), attempt(os.sendfile, w, r, 0, 1),
                attempt(os.sendfile, w, source, "x", 1),
                attempt(os.sendfile, w, source, 0, -1), attempt(os.sendfile, w, source, "x", -1), attempt(os.splice, source, w, 1, "x"),
            ]  # fmt: skip


@case
def pipes_and_flags(os):
    r, w = os.pipe()
    with opened(os, r, w):
        results = [os.get_inheritable(r), os.get_blocking(w), attempt(os.lseek, r, 0, 0)]
        for value in (False, True, 0, 2, None, 1.5, "", 2**40):
            results.append(attempt(os.set_blocking, r, value))
            results.append(os.get_blocking(r))
        os.set_blocking(r, False)
        results.append(attempt(os.read, r, 1))
        results += [attempt(os.set_inheritable, r, v) for v in (True, 0, 7, None, 1.5, 2**40)]
        results.append(os.get_inheritable(r))
    ends = os.pipe2(os.O_NONBLOCK)
    with opened(os, *ends):
        results += [os.get_inheritable(ends[0]), os.get_blocking(ends[1])]
    return [*results, [attempt(os.pipe2, v) for v in [*BAD_INTS, 1]]]


@case
def duplicates(os):
    with file(os) as fd:
        copy = os.dup(fd)
        with opened(os, copy):
            results = [os.get_inheritable(copy)]
            for kept in (True, False, 1, None, "yes"):
                results.append(os.dup2(fd, copy, kept) == copy)
                results.append(os.get_inheritable(copy))
        results += [attempt(os.dup2, fd, -1), attempt(os.dup2, fd, 2**31), os.dup2(fd, fd) == fd]
    return results


@case
def ranges(os):
    copies = [os.open(".", os.O_RDONLY) for _ in range(4)]
    os.closerange(min(copies), max(copies) + 1)
    return [
        [attempt(os.close, fd)[1] for fd in copies],
        attempt(os.closerange, 5000, 6000),
        attempt(os.closerange, 6000, 5000),
        [attempt(os.closerange, 5000, v) for v in BAD_INTS if v != -1],
    ]


@case
def path_descriptors(os):
    touch(os, "f")
    with opened(os, os.open("f", os.O_PATH)) as fd:
        return [
            attempt(os.read, fd, 1), attempt(os.set_inheritable, fd, True),
            os.get_inheritable(fd), attempt(os.fsync, fd),
        ]  # fmt: skip


@case
def space(os):
    with file(os) as fd:
        return [
            attempt(os.posix_fallocate, fd, 0, 100), attempt(os.posix_fallocate, fd, 0, 0),
            attempt(os.posix_fallocate, fd, -1, 5), os.lseek(fd, 0, os.SEEK_END),
            attempt(os.posix_fadvise, fd, 0, 0, os.POSIX_FADV_RANDOM),
            attempt(os.posix_fadvise, fd, 0, 0, 99), attempt(os.fsync, fd),
            attempt(os.fdatasync, fd), attempt(os.sync),
            attempt(os.lockf, fd, os.F_LOCK, 0), attempt(os.lockf, fd, os.F_ULOCK, 0),
            attempt(os.lockf, fd, 99, 0),
        ]  # fmt: skip


@case
def memory_files(os):
    names = ["x", b"x", "", "x" * 300, "x\0", b"\xff", None, 1.5]
    results = [attempt(lambda n: memory(os, os.memfd_create(n)), name) for name in names]
    flags = [0, os.MFD_CLOEXEC, 2**40, -1, None, 1.5, "x", 2**80]
    results += [attempt(lambda f: memory(os, os.memfd_create("x", f)), f) for f in flags]
    with opened(os, os.memfd_create("x")) as fd:
        results.append(os.get_inheritable(fd))
    return results


@case
def file_objects(os):
    touch(os, "f", b"text\n")
    results = [attempt(os.fdopen, value) for value in ("f", None, 1.5, -1)]
    with os.fdopen(os.open("f", os.O_RDWR), "r+", encoding="ascii") as f:
        results += [f.read(), f.mode, f.encoding]
    with os.fdopen(os.open("f", os.O_RDONLY), "rb", 0) as f:
        results += [f.read(), type(f).__name__]
    return results


@case
def events(os):
    bad = [None, 1.5, "1", 2**32, -1, 2**64, []]
    results = [attempt(os.eventfd, value) for value in bad]
    results += [attempt(os.eventfd, 0, value) for value in [None, 1.5, 2**31, -1]]
    with opened(os, os.eventfd(3)) as fd:
        results += [os.get_inheritable(fd), os.eventfd_read(fd)]
        results += [attempt(os.eventfd_write, fd, value) for value in bad]
        results += [os.eventfd_read(fd), attempt(os.eventfd_write, fd, 2**64 - 1)]
    with opened(os, os.eventfd(2, os.EFD_NONBLOCK | os.EFD_SEMAPHORE)) as fd:
        results += [os.get_inheritable(fd), os.eventfd_read(fd), os.eventfd_read(fd)]
        results.append(attempt(os.eventfd_read, fd))
    return results


@case
def timers(os):
    if "timerfd_create" not in os.__all__:
        return None
    clock = 1  # CLOCK_MONOTONIC
    results = [attempt(os.timerfd_create, value) for value in [*BAD_INTS, 99]]
    results += [attempt(os.timerfd_create, clock, flags=v) for v in BAD_INTS]
    odd = [None, "x", float("nan"), float("inf"), -1.0, 1e300, 1e10, -1, 2**63, 2**80]
    with opened(os, os.timerfd_create(clock)) as fd:
        results.append(os.get_inheritable(fd))
        results.append(attempt(os.timerfd_gettime, fd))
        for name in ("timerfd_settime", "timerfd_settime_ns"):
            set_time = getattr(os, name)
            results += [attempt(set_time, fd, initial=v) for v in odd if v not in (1e10, 2**63)]
            results += [attempt(set_time, fd, interval=v) for v in odd]
            results += [attempt(set_time, fd, flags=v) for v in BAD_INTS]
            results.append(attempt(set_time, fd))
        os.timerfd_settime(fd, initial=1000, interval=0.25)
        results.append(os.timerfd_gettime(fd)[1])
        results.append(os.timerfd_gettime_ns(fd)[1])
    return results


@case
def terminals(os):
    master, slave = os.openpty()
    with opened(os, master, slave):
        results = [
            os.get_inheritable(master), os.get_inheritable(slave), os.isatty(slave),
            os.ttyname(slave).startswith("/dev/pts/"), os.get_terminal_size(slave),
            attempt(os.tcgetpgrp, slave), attempt(os.tcsetpgrp, slave, 1), os.ctermid(),
            os.device_encoding(slave),
        ]  # fmt: skip
    results += [attempt(os.get_terminal_size, v) for v in BAD_INTS]
    results += [attempt(os.tcsetpgrp, CLOSED_ONE, v) for v in BAD_INTS]
    with file(os) as fd:
        results += [os.isatty(fd), attempt(os.ttyname, fd), attempt(os.get_terminal_size, fd)]
    if "posix_openpt" in os.__all__:
        with opened(os, os.posix_openpt(os.O_RDWR | os.O_NOCTTY)) as fd:
            results += [os.get_inheritable(fd), attempt(os.grantpt, fd), attempt(os.unlockpt, fd)]
            results.append(os.ptsname(fd).startswith("/dev/pts/"))
    return results
