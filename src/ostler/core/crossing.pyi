from typing import Any

from ostler.core.door import Door
from ostler.core.environ import _Environ
from ostler.path import Path

ABSENT: int

class Core:
    _names: dict[str, Any] | None
    environ: _Environ[str]
    path: Path
    _path: Path
    _aside: bool
    _hooked: frozenset[str] | None
    _acts: bool

class HostCore(Core): ...

def the_host() -> Any: ...
def be_host(machine: Core) -> None: ...
def record_children(machine: Core, door: Door | None) -> Door | None: ...
