"""Journals in which something is not as it was written, one mutation at a time, beside a good one.

Whatever a journal says: recover() comes to its end, each journal has its own outcome, the good one
is recovered, and nothing outside the directory of the commit is touched.
"""

import copy
import json
import os
import shutil
import tempfile

import pytest

import ostler
from ostler.machines.rehearsal import looks
from ostler.machines.rehearsal.places import HeldTree
from ostler.machines.rehearsal.steps import metadata
from tests.machines.rehearsing import USER, put, snapshot

pytestmark = pytest.mark.usefixtures("as_user")

STASH = ".ostler-commit-0123456789abcdef"
ANOTHER = ".ostler-commit-fedcba9876543210"  # of another commit


@pytest.fixture
def world(user):
    path = tempfile.mkdtemp(prefix="ostler-damaged-", dir="/dev/shm")
    if user == "ordinary" and os.getuid() == 0:
        os.chown(path, USER, USER)
    yield path
    shutil.rmtree(path)


class Damage:
    """A victim that no commit is about, and two commits that were interrupted after their "go"."""

    def __init__(self, top):
        self.top = top
        self.bad, self.good = f"{top}/bad", f"{top}/good"
        self.journals = f"{top}/state/ostler/commits"
        ostler.environ["XDG_STATE_HOME"] = f"{top}/state"
        os.environ["XDG_STATE_HOME"] = f"{top}/state"
        os.makedirs(self.journals, 0o700)
        put(f"{top}/victim/file", "the work of years", 0o600)
        put(f"{top}/victim/{ANOTHER}/1", "what looks like a stash")
        self.victim = snapshot(f"{top}/victim")
        self.records = self.interrupted(self.bad)

    def interrupted(self, base):
        """A commit with steps of all sorts that was stopped after "go": what its journal says."""
        shutil.rmtree(base, ignore_errors=True)
        for name in ("gone", "old", "metadata", f"{STASH}/1", f"{STASH}/2", "d/below"):
            put(f"{base}/{name}", name)
        os.chmod(f"{base}/{STASH}", 0o700)
        with HeldTree(os.open(base, os.O_PATH)) as place:
            return self._records(base, place)

    def _records(self, base, place):
        def inode(name):
            return os.stat(f"{base}/{name}").st_ino

        def look(name):
            return looks.look(place, name.encode())

        old = metadata(os.stat(f"{base}/metadata"), {})
        given = {**old, "xattrs": {"user.colour": "green"}}
        steps = [
            ["move", 0, "gone", f"{STASH}/0", inode("gone")],
            ["move", 0, f"{STASH}/1", "d/new", inode(f"{STASH}/1")],
            ["swap", 0, f"{STASH}/2", "old", inode(f"{STASH}/2")],
            ["meta", 0, "metadata", inode("metadata"), old, {**given, "mode": 0o600}],
        ]
        seen = [
            [look("gone"), None],
            [None, look(f"{STASH}/1")],
            [look("old"), look(f"{STASH}/2")],
            [None, None],
        ]
        times = [[0, "d", "d", inode("d"), [1, 2], [3, 4]]]
        return [["begin", base, [base], [[0, STASH]], 2], ["go", steps, times, seen], ["done"]][:2]

    def values(self):
        """What may stand in the place of anything."""
        inside = os.stat(f"{self.top}/victim/file").st_ino
        victim = f"{self.top}/victim"
        return [
            None, True, -1, 1, 1 << 64, 10**400, 1.5, inside, "", ".", "..", "\0", "a\0b", "\ud800",
            "\u0141", "/", victim, f"{victim}/file", "../victim/file", f"../victim/{ANOTHER}",
            f"{STASH}/../../victim/file", "x" * 5000, [], [[]], {}, {"mode": 0o4777}, "go", "kept",
        ]  # fmt: skip

    def mutations(self):
        """Functions that return the text of a journal, other than the good one in one thing."""
        for path in places(self.records):
            for number in range(len(self.values())):
                yield lambda path=path, number=number: self.mutated(
                    path, lambda part, at: put_at(part, at, self.values()[number])
                )
            yield lambda path=path: self.mutated(path, lambda part, at: part.pop(at))
            yield lambda path=path: self.mutated(path, doubled)
        for size in range(len(written(self.records))):
            yield lambda size=size: written(self.records)[:size]
        for line in (0, 1):
            for text in (b"", b"[" * 100_000, b"\xff\xfe", bytes(100), b"[]", b"{}", b"5"):
                yield lambda line=line, text=text: self.with_line(line, text)
        for kind in ("begin", "go", "done", "back", "undone", "kept", "other"):
            for more in ([[kind]], [[kind, 1]], [["back"], [kind]]):
                yield lambda more=more: written([*self.records, *more])

    def with_line(self, line, text):
        lines = written(self.records).split(b"\n")
        lines[line] = text
        return b"\n".join(lines)

    def mutated(self, path, change):
        records = copy.deepcopy(self.records)
        part = records
        for at in path[:-1]:
            part = part[at]
        change(part, path[-1])
        return written(records)

    def check(self, text):
        """Recover with this as one of two journals."""
        good = self.interrupted(self.good)
        for name, content in (("1-1", text), ("2-2", written(good))):
            with open(f"{self.journals}/{name}.commit", "wb") as file:
                file.write(content)
        outcomes = ostler.rehearsal.recover()
        assert outcomes.count((self.good, "finished")) == 1
        outcomes.remove((self.good, "finished"))
        assert len(outcomes) == 1 or (outcomes == [] and b"\n" not in text)
        for outcome in outcomes:
            assert outcome[1] in ("finished", "undone", "left")
            assert outcome[1] != "left" or (outcome[2] and outcome[3])
        assert sorted(os.listdir(self.good)) == ["d", "metadata", "old"]
        assert snapshot(f"{self.top}/victim") == self.victim
        return [outcome[1] for outcome in outcomes]


def put_at(part, at, value):
    part[at] = value


def doubled(part, at):
    if isinstance(part, list):
        part.insert(at, part[at])
    else:
        part["another"] = part[at]


def places(value, at=()):
    """The way to each part of a value, as a tuple of keys."""
    inside = []
    if isinstance(value, list):
        inside = enumerate(value)
    elif isinstance(value, dict):
        inside = value.items()
    for key, below in inside:
        yield (*at, key)
        yield from places(below, (*at, key))


def written(records):
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def try_all(top, every):
    damage = Damage(top)
    found = set()
    for mutation in list(damage.mutations())[::every]:
        damage.records = damage.interrupted(damage.bad)  # anew, with other inode numbers
        text = mutation()
        try:
            found.update(damage.check(text))
        except BaseException as error:
            error.add_note(f"with {text[:3000]!r}")
            raise
        for name in os.listdir(damage.journals):
            if name.endswith(".commit"):
                os.unlink(f"{damage.journals}/{name}")
    assert found == {"finished", "undone", "left"}


def test_the_journal_that_is_changed_is_a_good_one(world):
    damage = Damage(world)
    assert damage.check(written(damage.records)) == ["finished"]
    assert sorted(os.listdir(damage.bad)) == ["d", "metadata", "old"]
    assert os.stat(f"{damage.bad}/metadata").st_mode & 0o777 == 0o600


def test_some_mutations(world, run):
    run(lambda: try_all(world, 37))


@pytest.mark.thorough
def test_all_mutations(world, run, tried):
    run(lambda: try_all(world, 1))
    tried(len(list(Damage(world + "/count").mutations())))
