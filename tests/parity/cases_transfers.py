"""Cases of transfers.py."""

import sys
from collections import deque

from tests.parity import BAD_INTS, CLOSED, attempt, case, file, opened, touch


@case
def the_order_of_checks_between_descriptors(os):
    arguments = [
        (CLOSED, CLOSED, -1), (0.5, CLOSED, -1), (CLOSED, CLOSED, -1, "x"),
        (CLOSED, CLOSED, -1, None, "x"), (CLOSED, CLOSED, 1, "x", "y"),
        (CLOSED, CLOSED, "x", "y"), (CLOSED, CLOSED, 1, 2**70, "y"),
    ]  # fmt: skip
    found = [attempt(os.copy_file_range, *given) for given in arguments]
    for given in arguments:
        given = (*given, *(None,) * (5 - len(given)))
        found += [attempt(os.splice, *given, flags) for flags in (0, -1, "f", 2**32, 1.5)]
    return found


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
def readinto(os):
    if sys.version_info < (3, 14):  # os has none
        return None
    room = bytearray(b"........")
    bad = [None, "text", 1, deque(), b"bytes", memoryview(room)[::2], memoryview(b"abcd")]
    with file(os) as fd:
        return [
            [attempt(os.readinto, fd, value) for value in (*bad, room, memoryview(room)[2:4])],
            [attempt(os.readinto, value, bytearray(1)) for value in (CLOSED, *BAD_INTS)],
            bytes(room),
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
                attempt(os.sendfile, w, source, "x", 1), attempt(os.splice, source, w, 1, "x"),
                attempt(os.sendfile, w, source, 0, -1), attempt(os.sendfile, w, source, "x", -1),
            ]  # fmt: skip
