"""Namesakes: which of a commit's steps were done that move names of one file.

Of all other steps the place tells where they bring something: what is there has the inode number or
it has not. But where another name of the same file stood, it has that before, too. Then it tells
whether that one was taken away.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ostler.machines.rehearsal.steps import Step
    from ostler.machines.rehearsal.work import Work

    _Place = tuple[int, bytes]  # the number of a top directory, and a path below that


class Namesakes:
    """The steps about files of which several names are taken away, and which of them were done.

    `is_slot(top, path)`: whether that is a name in a stash, in which nothing else is ever put.
    """

    def __init__(
        self, work: Work, steps: Iterable[Step], is_slot: Callable[[int, bytes], bool]
    ) -> None:
        self._work = work
        self._is_slot = is_slot
        self._steps = _of_those(steps, is_slot)
        self._takes: dict[_Place, int] = {}  # what was there: the step that takes it away
        self._leads: dict[_Place, int] = {}  # a slot: the step that takes it from there
        for number, step in self._steps.items():
            assert step.brings is not None
            place = step.top, step.brings
            (self._leads if is_slot(*place) else self._takes)[place] = number
        self.done = {number for number in self._steps if self._is_done(number)}

    def __contains__(self, number: int) -> bool:
        """Whether this step is one of them."""
        return number in self._steps

    def _is_done(self, number: int) -> bool:
        work, asked = self._work, set[int]()
        while number not in asked:
            asked.add(number)
            step = self._steps[number]
            is_there = work.is_at(step.top, step.to, step.inode)
            if self._is_slot(step.top, step.to):
                if is_there:
                    return True
                other = self._leads.get((step.top, step.to))  # after which it is there no more
                if other is None:
                    return False
            else:
                assert step.brings is not None
                if not is_there or work.is_at(step.top, step.brings, step.inode):
                    return False
                other = self._takes.get((step.top, step.to))  # before which another one was there
                if other is None:
                    return True
            number = other
        return False


def _of_those(steps: Iterable[Step], is_slot: Callable[[int, bytes], bool]) -> dict[int, Step]:
    once: set[int] = set()
    several: set[int] = set()
    for step in steps:
        if step.kind == "move" and is_slot(step.top, step.to):
            (several if step.inode in once else once).add(step.inode)
    if not several:
        return {}
    return {
        number: step
        for number, step in enumerate(steps)
        if step.kind == "move" and step.inode in several
    }
