from typing import Any

from ostler.core.crossing import Core
from ostler.trees import Counts
from ostler.trees._how import How
from ostler.trees._run import Run

class Remove(Run): ...

def remove_tree(machine: Core, top: Any, how: How, beside: int = -1) -> Counts: ...
