from typing import Any

from ostler.core.crossing import Core
from ostler.trees import Counts
from ostler.trees._how import How

def copy_entry(
    machine: Core, top: Any, to: Any, to_machine: Core, how: How, keep: dict[str, Any], clone: int
) -> Counts: ...
