from typing import Any

class Status:
    st_dev: int
    st_ino: int
    st_nlink: int
    st_rdev: int
    st_size: int
    st_mode: int
    st_uid: int
    st_gid: int
    def __init__(
        self,
        dev: int,
        ino: int,
        mode: int,
        nlink: int,
        uid: int,
        gid: int,
        rdev: int,
        size: int,
        atime_ns: int,
        mtime_ns: int,
        ctime_ns: int,
    ) -> None: ...
    @property
    def st_atime_ns(self) -> int: ...
    @property
    def st_mtime_ns(self) -> int: ...
    @property
    def st_ctime_ns(self) -> int: ...

def kept(status: Any, **others: int) -> Status: ...
def listed(fd: int) -> list[tuple[bytes, Status]]: ...
def attribute(dir_fd: int, name: bytes, attribute: str) -> bytes | None: ...
def file_handle(dir_fd: int, name: bytes) -> tuple[int, bytes] | None: ...
