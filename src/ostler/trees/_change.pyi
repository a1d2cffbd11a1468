from _typeshed import StrOrBytesPath

from ostler._core import Core
from ostler.trees._results import Counts
from ostler.trees._run import Run, _OnError, _Progress

class Change(Run): ...

def change_mode(
    machine: Core,
    top: StrOrBytesPath,
    mode: int | str,
    umask: int,
    threads: int | None,
    on_error: _OnError,
    progress: _Progress,
    one_filesystem: bool,
) -> Counts: ...
def change_owner(
    machine: Core,
    top: StrOrBytesPath,
    uid: int,
    gid: int,
    threads: int | None,
    on_error: _OnError,
    progress: _Progress,
    one_filesystem: bool,
) -> Counts: ...
