"""Others: other rehearsals, which are kept where a commit would change something.

A directory in which one is kept looks as any other to who sweeps, and so does it to a commit. With
it would go work that somebody wants to take up, or that a command is at just now.
"""

from __future__ import annotations

import errno
import stat

from ostler.machine import host
from ostler.machines.rehearsal.state_files import STATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostler.machines.rehearsal.changes import Change
    from ostler.machines.rehearsal.walk import Walk

_NAME = STATE.encode()


def check(walk: Walk, changes: Iterable[Change]) -> None:
    """OSError (EBUSY), with the directory, where another rehearsal is kept in one and would suffer.

    What lies in a directory that is renamed goes with it, and can be taken up there.
    """
    known: dict[bytes, bytes | None] = {b"": None}
    for change in changes:
        if change.kind in ("created", "metadata"):
            continue
        found = change._found
        for path in {path for path in (found.at, found.lower) if path}:
            kept = _kept_at_or_above(walk, path, known)
            if kept is not None:
                problem = "another rehearsal is kept in it, which the commit would remove or change"
                raise OSError(errno.EBUSY, problem, walk.real(kept))


def _kept_at_or_above(walk: Walk, path: bytes, known: dict[bytes, bytes | None]) -> bytes | None:
    # `known`: of the directories that were looked at, the one at or above in which one is kept.
    passed = []
    while path not in known:
        passed.append(path)
        path = path.rpartition(b"/")[0]
    kept = known[path]
    for place in reversed(passed):
        if kept is None and _is_kept(walk, place):
            kept = place
        known[place] = kept
    return kept


def _is_kept(walk: Walk, path: bytes) -> bool:
    """Whether a rehearsal of this user's, or of root's, is kept in a directory of the base."""
    try:
        status = walk.lower.status(path + b"/" + _NAME)
    except OSError:  # no directory, or one of another user's
        return False
    return (
        status is not None
        and stat.S_ISREG(status.st_mode)
        and not status.st_mode & 0o077
        and status.st_uid in (0, host.geteuid())
    )
