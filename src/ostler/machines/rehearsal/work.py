"""Work: the steps of a commit being done, or taken back, and the directories they are done in."""

from __future__ import annotations

import errno
import itertools

from ostler.core.held import held
from ostler.machine import host
from ostler.machines.rehearsal import looks
from ostler.machines.rehearsal.places import HeldTree
from ostler.machines.rehearsal.steps import Lost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import NoReturn, Self

    from ostler.machines.rehearsal.steps import Expected, Pair, Step, StepRows, Times

_SPARE = 8  # descriptors, with which steps can be taken back where there are no more


class Work:
    """A list of steps, and the places in which they are done.

    `times`: (top, path after all steps, path before them, inode, old, new) of the directories
    whose times are to be set at the end, (access, modification) each, None to leave them.
    `begun`: how many steps were begun by finish(), the last of which may be done or not.
    """

    def __init__(self, tops: list[bytes], steps: StepRows, times: Sequence[Times] = ()) -> None:
        self.tops = tops
        self.steps = steps
        self.times = times
        self.begun = 0
        self._next = 0
        self._places: dict[int, HeldTree] = {}
        # Descriptors to be given back where a process has no more of them.
        self._spare: list[held] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._give_spare()
        for place in self._places.values():
            place.close()
        self._places = {}

    def place(self, top: int) -> HeldTree:
        """The HeldTree of a top directory, by its number."""
        found = self._places.get(top)
        if found is None:
            fd = host.open(self.tops[top], host.O_PATH | host.O_DIRECTORY)
            found = self._places[top] = HeldTree(fd)
        return found

    def hold(self, top: int, fd: int) -> None:
        """Have a top directory from a descriptor, whatever its path leads to by now."""
        self._places[top] = HeldTree(host.dup(fd))

    def check_replaced(self, pairs: Iterable[Pair]) -> None:
        """Lost when somebody has worked on what was replaced, since it was looked at."""
        for top, _, path in looks.changed_since(self, pairs):
            self.lose(top, path)

    def finish(self, expected: Iterable[Expected]) -> None:
        """Do all steps, of which none was done yet; Lost when one can't be.

        `expected`: for each step (inode, ctime or None) of what it replaces, or None.
        """
        if self.steps:
            fd = self.place(self.steps[0].top).fd
            self._spare = [held(host.dup, fd) for _ in range(_SPARE)]
        # Modes come last, and can keep us out of what is below: its times are set before.
        last = len(self.steps) - _metas_first(reversed(self.steps))
        for number, (step, old) in enumerate(zip(self.steps, expected, strict=True), 1):
            if number == last + 1:
                self.set_times(True)
            self._next = number
            step.do(self, old)
        if last == len(self.steps):
            self.set_times(True)

    def begin(self) -> None:
        """From now on the step that is looked at may have been done."""
        self.begun = self._next

    def take_back(self) -> bool:
        """Take back all steps that were done, the last first; whether that was possible.

        May be called again where it was interrupted.
        """
        self._give_spare()
        for place in self._places.values():
            place.forget()
        complete = True
        doubtful = self.begun  # the number of the step that may not have been done
        sure = False  # whether this step was done, since a later one was
        first = min(_metas_first(self.steps), self.begun)  # what gave us rights that we had not
        for number in range(self.begun, 0, -1):
            if number == first:
                complete = self._set_times_again() and complete
            step = self.steps[number - 1]
            try:
                found = step.undo(self)
            except OSError:
                complete = False
                continue
            if found is None and (sure or number < doubtful):
                complete = False
            elif complete:
                self.begun = number - 1
            sure = sure or found is True
        if first == 0:
            complete = self._set_times_again() and complete
        return complete

    def _set_times_again(self) -> bool:
        try:
            self.set_times(False)
        except OSError:
            return False
        return True

    def _give_spare(self) -> None:
        self._spare = []

    def set_times(self, finished: bool) -> None:
        """Set the times of the directories, to those after all steps or those before them."""
        for top, after, before, inode, old, new in self.times:
            if finished and new is not None:
                self._set_times(top, after, inode, new)
            elif not finished and old is not None:
                self._set_times(top, before, inode, old)

    def _set_times(self, top: int, path: bytes, inode: int, times: Sequence[int]) -> None:
        place = self.place(top)
        status = place.status(path)
        if status is None or status.st_ino != inode:
            return
        access, modification = times
        if (status.st_atime_ns, status.st_mtime_ns) != (access, modification):
            above, name = place.parent(path)
            try:
                host.utime(name, ns=(access, modification), dir_fd=above, follow_symlinks=False)
            except PermissionError:
                pass  # a directory for all, such as /tmp: it has the time of the last step

    def is_at(self, top: int, path: bytes, inode: int) -> bool:
        """Whether this object is at this path."""
        try:
            status = self.place(top).status(path)
        except PermissionError:
            return False
        return status is not None and status.st_ino == inode

    def check_unchanged(self, top: int, path: bytes, expected: Expected) -> None:
        """Lost when what a step replaces is not what it was."""
        if expected is None:
            return
        status = self.place(top).status(path)
        inode, ctime = expected
        if status is None or status.st_ino != inode or ctime not in (None, status.st_ctime_ns):
            self.lose(top, path)

    def lose(self, top: int, path: bytes) -> NoReturn:
        """Raise the Lost that says what was changed."""
        shown = host.fsdecode(self.tops[top].rstrip(b"/") + b"/" + path)
        raise Lost(errno.ESTALE, "changed while it was committed", shown)

    def rename(self, top: int, source: bytes, target: bytes) -> None:
        """Rename; what is at the target already is not overwritten."""
        place = self.place(top)
        src_dir, src = place.parent(source)
        with held(host.dup, src_dir) as src_dir:
            dst_dir, dst = place.parent(target)
            try:
                host.rename_noreplace(src, dst, src_dir_fd=src_dir, dst_dir_fd=dst_dir)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOSYS):
                    raise
                if place.status(target) is not None:
                    raise FileExistsError(errno.EEXIST, "File exists", target) from None
                host.rename(src, dst, src_dir_fd=src_dir, dst_dir_fd=dst_dir)
        place.forget_below(source)
        place.forget_below(target)

    def exchange(self, top: int, one: bytes, two: bytes) -> None:
        """Exchange two names in one step."""
        place = self.place(top)
        one_dir, first = place.parent(one)
        with held(host.dup, one_dir) as one_dir:
            two_dir, second = place.parent(two)
            host.exchange(first, second, first_dir_fd=one_dir, second_dir_fd=two_dir)
        place.forget_below(one)
        place.forget_below(two)


def _metas_first(steps: Iterable[Step]) -> int:
    return len(list(itertools.takewhile(lambda step: step.kind == "meta", steps)))
