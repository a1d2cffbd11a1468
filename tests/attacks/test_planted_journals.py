"""Journals that somebody else has planted, or that are in places where others could plant them.

Whatever a hostile state is: nothing that is the reader's changes, the call ends at once, the other
journals have their turn, and the outcome says what was refused and whose it is.
"""

import fcntl
import json
import os
import subprocess

import pytest

import ostler
from ostler.machines.rehearsal.journals import LARGEST, Journal
from tests.attacks import planting
from tests.attacks.planting import ATTACKER, FOR_DIRECTORIES, FOR_FILES, STASH, World, possible
from tests.machines.rehearsing import put


@pytest.fixture(params=planting.readers(), ids=lambda uid: "root" if uid == 0 else "ordinary")
def world(request):
    with World(request.param) as made:
        made.plant()
        yield made


def refused(world, outcomes, *said):
    """That exactly one thing was left, and the outcome says this of it."""
    left = [tuple(each) for each in outcomes if each[1] == "left"]
    assert len(left) == 1, outcomes
    for part in said:
        assert part in left[0][3], left


def test_the_same_journal_does_harm_where_it_is_the_readers_own(world):
    """What all others here are compared with: it would be carried out."""
    before = world.look()
    world.give(world.stash, world.reader)
    outcomes = world.recover()
    assert outcomes == [[world.victim, "finished"], [world.victim, "undone"]]
    assert world.look() != before
    assert os.stat(f"{world.victim}/secret").st_mode & 0o777 == 0o777


def test_a_stash_of_somebody_else(world):
    if os.getuid() != 0:
        pytest.skip("takes another user's directory")
    before = world.look()
    outcomes = world.recover()
    refused(world, outcomes, world.stash, f"user {ATTACKER}")
    assert [world.victim, "undone"] in outcomes
    assert world.look() == before
    assert os.listdir(world.stash) == ["1"]


@pytest.mark.parametrize("state", possible(FOR_DIRECTORIES), ids=lambda state: state.__name__)
@pytest.mark.parametrize("component", ["", "/ostler", "/ostler/commits"])
def test_a_directory_on_the_way(world, component, state):
    world.give(world.stash, world.reader)
    before = world.look()
    path = world.state + component
    state(world, path)
    outcomes = world.recover()
    said = [path]
    if state in planting.FOREIGN:
        said.append(f"user {ATTACKER}")
    refused(world, outcomes, *said)
    assert len(outcomes) == 1
    assert world.look() == before
    assert len(os.listdir(os.path.realpath(world.commits))) == 2


@pytest.mark.parametrize("state", possible(FOR_FILES), ids=lambda state: state.__name__)
def test_a_file_that_is_no_journal_of_ones_own(world, state):
    world.give(world.stash, world.reader)
    before = world.look()
    state(world, world.journal)
    outcomes = world.recover()
    refused(world, outcomes, world.journal)
    assert [world.victim, "undone"] in outcomes, "the other one was hindered"
    assert world.look() == before
    assert os.path.lexists(world.journal)


@pytest.mark.parametrize("state", possible(FOR_FILES), ids=lambda state: state.__name__)
def test_a_lock_that_others_could_hold(world, state):
    before = world.look()
    lock = f"{world.commits}/lock"
    put(lock, mode=0o600)
    world.give(lock, world.reader)
    state(world, lock)
    refused(world, world.recover(), lock)
    assert world.look() == before

    def commits():
        try:
            Journal().close()
        except OSError as error:
            return error.filename
        return None

    assert world.run(commits) == lock


def test_a_lock_that_others_hold(world):
    """One that can be read by others is not waited for."""
    lock = f"{world.commits}/lock"
    put(lock, mode=0o644)
    world.give(lock, world.reader)
    with open(lock) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused(world, world.recover(), lock, "mode 644")


def test_a_journal_without_end(world):
    before = world.look()
    for size in (LARGEST + 1, 1 << 40):
        with open(world.journal, "r+b") as file:
            file.truncate(size)
        outcomes = world.recover()
        refused(world, outcomes, "larger than any")
    with open(world.journal, "wb") as file:
        file.truncate(LARGEST)
    refused(world, world.recover(), "does not begin with its beginning")
    assert world.look() == before


def test_a_new_journal_is_not_made_where_others_could_exchange_it(world):
    """Where it was asked for expressly that is an error; a home is passed over."""
    os.chmod(f"{world.state}/ostler", 0o777)

    def commits(home=None):
        if home is not None:
            ostler.environ["HOME"] = home
            del ostler.environ["XDG_STATE_HOME"]
        try:
            journal = Journal()
        except OSError as error:
            return [type(error).__name__, error.filename]
        journal.remove()
        journal.close()
        return [journal.path]

    assert world.run(commits) == ["Refused", f"{world.state}/ostler"]
    home = f"{world.shared}/home"
    os.mkdir(home)
    os.chmod(home, 0o777)
    if os.getuid() == 0:
        with_own_places(world, lambda: commits(home), check_journal_elsewhere)


def check_journal_elsewhere(world, found):
    place = "/var/lib/ostler/commits/" if world.reader == 0 else f"/var/tmp/ostler-{world.reader}/"
    assert found[0].startswith(place)


def with_own_places(world, function, check, prepare=lambda: None):
    """Call a function as the reader, with /var/lib and /var/tmp that are only of this test."""

    def apart():
        ostler.unshare(ostler.CLONE_NEWNS)
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        for place, mode in (("/var/lib", "755"), ("/var/tmp", "1777")):
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode={mode}", "x", place], check=True)
        prepare()
        check(world, world.run(function))

    planting.forked(apart)


def test_roots_name_in_a_directory_for_all_is_taken():
    """As it was found: a link to a directory for all in which there are journals, or a lock."""
    if os.getuid() != 0:
        pytest.skip("root is who is attacked")
    for held in (False, True):
        with World(0) as world:
            world.plant()
            world.give(world.stash, 0)
            before = world.look()

            def prepare(world=world, held=held):
                os.mkdir("/var/tmp/ostler-0")
                if held:
                    os.unlink(world.journal)
                    os.mkdir("/var/tmp/ostler-0/commits")
                    put("/var/tmp/ostler-0/commits/lock", mode=0o666)
                    fd = os.open("/var/tmp/ostler-0/commits/lock", os.O_RDONLY)
                    fcntl.flock(fd, fcntl.LOCK_EX)
                else:
                    os.symlink(world.shared, "/var/tmp/ostler-0/commits")
                    os.rename(world.journal, f"{world.shared}/1-00.commit")
                world.give("/var/tmp/ostler-0", ATTACKER)

            def check(world, outcomes):
                left = [each for each in outcomes if each[1] == "left"]
                assert len(left) == 1
                assert left[0][2] == "/var/tmp/ostler-0/commits"
                assert (
                    f"/var/tmp/ostler-0 is not trusted: it belongs to user {ATTACKER}" in left[0][3]
                )
                assert [world.victim, "undone"] in outcomes

            with_own_places(world, ostler.rehearsal.recover, check, prepare)
            assert world.look() == before


def test_root_in_the_home_of_somebody_else():
    """As after su and some forms of sudo: the home is theirs, with journals of theirs."""
    if os.getuid() != 0:
        pytest.skip("root is who is attacked")
    with World(0) as world:
        world.plant()
        before = world.look()
        home = f"{world.top}/home"
        os.makedirs(f"{home}/.local")
        os.rename(world.state, f"{home}/.local/state")
        world.give(home, ATTACKER)

        def recovers():
            ostler.environ["HOME"] = home
            del ostler.environ["XDG_STATE_HOME"]
            journal = Journal()
            journal.remove()
            journal.close()
            return [journal.path, *ostler.rehearsal.recover()]

        def check(world, found):
            path, *outcomes = found
            assert path.startswith("/var/lib/ostler/commits/")
            assert [each[:3] for each in outcomes] == [
                [None, "left", f"{home}/.local/state/ostler/commits"]
            ]
            assert f"{home} is not trusted: it belongs to user {ATTACKER}" in outcomes[0][3]

        with_own_places(world, recovers, check)
        assert world.look() == before


@pytest.mark.parametrize("kind", ["absolute", "relative", "upwards"])
def test_a_home_that_is_elsewhere(world, kind):
    """Links of one's own, or of root, in directories of one's own: these are no attack."""
    home = f"{world.top}/home"
    os.makedirs(f"{home}/data/of/me")
    os.rename(world.state, f"{home}/data/of/me/state")
    target = {
        "absolute": f"{home}/data/of/me",
        "relative": "data/of/me",
        "upwards": "../home/./data/of/../of/me/",
    }[kind]
    os.symlink(target, f"{home}/here")
    world.give(home, world.reader)
    world.give(world.stash, world.reader)
    world.state = f"{home}/here/state"
    assert world.recover() == [[world.victim, "finished"], [world.victim, "undone"]]


def test_links_that_turn_in_a_circle(world):
    home = f"{world.top}/home"
    os.mkdir(home)
    os.symlink("two", f"{home}/one")
    os.symlink("one", f"{home}/two")
    world.give(home, world.reader)
    before = world.look()
    world.state = f"{home}/one"
    assert world.recover() == []
    assert world.look() == before


def test_what_lies_below_a_directory_that_became_a_link(world):
    """Between a commit and its recovery the directory was exchanged for a link."""
    world.give(world.stash, world.reader)
    records = world.evil()
    elsewhere = f"{world.top}/base"
    os.symlink(world.victim, elsewhere)
    stash = f"{world.victim}/{STASH}"
    os.mkdir(stash)
    world.give(stash, world.reader)
    secret = os.stat(f"{world.victim}/secret").st_ino
    step = ["meta", 0, "secret", secret, *records[1][1][0][4:]]
    world.write(
        world.journal, [["begin", elsewhere, [elsewhere], [[0, STASH]]], ["go", [step], []]]
    )
    world.give(world.journal, world.reader)
    os.unlink(world.good)
    before = world.look()
    refused(world, world.recover(), elsewhere)
    assert world.look() == before


def test_outcomes_are_plain_and_have_names():
    from ostler.machines.rehearsal.recovery import Outcome

    assert Outcome("/b", "undone") == ("/b", "undone")
    left = Outcome("/b", "left", "/b/stash", "because")
    assert left == ("/b", "left", "/b/stash", "because")
    assert (left.base, left.outcome, left.kept, left.reason) == tuple(left)
    assert Outcome("/b", "finished").kept is None
    assert json.loads(json.dumps(left)) == list(left)
