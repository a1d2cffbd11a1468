"""Files that their user works on between a commit that was killed and its recovery.

A generated table: where the commit was killed, times what was done to which object afterwards.
The user's work is found at its place, whatever recover() says; it says "left" only with the name of
what was changed, and the rest of the tree is as before the commit, or as after it.
"""

import json
import os
import random
import shutil

import pytest

import ostler
from ostler.machines.rehearsal import recovery  # noqa: F401
from tests.machines.rehearsing import by_steps, snapshot, text
from tests.machines.test_rehearsal_killed import killed_commit, litter, old_and_new
from tests.test_durable import run_and_kill

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

WORK = b"the work of an hour"
FILES = (
    "kept", "d/modified", "d/metadata", "becomes", "old name", "gone/below", "moves/inside",
    "new/deep/file", "new/kept too", "new/name", "new/moved/inside", "new/moved/more",
)  # fmt: skip
DIRECTORIES = ("", "d", "gone", "moves", "becomes", "new", "new/deep", "new/moved")
RENAMED = {"moves": "new/moved", "old name": "new/name"}


# What a user does to a path; and whether it is found at a path.


def append(path):
    with open(path, "ab") as file:
        file.write(WORK)


def rewrite(path):
    with open(path, "wb") as file:
        file.write(WORK)


def truncate(path):
    os.truncate(path, 0)


def replace(path):
    rewrite(path + ".new")
    os.rename(path + ".new", path)


def chmod(path):
    os.chmod(path, 0o640)


def remove(path):
    os.unlink(path)


def add(path):
    rewrite(path + "/added")


def has_work(path):
    with open(path, "rb") as file:
        return file.read().endswith(WORK)


def is_empty(path):
    return os.path.getsize(path) == 0


def has_mode(path):
    return os.stat(path).st_mode & 0o777 == 0o640


EDITS = {append: has_work, rewrite: has_work, truncate: is_empty, replace: has_work}
# What a file below a directory that goes away has for a mode goes with it.
KEEP_MODES = [path for path in FILES if "/" not in path or path.startswith("d/")]
CASES = [
    *((edit, path) for edit in EDITS for path in FILES),
    *((chmod, path) for path in KEEP_MODES),
    *((remove, path) for path in FILES),
    *((add, path) for path in DIRECTORIES),
]


def names(path):
    """The names under which what is at a path may be found after a recovery."""
    found = [path]
    for old, new in RENAMED.items():
        for one, two in ((old, new), (new, old)):
            if (path + "/").startswith(one + "/"):
                found.append(two + path[len(one) :])
    return found


def can(edit, path):
    if edit is add:
        return os.path.isdir(path)
    return os.path.isfile(path) and not os.path.islink(path)


def check_is_there(base, edit, path):
    places = [f"{base}/{name}" for name in names(path)]
    if edit is add:
        found = [has_work(place + "/added") for place in places if can(add, place)]
    elif edit is remove:
        found = [not os.path.isfile(place) for place in places[:1]]
    else:
        check = has_mode if edit is chmod else EDITS[edit]
        found = [check(place) for place in places if can(edit, place)]
    assert any(found), f"{edit.__name__} of {path} is lost"


def the_rest(base_snapshot, path):
    """A tree without what was edited, all that is beside it below the base, and the stash."""
    apart = {os.fsencode(name.split("/")[0]) for name in names(path)}
    if {b"kept", b"new"} & apart:
        apart |= {b"kept", b"new"}  # two names of one file
    return {
        at: [part for part in entry if not isinstance(part, list)]
        for at, entry in base_snapshot.items()
        if at.split(b"/")[0] not in apart and at not in (b"", b"added")
        if not at.startswith(b".ostler")
    }


def settle(base):
    """As a person does: take from the stash what is wanted, which is nothing, and remove it."""
    for name in os.listdir(base):
        if name.startswith(".ostler-commit-"):
            shutil.rmtree(f"{base}/{name}")


class Table:
    def __init__(self, base):
        self.base = base
        self.old, self.new = old_and_new(base)
        self.tried = dict.fromkeys(("finished", "undone", "left"), 0)
        end = 1
        while not self.kill(end):
            end *= 2
        self.end = first(self.kill, end // 2, end)
        self.go = first(self._has_begun, 1, self.end)

    def kill(self, stops):
        """Begin anew, and kill the commit before its change number `stops`: whether it was over."""
        ostler.rehearsal.recover()
        assert litter(self.base) == []
        return killed_commit(self.base, stops)

    def _has_begun(self, stops):
        # Its journal goes some changes before the end.
        return self.kill(stops) or self.notes()[-1:] == ["go"] or snapshot(self.base) == self.new

    def notes(self):
        place = os.path.dirname(self.base) + "/state/ostler/commits"
        found = [name for name in os.listdir(place) if name.endswith(".commit")]
        if not found:
            return []
        with open(f"{place}/{found[0]}") as file:
            return [json.loads(line)[0] for line in file]

    def row(self, stops, edit, path):
        """One entry of the table; False where there is nothing to edit."""
        base = self.base
        self.kill(stops)
        if not can(edit, f"{base}/{path}"):
            ostler.rehearsal.recover()
            return False
        edit(f"{base}/{path}")
        [outcome] = ostler.rehearsal.recover() or [(base, "finished")]
        self.tried[outcome[1]] += 1
        check_is_there(base, edit, path)
        rest = the_rest(snapshot(base), path)
        wanted = self.new if outcome[1] == "finished" else self.old
        assert rest == the_rest(wanted, path), f"not as it is when it is {outcome}"
        if outcome[1] == "left":
            self._check_left(outcome, edit, path)
        assert litter(base) == []
        return True

    def _check_left(self, outcome, edit, path):
        base = self.base
        _, _, kept, reason = outcome
        assert os.path.dirname(kept) == base and os.path.isdir(kept)
        parts = [name.split("/") for name in names(path)]
        above = ["/".join(part[: end + 1]) for part in parts for end in range(len(part))]
        assert any(f"{base}/{name}" in reason for name in above), reason
        before = snapshot(base, times=False)
        [again] = ostler.rehearsal.recover()
        assert again[:3] == outcome[:3]
        assert snapshot(base, times=False) == before
        settle(base)
        assert ostler.rehearsal.recover() == [(base, "undone")]
        check_is_there(base, edit, path)


def first(holds, low, high):
    """The first number for which something holds, which it does from there on."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def try_rows(memory, number, wanted):
    table = Table(f"{memory}/base")
    choice = random.Random(number)
    rows = [
        (choice.randrange(table.go, table.end + 1), *CASES[n * len(CASES) // number])
        for n in range(number)
    ]
    done = 0
    for row in rows:
        try:
            done += table.row(*row)
        except BaseException as error:
            stops, edit, path = row
            error.add_note(
                f"killed at {stops} ({table.go} to {table.end}): {edit.__name__} {path!r}"
            )
            raise
    assert done > number // 3
    assert all(table.tried[outcome] for outcome in wanted), table.tried


def test_work_after_a_commit_was_killed(memory, run):
    run(lambda: try_rows(memory, len(CASES) // 2, ("finished", "left")))


@pytest.mark.thorough
def test_work_after_a_commit_was_killed_anywhere(memory, run, tried):
    number = 3 * len(CASES)
    run(lambda: try_rows(memory, number, ("finished", "left")))
    tried(number)


@by_steps(25, 5)
def test_a_recovery_that_is_killed_keeps_the_work(memory, step):
    """The way back is killed, too: both versions are there, whenever that was."""
    table = Table(f"{memory}/base")
    base = table.base
    for stops in range(1, 2000, step):
        table.kill(table.go + 1)
        append(f"{base}/d/modified")
        ended = run_and_kill(ostler.rehearsal.recover, stops)
        [outcome] = ostler.rehearsal.recover()
        assert outcome[1] == "left"
        kept = [f"{outcome[2]}/{name}" for name in os.listdir(outcome[2])]
        assert "new content" in [text(path) for path in kept if os.path.isfile(path)]
        check_is_there(base, append, "d/modified")
        settle(base)
        assert ostler.rehearsal.recover() == [(base, "undone")]
        check_is_there(base, append, "d/modified")
        if ended:
            break
    assert ended


@by_steps(12, 4)
def test_a_journal_of_before_is_recovered(memory, step):
    """Without a version and without looks: the inode numbers are all that it tells."""
    table = Table(f"{memory}/base")
    base = table.base
    place = f"{memory}/state/ostler/commits"
    outcomes = set()
    for stops in range(table.go, table.end, step):
        table.kill(stops)
        for name in os.listdir(place):
            if name.endswith(".commit"):
                as_of_before(f"{place}/{name}")
        for outcome in ostler.rehearsal.recover():
            wanted = table.new if outcome[1] == "finished" else table.old
            assert snapshot(base) == wanted, f"{outcome} at {stops}"
            outcomes.add(outcome)
        assert litter(base) == []
    assert outcomes == {(base, "finished")}


def as_of_before(path):
    with open(path) as file:
        records = [json.loads(line) for line in file]
    with open(path, "w") as file:
        for kind, *rest in records:
            file.write(json.dumps([kind, *rest[: {"begin": 3, "go": 2}.get(kind, 0)]]) + "\n")
