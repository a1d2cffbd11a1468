"""Facts: what `info` of a machine's path tells, a pathlib.types.PathInfo."""

from __future__ import annotations

import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ostler.machines.paths import MachinePath


class PathFacts:
    """What kind of file a path is: each question is asked of the machine once."""

    __slots__ = ("_modes", "_path")

    def __init__(self, path: MachinePath) -> None:
        self._path = path
        self._modes: dict[bool, int | None] = {}

    def _mode(self, follow):
        if follow not in self._modes:
            try:
                self._modes[follow] = self._path.stat(follow_symlinks=follow).st_mode
            except OSError:
                self._modes[follow] = None
        return self._modes[follow]

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Whether there is such a file."""
        return self._mode(follow_symlinks) is not None

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self._mode(follow_symlinks) or 0)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self._mode(follow_symlinks) or 0)

    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self._mode(False) or 0)

    def __repr__(self) -> str:
        return f"<{self._path!r}.info>"
