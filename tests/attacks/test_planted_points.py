"""Uppers with points that somebody else has made, or whose state says what can't be.

As test_planted_uppers has it of uppers without: nothing outside one changes, and what is not the
reader's own, or is not there, is refused with what it is.
"""

import json
import os
import random

import pytest

import ostler
from ostler.machines.rehearsal import moments  # noqa: F401
from tests.attacks import planting
from tests.attacks.planting import ATTACKER, FOR_DIRECTORIES, possible
from tests.attacks.test_planted_uppers import JUNK, Upper, check_refused, paths_in, put_in
from tests.machines.rehearsing import put_on


class Pointed(Upper):
    """An upper with points: layer 0 is the store 0, layers 1 and 2 lie in `layers`."""

    def rehearse(self):
        with ostler.rehearsal(self.base, self.upper) as m:
            put_on(m, "/file", b"new")
            m.checkpoint(command="make")
            put_on(m, "/file", b"newer")
            m.checkpoint("second").ended(0, {"modified": 1})
            put_on(m, "/more", b"more")
            m.rollback("1")
            put_on(m, "/other", b"other")


@pytest.fixture(params=planting.readers(), ids=lambda uid: "root" if uid == 0 else "ordinary")
def world(request):
    with Pointed(request.param) as made:
        yield made


def all_of_it(world):
    """Take it up, and look at everything that there is; the error, or the names of the points."""
    try:
        with ostler.rehearsal(world.base, world.upper) as m:
            for point in m.points():
                with m.at(point) as then:
                    then.listdir("/")
                m.changes(since=point)
                m.rollback(point)
            m.changes()
            return [point.name for point in m.points()]
    except (ValueError, OSError) as error:
        return str(error)


def test_it_can_be_taken_up(world):
    layers = world.kept()["history"]["layers"]
    assert [number for number, _, _ in layers] == [0, 1, 2]
    assert world.run(lambda: all_of_it(world))[:3] == ["1", "second", "2"]


PLACES = ["/layers", "/layers/1", "/layers/1/0", "/0"]


@pytest.mark.parametrize("state", possible(FOR_DIRECTORIES), ids=lambda state: state.__name__)
@pytest.mark.parametrize("place", PLACES)
def test_a_directory_of_a_layer(world, place, state):
    before = world.look()
    path = world.upper + place
    state(world, path)
    said = [path]
    if state in planting.FOREIGN:
        said.append(f"user {ATTACKER}")
    check_refused(world, before, *said)


@pytest.mark.parametrize("place", PLACES[:3])
@pytest.mark.parametrize("what", ["nothing", "link", "file"])
def test_a_layer_is_something_else(world, place, what):
    path = world.upper + place
    before = world.look()
    os.rename(path, f"{world.shared}/away")
    if what == "link":
        os.symlink(world.victim, path)
    elif what == "file":
        with open(path, "w"):
            pass
        world.give(path, world.reader)
    said = {"nothing": "missing", "link": "a link", "file": "no directory"}[what]
    check_refused(world, before, path, said)


def test_the_top_of_a_layer_is_a_link(world):
    before = world.look()
    path = f"{world.upper}/layers/1/0/upper"
    os.rename(path, f"{world.shared}/away")
    os.symlink(world.victim, path)
    check_refused(world, before, path)


def states_of(state, rng, few):
    states = [put_in(state, path, junk) for path in paths_in(state) for junk in JUNK]
    history = state["history"]
    states += [put_in(state, ("history", key), {}) for key in history]
    for key in history:
        states.append({**state, "history": {k: v for k, v in history.items() if k != key}})
    # Cycles of parents, layers upon themselves, one store in two places, blocks of anything.
    for path in paths_in(history):
        states += [put_in(state, ("history", *path), number) for number in (0, 1, 2, 3, 1 << 60)]
    for block in ([9, 0, 2, []], [9, 2, 0, []], [9, 0, 0, []], [1, 0, 1, []],
                  [3, 0, 1, [["", "0"]]], [3, 0, 1, [["", "layers/2/0"]]],
                  [3, 0, 1, [["", "../../victim"]]], [3, 1, 2, [["x", "7"]]]):  # fmt: skip
        states.append(put_in(state, ("history", "blocks"), [block]))
    return rng.sample(states, 400) if few else states


@pytest.mark.parametrize("few", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_every_part_of_the_state_is_something_else(world, tried, few):
    before = world.look()
    kept = world.kept()
    states = states_of(kept, random.Random(1), few)

    def work():
        for each in states:
            world.write_state(each)
            all_of_it(world)
            # What such a state let it remove was its own: it has a copy.
            world.write_state(kept)

    world.run(work)
    assert world.look() == before
    assert sorted(os.listdir(world.top)) == ["answer", "base", "shared", "victim"]
    tried(len(states))


def test_no_state_is_taken_up_that_is_none(world):
    """What a history says is read strictly: each of these is refused, by what is wrong."""
    kept = world.kept()
    history = kept["history"]
    one, two, three = history["layers"]
    point = history["points"][0]
    for change, said in (
        ({"layers": [one, [1, 2, two[2]], three]}, "layer that is none"),
        ({"layers": [one, [1, 1, two[2]], three]}, "layer that is none"),
        ({"layers": [one, three, two]}, "in no order|layer that is none"),
        ({"layers": [one, two, [2, 1, two[2]]]}, "names something twice"),
        ({"layers": [one, [1, 0, [["", "../0"]]], three]}, "store that is none"),
        ({"layers": [one, [1, 0, [["..", "layers/1/0"]]], three]}, "store that is none"),
        ({"layers": [one, [1, 0, [["", "layers/1"]]], three]}, "store that is none"),
        ({"at": 9}, "layer that is none"),
        ({"top": 1}, "below what was changed|used twice"),
        ({"next": 1}, "used twice|later one"),
        ({"blocks": [[5, 2, 1, []]]}, "used twice|too long|later|upon each other"),
        ({"points": [point, point]}, "one name"),
        ({"points": [[*point[:3], point[0], *point[4:]]]}, "point that is none"),
        ({"points": [["a/b", *point[1:]]]}, "name of a point"),
        ({"points": [["a", 1e300, *point[2:]]]}, "no time"),
        ({"points": [[*point[:4], {"a": 1}, *point[5:]]]}, "command"),
        ({"points": [[*point[:5], "0", None]]}, "exit status"),
        ({"points": [[*point[:6], {"modified": -1}]]}, "no numbers"),
        ({"left": [None]}, "goes back to nothing"),
        ({"present": "nowhere"}, "point that is none"),
        ({"present": 0}, "point that is none"),
    ):
        world.write_state(json.loads(json.dumps({**kept, "history": {**history, **change}})))
        found = world.take_up()
        assert found is not None, change
        assert any(part in found[1] for part in said.split("|")), (change, found)
        assert "damaged, or of a later version" in found[1]
