"""Cases of files.py."""

import math
import sys
from fractions import Fraction

from tests.parity import (
    BAD_INTS,
    BAD_PATHS,
    CLOSED,
    FAULTS_OF_OS,
    Named,
    Number,
    attempt,
    case,
    touch,
)  # fmt: skip


def without_identity(outcome):
    """A stat that may be compared between two directories: no inode, times or numbers of them."""
    if outcome[0] != "value":
        return outcome
    kind, items = outcome[1]
    return outcome[0], kind, [items[i] for i in (0, 3, 4, 5, 6)], outcome[2:]


@case
def stat_bad_paths(os):
    return [
        [without_identity(attempt(call, path)) for path in BAD_PATHS]
        for call in (os.stat, os.lstat)
    ]


@case
def stat_kinds_of_names(os):
    touch(os, "f", b"abc")
    touch(os, "\xe9\udcff")
    os.symlink("f", "l")
    os.symlink("loop", "loop")
    os.symlink("nowhere", "dangling")
    os.mkdir("d")
    names = ["f", b"f", Named("f"), Named(b"f"), Named(3), Named("a\0"), "\xe9\udcff", "l", "loop",
             "dangling", "d", "d/", "f/", "f/x", ".", "", "loop/x"]  # fmt: skip
    return [
        [without_identity(attempt(os.stat, name)) for name in names],
        [without_identity(attempt(os.lstat, name)) for name in names],
        [without_identity(attempt(os.stat, name, follow_symlinks=False)) for name in names],
    ]


@case
def stat_of_descriptors(os):
    touch(os, "f", b"12345")
    fd = os.open("f", os.O_RDONLY)
    here = os.open(".", os.O_RDONLY)
    try:
        return [
            without_identity(attempt(call, *args, **options))
            for call, args, options in [
                (os.stat, (fd,), {}),
                (os.stat, (Number(fd),), {}),
                (os.fstat, (fd,), {}),
                (os.fstat, (Number(fd),), {}),
                (os.stat, (fd,), {"follow_symlinks": False}),
                (os.stat, (-1,), {"follow_symlinks": False}),
                (os.stat, (fd,), {"dir_fd": here}),
                (os.stat, ("f",), {"dir_fd": here}),
                (os.stat, ("f",), {"dir_fd": fd}),
                (os.stat, ("f",), {"dir_fd": Number(here)}),
                (os.stat, ("f",), {"dir_fd": here, "follow_symlinks": False}),
                (os.lstat, ("f",), {"dir_fd": here}),
                (os.lstat, (fd,), {}),
                (os.stat, ("f",), {"dir_fd": CLOSED}),
                (os.stat, ("f",), {"dir_fd": "x"}),
                (os.stat, ("f",), {"dir_fd": 2**40}),
                (os.stat, ("f",), {"dir_fd": -(2**40)}),
                (os.stat, (CLOSED,), {}),
                (os.fstat, (CLOSED,), {}),
            ]
        ]
    finally:
        os.close(fd)
        os.close(here)


@case
def wrong_arguments(os):
    # What is said of the number of arguments is the compiler's own; that it is a TypeError is not.
    return [
        attempt(call, *args, **options)[:2]
        for call, args, options in [
            (os.stat, (), {}), (os.stat, ("f", "g"), {}), (os.stat, ("f",), {"what": 1}),
            (os.rename, ("f",), {}), (os.utime, ("f", (1, 2), None), {}),
            (os.access, ("f",), {}), (os.umask, (), {}), (os.umask, (1, 2), {}),
            (os.umask, (), {"mask": 1}), (os.getuid, (1,), {}), (os.setreuid, (-1,), {}),
            (os.major, (), {"device": 1}), (os.fstatvfs, (), {"fd": 0}),
        ]
    ]  # fmt: skip


@case
def fstat_bad_descriptors(os):
    return [attempt(os.fstat, fd) for fd in BAD_INTS]


@case
def stat_attributes(os):
    touch(os, "f", b"x" * 5000)
    os.utime("f", ns=(1_234_567_890_123_456_789, -1_234_567_891))
    st = os.stat("f")
    names = ("st_size", "st_atime", "st_mtime", "st_atime_ns", "st_mtime_ns", "st_rdev",
             "st_blksize", "st_blocks")  # fmt: skip
    return [(name, getattr(st, name)) for name in names], st[7], st[8], len(st)


@case
def truncate(os):
    touch(os, "f", b"12345")
    fd = os.open("f", os.O_RDWR)
    read = os.open("f", os.O_RDONLY)
    try:
        return [
            attempt(os.truncate, "f", 3), os.stat("f").st_size,
            attempt(os.truncate, fd, 2), os.stat("f").st_size,
            attempt(os.ftruncate, fd, Number(10)), os.stat("f").st_size,
            attempt(os.ftruncate, read, 0),
            attempt(os.truncate, read, 0),
            attempt(os.truncate, ".", 0),
            [attempt(os.truncate, "f", size) for size in BAD_INTS],
            [attempt(os.ftruncate, fd, size) for size in BAD_INTS],
            [attempt(os.ftruncate, bad, 0) for bad in BAD_INTS],
            [attempt(os.truncate, path, 0) for path in BAD_PATHS],
            os.stat("f").st_size,
        ]  # fmt: skip
    finally:
        os.close(fd)
        os.close(read)


@case
def utime(os):
    touch(os, "f")
    os.symlink("f", "l")
    fd = os.open("f", os.O_RDONLY)
    here = os.open(".", os.O_RDONLY)

    class Pair(tuple):
        pass

    def now(name="f"):
        st = os.stat(name, follow_symlinks=False)
        return st.st_atime_ns, st.st_mtime_ns

    times = [
        (1, 2), (1.5, 2.25), (0, 0), (-1, -1.5), (-0.1, 1e-10), (1e9 + 0.1, 0.999999999999),
        (True, Number(7)), (1, math.nan), (math.inf, 1), (1, -math.inf), (1e300, 0), (2**63, 0),
        (2**62, 0), (-(2**63), 1), (2**70, 1), (1, None), ("1", 1), (Fraction(1, 2), 1),
        (1,), (1, 2, 3), (), [1, 2], Pair((1, 2)), 5, "ab", (4294967296, 2.5), (1e-9, -1e-9),
    ]  # fmt: skip
    if not FAULTS_OF_OS:
        times.append((9223372036854775807.0, 1))
    ns = [
        (1, 2), (0, 0), (-1, -10**9 - 1), (10**18 + 1, 10**19 + 1), (2**100, 1), (1.5, 1),
        (Number(1), 1), (None, 1), ("1", 1), (1,), (1, 2, 3), [1, 2], Pair((1, 2)), None, 5,
        (True, False), (Fraction(1, 2), 1),
    ]  # fmt: skip
    try:
        return [
            [(attempt(os.utime, "f", pair), now()) for pair in times],
            [(attempt(os.utime, "f", ns=pair), now()) for pair in ns],
            [attempt(os.utime, "f", (1, 2), ns=(1, 2)), attempt(os.utime, "f", None, ns=None)],
            [attempt(os.utime, fd, (3, 4)), now()],
            [attempt(os.utime, "f", (5, 6), dir_fd=here), now()],
            [attempt(os.utime, "l", (7, 8), follow_symlinks=False), now(), now("l")],
            [attempt(os.utime, "l", (7, 8), follow_symlinks=False, dir_fd=here), now("l")],
            [attempt(os.utime, "l", ns=(9, 10)), now()],
            attempt(os.utime, fd, (1, 2), dir_fd=here),
            attempt(os.utime, fd, (1, 2), follow_symlinks=False),
            attempt(os.utime, fd),
            attempt(os.utime, CLOSED),
            attempt(os.utime, -1),
            attempt(os.utime, "f", dir_fd=CLOSED),
            [attempt(os.utime, path) for path in BAD_PATHS],
        ]
    finally:
        os.close(fd)
        os.close(here)


@case
def special_files(os):
    here = os.open(".", os.O_RDONLY)
    old = os.umask(0o022)
    try:
        return [
            attempt(os.mkfifo, "p"), os.stat("p").st_mode,
            attempt(os.mkfifo, b"q", 0o777, dir_fd=here), os.stat("q").st_mode,
            attempt(os.mkfifo, "p"),
            attempt(os.mkfifo, "p", dir_fd=CLOSED),
            attempt(os.mknod, "r"), os.stat("r").st_mode,
            attempt(os.mknod, "s", 0o140666), os.stat("s").st_mode,
            attempt(os.mknod, "t", 0o10600, 0, dir_fd=here), os.stat("t").st_mode,
            attempt(os.mknod, "u", 0o040755),
            [attempt(os.mkfifo, path) for path in BAD_PATHS],
            [attempt(os.mknod, path) for path in BAD_PATHS],
            [attempt(os.mkfifo, f"m{i}", mode) for i, mode in enumerate(BAD_INTS)],
            [attempt(os.mknod, f"n{i}", mode) for i, mode in enumerate(BAD_INTS)],
            [attempt(os.mknod, f"o{i}", 0o600, device) for i, device in enumerate(BAD_INTS)],
        ]  # fmt: skip
    finally:
        os.umask(old)
        os.close(here)


@case
def device_numbers(os):
    numbers = [
        0, 1, 255, 256, 2**12, 2**20, 2**31, 2**32 - 1, 2**32, 2**44, 2**63, 2**64 - 2, 2**64 - 1,
        2**64, -1, -2, -(2**31), -(2**63), -(2**64), 1.0, "1", None, True, Number(5),
    ]  # fmt: skip
    return [
        [attempt(os.major, n), attempt(os.minor, n), attempt(os.makedev, n, 1),
         attempt(os.makedev, 1, n), attempt(os.makedev, n, n)]
        for n in numbers
    ]  # fmt: skip


@case
def limits(os):
    touch(os, "f")
    fd = os.open("f", os.O_RDONLY)
    names = ["PC_NAME_MAX", 3, "x", "PC_name_max", "", "PC_NAME_MAX\0", "\ud800", 1.5, None, True, 2**40,
             -1, 9999, b"PC_NAME_MAX", Number(3)]  # fmt: skip
    try:
        return [
            sorted(os.pathconf_names.items()),
            [attempt(os.pathconf, ".", name) for name in names],
            [attempt(os.pathconf, fd, name) for name in names],
            [attempt(os.fpathconf, fd, name) for name in names],
            [attempt(os.pathconf, ".", name) for name in sorted(os.pathconf_names)],
            [attempt(os.fpathconf, bad, 3) for bad in BAD_INTS],
            [attempt(os.pathconf, bad, 3) for bad in BAD_PATHS if bad != -1],
        ]
    finally:
        os.close(fd)


@case
def file_systems(os):
    touch(os, "f")
    fd = os.open("f", os.O_RDONLY)

    def fixed(result):
        return result.f_bsize, result.f_frsize, result.f_blocks, result.f_namemax, result.f_flag

    try:
        return [
            fixed(os.statvfs(".")), fixed(os.statvfs(b"f")), fixed(os.statvfs(fd)),
            fixed(os.fstatvfs(fd)), os.statvfs(".").f_fsid, len(os.statvfs(".")),
            [attempt(os.fstatvfs, bad) for bad in BAD_INTS],
            [attempt(os.statvfs, bad) for bad in BAD_PATHS if bad not in (-1, "", b"")],
        ]  # fmt: skip
    finally:
        os.close(fd)


@case
def statx_of_masks(os):
    if sys.version_info < (3, 15):  # os has none
        return None
    found = []
    touch(os, "f")
    for mask in (os.STATX_BASIC_STATS, 0x1000, 0x4000, 0xFFFF, 0, -1, 2**33, None):
        found += [
            attempt(lambda m=mask: os.statx("f", m).stx_size),
            attempt(lambda m=mask: os.statx("f", m).stx_mnt_id is None),
        ]
    return found
