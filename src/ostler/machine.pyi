import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ostler.core import environ, outcome, popen, records
from ostler.core.crossing import HostCore
from ostler.machines.imported import Importing
from ostler.machines.paths import MachinePath
from ostler.machines.recording import Recorded
from ostler.path import PathText
from ostler.record.watching import ProgramWatch
from ostler.trees import Trees
from ostler.verbs import answers, children, entries
from ostler.verbs.answers import Answers
from ostler.verbs.children import Children
from ostler.verbs.commands import Commands
from ostler.verbs.descriptors import Descriptors
from ostler.verbs.directories import Directories
from ostler.verbs.durable import Durable
from ostler.verbs.environment import Environment
from ostler.verbs.facts import Facts
from ostler.verbs.files import Files
from ostler.verbs.links import Links
from ostler.verbs.permissions import Permissions
from ostler.verbs.processes import Processes
from ostler.verbs.sysinfo import SysInfo
from ostler.verbs.terminals import Terminals
from ostler.verbs.timers import Timers
from ostler.verbs.transfers import Transfers

class Machine(
    Directories,
    Files,
    Links,
    Environment,
    Commands,
    Processes,
    Answers,
    Children,
    Permissions,
    Descriptors,
    Terminals,
    Timers,
    Transfers,
    SysInfo,
    Facts,
    Durable,
    PathText,
):
    __all__: tuple[str, ...]
    name: str
    linesep: str
    error: type[OSError]
    altsep: str | None
    curdir: str
    defpath: str
    devnull: str
    extsep: str
    pardir: str
    pathsep: str
    sep: str
    confstr_names: dict[str, int]
    pathconf_names: dict[str, int]
    sysconf_names: dict[str, int]
    register_at_fork = os.register_at_fork
    PathLike = os.PathLike
    CommandFailed: type[outcome.CommandFailed]
    CommandResult: type[outcome.CommandResult]
    CommandTimeout: type[outcome.CommandTimeout]
    Process: type[children.Process]
    ProcessInfo: type[children.ProcessInfo]
    Entry: type[entries.Entry]
    Presence: type[answers.Presence]
    sched_param = records.sched_param
    stat_result = records.stat_result
    statvfs_result = records.statvfs_result
    statx_result = records.statx_result
    terminal_size = records.terminal_size
    times_result = records.times_result
    uname_result = records.uname_result
    waitid_result = records.waitid_result
    _Environ = environ._Environ
    _wrap_close = popen._wrap_close
    _walk_symlinks_as_files: object
    def recorded(
        self, children: bool = False, reads: bool = True, exact: bool = False
    ) -> Recorded: ...
    def watch(
        self, reads: bool = True, most: int = 100_000, exact: bool = False
    ) -> ProgramWatch: ...
    @property
    def trees(self) -> Trees: ...
    def importing(
        self, *directories: str | bytes | os.PathLike[str] | os.PathLike[bytes]
    ) -> Importing: ...
    @property
    def Path(self) -> type[MachinePath]: ...
    @property
    def supports_dir_fd(self) -> set[Callable[..., Any]]: ...
    @property
    def supports_effective_ids(self) -> set[Callable[..., Any]]: ...
    @property
    def supports_fd(self) -> set[Callable[..., Any]]: ...
    @property
    def supports_follow_symlinks(self) -> set[Callable[..., Any]]: ...
    AT_NO_AUTOMOUNT: int
    AT_STATX_DONT_SYNC: int
    AT_STATX_FORCE_SYNC: int
    AT_STATX_SYNC_AS_STAT: int
    CLD_CONTINUED: int
    CLD_DUMPED: int
    CLD_EXITED: int
    CLD_KILLED: int
    CLD_STOPPED: int
    CLD_TRAPPED: int
    CLONE_FILES: int
    CLONE_FS: int
    CLONE_NEWCGROUP: int
    CLONE_NEWIPC: int
    CLONE_NEWNET: int
    CLONE_NEWNS: int
    CLONE_NEWPID: int
    CLONE_NEWTIME: int
    CLONE_NEWUSER: int
    CLONE_NEWUTS: int
    CLONE_SIGHAND: int
    CLONE_SYSVSEM: int
    CLONE_THREAD: int
    CLONE_VM: int
    EFD_CLOEXEC: int
    EFD_NONBLOCK: int
    EFD_SEMAPHORE: int
    EX_CANTCREAT: int
    EX_CONFIG: int
    EX_DATAERR: int
    EX_IOERR: int
    EX_NOHOST: int
    EX_NOINPUT: int
    EX_NOPERM: int
    EX_NOUSER: int
    EX_OK: int
    EX_OSERR: int
    EX_OSFILE: int
    EX_PROTOCOL: int
    EX_SOFTWARE: int
    EX_TEMPFAIL: int
    EX_UNAVAILABLE: int
    EX_USAGE: int
    F_LOCK: int
    F_OK: int
    F_TEST: int
    F_TLOCK: int
    F_ULOCK: int
    GRND_NONBLOCK: int
    GRND_RANDOM: int
    MFD_ALLOW_SEALING: int
    MFD_CLOEXEC: int
    MFD_HUGETLB: int
    MFD_HUGE_16GB: int
    MFD_HUGE_16MB: int
    MFD_HUGE_1GB: int
    MFD_HUGE_1MB: int
    MFD_HUGE_256MB: int
    MFD_HUGE_2GB: int
    MFD_HUGE_2MB: int
    MFD_HUGE_32MB: int
    MFD_HUGE_512KB: int
    MFD_HUGE_512MB: int
    MFD_HUGE_64KB: int
    MFD_HUGE_8MB: int
    MFD_HUGE_MASK: int
    MFD_HUGE_SHIFT: int
    NGROUPS_MAX: int
    NODEV: int
    O_ACCMODE: int
    O_APPEND: int
    O_ASYNC: int
    O_CLOEXEC: int
    O_CREAT: int
    O_DIRECT: int
    O_DIRECTORY: int
    O_DSYNC: int
    O_EXCL: int
    O_FSYNC: int
    O_LARGEFILE: int
    O_NDELAY: int
    O_NOATIME: int
    O_NOCTTY: int
    O_NOFOLLOW: int
    O_NONBLOCK: int
    O_PATH: int
    O_RDONLY: int
    O_RDWR: int
    O_RSYNC: int
    O_SYNC: int
    O_TMPFILE: int
    O_TRUNC: int
    O_WRONLY: int
    POSIX_FADV_DONTNEED: int
    POSIX_FADV_NOREUSE: int
    POSIX_FADV_NORMAL: int
    POSIX_FADV_RANDOM: int
    POSIX_FADV_SEQUENTIAL: int
    POSIX_FADV_WILLNEED: int
    POSIX_SPAWN_CLOSE: int
    POSIX_SPAWN_CLOSEFROM: int
    POSIX_SPAWN_DUP2: int
    POSIX_SPAWN_OPEN: int
    PRIO_PGRP: int
    PRIO_PROCESS: int
    PRIO_USER: int
    P_ALL: int
    P_NOWAIT: int
    P_NOWAITO: int
    P_PGID: int
    P_PID: int
    PIDFD_NONBLOCK: int
    P_PIDFD: int
    P_WAIT: int
    RTLD_DEEPBIND: int
    RTLD_GLOBAL: int
    RTLD_LAZY: int
    RTLD_LOCAL: int
    RTLD_NODELETE: int
    RTLD_NOLOAD: int
    RTLD_NOW: int
    RWF_APPEND: int
    RWF_ATOMIC: int
    RWF_DONTCACHE: int
    RWF_DSYNC: int
    RWF_HIPRI: int
    RWF_NOWAIT: int
    RWF_SYNC: int
    R_OK: int
    SCHED_BATCH: int
    SCHED_DEADLINE: int
    SCHED_FIFO: int
    SCHED_IDLE: int
    SCHED_NORMAL: int
    SCHED_OTHER: int
    SCHED_RESET_ON_FORK: int
    SCHED_RR: int
    SEEK_CUR: int
    SEEK_DATA: int
    SEEK_END: int
    SEEK_HOLE: int
    SEEK_SET: int
    SPLICE_F_MORE: int
    SPLICE_F_MOVE: int
    SPLICE_F_NONBLOCK: int
    STATX_ATIME: int
    STATX_ATTR_APPEND: int
    STATX_ATTR_AUTOMOUNT: int
    STATX_ATTR_COMPRESSED: int
    STATX_ATTR_DAX: int
    STATX_ATTR_ENCRYPTED: int
    STATX_ATTR_IMMUTABLE: int
    STATX_ATTR_MOUNT_ROOT: int
    STATX_ATTR_NODUMP: int
    STATX_ATTR_VERITY: int
    STATX_ATTR_WRITE_ATOMIC: int
    STATX_BASIC_STATS: int
    STATX_BLOCKS: int
    STATX_BTIME: int
    STATX_CTIME: int
    STATX_DIOALIGN: int
    STATX_DIO_READ_ALIGN: int
    STATX_GID: int
    STATX_INO: int
    STATX_MNT_ID: int
    STATX_MNT_ID_UNIQUE: int
    STATX_MODE: int
    STATX_MTIME: int
    STATX_NLINK: int
    STATX_SIZE: int
    STATX_SUBVOL: int
    STATX_TYPE: int
    STATX_UID: int
    STATX_WRITE_ATOMIC: int
    ST_APPEND: int
    ST_MANDLOCK: int
    ST_NOATIME: int
    ST_NODEV: int
    ST_NODIRATIME: int
    ST_NOEXEC: int
    ST_NOSUID: int
    ST_RDONLY: int
    ST_RELATIME: int
    ST_SYNCHRONOUS: int
    ST_WRITE: int
    TFD_CLOEXEC: int
    TFD_NONBLOCK: int
    TFD_TIMER_ABSTIME: int
    TFD_TIMER_CANCEL_ON_SET: int
    TMP_MAX: int
    WCONTINUED: int
    WEXITED: int
    WNOHANG: int
    WNOWAIT: int
    WSTOPPED: int
    WUNTRACED: int
    W_OK: int
    XATTR_CREATE: int
    XATTR_REPLACE: int
    XATTR_SIZE_MAX: int
    X_OK: int

class CommitConflict(OSError):
    paths: list[str]
    now: dict[str, str]
    def __init__(
        self, paths: Iterable[str], now: Mapping[str, str] | Iterable[tuple[str, str]] = ()
    ) -> None: ...

class MergeConflict(OSError):
    paths: list[str]
    def __init__(self, paths: Iterable[str]) -> None: ...

class MachineUnavailable(OSError):
    reason: str
    what_would_help: str
    def __init__(
        self, reason: str, what_would_help: str = "", number: int | None = None
    ) -> None: ...

class Host(HostCore, Machine):
    _names: dict[str, Any]  # the namespace of ostler itself

host: Host
