from typing import Any

from ostler.machine import Machine

def prepare(
    machine: Machine, top: Any, to_machine: Machine, to: Any, merge: bool, mask: int
) -> None: ...
