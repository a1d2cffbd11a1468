"""Recovery: finishing or undoing the commits that were interrupted, each for itself.

Between the interruption and the recovery anything may have happened to the files. So a step is
done, or taken back, only while what it takes away still looks as it did when the commit had been
prepared (see looks.py); where it doesn't, nothing is destroyed: all that can be is taken back, both
versions stay, and the outcome says which and where.
"""

from __future__ import annotations

import fcntl
import stat

from ostler.machine import host
from ostler.machines import trust
from ostler.machines.rehearsal import journals, looks
from ostler.machines.rehearsal.journal_reader import Damaged, read
from ostler.machines.rehearsal.journals import clear, line_of, synced
from ostler.machines.rehearsal.namesakes import Namesakes
from ostler.machines.rehearsal.places import HeldTree
from ostler.machines.rehearsal.steps import Meta, give_metadata
from ostler.machines.rehearsal.work import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import FileIO
    from typing import Any, SupportsIndex

    from ostler.machines.rehearsal.journal_reader import Written
    from ostler.machines.rehearsal.journals import Stashes
    from ostler.machines.rehearsal.steps import Metadata

    _Sides = dict[str, Any]  # what metadata an object may have, by kind

NAMES = b"names"  # in a stash that was left: which of its numbers was to become which path
_GRAINS = (1, 100, 10**3, 10**6, 10**9, 2 * 10**9)  # nanoseconds in which file systems keep times


class Outcome(tuple[str | None, ...]):
    """What became of an interrupted commit: (base, outcome), or (base, "left", kept, reason).

    - `base`: of the rehearsal, a str; None where the journal does not tell
    - `outcome`: "finished", "undone" or "left"
    - `kept`: where everything is kept that was left: a directory, or the journal itself
    - `reason`: why it was left
    """

    __slots__ = ()

    def __new__(
        cls, base: str | None, outcome: str, kept: str | None = None, reason: str | None = None
    ) -> Outcome:
        end = () if outcome != "left" else (kept, reason)
        return tuple.__new__(cls, (base, outcome, *end))

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    @property
    def base(self) -> str | None:
        return self[0]

    @property
    def outcome(self) -> str:
        return str(self[1])

    @property
    def kept(self) -> str | None:
        return self[2] if len(self) > 2 else None

    @property
    def reason(self) -> str | None:
        return self[3] if len(self) > 3 else None


class Left(Exception):
    """A commit can neither be finished nor undone now."""

    def __init__(self, reason: str, kept: str | None = None) -> None:
        super().__init__(reason)
        self.kept = kept


class Changed(OSError):
    """Something is not as the commit left it: somebody has worked on it since."""


def recover() -> list[Outcome]:
    """Finish or undo the commits of this user that were interrupted: a list of Outcome.

    A commit that is under way is left alone. What others could have made is not touched.
    """
    outcomes, seen = [], set()
    for place in journals.places():
        try:
            directory = journals.opened(place)
        except trust.Refused as error:
            if error.there:
                outcomes.append(Outcome(None, "left", place.path, error.reason))
            continue
        except OSError:
            continue
        try:
            status = host.fstat(directory)
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                outcomes += _recovered_in(directory, place.path)
        finally:
            host.close(directory)
    return outcomes


def _recovered_in(directory: int, path: str) -> list[Outcome]:
    outcomes: list[Outcome] = []
    try:
        if not _journals(directory):
            return []
        with journals.locked(directory, path):
            _recover_all(directory, path, outcomes)
    except OSError as error:
        outcomes.append(Outcome(None, "left", path, _said(error)))
    return outcomes


def _recover_all(directory: int, path: str, outcomes: list[Outcome]) -> None:
    for name in _journals(directory):
        outcome = _recovered(directory, name, host.path.join(path, name))
        if outcome is not None:
            outcomes.append(outcome)


def _journals(directory: int) -> list[str]:
    return sorted(filter(journals.is_journal, host.listdir(directory)))


def _said(error: Exception) -> str:
    if isinstance(error, (trust.Refused, Changed)):
        return str(error.reason if isinstance(error, trust.Refused) else error.strerror)
    return str(error) or type(error).__name__


def _recovered(directory: int, name: str, path: str) -> Outcome | None:
    """The Outcome of one journal, whatever is the matter with it; None when it is in use."""
    try:
        fd = trust.own_file(host.fsencode(name), directory, path, host.O_RDWR)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Outcome(None, "left", path, _said(error))
    with open(fd, "r+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        base = None
        try:
            written = read(file)
            outcome = None
            if written is not None:
                if "cleared" in written.notes:
                    return None  # who takes up what is kept needs it, see committing.py
                base = host.fsdecode(written.base)
                recovery = _Recovery(written, file)
                outcome = Outcome(base, recovery.settle())
                if recovery.is_waited_for():
                    return outcome
            host.unlink(name, dir_fd=directory)
            return outcome
        except Damaged as error:
            base = host.fsdecode(error.base) if error.base else None
            return Outcome(base, "left", path, f"the journal is damaged: {error}")
        except Left as error:
            return Outcome(base, "left", error.kept or path, str(error))
        except Exception as error:  # another journal must have its turn, whatever this one has
            return Outcome(base, "left", path, _said(error))


class _Recovery:
    """One commit, and what can be done about it."""

    def __init__(self, written: Written, file: FileIO) -> None:
        self.written = written
        self.file = file
        self.notes = set(written.notes)
        self.there = 0  # how many stashes are
        self.gone = False  # whether one is not
        self._namesakes: Namesakes | None = None
        self._allowed: dict[tuple[int, int], _Sides] = {}

    def settle(self) -> str:
        """Finish the commit or take it back: "finished" or "undone"; Left where neither is so."""
        written = self.written
        with Work(written.tops, written.steps, written.times) as work:
            self.work = work
            self._open_tops()
            self._find_stashes()
            if "go" not in self.notes:
                self._clear(False)
                return "undone"
            if self.notes & {"back", "undone", "kept"}:
                return self._undone()
            if "done" in self.notes:
                self._clear(True)
                return "finished"
            return self._settled()

    def is_waited_for(self) -> bool:
        """Whether a kept rehearsal has to know what became of the commit; it is written down."""
        if "waits" not in self.notes or not self.notes & {"done", "undone"}:
            return False
        self._note("cleared")
        return True

    def _settled(self) -> str:
        if self.gone:
            raise Left(f"{self._stash()} is gone, with all that the commit had there")
        try:
            self._finish()
        except OSError as error:
            # From now on there is only the way back; "kept" is known however that ends.
            keeps = isinstance(error, Changed) and self.written.stashes
            self._note("kept" if keeps else "back")
            return self._undone(error)
        self._check_replaced()
        synced(self.work, self._stashes())
        self._note("done")
        self._clear(True)
        return "finished"

    def _undone(self, error: OSError | None = None) -> str:
        """Take everything back; with what somebody has changed, both versions are kept."""
        if "undone" not in self.notes:
            if "kept" in self.notes and self.gone and not self.there:
                return "undone"
            if self.gone:
                raise Left(f"{self._stash()} is gone, with all that the commit had there")
            problems = self._take_back()
            synced(self.work, self._stashes())
            if "kept" in self.notes or problems:
                self._write_names()
                if isinstance(error, Changed):
                    problems.insert(0, error)
                reasons = list(dict.fromkeys(map(_said, problems)))  # each once
                raise Left("; ".join(reasons[:3]) or _KEPT, self._stash())
            self._note("undone")
        self._clear(False)
        return "undone"

    # The directories

    def _open_tops(self) -> None:
        for number, top in enumerate(self.written.tops):
            try:
                self.work._places[number] = HeldTree(trust.plain_directory(top))
            except OSError as error:
                where = host.fsdecode(top)
                reason = "is not there" if isinstance(error, FileNotFoundError) else error.strerror
                raise Left(f"its directory {where} can't be had: {reason}") from None

    def _find_stashes(self) -> None:
        for top, path in self.written.stashes:
            try:
                status = self.work.place(top).status(path)
            except PermissionError:
                raise Left(f"{self._shown(top, path)} can't be reached") from None
            if status is None:
                continue
            if not stat.S_ISDIR(status.st_mode):
                raise Left(f"{self._shown(top, path)} is no directory")
            trust.check_directory(status, self._shown(top, path))
            self.there += 1
        self.gone = self.there < len(self.written.stashes)

    def _stashes(self) -> Stashes:
        return [(top, path.decode("latin-1")) for top, path in self.written.stashes]

    def _stash(self) -> str | None:
        for top, path in self.written.stashes:
            return self._shown(top, path)
        return None

    def _shown(self, top: int, path: bytes) -> str:
        return host.fsdecode(self.written.tops[top].rstrip(b"/") + b"/" + path)

    def is_slot(self, top: int, path: bytes) -> bool:
        """Whether a path is that of a name in a stash."""
        return (top, path.rpartition(b"/")[0]) in self.written.stashes

    def _note(self, kind: str) -> None:
        self.file.seek(0, host.SEEK_END)
        self.file.write(line_of([kind]))
        host.fsync(self.file.fileno())
        self.notes.add(kind)

    def _clear(self, finished: bool) -> None:
        clear(self.work, self._stashes(), finished)

    def _write_names(self) -> None:
        """In each stash a list of what its numbers were to become."""
        for top, stash in self.written.stashes:
            lines = []
            for step, (_, comes) in zip(self.written.steps, self.written.looks, strict=True):
                if step.brings is not None and comes is not None and step.top == top:
                    above, _, name = step.brings.rpartition(b"/")
                    if above == stash:
                        lines.append(name + b"\t" + step.to)
            place = self.work.place(top)
            flags = host.O_WRONLY | host.O_CREAT | host.O_TRUNC | host.O_NOFOLLOW | host.O_CLOEXEC
            fd = host.open(NAMES, flags, 0o600, dir_fd=place.directory(stash))
            with open(fd, "wb") as file:
                file.write(b"\n".join([*lines, b""]))

    # Finishing

    def _finish(self) -> None:
        namesakes = self._namesakes = self._find_namesakes()
        done = self._last_done(namesakes)
        for number, step in enumerate(self.written.steps):
            if number not in namesakes.done:
                step.do_again(self, number <= done, self.written.looks[number])
                namesakes.done.add(number)
        self.work.set_times(True)

    def _last_done(self, namesakes: Namesakes) -> int:
        """The number of the last step that was plainly done: those before it were, too."""
        steps = self.written.steps
        for number in range(len(steps) - 1, -1, -1):
            step = steps[number]
            if number in namesakes:
                if number in namesakes.done:
                    return number
            elif step.brings is not None and self.work.is_at(step.top, step.to, step.inode):
                return number
        return -1

    def _find_namesakes(self) -> Namesakes:
        return Namesakes(self.work, self.written.steps, self.is_slot)

    def give(self, step: Meta, wanted: Metadata) -> None:
        """Give the object of a step metadata, unless somebody has given it other ones."""
        top, path, inode = step.top, step.path, step.inode
        if self.work.is_at(top, path, inode):
            if not self._is_ours(top, path, inode):
                raise self.changed(top, path)
            give_metadata(self.work.place(top), path, wanted, inode)

    def see(self, top: int, path: bytes, look: str | None) -> None:
        """Changed when what is at a path does not look so any more."""
        if look is not None and not looks.fits(self.work.place(top), path, look):
            raise self.changed(top, path)

    def changed(self, top: int, path: bytes) -> Changed:
        """The Changed that says what was."""
        shown = self._shown(top, path)
        return Changed(0, f"{shown} was changed after the commit was interrupted", shown)

    def _is_ours(self, top: int, path: bytes, inode: int) -> bool:
        """Whether an object has only such metadata as the commit found, or gives."""
        place = self.work.place(top)
        status = place.there(path)
        known = self._metadata_of(top, inode)
        mode = stat.S_IMODE(status.st_mode)
        xattrs = place.xattrs(path, "\0")
        acl = any(name.startswith("system.posix_acl") for name in xattrs)
        if known["mode"] and not acl and mode & 0o1777 not in known["mode"]:
            return False
        if known["owner"] and (status.st_uid, status.st_gid) not in known["owner"]:
            return False
        if known["times"] and not stat.S_ISDIR(status.st_mode):
            now = status.st_mtime_ns
            if not any(now == time - time % grain for time in known["times"] for grain in _GRAINS):
                return False
        if not known["xattrs"]:
            return True
        names = {name for found in known["xattrs"] for name in found} | set(xattrs)
        return all(
            any(_text(xattrs.get(name)) == found.get(name) for found in known["xattrs"])
            for name in names
            if not name.startswith(("security.", "system.", "trusted.overlay.", "user.overlay."))
        )

    def _metadata_of(self, top: int, inode: int) -> _Sides:
        if not self._allowed:
            for step in self.written.steps:
                if isinstance(step, Meta):
                    self._allow(step)
        return self._allowed[top, inode]

    def _allow(self, step: Meta) -> None:
        known = self._allowed.setdefault(
            (step.top, step.inode), {"mode": set(), "owner": set(), "times": set(), "xattrs": []}
        )
        for side in (step.old, step.new):
            if "mode" in side:
                known["mode"].add(side["mode"] & 0o1777)
            if "owner" in side:
                known["owner"].add(tuple(side["owner"]))
            if "times" in side:
                known["times"].add(side["times"][1])
            if "xattrs" in side:
                known["xattrs"].append(side["xattrs"])

    def _check_replaced(self) -> None:
        """Left when what was replaced has been written to since, by who had it open."""
        for top, slot, path in looks.changed_since(self.work, self.written.looks):
            raise Left(
                f"{self._shown(top, slot)}, which was {self._shown(top, path)}, was changed "
                "after the commit replaced it",
                self._stash(),
            )

    # Taking back

    def _take_back(self) -> list[OSError]:
        """Take back all steps, the last first; what could not be: a list of OSError."""
        problems = []
        namesakes = self._namesakes or self._find_namesakes()
        for number in range(len(self.written.steps) - 1, -1, -1):
            step = self.written.steps[number]
            if number in namesakes and number not in namesakes.done:
                continue
            try:
                step.undo_again(self, self.written.looks[number])
            except OSError as error:
                problems.append(error)
        self.work.set_times(False)
        return problems[::-1]


_KEPT = "all was taken back; what the commit was to bring is kept, until that directory is removed"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
