from typing import NamedTuple

from ostler._core import Core
from ostler.path import StrOrBytesPath

class Memory(NamedTuple):
    total: int
    available: int
    limit: int
    used: int

class Mount(NamedTuple):
    id: int
    parent: int
    device: tuple[int, int]
    root: str
    point: str
    options: tuple[str, ...]
    propagation: tuple[str, ...]
    kind: str
    source: str
    super_options: tuple[str, ...]

class Owner(NamedTuple):
    uid: int
    gid: int
    user: str | None
    group: str | None

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
