from _typeshed import StrOrBytesPath

from ostler._core import Core
from ostler.trees._results import Difference
from ostler.trees._run import Run, _OnError, _Progress

class Compare(Run):
    def differences(self, skip: int) -> list[Difference]: ...

def compare_trees(
    machine: Core,
    first: StrOrBytesPath,
    second: StrOrBytesPath,
    second_machine: Core,
    threads: int | None,
    on_error: _OnError,
    progress: _Progress,
    metadata: bool,
    times: bool,
    content: bool,
) -> list[Difference]: ...
