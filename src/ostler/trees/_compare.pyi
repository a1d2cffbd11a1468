from typing import Any

from ostler.core.crossing import Core
from ostler.trees import Difference
from ostler.trees._how import How
from ostler.trees._run import Run

class Compare(Run):
    def differences(self, skip: int) -> list[Difference]: ...

def compare_trees(
    machine: Core,
    first: Any,
    second: Any,
    second_machine: Core,
    how: How,
    metadata: bool,
    times: bool,
    content: bool,
) -> list[Difference]: ...
