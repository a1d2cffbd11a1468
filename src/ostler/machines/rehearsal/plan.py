"""Plans: the steps that bring the chosen changes of one overlay into the base."""

import errno
import itertools
import stat

from ostler.core.held import held
from ostler.machine import host
from ostler.machines.rehearsal.journals import FEW
from ostler.machines.rehearsal.looks import of_steps
from ostler.machines.rehearsal.packed import Rows
from ostler.machines.rehearsal.stage import Making
from ostler.machines.rehearsal.steps import Lost, Meta, Move, StepRows, Swap, metadata

_INODE = (1 << 48) - 1  # of a number that an overlay shows; above it may say which layer


class Plan(Making):
    """What a commit does in one overlay's directory.

    `steps` and `times` are as in steps.py; `old` has for each step (inode, ctime) of the file
    that it replaces, or None; `looks` what a recovery needs to know of what the step takes away
    and of what it puts there: [look, look] as looks.py has them, or None. `old` are paths in the
    base, or None, until all is prepared.
    """

    def __init__(self, machine, walk, number):
        self.walk = walk
        self.number = number
        self.steps = StepRows()
        self.old = []
        self.looks = Rows()
        self.times = []
        self._started = machine._started
        self._mine = dict(machine._own)
        self.chosen = []
        self.few = True  # so few that each is synced by itself
        self._stashes = {}  # device: path
        self._slots = 0
        self._links = {}  # inode in the upper layer: a path that has it already
        self._homes_of = {}  # the same: the inode in the base that stays
        self._below = {}  # directory: the chosen changes in it
        self._moved = {}  # path in the base: path after all steps, of the chosen that are renamed
        self._gone = set()  # paths in the base of the chosen that are removed
        self._touched = {}  # directory after all steps: before them, or None
        self._staged = {}  # new directory: its inode
        self._ends = []  # steps for the end, which may take rights away
        self._unlocked = set()
        self._theirs = set()
        self._covered = {}  # path in the base: lstat, of what something renamed replaces
        self._other_names = []
        self._several = {}  # inode in the base: (size, time), of what has other names
        self._others = set()  # inodes of directories that somebody else has changed
        self._anchors = set()  # inodes of the base that get new names
        self._homes = []  # the directories in which the stashes are, if nobody has changed them

    def choose(self, chosen):
        """Take these changes (a set of their ids; None: all), as far as they are this overlay's."""
        found = self.walk.found
        self.chosen = found if chosen is None else [c for c in found if id(c) in chosen]
        self.few = len(self.chosen) <= FEW
        self._all = len(self.chosen) == len(self.walk.found)
        for change in self.chosen:
            above = change._found.path.rpartition(b"/")[0]
            if change.kind == "renamed":
                self._moved[change._found.lower] = change._found.path
            elif change.kind in ("removed", "retyped"):
                self._gone.add(change._found.lower)
            if change._found.path:
                self._below.setdefault(above, []).append(change)

    def forget(self):
        """Give back the descriptors that can be had again, where there may be no more."""
        for place in (self.walk.lower, self.walk.upper, self.walk._merged):
            if place is not None:
                place.forget()

    # Whether the base is as it was

    def conflicts(self):
        """(path in the base, path now) of what somebody else has changed since the beginning."""
        for change in self.chosen:
            found = change._found
            if change.kind == "renamed" and self._is_covered_anew(found):
                yield self.walk.real(found.at), change.path
            elif self._in_conflict(change):
                base = found.lower
                if change.before is None:
                    base = self._origin(found) or found.at  # moved away by somebody else, or made
                yield self.walk.real(base), change.path

    def _is_covered_anew(self, found):
        # Whether what stands at the name that something takes is changed, or new.
        covered = self.walk.lower.status(found.at) if self._is_covering(found) else None
        return covered is not None and self._changed(covered)

    def _in_conflict(self, change):
        found, lower = change._found, self.walk.lower
        if change.before is None:
            return found.at is not None and self._made_twice(change)
        status = lower.status(found.lower)
        if status is None:
            return True
        if not self._changed(status):
            return False
        if stat.S_ISDIR(status.st_mode) and change.kind in ("renamed", "metadata"):
            # What was put into it or taken out does not concern us.
            return status.st_ctime_ns != status.st_mtime_ns
        return True

    def _is_covering(self, found):
        # Whether the name that something takes is one of the base's that isn't vacated before.
        return found.at is not None and found.at not in self.walk.moved

    def _made_twice(self, change):
        found, walk = change._found, self.walk
        if found.stale:
            return True
        if found.at not in walk.moved and walk.lower.status(found.at) is not None:
            return True
        if not stat.S_ISREG(found.status.st_mode):
            return False
        above = walk.lower.status(found.at.rpartition(b"/")[0])
        if above is None:
            return True
        if not self._changed(above) or walk.mark(found.path, found.status, "origin") is None:
            return False
        # A copy of a file of the base: was that removed here, or by somebody else?
        try:
            shown = walk.merged.status(found.path)
        except OSError as error:
            if error.errno != errno.EIO or not self._is_without_data(found):
                raise
            return True
        return shown is None or not any(
            other.kind == "removed" and (self._status(other).st_ino ^ shown.st_ino) & _INODE == 0
            for other in walk.found
            if other._found.status is None and self._status(other) is not None
        )

    def _is_without_data(self, found):
        # Whether a file's data are the base's, which has them no longer: the kernel says EIO then.
        origin = self._origin(found)
        return origin is not None and self.walk.lower.status(origin) is None

    def _origin(self, found):
        above = (found.at or found.path).rpartition(b"/")[0]
        return self.walk.origin(found.path, found.status, above)

    def _status(self, change):
        return self.walk.lower.status(change._found.lower)

    def _old(self, change):
        return self._there(change._found.lower)

    def _there(self, path):
        # lstat of what the base has had.
        status = self.walk.lower.status(path)
        if status is None:
            raise Lost(errno.ESTALE, "changed while it was committed", self.walk.real(path))
        return status

    def _changed(self, status):
        return (
            status.st_ctime_ns >= self._started
            and self._mine.get(status.st_ino) != status.st_ctime_ns
        )

    def touched_paths(self):
        """The paths in the host (bytes) of what is moved or replaced."""
        top = self.walk.top.rstrip(b"/")
        for change in self.chosen:
            if change.kind not in ("metadata", "created"):
                yield top + b"/" + change._found.path
            if change.kind == "renamed":
                yield top + b"/" + change._found.lower

    # Stashes

    def stashes(self):
        """[(number of the top, path as text)] of the stashes that are needed; makes none yet."""
        token = b".ostler-commit-" + host.urandom(8).hex().encode()
        for path in (p for c in self.chosen for p in (c._found.at, c._found.lower) if p):
            above = path.rpartition(b"/")[0]
            status = self.walk.lower.status(above)
            if status is not None and status.st_dev not in self._stashes:
                place = self._highest(above, status.st_dev)
                self._stashes[status.st_dev] = place + b"/" + token if place else token
        return [(self.number, path.decode("latin-1")) for path in self._stashes.values()]

    def _highest(self, path, device):
        # The highest directory in the same file system in which we may make one.
        ways = [path]
        while path:
            path = path.rpartition(b"/")[0]
            ways.append(path)
        for way in reversed(ways):
            if self._there(way).st_dev == device and host.access(
                self.walk.lower.name(way), host.W_OK | host.X_OK
            ):
                return way
        return ways[0]

    def _slot(self, at):
        above = self.walk.lower.status(at.rpartition(b"/")[0]) if at is not None else None
        if above is None:
            stash = next(iter(self._stashes.values()))
        else:
            stash = self._stashes[above.st_dev]
        self._slots += 1
        return stash + b"/%d" % self._slots

    # Preparing

    def stage(self, work):
        """Make the stashes and every new object in them, and the list of steps."""
        self.place = work.place(self.number)
        before = {}
        for stash in self._stashes.values():
            above, name = self.place.parent(stash)
            path = stash.rpartition(b"/")[0]
            status = self.place.status(path)
            before[path] = status
            old = [status.st_atime_ns, status.st_mtime_ns]
            self.times.append((self.number, path, path, status.st_ino, old, None))
            host.mkdir(name, 0o700, dir_fd=above)
            now = self.place.status(path)
            if self._changed(status):
                self._theirs.add(path)
            else:
                self._mine[now.st_ino] = now.st_ctime_ns
                self._homes.append(path)
        self._can_exchange = all(self._tried_exchange(s) for s in self._stashes.values())
        self._find_anchors()
        self._find_other_names()
        self._take_out_renamed()
        self._go_through()
        for _, step, old in sorted(self._ends, key=_deepest_first):
            self.steps.append(step)
            self.old.append(old)
        self._touch_passed()
        self._note_times(before)
        seen = set(self._anchors)  # their new names are moved
        paths = self.old
        self.old = Rows(None if path is None else self._state(path, seen) for path in paths)
        stashes = tuple(self._stashes.values())
        self.looks = Rows(of_steps(self, paths, stashes, self._moved, self._anchors))

    def _tried_exchange(self, stash):
        above = self.place.directory(stash)
        for name in (b"a", b"b"):
            host.mkdir(name, 0o700, dir_fd=above)
        try:
            host.exchange(b"a", b"b", first_dir_fd=above, second_dir_fd=above)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS):
                raise
            return False
        finally:
            for name in (b"a", b"b"):
                host.rmdir(name, dir_fd=above)
        return True

    def _state(self, path, seen):
        # (inode, ctime) now that all is prepared; a step changes the ctime of a file's other names.
        status = self.walk.lower.status(path)
        if status is None or stat.S_ISDIR(status.st_mode):
            return None
        known = status.st_ino in seen
        if status.st_nlink > 1:
            seen.add(status.st_ino)
        return status.st_ino, None if known else status.st_ctime_ns

    def _find_anchors(self):
        """Which files of the base stay, so that new names can be links to them."""
        walk = self.walk
        stays = [found for found in walk.unchanged if found.lower is not None]
        stays += [
            c._found for c in self.chosen if c.kind == "renamed" and c._found.same and not c.parts
        ]
        stays += [c._found for c in self.chosen if c.kind == "metadata" and c.before.links == 1]
        for found in stays:
            status = found.status
            if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
                if self._links.setdefault(status.st_ino, found.lower) == found.lower:
                    self._homes_of[status.st_ino] = self._there(found.lower).st_ino
        for change in self.chosen:
            twin = change._found.twin
            if twin is not None:
                status = walk.lower.status(twin)
                if status is not None and not self._changed(status):
                    self._links.setdefault(change._found.status.st_ino, twin)

    def _is_elsewhere(self, change):
        # Whether a file that could stay is one name of another that does, in the rehearsal.
        inode = change._found.status.st_ino
        return inode in self._homes_of and self._homes_of[inode] != self._old(change).st_ino

    def _take_out_renamed(self):
        renamed = [change for change in self.chosen if change.kind == "renamed"]
        renamed.sort(key=lambda change: -change._found.lower.count(b"/"))
        self._waiting = {}
        for change in renamed:
            found = change._found
            status = self._old(change)
            slot = self._slot(found.lower)
            self._waiting[found.path] = slot
            above = found.lower.rpartition(b"/")[0]
            now = self._after(above)
            self._unlock(now, above, above)
            old = found.lower
            if stat.S_ISDIR(status.st_mode):
                old = None
                if host.geteuid() != 0:
                    self._open_up(found.lower, status, found.path)
            self._step(Move, found.lower, slot, status.st_ino, old=old)
            self._touch(now, above)

    def _after(self, before):
        # Where a directory of the base is after all steps; None when it is gone.
        names = []
        while before and before not in self._moved:
            if before in self._gone:
                return None
            before, _, name = before.rpartition(b"/")
            names.append(name)
        names.append(self._moved.get(before, b""))
        return b"/".join(reversed(names)).lstrip(b"/")

    def _go_through(self):
        owners = []  # (directory on the way that was dealt with as a whole, how), outermost first
        for change in self.chosen:
            found = change._found
            while owners and not found.path.startswith(owners[-1][0] + b"/"):
                owners.pop()
            owner = owners[-1][1] if owners else None
            if owner == "gone" or found.whole:
                continue
            if owner == "staged" and change.kind != "renamed":
                continue
            if found.path:
                above = found.path.rpartition(b"/")[0]
                before = None if found.at is None else found.at.rpartition(b"/")[0]
                if change.kind != "metadata":
                    self._touch(above, before)
                    self._unlock(above, before, above)
            how = getattr(self, "_" + change.kind)(change, found)
            if how is not None:
                owners.append((found.path, how))

    def _created(self, change, found):
        slot = self._slot(found.at)
        inode = self._make(change, slot)
        self._step(Move, slot, found.path, inode)
        if change.after.type == "directory":
            return "staged"
        return None

    def _removed(self, change, found):
        status = self._old(change)
        self._unlock_itself(found, status)
        self._step(Move, found.path, self._slot(found.at), status.st_ino, old=found.lower)
        return "gone"

    def _retyped(self, change, found):
        self._unlock_itself(found, self._old(change))
        self._replace(change, found)
        if change.after.type != "directory":
            return "gone"
        self._touch(found.path, None)  # XFS gives a directory that is exchanged another time
        return "staged"

    def _modified(self, change, found):
        self._replace(change, found)

    def _metadata(self, change, found):
        several = change.before.links > 1 and change.before.type != "directory"
        if several or self._is_elsewhere(change):
            # The copy that has the new metadata is a file of its own, here as in the rehearsal.
            self._touch(found.path.rpartition(b"/")[0], found.at.rpartition(b"/")[0])
            self._replace(change, found)
            return
        status = self._old(change)
        two = self._two(change, found)
        if change.after.type != "directory":
            self._step(Meta, found.path, status.st_ino, *two, old=found.lower)
        else:
            step = Meta(self.number, found.path, status.st_ino, *two)
            self._ends.append((found.path, step, None))

    def _renamed(self, change, found):
        if self._is_covering(found):
            covered = self.walk.lower.status(found.at)
            if covered is not None:
                self._covered[found.at] = covered
                slot = self._slot(found.at)
                self._step(Move, found.path, slot, covered.st_ino, old=found.at)
        if not found.same or change.parts or self._is_elsewhere(change):
            # The old file stays in the stash.
            slot = self._slot(found.at)
            self._step(Move, slot, found.path, self._make(change, slot))
            return None
        status = self._old(change)
        self._step(Move, self._waiting[found.path], found.path, status.st_ino)
        if change.after.type != "directory":
            if not change.before.has_metadata(change.after):
                self._step(Meta, found.path, status.st_ino, *self._two(change, found))
            return None
        if not change.before.has_metadata(change.after, False):
            step = Meta(self.number, found.path, status.st_ino, *self._two(change, found))
            self._ends.append((found.path, step, None))
        if change.before.times[1] != change.after.times[1]:
            self._touch(found.path, found.lower)
        return "renamed"

    def _replace(self, change, found):
        slot = self._slot(found.at)
        inode = self._make(change, slot)
        old, status = found.lower, self._old(change)
        if self._can_exchange:
            self._step(Swap, slot, found.path, inode, old=old)
        else:
            self._step(Move, found.path, self._slot(found.at), status.st_ino, old=old)
            self._step(Move, slot, found.path, inode)

    def _two(self, change, found):
        # Metadata before and after.
        walk = self.walk
        return (
            metadata(self._old(change), walk.lower.xattrs(found.lower, walk.marks)),
            metadata(found.status, change.after.xattrs),
        )

    def _step(self, kind, *rest, old=None):
        self.steps.append(kind(self.number, *rest))
        self.old.append(old)

    # Directories on the way

    def _touch(self, after, before):
        if after is not None:
            self._touched[after] = before
        elif before is not None:
            self._touched[b"\0" + before] = before

    def _touch_passed(self):
        # Directories whose names are what they were, but have been touched.
        if self._all:
            for found in self.walk.unchanged:
                if stat.S_ISDIR(found.status.st_mode):
                    self._touched.setdefault(found.path, found.lower)

    def _note_times(self, stashed):
        """The times of the directories in which names change."""
        times = []
        by_path = {**self._touched}
        for path in stashed:
            if path not in by_path.values():
                by_path[b"\0" + path] = path
        for after, before in by_path.items():
            gone = after.startswith(b"\0")
            old = new = None
            if before is not None:
                status = stashed.get(before) or self._there(before)
                inode = status.st_ino
                old = [status.st_atime_ns, status.st_mtime_ns]
                if gone and before in stashed:
                    after, new = before, old
            else:
                inode = self._staged[after]
            ours = before is None or (
                before not in self._theirs if before in stashed else not self._changed(status)
            )
            if ours and not gone:
                now = self.walk.upper.status(after)
                if now is not None and stat.S_ISDIR(now.st_mode):
                    new = [now.st_atime_ns, now.st_mtime_ns]
            if not ours:
                self._others.add(inode)
            times.append((self.number, after, before or b"", inode, old, new))
        self.times = times

    def _unlock(self, after, before, now):
        """Where it takes a right that a directory's owner does not have: give it for a while.

        `after`, `before`: its path after all steps and before them; `now`: at this step.
        """
        if before is None or before in self._unlocked or host.geteuid() == 0:
            return
        self._unlocked.add(before)
        self._open_up(now, self._there(before), after)

    def _unlock_itself(self, found, status):
        # A directory goes to another one only when it can be written to.
        if stat.S_ISDIR(status.st_mode) and host.geteuid() != 0:
            self._open_up(found.path, status)

    def _open_up(self, path, status, after=None):
        mode = stat.S_IMODE(status.st_mode)
        if mode & 0o300 == 0o300 or status.st_uid != host.geteuid():
            return
        old, new = {"mode": mode}, {"mode": mode | 0o700}
        self._step(Meta, path, status.st_ino, old, new)
        if after is not None:
            step = Meta(self.number, after, status.st_ino, new, old)
            self._ends.insert(0, (after, step, None))  # before a mode that it is to have

    def own(self):
        """{inode: ctime} of what stands in the base by our doing, once all is done."""
        found = dict(self._mine)
        paths = {path.lstrip(b"\0") for path in self._touched}
        paths.update(change._found.path.rpartition(b"/")[0] for change in self.chosen)
        for lower in self._other_names:
            above, _, name = lower.rpartition(b"/")
            above = self._after(above)
            if above is not None:
                paths.add(above + b"/" + name if above else name)
        for path in itertools.chain((c._found.path for c in self.chosen), paths):
            try:
                status = self.place.status(path)
            except PermissionError:  # the commit has given a directory on the way such a mode
                continue
            if status is not None:
                found[status.st_ino] = status.st_ctime_ns
        found.update(self.homes())
        return found

    def own_again(self):
        """As `own`, of what stands there again after all was taken back."""
        found = self.homes()
        lower = self.walk.lower
        known = (
            (change._found.lower, change.before.size, change.before.times[1])
            for change in self.chosen
            if change.before is not None
        )
        covered = ((path, was.st_size, was.st_mtime_ns) for path, was in self._covered.items())
        for path, *look in itertools.chain(known, covered):
            status = lower.status(path)
            if status is not None and [status.st_size, status.st_mtime_ns] == look:
                found[status.st_ino] = status.st_ctime_ns
        for path in self._touched.values():
            status = lower.status(path) if path is not None else None
            if status is not None and status.st_ino not in self._others:
                found[status.st_ino] = status.st_ctime_ns
        return found

    def _find_other_names(self):
        # Names that are not chosen, of files that are changed through a chosen one.
        for change in self.chosen:
            if change.before is not None and change.before.links > 1:
                status = self._old(change)
                if not stat.S_ISDIR(status.st_mode):
                    self._several[status.st_ino] = status.st_size, status.st_mtime_ns
        inodes = set(self._several)
        chosen = {id(change) for change in self.chosen} if inodes else ()
        for change in self.walk.found if inodes else ():
            if id(change) not in chosen and change.before is not None and change.before.links > 1:
                status = self._status(change)
                if status is not None and status.st_ino in inodes and not self._changed(status):
                    self._other_names.append(change._found.lower)
        for lower, status in self.walk.names_of(inodes) if inodes else ():
            if not self._changed(status):
                self._other_names.append(lower)

    def part(self):
        """Remove from the stashes the old names of files that go on under others.

        That changes the files' change times, which are no work of anybody else's.
        """
        for step in self.steps if self._several else ():
            old = step.keeps
            if old is None or not old.startswith(tuple(self._stashes.values())):
                continue
            status = self.place.status(old)
            if status is None or self._several.get(status.st_ino) != (
                status.st_size, status.st_mtime_ns,
            ):  # fmt: skip
                continue
            above, name = self.place.parent(old)
            with held(host.open, name, host.O_PATH | host.O_NOFOLLOW, dir_fd=above) as fd:
                host.unlink(name, dir_fd=above)
                self._mine[status.st_ino] = host.fstat(fd).st_ctime_ns

    def homes(self):
        """As `own`, of the directories that held the stashes and nobody else has changed."""
        found = {}
        for path in self._homes:
            status = self.place.status(path)
            found[status.st_ino] = status.st_ctime_ns
        return found


def _deepest_first(end):
    return -end[0].count(b"/")
