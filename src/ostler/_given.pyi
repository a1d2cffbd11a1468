from typing import NamedTuple

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

def memory() -> Memory: ...
def mounts() -> list[Mount]: ...
