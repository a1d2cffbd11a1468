from collections.abc import MutableMapping
from typing import Any

ABSENT: int

class Core:
    _names: dict[str, Any] | None
    environ: MutableMapping[str, str]
    path: Any
    _path: Any
    _aside: bool
    _hooked: frozenset[str] | None
    _acts: bool

class HostCore(Core): ...
