# The records have the fields of the interpreter's own.
from os import sched_param as sched_param
from os import stat_result as stat_result
from os import statvfs_result as statvfs_result
from os import terminal_size as terminal_size
from os import times_result as times_result
from os import uname_result as uname_result
from os import waitid_result as waitid_result
from typing import Any, final

TYPES: dict[str, Any]
MODULES: dict[str, str]

@final
class statx_result:
    attributes: frozenset[str]
    attributes_known: frozenset[str]
    stx_mask: int
    stx_blksize: int
    stx_attributes: int
    stx_attributes_mask: int
    stx_rdev_major: int
    stx_rdev_minor: int
    stx_rdev: int
    stx_dev_major: int
    stx_dev_minor: int
    stx_dev: int
    stx_mode: int | None
    stx_nlink: int | None
    stx_uid: int | None
    stx_gid: int | None
    stx_ino: int | None
    stx_size: int | None
    stx_blocks: int | None
    stx_atime: float | None
    stx_atime_ns: int | None
    stx_btime: float | None
    stx_btime_ns: int | None
    stx_ctime: float | None
    stx_ctime_ns: int | None
    stx_mtime: float | None
    stx_mtime_ns: int | None
    stx_mnt_id: int | None
    stx_dio_mem_align: int | None
    stx_dio_offset_align: int | None
    stx_subvol: int | None
    stx_atomic_write_unit_min: int | None
    stx_atomic_write_unit_max: int | None
    stx_atomic_write_segments_max: int | None
    stx_dio_read_offset_align: int | None
    stx_atomic_write_unit_max_opt: int | None
