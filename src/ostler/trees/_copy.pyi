from _typeshed import StrOrBytesPath

from ostler._core import Core
from ostler.trees._results import Counts
from ostler.trees._run import Run, _OnError, _Progress

class Copy(Run): ...

def copy_tree(
    machine: Core,
    top: StrOrBytesPath,
    to: StrOrBytesPath,
    to_machine: Core,
    threads: int | None,
    on_error: _OnError,
    progress: _Progress,
    one_filesystem: bool,
    flags: int,
    clone: int,
    shallow: bool = False,
) -> Counts: ...
def flags(
    modes: bool,
    owners: bool | None,
    times: bool,
    xattrs: bool,
    hard_links: bool,
    sparse: bool,
    special: bool,
    merge: bool,
) -> int: ...
def flags_of_pieces() -> int: ...
def umask_of_process() -> int: ...
