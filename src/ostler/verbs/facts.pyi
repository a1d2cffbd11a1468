from typing import Any

from _typeshed import StrOrBytesPath

from ostler.core.crossing import Core
from ostler.core.procfs import Memory, Mount, Owner

CONSTANTS: dict[str, Any]
TYPES: dict[str, Any]

class Facts(Core):
    def available_cpus(self, *, cgroup: bool = True) -> int: ...
    def cpu_quota(self) -> float | None: ...
    def memory(self) -> Memory: ...
    def uptime(self) -> float: ...
    def mounts(self) -> list[Mount]: ...
    def owner(
        self, path: StrOrBytesPath | int, *, dir_fd: int | None = None, follow_symlinks: bool = True
    ) -> Owner: ...
    def change_owner(
        self,
        path: StrOrBytesPath | int,
        user: str | int | None = None,
        group: str | int | None = None,
        *,
        dir_fd: int | None = None,
        follow_symlinks: bool = True,
    ) -> None: ...

def user_id(user: str | int | None) -> int: ...
def group_id(group: str | int | None) -> int: ...
