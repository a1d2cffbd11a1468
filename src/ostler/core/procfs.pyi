from collections.abc import Iterator
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
def text_of(path: str) -> str | None: ...
def unescaped(field: str) -> str: ...
def escaped(path: bytes) -> bytes: ...
def mount_lines(text: str) -> Iterator[tuple[list[str], list[str]]]: ...

class Groups:
    def __init__(self, root: str = "/") -> None: ...
    def cpus(self) -> float | None: ...
    def memory_limit(self) -> int | None: ...
    def memory_used(self) -> int | None: ...

def mount_table() -> list[Mount]: ...
def raw_mounts() -> bytes: ...
