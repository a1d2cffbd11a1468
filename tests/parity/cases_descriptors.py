"""Cases of descriptors.py."""

from tests.parity import (
    BAD_INTS,
    BAD_PATHS,
    CLOSED,
    FAULTS_OF_OS,
    attempt,
    case,
    file,
    opened,
    touch,
)  # fmt: skip

# What is no descriptor.
WRONG = [*(b for b in BAD_INTS if b != 2**31), CLOSED]


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
        (name, [attempt(getattr(os, name), fd, *rest) for fd in WRONG])
        for name, rest in calls.items()
        if name in os.__all__
    ]


@case
def wrong_second_argument(os):
    with file(os) as fd:
        calls = {
            "read": (), "pread": (0,), "lseek": (0,), "dup2": (), "set_inheritable": (),
            "lockf": (0,), "posix_fallocate": (1,), "posix_fadvise": (0, 0),
        }  # fmt: skip
        bad = [b for b in BAD_INTS if b not in (2**31, 2**63)]
        return [
            (name, value, attempt(getattr(os, name), fd, value, *rest))
            for name, rest in calls.items()
            for value in bad
            if not (FAULTS_OF_OS and name == "dup2" and value == -1)
        ]


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
        results += [attempt(os.dup2, fd, 2**31), os.dup2(fd, fd) == fd]
        if not FAULTS_OF_OS:
            results.append(attempt(os.dup2, fd, -1))
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
