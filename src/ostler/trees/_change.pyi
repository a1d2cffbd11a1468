from collections.abc import Callable
from typing import Any

from ostler.core.crossing import Core
from ostler.trees import Counts
from ostler.trees._run import Run

class Setting(Run): ...
class Modes(Setting): ...
class Owners(Setting): ...

def change_mode(
    machine: Core,
    top: Any,
    mode: int | str,
    threads: int | None,
    on_error: str | Callable[[OSError], object],
    progress: Callable[[Any], object] | None,
    one_filesystem: bool,
) -> Counts: ...
def change_owner(
    machine: Core,
    top: Any,
    uid: int,
    gid: int,
    threads: int | None,
    on_error: str | Callable[[OSError], object],
    progress: Callable[[Any], object] | None,
    one_filesystem: bool,
) -> Counts: ...
