from _typeshed import StrOrBytesPath

from ostler._core import Core
from ostler.trees._results import Counts
from ostler.trees._run import Run, _OnError, _Progress

class Remove(Run): ...

def remove_tree(
    machine: Core,
    top: StrOrBytesPath,
    threads: int | None,
    on_error: _OnError,
    progress: _Progress,
    one_filesystem: bool,
) -> Counts: ...
