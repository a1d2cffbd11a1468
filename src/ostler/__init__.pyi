# What os has, as its own stubs say; then what ostler adds.
from collections.abc import Iterable
from os import *
from os import PathLike
from typing import Any, Protocol

from ostler import _outcome, children, records
from ostler import durable as durable
from ostler import machines as machines
from ostler import path as path  # type: ignore[no-redef]  # in place of os's own
from ostler import trees as trees
from ostler._environ import _Environ
from ostler.machines import Machine as Machine
from ostler.machines import MachineUnavailable as MachineUnavailable
from ostler.machines import host as host
from ostler.machines.kinds import Confined, ReadOnly, Scratch
from ostler.machines.rehearsal import Rehearsal

environ: _Environ[str]  # type: ignore[no-redef]
environb: _Environ[bytes]  # type: ignore[no-redef]

# What a machine has besides the functions of os, as functions of the host.
available_cpus = host.available_cpus
change_owner = host.change_owner
cpu_quota = host.cpu_quota
exchange = host.exchange
memory = host.memory
mounts = host.mounts
move = host.move
owner = host.owner
readinto = host.readinto
reload_environ = host.reload_environ
rename_noreplace = host.rename_noreplace
replace_durable = host.replace_durable
replacing = host.replacing
statx = host.statx
statx_result = records.statx_result
sync_directory = host.sync_directory
uptime = host.uptime
write_atomic = host.write_atomic

AT_NO_AUTOMOUNT: int
AT_STATX_DONT_SYNC: int
AT_STATX_FORCE_SYNC: int
AT_STATX_SYNC_AS_STAT: int
NODEV: int
SCHED_DEADLINE: int
SCHED_NORMAL: int
STATX_ATIME: int
STATX_BASIC_STATS: int
STATX_BLOCKS: int
STATX_BTIME: int
STATX_CTIME: int
STATX_DIOALIGN: int
STATX_GID: int
STATX_INO: int
STATX_MNT_ID: int
STATX_MODE: int
STATX_MTIME: int
STATX_NLINK: int
STATX_SIZE: int
STATX_TYPE: int
STATX_UID: int

CommandFailed = _outcome.CommandFailed
CommandResult = _outcome.CommandResult
CommandTimeout = _outcome.CommandTimeout
Process = children.Process
ProcessInfo = children.ProcessInfo
run = host.run
process = host.process
wait_for = host.wait_for

# Other machines, loaded on first use.
def install() -> None: ...
def uninstall() -> None: ...
def capabilities(refresh: bool = False) -> dict[str, dict[str, Any]]: ...
def scratch(
    size: int | str | None = None,
    inodes: int | None = None,
    bind: Iterable[str | bytes | PathLike[Any]] | None = None,
) -> Scratch: ...
def confined(directory: str | bytes | PathLike[Any], read_only: bool = False) -> Confined: ...
def read_only(base: str | bytes | PathLike[Any] | None = None) -> ReadOnly: ...

class _MakesRehearsals(Protocol):
    def __call__(
        self,
        base: str | bytes | PathLike[Any] | None = None,
        upper: str | bytes | PathLike[Any] | None = None,
    ) -> Rehearsal: ...
    def recover(self) -> list[tuple[str, ...]]: ...

rehearsal: _MakesRehearsals
