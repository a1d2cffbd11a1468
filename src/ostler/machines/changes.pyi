from typing import Any

KINDS: tuple[str, ...]

class Record:
    type: str
    size: int
    mode: int
    owner: tuple[int, int]
    times: tuple[int, int]
    xattrs: dict[str, bytes]
    target: str | None
    links: int
    device: int
    def __init__(self, status: Any, xattrs: dict[str, bytes], target: str | None) -> None: ...
    def as_dict(self) -> dict[str, Any]: ...

class Change:
    path: str
    kind: str
    before: Record | None
    after: Record | None
    source: str | None
    def __init__(
        self,
        path: str,
        kind: str,
        before: Record | None,
        after: Record | None,
        source: str | None = None,
        found: Any = None,
    ) -> None: ...
    def as_dict(self) -> dict[str, Any]: ...

class Found:
    def __init__(
        self, walk: Walk, path: bytes, lower: bytes | None, status: Any, opaque: bool = False
    ) -> None: ...
    def __getattr__(self, name: str) -> Any: ...

class Walk:
    def __init__(self, machine: Any, overlay: Any) -> None: ...
    def __getattr__(self, name: str) -> Any: ...

def listed(machine: Any) -> list[Change]: ...
