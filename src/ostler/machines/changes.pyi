from typing import Any

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
    def as_dict(self) -> dict[str, Any]: ...

class Change:
    path: str
    kind: str
    before: Record | None
    after: Record | None
    source: str | None
    def as_dict(self) -> dict[str, Any]: ...
