from typing import NamedTuple

class ProcessInfo(NamedTuple):
    pid: int
    name: str
    state: str
    parent: int
    group: int
    session: int
    uid: int
    gid: int
    threads: int
    user: float
    system: float
    memory: int
    peak_memory: int
    started: float
    command: tuple[str, ...]
