from collections.abc import Iterable
from typing import Any

from ostler.core.crossing import Core
from ostler.trees import Counts
from ostler.trees._following import Followed
from ostler.trees._how import How
from ostler.trees._run import Run

class Copy(Run): ...

def mask_for(machine: Core, flags: int) -> int: ...
def flags(
    modes: bool,
    owners: bool | None,
    times: bool,
    xattrs: bool,
    hard_links: bool,
    sparse: bool,
    special: bool,
    existing: str,
    follow: bool = False,
) -> int: ...
def flags_of_pieces() -> int: ...
def copy_tree(
    machine: Core,
    top: Any,
    to: Any,
    to_machine: Core,
    how: How,
    flags: int,
    clone: int,
    shallow: bool = False,
    several: list[tuple[int, int, bytes]] | None = None,
    exclude: Iterable[str | bytes] = (),
    followed: Followed | None = None,
    fill: bool = False,
) -> Counts: ...
