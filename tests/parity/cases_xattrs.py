"""Cases of xattrs.py."""

import sys
from collections import deque

from tests.parity import BAD_INTS, BAD_PATHS, Named, attempt, case, touch


@case
def extended_attributes(os):
    touch(os, "f")
    os.symlink("f", "l")
    fd = os.open("f", os.O_RDWR)
    values = [b"", b"1", bytearray(b"ab"), memoryview(b"abcd"), memoryview(b"abcd")[::2],
              "text", 5, None, b"x" * 1000, deque()]  # fmt: skip
    names = ["user.x", b"user.x", Named("user.x"), "user.\udcff", "", "x", "user.a\0b", None, 5,
             "user." + "n" * 300]  # fmt: skip
    try:
        return [
            [(attempt(os.setxattr, "f", "user.v", value), attempt(os.getxattr, "f", "user.v"))
             for value in values],
            [(attempt(os.setxattr, "f", name, b"1"), attempt(os.getxattr, b"f", name),
              sorted(os.listxattr("f")), attempt(os.removexattr, Named("f"), name))
             for name in names],
            attempt(os.setxattr, "f", "user.c", b"1", os.XATTR_REPLACE),
            attempt(os.setxattr, "f", "user.c", b"1", os.XATTR_CREATE),
            attempt(os.setxattr, "f", "user.c", b"1", flags=os.XATTR_CREATE),
            attempt(os.setxattr, fd, "user.d", b"2"),
            attempt(os.getxattr, fd, "user.d"),
            attempt(os.getxattr, "l", "user.d"),
            attempt(os.getxattr, "l", "user.d", follow_symlinks=False),
            attempt(os.setxattr, "l", "user.e", b"3", follow_symlinks=False),
            attempt(os.removexattr, "l", "user.e", follow_symlinks=False),
            attempt(os.listxattr, "l", follow_symlinks=False),
            sorted(os.listxattr(fd)), sorted(os.listxattr(b"f")),
            attempt(os.listxattr, fd, follow_symlinks=False),
            attempt(os.getxattr, fd, "user.d", follow_symlinks=False),
            attempt(os.removexattr, fd, "user.d"),
            attempt(os.removexattr, fd, "user.d"),
            attempt(os.listxattr, None), attempt(os.listxattr),
            [attempt(os.setxattr, "f", "user.f", b"", flags) for flags in BAD_INTS],
            [[attempt(os.getxattr, path, "user.x"), attempt(os.setxattr, path, "user.x", b""),
              attempt(os.removexattr, path, "user.x"), attempt(os.listxattr, path)]
             for path in BAD_PATHS],
        ]  # fmt: skip
    finally:
        os.close(fd)


@case
def attributes_of_what_is_no_descriptor(os):
    # A negative number is no path to os, which hands on a null pointer; -100 would be AT_FDCWD. Since
    # 3.15 it hands on the number, and some calls of some kernels take -100 for that.
    found = []
    for fd in (-1, -2, -(2**31), *[-100] * (sys.version_info < (3, 15))):
        for follow in (True, False):
            found += [
                attempt(os.getxattr, fd, "user.x", follow_symlinks=follow),
                attempt(os.setxattr, fd, "user.x", b"", follow_symlinks=follow),
                attempt(os.removexattr, fd, "user.x", follow_symlinks=follow),
                attempt(os.listxattr, fd, follow_symlinks=follow),
            ]
    return found
