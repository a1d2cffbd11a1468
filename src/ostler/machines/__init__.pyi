from ostler.machine import CommitConflict as CommitConflict
from ostler.machine import Host as Host
from ostler.machine import Machine as Machine
from ostler.machine import MachineUnavailable as MachineUnavailable
from ostler.machine import MergeConflict as MergeConflict
from ostler.machine import host as host

__all__ = [
    "SHELL",
    "CommitConflict",
    "Host",
    "Machine",
    "MachineUnavailable",
    "MergeConflict",
    "host",
]
SHELL: list[str]
