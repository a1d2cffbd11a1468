from typing import Any

from ostler.core.crossing import Core

def prepare(machine: Core, top: Any, to_machine: Core, to: Any, merge: bool, mask: int) -> None: ...
