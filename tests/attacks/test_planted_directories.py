"""Directories in shared places that look like those of machines, where mounts are refused.

The next machine of a user removes what the user's killed machines have left, and nothing else.
"""

import os
import signal

import pytest

import ostler
from ostler.machines import owned, scratch_directory
from ostler.machines.rehearsal import copied
from tests.attacks import planting
from tests.attacks.planting import ATTACKER, World
from tests.machines.rehearsing import put, snapshot

NAME = "ostler-machine-1-0123456789abcdef"


@pytest.fixture(params=planting.readers(), ids=lambda uid: "root" if uid == 0 else "ordinary")
def world(request):
    with World(request.param) as made:
        os.makedirs(made.state)
        made.give(made.state, made.reader)
        yield made


def made_in(world, place):
    """Make a machine of directories there, and close it: what the error says, or None."""

    def work():
        try:
            path, lock = owned.made([os.fsencode(place)])
        except ostler.MachineUnavailable as error:
            return str(error)
        owned.remove(path, owned.identity(lock), os.getpid())
        os.close(lock)
        return None

    return world.run(work)


def planted(world, user, mode, mark=None):
    path = f"{world.shared}/{NAME}"
    put(f"{path}/root/file", "the work of years")
    if mark is not None:
        put(f"{path}/machine", mark, 0o600)
    world.give(path, user)
    os.chmod(path, mode)
    return path


@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o775])
@pytest.mark.parametrize("mark", [None, "", NAME, NAME[:-1] + "e", NAME + "more"])
@pytest.mark.parametrize("inside", [0o700, 0o755, 0o777])
def test_what_only_looks_like_a_machine_stays(world, mode, mark, inside):
    path = planted(world, world.reader, inside, mark)
    os.chmod(world.shared, mode)
    before = snapshot(path)
    said = made_in(world, world.shared)
    others = 0o002 if planting.of_a_private_group(world.shared) else 0o022
    for_others = mode & others and not mode & 0o1000
    assert (said is not None and "not trusted" in said) == bool(for_others)
    if for_others or inside != 0o700 or mark != NAME:
        assert snapshot(path) == before
    else:
        assert not os.path.exists(path), "this is what a machine leaves"
    assert os.listdir(world.shared).count("state") == 1


def test_what_another_has_marked_stays(world):
    if os.getuid() != 0:
        pytest.skip("takes another user's directory")
    path = planted(world, ATTACKER, 0o700, NAME)
    before = snapshot(path)
    assert made_in(world, world.shared) is None
    assert snapshot(path) == before


def test_a_mark_that_is_another_name_of_a_file(world):
    path = planted(world, world.reader, 0o700, NAME)
    os.link(f"{path}/machine", f"{world.shared}/state/mark")
    before = snapshot(path)
    assert made_in(world, world.shared) is None
    assert snapshot(path) == before


def test_a_link_in_the_place_of_one(world):
    os.symlink(world.victim, f"{world.shared}/{NAME}")
    before = world.look()
    assert made_in(world, world.shared) is None
    assert world.look() == before
    assert os.path.islink(f"{world.shared}/{NAME}")


@pytest.mark.parametrize("kind", ["scratch", "copy"])
def test_what_a_killed_machine_left_is_removed(world, kind):
    def killed():
        pid = os.fork()
        if pid == 0:
            owned.places = lambda: [os.fsencode(world.shared)]
            refused = ostler.MachineUnavailable("refused")
            if kind == "scratch":
                machine = scratch_directory.scratch_directory(refused, False, False)
            else:
                machine = copied.copied_rehearsal(refused, world.victim, None)
            machine.makedirs("/deep/er")
            machine.chmod("/deep", 0)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
        return [name for name in os.listdir(world.shared) if name.startswith("ostler-machine-")]

    before = world.look()
    assert len(world.run(killed)) == 1
    assert made_in(world, world.shared) is None
    assert os.listdir(world.shared) == ["state"]
    assert world.look() == before
