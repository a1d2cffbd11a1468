"""Uppers that somebody else has made, or whose state names what lies elsewhere.

Whoever takes one up, shows it, discards or commits it: nothing outside it changes, and what is not
the reader's own is refused with what it is and whose.
"""

import errno
import json
import os
import shutil
import subprocess
import sys

import pytest

import ostler
from ostler.machines.rehearsal import kind
from ostler.machines.rehearsal.uppers import STATE, state_of
from ostler.machines.trust import Refused
from tests.attacks import planting
from tests.attacks.planting import ATTACKER, FOR_DIRECTORIES, FOR_FILES, World, possible
from tests.machines.rehearsing import put, put_on, snapshot


class Upper(World):
    """A world with a base, and an upper of the reader's own, in which something is kept."""

    def __init__(self, reader):
        super().__init__(reader)
        self.base = f"{self.top}/base"
        self.upper = f"{self.shared}/upper"
        self.file = f"{self.upper}/{STATE}"
        put(f"{self.base}/file", "old")
        os.mkdir(self.upper, 0o700)
        self.give(self.base, reader)
        self.give(self.upper, reader)
        self.run(self.rehearse)

    def rehearse(self):
        with ostler.rehearsal(self.base, self.upper) as m:
            put_on(m, "/file", b"new")

    def kept(self):
        """The state, with all that was added to its file."""

        def read():
            fd = os.open(self.upper, os.O_PATH)
            try:
                return state_of(fd, self.upper)
            finally:
                os.close(fd)

        return self.run(read)

    def write_state(self, state):
        with open(self.file, "w") as file:
            json.dump(state, file)

    def take_up(self):
        """Take it up and drop what is in it; the error, or None."""

        def work():
            try:
                with ostler.rehearsal(self.base, self.upper) as m:
                    m.changes()
                    m.discard()
            except Exception as error:
                return [type(error).__name__, str(error)]
            return None

        return self.run(work)

    def command(self):
        """`ostler rehearse --kept --discard` on it: (exit status, what it said)."""

        def work():
            arguments = ["-m", "ostler", "rehearse", "--kept", self.upper, "--discard"]
            done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
            return [done.returncode, done.stderr]

        return self.run(work)


@pytest.fixture(params=planting.readers(), ids=lambda uid: "root" if uid == 0 else "ordinary")
def world(request):
    with Upper(request.param) as made:
        yield made


def test_what_is_kept_can_be_taken_up(world):
    assert world.kept()["overlays"] == [["", "0"]]
    assert world.take_up() is None


def check_refused(world, before, *said):
    found = world.take_up()
    assert found is not None, "it was taken up"
    for part in said:
        assert part in found[1], found
    assert world.look() == before
    assert os.path.lexists(world.upper)


@pytest.mark.parametrize("state", possible(FOR_DIRECTORIES), ids=lambda state: state.__name__)
@pytest.mark.parametrize("component", ["", "/0"])
def test_a_directory_of_an_upper(world, component, state):
    before = world.look()
    path = world.upper + component
    state(world, path)
    said = [path]
    if state in planting.FOREIGN:
        closed = not component and world.reader and state != planting.link_of_another
        said.append("Permission denied" if closed else f"user {ATTACKER}")
    check_refused(world, before, *said)


@pytest.mark.parametrize("state", possible(FOR_FILES), ids=lambda state: state.__name__)
def test_a_state_that_is_none(world, state):
    before = world.look()
    state(world, world.file)
    check_refused(world, before, world.file)


@pytest.mark.parametrize("inside", ["upper", "work"])
def test_a_link_in_a_store(world, inside):
    before = world.look()
    path = f"{world.upper}/0/{inside}"
    os.rename(path, f"{world.upper}/0/away")
    os.symlink(f"{world.victim}/{inside}", path)
    check_refused(world, before, path)


def test_a_store_that_is_a_link(world):
    """As it was found: the clean-up deleted `work` in the directory that the link leads to."""
    before = world.look()
    os.rename(f"{world.upper}/0", f"{world.shared}/away")
    os.symlink(world.victim, f"{world.upper}/0")
    check_refused(world, before, f"{world.upper}/0", f"a link of user {os.getuid()}")


JUNK = [
    None, True, -1, 1.5, 1 << 70, "", ".", "..", "../victim", "../../victim", "/etc", "a/../../b",
    "0/../../victim", "a\0b", "\udcff", "٣", "0\n", "x" * 10000, [], [[]], {}, [["", "0"]] * 2,
    [["..", "0"]], [["", "../victim"]], [["", ""]], [[1, 2]], [["a", "0"], ["b", "0"]],
]  # fmt: skip


def paths_in(value, path=()):
    """The places in plain data, as tuples of keys."""
    yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from paths_in(value[key], (*path, key))


def put_in(value, path, what):
    """Plain data with something else at one place."""
    if not path:
        return what
    value = json.loads(json.dumps(value))
    here = value
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = what
    return value


def test_every_part_of_the_state_is_something_else(world, tried):
    before = world.look()
    state = world.kept()
    states = [put_in(state, path, junk) for path in paths_in(state) for junk in JUNK]
    states += [{k: v for k, v in state.items() if k != key} for key in state]
    states += [{**state, "later": 1}, {**state, "marks": "of nobody"}]

    def work():
        taken = []
        for number, each in enumerate(states):
            world.write_state(each)
            try:
                ostler.rehearsal(world.base, world.upper).close()
            except (ValueError, OSError):
                continue
            taken.append(number)
        return taken

    # Another time is still a time, and marks may be those of before; nothing else is taken up.
    for number in world.run(work):
        kept = {**states[number], "started": state["started"], "marks": state["marks"], "own": []}
        if kept != {**state, "own": []} and "overlays" in states[number]:
            assert states[number]["overlays"] in ([], state["overlays"]) or all(
                store.isdigit() for _, store in states[number]["overlays"]
            )
    assert world.look() == before
    assert sorted(os.listdir(world.top)) == ["answer", "base", "shared", "victim"]
    tried(len(states))


def test_a_state_of_another_size_and_kind(world):
    before = world.look()
    for text in (b"", b"\0" * 100, b"[" * 100_000, b"{", b"\xff", b'"text"', b"NaN"):
        with open(world.file, "wb") as file:
            file.write(text)
        check_refused(world, before, "damaged")
    with open(world.file, "wb") as file:
        file.truncate(1 << 40)
    check_refused(world, before, "larger than any")


def test_marks_of_another_kind(world):
    state = world.kept()
    mine = state["marks"]
    assert mine == ("root" if world.reader == 0 else "user")
    before = world.look()
    world.write_state({**state, "marks": "user" if mine == "root" else "root"})
    check_refused(world, before, "marks")
    del state["marks"]  # as it was written before
    world.write_state(state)
    assert world.take_up() is None


def test_a_users_upper_that_root_takes_up():
    if os.getuid() != 0:
        pytest.skip("root is who is attacked")
    with Upper(planting.USER) as world:
        world.reader = 0
        before = world.look()
        # On the command line it is called DIR.
        for function, called in ((world.take_up, "an upper"), (world.command, "a DIR")):
            found = str(function())
            assert f"belongs to user {planting.USER}" in found
            assert f"only who has made {called} can take it up" in found
        assert world.look() == before
        assert os.path.exists(world.file)


def test_what_else_lies_in_an_upper_is_not_removed(world):
    """The command removes what was kept, and nothing that somebody has put beside it."""
    if world.reader == 0 or os.getuid() != 0:  # the interpreter may be root's alone
        put(f"{world.upper}/mine", "mine")
        world.give(f"{world.upper}/mine", world.reader)
        status, said = world.command()
        assert status == 0, said
        assert os.listdir(world.upper) == ["mine"]
        os.unlink(f"{world.upper}/mine")
        world.run(world.rehearse)
        status, said = world.command()
        assert status == 0, said
        assert not os.path.exists(world.upper)


def test_keeping_in_a_directory_of_others(world):
    if os.getuid() != 0:
        pytest.skip("takes another user's directory")
    theirs = f"{world.shared}/theirs"
    os.mkdir(theirs)
    os.chmod(theirs, 0o777)
    world.give(theirs, ATTACKER)

    def work():
        said = []
        with ostler.rehearsal(world.base) as m:
            put_on(m, "/file", b"new")
            for place in (theirs, f"{theirs}/below"):
                try:
                    m.keep(place)
                except Refused as error:
                    said.append(error.filename)
        return said

    assert world.run(work) == [theirs, theirs]
    assert os.listdir(theirs) == []


@pytest.mark.parametrize("when", ["it is taken up", "it is mounted anew"])
def test_exchanged_between_the_look_at_it_and_the_mount(world, when, monkeypatch):
    """Root mounts by descriptor, an ordinary user what is the same directory, or nothing."""

    def kernels_own(top, _):  # which nobody else can read
        return ["work"] if top.endswith("/work") else []

    other = f"{world.shared}/other"
    shutil.copytree(world.upper, other, symlinks=True, ignore=kernels_own)
    world.give(other, world.reader)
    build, turns = kind.mounts.build, {"it is taken up": 1, "it is mounted anew": 2}
    left = [turns[when]]

    def late(*args):
        left[0] -= 1
        if left[0] == 0:
            os.rename(world.upper, f"{world.shared}/moved")
            os.rename(other, world.upper)
        return build(*args)

    monkeypatch.setattr(kind.mounts, "build", late)
    before = snapshot(other)

    def work():
        try:
            with ostler.rehearsal(world.base, world.upper) as m:
                m.discard()
                put_on(m, "/file", b"newer")
                assert m.changes()
        except OSError as error:
            return [error.errno, error.filename]
        return None

    refused = world.run(work)
    assert refused in (None, [errno.ESTALE, world.upper])
    assert (refused is None) == (world.reader == 0)
    assert snapshot(world.upper) == before
