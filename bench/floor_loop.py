"""The floor: what the system calls of each function take when nothing but a loop of C is above.

Not a part of ostler; floor.py builds it when the benchmark runs.
"""

import cython
from cython.cimports.ostler.core import libc

CALLS = {
    "access": ACCESS, "chdir": CHDIR, "chmod": CHMOD, "chown": CHOWN, "dup": DUP,
    "eventfd": EVENTFD, "fcntl": FCNTL,
    "fstat": FSTAT, "getcwd": GETCWD, "getpid": GETPID, "getppid": GETPPID, "getrandom": GETRANDOM,
    "getuid": GETUID, "getxattr": GETXATTR, "ioctl": IOCTL, "kill": KILL, "link": LINK,
    "list": LIST, "list_stat": LIST_STAT, "lseek": LSEEK, "lstat": LSTAT, "mkdir": MKDIR,
    "mkdir_there": MKDIR_THERE, "open": OPEN, "pipe": PIPE, "pread": PREAD, "read": READ,
    "readlink": READLINK, "rename": RENAME, "resolve": RESOLVE, "setenv": SETENV, "spawn": SPAWN,
    "stat": STAT, "statvfs": STATVFS, "symlink": SYMLINK, "system": SYSTEM, "times": TIMES,
    "truncate": TRUNCATE, "umask": UMASK, "uname": UNAME, "utime": UTIME, "waitpid": WAITPID,
    "write": WRITE,
}  # fmt: skip


def touch(places):
    """Look once at each of these addresses, which stand in bytes; memory is asked for in advance."""
    text: cython.p_const_char = places
    at: cython.pointer(cython.size_t) = cython.cast(cython.pointer(cython.size_t), text)
    count: cython.Py_ssize_t = len(places) // cython.sizeof(cython.size_t)
    ahead: cython.Py_ssize_t = 16
    i: cython.Py_ssize_t
    found: cython.uint = 0
    for i in range(count - ahead):
        prefetch(cython.cast(cython.p_void, at[i + ahead]))
        found ^= cython.cast(cython.p_uchar, at[i])[0]
    for i in range(max(count - ahead, 0), count):
        found ^= cython.cast(cython.p_uchar, at[i])[0]
    return found


def measure(call, number, clock, a=b"", b=b"", fd=-1):
    """Nanoseconds on this clock that one of `number` such calls takes."""
    which: cython.int = CALLS[call]
    n: cython.long = number
    kind: cython.int = clock
    first: cython.p_const_char = a
    second: cython.p_const_char = b
    given: cython.int = fd
    start: cython.longlong
    end: cython.longlong
    i: cython.long
    room: cython.char[65536]
    with cython.nogil:
        start = now(kind)
        for i in range(n):
            one(which, first, second, given, room)
        end = now(kind)
    return (end - start) / n


def now(clock):
    t: libc.timespec
    libc.clock_gettime(clock, cython.address(t))
    return t.tv_sec * 1_000_000_000 + t.tv_nsec


def one(call, a, b, fd, room):
    st: libc.stat_t
    vfs: libc.statvfs_t
    tms: libc.tms
    uts: libc.utsname
    how: libc.open_how
    fds: cython.int[2]
    status: cython.int
    count: libc.eventfd_t
    if call == STAT:
        return libc.fstatat(libc.AT_FDCWD, a, cython.address(st), 0)
    if call == LSTAT:
        return libc.fstatat(libc.AT_FDCWD, a, cython.address(st), libc.AT_SYMLINK_NOFOLLOW)
    if call == FSTAT:
        return libc.fstat(fd, cython.address(st))
    if call == ACCESS:
        return libc.faccessat(libc.AT_FDCWD, a, libc.R_OK, 0)
    if call == CHDIR:
        return libc.chdir(a)
    if call == CHMOD:
        return libc.fchmodat(libc.AT_FDCWD, a, 0o644, 0)
    if call == CHOWN:
        return libc.fchownat(
            libc.AT_FDCWD, a, cython.cast(libc.uid_t, -1), cython.cast(libc.gid_t, -1), 0
        )
    if call == DUP:
        return libc.close(libc.fcntl(fd, libc.F_DUPFD_CLOEXEC, 0))
    if call == EVENTFD:
        libc.eventfd_write(fd, 1)
        return libc.eventfd_read(fd, cython.address(count))
    if call == FCNTL:
        return libc.fcntl(fd, libc.F_GETFD)
    if call == GETCWD:
        return libc.getcwd(room, 4096) != cython.NULL
    if call == GETPID:
        return libc.getpid()
    if call == GETPPID:
        return libc.getppid()
    if call == GETRANDOM:
        return libc.getrandom(room, 16, 0)
    if call == GETUID:
        return libc.getuid()
    if call == GETXATTR:
        return libc.getxattr(a, b, room, 128)
    if call == IOCTL:
        return libc.isatty(fd)
    if call == KILL:
        return libc.kill(libc.getpid(), 0)
    if call == LINK:
        libc.linkat(libc.AT_FDCWD, a, libc.AT_FDCWD, b, 0)
        return libc.unlinkat(libc.AT_FDCWD, b, 0)
    if call == LIST:
        return list_it(a, room, False)
    if call == LIST_STAT:
        return list_it(a, room, True)
    if call == LSEEK:
        return libc.lseek(fd, 0, libc.SEEK_SET)
    if call == MKDIR:
        libc.mkdirat(libc.AT_FDCWD, a, 0o777)
        return libc.unlinkat(libc.AT_FDCWD, a, libc.AT_REMOVEDIR)
    if call == MKDIR_THERE:
        libc.mkdirat(libc.AT_FDCWD, a, 0o777)
        return libc.fstatat(libc.AT_FDCWD, a, cython.address(st), 0)
    if call == OPEN:
        return libc.close(libc.openat(libc.AT_FDCWD, a, libc.O_RDONLY | libc.O_CLOEXEC))
    if call == PIPE:
        libc.pipe2(fds, libc.O_CLOEXEC)
        libc.close(fds[0])
        return libc.close(fds[1])
    if call == PREAD:
        return libc.pread(fd, room, 100, 0)
    if call == READ:
        return libc.read(fd, room, 100)
    if call == READLINK:
        return libc.readlinkat(libc.AT_FDCWD, a, room, 4096)
    if call == RENAME:
        libc.renameat(libc.AT_FDCWD, a, libc.AT_FDCWD, b)
        return libc.renameat(libc.AT_FDCWD, b, libc.AT_FDCWD, a)
    if call == RESOLVE:
        libc.memset(cython.address(how), 0, cython.sizeof(how))
        how.flags = libc.O_PATH | libc.O_CLOEXEC
        how.resolve = libc.RESOLVE_NO_SYMLINKS
        return libc.close(libc.openat2(libc.AT_FDCWD, a, cython.address(how)))
    if call == SETENV:
        return libc.locked_setenv(a, b)
    if call == SPAWN:
        return spawn(a, cython.NULL)
    if call == STATVFS:
        return libc.statvfs(a, cython.address(vfs))
    if call == SYMLINK:
        libc.symlinkat(a, libc.AT_FDCWD, b)
        return libc.unlinkat(libc.AT_FDCWD, b, 0)
    if call == SYSTEM:
        return spawn(b"/bin/sh", a)
    if call == TIMES:
        return libc.times(cython.address(tms))
    if call == TRUNCATE:
        return libc.truncate(a, 1)
    if call == UMASK:
        return libc.umask(0o022)
    if call == UNAME:
        return libc.uname(cython.address(uts))
    if call == UTIME:
        return libc.utimensat(libc.AT_FDCWD, a, cython.NULL, 0)
    if call == WAITPID:
        return libc.waitpid(-1, cython.address(status), libc.WNOHANG)
    if call == WRITE:
        return libc.write(fd, room, 100)
    return 0


def list_it(path, room, stat):
    st: libc.stat_t
    size: cython.long
    at: cython.long
    fd: cython.int = libc.openat(
        libc.AT_FDCWD, path, libc.O_RDONLY | libc.O_DIRECTORY | libc.O_CLOEXEC
    )
    while True:
        size = libc.getdents64(fd, room, 32768)
        if size <= 0:
            break
        at = 0
        while stat and at < size:
            entry = cython.cast(cython.pointer(libc.dirent), room + at)
            at += entry.d_reclen
            if entry.d_name[0] != 46:  # "."
                libc.fstatat(fd, entry.d_name, cython.address(st), libc.AT_SYMLINK_NOFOLLOW)
    return libc.close(fd)


def spawn(path, command):
    pid: libc.pid_t = 0
    status: cython.int
    argv: cython.p_char[4]
    argv[0] = cython.cast(cython.p_char, path)
    argv[1] = cython.NULL
    if command != cython.NULL:
        argv[1] = cython.cast(cython.p_char, b"-c")
        argv[2] = cython.cast(cython.p_char, command)
        argv[3] = cython.NULL
    posix_spawn(cython.address(pid), path, cython.NULL, cython.NULL, argv, libc.environ)
    return libc.waitpid(pid, cython.address(status), 0)
