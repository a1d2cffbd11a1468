# What os has, as its own stubs say; then what ostler adds. Where both have a name, mypy takes what
# stands first and pyright what stands last: so ours stand before and after.
# ruff: noqa: E402, F811
from os import PathLike
from typing import Any, Protocol

from ostler import machines as machines
from ostler import path as path
from ostler import trees as trees
from ostler.core import outcome, records
from ostler.core.environ import _Environ
from ostler.machine import CommitConflict as CommitConflict
from ostler.machine import Machine as Machine
from ostler.machine import MachineUnavailable as MachineUnavailable
from ostler.machine import MergeConflict as MergeConflict
from ostler.machine import host as host
from ostler.machines.rehearsal.kind import Rehearsal
from ostler.machines.rehearsal.recovery import Outcome
from ostler.verbs import answers, children, entries

class _MakesRehearsals(Protocol):
    def __call__(
        self,
        base: str | bytes | PathLike[Any] | None = None,
        upper: str | bytes | PathLike[Any] | None = None,
        weaker: bool = False,
    ) -> Rehearsal: ...
    def recover(self) -> list[Outcome]: ...

rehearsal: _MakesRehearsals
environ: _Environ[str]
environb: _Environ[bytes]
statx = host.statx
statx_result = records.statx_result

from os import *  # type: ignore[assignment, no-redef]

from ostler import path as path

environ: _Environ[str]  # type: ignore[no-redef]
environb: _Environ[bytes]  # type: ignore[no-redef]

# What a machine has besides the functions of os, as functions of the host.
available_cpus = host.available_cpus
change_owner = host.change_owner
chmod_tree = host.chmod_tree
chown_tree = host.chown_tree
cpu_quota = host.cpu_quota
create_file = host.create_file
exchange = host.exchange
exists = host.exists
importing = host.importing
isdir = host.isdir
isfile = host.isfile
iter_dir = host.iter_dir
memory = host.memory
mounts = host.mounts
move = host.move
owner = host.owner
probe = host.probe
process = host.process
read_env = host.read_env
recorded = host.recorded
rename_noreplace = host.rename_noreplace
replace_durable = host.replace_durable
replacing = host.replacing
run = host.run
sync_directory = host.sync_directory
temporary_directory = host.temporary_directory
uptime = host.uptime
wait_for = host.wait_for
walk_entries = host.walk_entries
watch = host.watch
write_atomic = host.write_atomic

# And what not every version of os has, and classes.
Entry = entries.Entry
Presence = answers.Presence
readinto = host.readinto
reload_environ = host.reload_environ
statx = host.statx
statx_result = records.statx_result

AT_NO_AUTOMOUNT = host.AT_NO_AUTOMOUNT
AT_STATX_DONT_SYNC = host.AT_STATX_DONT_SYNC
AT_STATX_FORCE_SYNC = host.AT_STATX_FORCE_SYNC
AT_STATX_SYNC_AS_STAT = host.AT_STATX_SYNC_AS_STAT
NODEV = host.NODEV
RWF_ATOMIC = host.RWF_ATOMIC
RWF_DONTCACHE = host.RWF_DONTCACHE
SCHED_DEADLINE = host.SCHED_DEADLINE
SCHED_NORMAL = host.SCHED_NORMAL
STATX_ATIME = host.STATX_ATIME
STATX_ATTR_APPEND = host.STATX_ATTR_APPEND
STATX_ATTR_AUTOMOUNT = host.STATX_ATTR_AUTOMOUNT
STATX_ATTR_COMPRESSED = host.STATX_ATTR_COMPRESSED
STATX_ATTR_DAX = host.STATX_ATTR_DAX
STATX_ATTR_ENCRYPTED = host.STATX_ATTR_ENCRYPTED
STATX_ATTR_IMMUTABLE = host.STATX_ATTR_IMMUTABLE
STATX_ATTR_MOUNT_ROOT = host.STATX_ATTR_MOUNT_ROOT
STATX_ATTR_NODUMP = host.STATX_ATTR_NODUMP
STATX_ATTR_VERITY = host.STATX_ATTR_VERITY
STATX_ATTR_WRITE_ATOMIC = host.STATX_ATTR_WRITE_ATOMIC
STATX_BASIC_STATS = host.STATX_BASIC_STATS
STATX_BLOCKS = host.STATX_BLOCKS
STATX_BTIME = host.STATX_BTIME
STATX_CTIME = host.STATX_CTIME
STATX_DIOALIGN = host.STATX_DIOALIGN
STATX_DIO_READ_ALIGN = host.STATX_DIO_READ_ALIGN
STATX_GID = host.STATX_GID
STATX_INO = host.STATX_INO
STATX_MNT_ID = host.STATX_MNT_ID
STATX_MNT_ID_UNIQUE = host.STATX_MNT_ID_UNIQUE
STATX_MODE = host.STATX_MODE
STATX_MTIME = host.STATX_MTIME
STATX_NLINK = host.STATX_NLINK
STATX_SIZE = host.STATX_SIZE
STATX_SUBVOL = host.STATX_SUBVOL
STATX_TYPE = host.STATX_TYPE
STATX_UID = host.STATX_UID
STATX_WRITE_ATOMIC = host.STATX_WRITE_ATOMIC

CommandFailed = outcome.CommandFailed
CommandResult = outcome.CommandResult
CommandTimeout = outcome.CommandTimeout
Process = children.Process
ProcessInfo = children.ProcessInfo

# Other machines, loaded on first use.
def install() -> None: ...
def uninstall() -> None: ...
def capabilities(refresh: bool = False) -> dict[str, dict[str, Any]]: ...

from ostler.machines.makers import *  # type: ignore[assignment, no-redef]

rehearsal: _MakesRehearsals  # type: ignore[no-redef]
