"""Cases of permissions.py."""

from collections import deque

from tests.parity import BAD_INTS, BAD_PATHS, CLOSED, Number, attempt, case, touch

# Arguments that are wrong, or at the edge, where an id is wanted; none that any id equals.
BAD_IDS = [None, "1", 1.0, [], 2**32, 2**40, 2**63, 2**64, 2**70, -2, -(2**31), -(2**63), -(2**70)]


def mode(os, name):
    return os.stat(name, follow_symlinks=False).st_mode


@case
def access(os):
    touch(os, "f")
    os.symlink("missing", "l")
    os.mkdir("d")
    here = os.open(".", os.O_RDONLY)
    try:
        return [
            [attempt(os.access, "f", bits) for bits in (*range(9), *BAD_INTS)],
            [attempt(os.access, path, os.F_OK) for path in BAD_PATHS],
            attempt(os.access, "l", os.F_OK),
            attempt(os.access, "l", os.F_OK, follow_symlinks=False),
            attempt(os.access, "d", os.X_OK, effective_ids=True),
            attempt(os.access, "f", os.W_OK, dir_fd=here),
            attempt(os.access, "f", os.W_OK, dir_fd=here, effective_ids=True,
                    follow_symlinks=False),
            attempt(os.access, "f", os.W_OK, dir_fd=CLOSED),
            attempt(os.access, "f", os.W_OK, dir_fd="x"),
        ]  # fmt: skip
    finally:
        os.close(here)


@case
def chmod(os):
    touch(os, "f")
    os.symlink("f", "l")
    fd = os.open("f", os.O_RDONLY)
    here = os.open(".", os.O_RDONLY)
    try:
        return [
            attempt(os.chmod, "f", 0o640), mode(os, "f"),
            attempt(os.chmod, b"f", 0o4711), mode(os, "f"),
            attempt(os.chmod, fd, 0o600), mode(os, "f"),
            attempt(os.fchmod, fd, 0o604), mode(os, "f"),
            attempt(os.chmod, "f", 0o644, dir_fd=here), mode(os, "f"),
            attempt(os.chmod, "l", 0o600), mode(os, "f"),
            attempt(os.chmod, "l", 0o600, follow_symlinks=False), mode(os, "f"),
            attempt(os.chmod, "l", 0o600, follow_symlinks=False, dir_fd=here),
            attempt(os.chmod, "f", 0o611, follow_symlinks=False), mode(os, "f"),
            attempt(os.chmod, fd, 0o666, follow_symlinks=False), mode(os, "f"),
            attempt(os.chmod, fd, 0o666, dir_fd=here), mode(os, "f"),
            attempt(os.chmod, "f", 0o666, dir_fd=CLOSED),
            attempt(os.fchmod, CLOSED, 0),
            [(attempt(os.chmod, "f", bits), mode(os, "f")) for bits in BAD_INTS],
            [attempt(os.fchmod, fd, bits) for bits in BAD_INTS],
            [attempt(os.fchmod, bad, 0o600) for bad in BAD_INTS],
            [attempt(os.chmod, path, 0o600) for path in BAD_PATHS],
        ]  # fmt: skip
    finally:
        os.close(fd)
        os.close(here)


@case
def chown(os):
    touch(os, "f")
    os.symlink("f", "l")
    fd = os.open("f", os.O_RDONLY)
    here = os.open(".", os.O_RDONLY)
    try:
        return [
            attempt(os.chown, "f", -1, -1),
            attempt(os.chown, "f", os.getuid(), os.getgid()),
            attempt(os.chown, "f", 2**32 - 1, 2**32 - 1),
            attempt(os.chown, fd, -1, -1),
            attempt(os.fchown, fd, -1, -1),
            attempt(os.lchown, "l", -1, -1),
            attempt(os.chown, "l", -1, -1, follow_symlinks=False),
            attempt(os.chown, "l", -1, -1, follow_symlinks=False, dir_fd=here),
            attempt(os.chown, "f", -1, -1, dir_fd=here),
            attempt(os.chown, "f", -1, -1, dir_fd=CLOSED),
            attempt(os.chown, fd, -1, -1, dir_fd=here),
            attempt(os.chown, fd, -1, -1, follow_symlinks=False),
            attempt(os.fchown, CLOSED, -1, -1),
            [[attempt(os.chown, "f", bad, -1), attempt(os.chown, "f", -1, bad),
              attempt(os.lchown, "f", bad, -1), attempt(os.fchown, fd, -1, bad)]
             for bad in BAD_IDS],
            [[attempt(os.chown, path, -1, -1), attempt(os.lchown, path, -1, -1)]
             for path in BAD_PATHS],
            [attempt(os.fchown, bad, -1, -1) for bad in BAD_INTS],
        ]  # fmt: skip
    finally:
        os.close(fd)
        os.close(here)


@case
def umask(os):
    old = os.umask(0o027)
    try:
        return [attempt(os.umask, 0o7777), attempt(os.umask, Number(0o22)), os.umask(0o22),
                [attempt(os.umask, bad) for bad in BAD_INTS]]  # fmt: skip
    finally:
        os.umask(old)


@case
def who_this_process_is(os):
    return [
        os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getresuid(), os.getresgid(),
        os.getgroups(), attempt(os.getlogin),
        attempt(os.setuid, os.getuid()), attempt(os.seteuid, os.geteuid()),
        attempt(os.setgid, os.getgid()), attempt(os.setegid, os.getegid()),
        attempt(os.setreuid, -1, -1), attempt(os.setregid, -1, -1),
        attempt(os.setresuid, -1, -1, -1), attempt(os.setresgid, -1, Number(-1), -1),
        attempt(os.setuid, -1), attempt(os.setgid, -1), attempt(os.seteuid, -1),
        attempt(os.setegid, -1),
    ]  # fmt: skip


@case
def bad_ids(os):
    one = (os.setuid, os.setgid, os.seteuid, os.setegid)
    two = (os.setreuid, os.setregid)
    three = (os.setresuid, os.setresgid)
    return [
        [
            [attempt(call, bad) for call in one],
            [[attempt(call, bad, -1), attempt(call, -1, bad)] for call in two],
            [[attempt(call, bad, -1, -1), attempt(call, -1, -1, bad)] for call in three],
        ]
        for bad in BAD_IDS
    ]


@case
def groups(os):
    class Sequence:
        def __len__(self):
            return 1

        def __getitem__(self, index):
            raise LookupError("no")

    return [
        [attempt(os.setgroups, bad)
         for bad in (5, None, {1}, iter([]), "ab", ["a"], [1.0], [None], [Number(1)], [2**40],
                     [-2], range(70000), Sequence())],
        [attempt(os.getgrouplist, user, 0)
         for user in ("root", "nobody", "no such user", "", "a\0", "\udcff", b"root", None, 5,
                      deque())],
        [attempt(os.getgrouplist, "root", group)
         for group in (0, 1, -1, 2**32 - 1, Number(7), *BAD_IDS)],
        [attempt(os.initgroups, user, 2**40) for user in ("root", b"a", "a\0", None, 5, "\udcff")],
        [attempt(os.initgroups, "root", group) for group in BAD_IDS],
    ]  # fmt: skip
