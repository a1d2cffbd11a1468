from collections.abc import Iterable, Sequence

def start(
    machine: object,
    args: list[bytes],
    executables: list[bytes],
    close_fds: bool,
    pass_fds: Iterable[int],
    cwd: bytes | None,
    env: Iterable[bytes] | None,
    ends: Sequence[int],
    restore_signals: bool,
    new_session: bool,
    group: int,
) -> tuple[int, int, bool]: ...
def keep_rights() -> None: ...
def use_rights() -> None: ...
