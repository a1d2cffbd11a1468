"""What a test does to a shared machine is taken back: additions in place, all else by a new layer.

Random courses, after each of which the machine must be what it was before, to the last time stamp.
"""

import random
import stat

import pytest

import ostler
from ostler.machines import scratch_points
from tests.machines.rehearsing import USER, forked

NAMES = "abcd"


def picture(machine):
    """What can be seen of each entry: {path: value}."""
    found = {}
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        status = machine.lstat(path)
        kind = stat.S_IFMT(status.st_mode)
        size = None if kind == stat.S_IFDIR else status.st_size
        links = None if kind == stat.S_IFDIR else status.st_nlink
        value = (status.st_mode, status.st_uid, status.st_gid, size, links, status.st_mtime_ns)
        value += (status.st_ino if path != "/" else None,)  # a new upper layer has another top
        names = machine.listxattr(path, follow_symlinks=False)
        value += (tuple((n, machine.getxattr(path, n, follow_symlinks=False)) for n in names),)
        if kind == stat.S_IFDIR:
            waiting += [machine.path.join(path, name) for name in machine.listdir(path)]
        elif kind == stat.S_IFREG:
            with machine.installed():
                value += (open(path, "rb").read(),)
        elif kind == stat.S_IFLNK:
            value += (machine.readlink(path),)
        found[path] = value
    return found


def one_path(rng):
    return "".join("/" + rng.choice(NAMES) for _ in range(rng.choice([1, 1, 2, 3])))


def add(machine, rng, path):
    kind = rng.randrange(5)
    if kind == 0:
        machine.mkdir(path, rng.choice([0o755, 0o700]))
    elif kind == 1:
        machine.symlink(rng.choice(NAMES), path)
    elif kind == 2:
        machine.mkfifo(path)
    else:
        machine.create_file(path, rng.choice(["", "text", "x" * 10000]))


def change(machine, rng, path):
    other = one_path(rng)
    choice = rng.randrange(9)
    if choice == 0:
        machine.remove(path)
    elif choice == 1:
        machine.trees.remove(path)
    elif choice == 2:
        machine.rename(path, other)
    elif choice == 3:
        machine.link(path, other)
    elif choice == 4:
        machine.chmod(path, rng.choice([0o700, 0o755, 0o500]))
    elif choice == 5:
        machine.utime(path, ns=(rng.randrange(10**18), rng.randrange(10**18)))
    elif choice == 6:
        machine.setxattr(path, "user.ours", b"%d" % rng.randrange(3))
    elif choice == 7:
        machine.truncate(path, rng.randrange(9))
    else:
        machine.exchange(path, other)


def act(machine, rng, additions):
    for _ in range(rng.choice([0, 1, 3, 8])):
        try:
            if rng.random() < additions:
                add(machine, rng, one_path(rng))
            else:
                change(machine, rng, one_path(rng))
        except OSError:
            pass  # what is not there, or is there already


def course(seed):
    rng = random.Random(seed)
    with ostler.scratch() as machine:
        act(machine, rng, 0.8)
        in_place = 0
        for _ in range(25):
            if rng.random() < 0.2:
                act(machine, rng, 0.6)  # a fixture of the module that comes later
            point = scratch_points.settled(machine)
            before, stood_on = picture(machine), machine._overlays
            act(machine, rng, rng.choice([1, 1, 0.7, 0.3]))
            changed = picture(machine) != before
            scratch_points.taken_back(machine, point)
            assert picture(machine) == before
            in_place += changed and machine._overlays is stood_on
    return in_place


@pytest.mark.parametrize("user", [None, USER], ids=["root", "user"])
@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.thorough) for n in
                                        range(100, 1000, 100))])  # fmt: skip
def test_everything_is_as_it_was(first, user):
    def check():
        assert sum(course(seed) for seed in range(first, first + 8)) > 20

    forked(check, user)


@pytest.mark.parametrize("user", [None, USER], ids=["root", "user"])
def test_what_is_added_is_removed_in_place(user):
    """Nothing is mounted anew, whatever was added, and however often."""

    def check():
        with ostler.scratch() as machine:
            machine.create_file("/data/one", "1")
            machine.setxattr("/data", "user.ours", b"1")
            point = scratch_points.settled(machine)
            before, stood_on = picture(machine), machine._overlays
            for number in range(4):
                machine.create_file(f"/{number}", "x")
                machine.create_file("/data/more/and/more", "x")
                machine.chmod("/data/more", 0)
                machine.symlink("/etc", "/data/link")
                scratch_points.taken_back(machine, point)
                assert machine._overlays is stood_on
                assert picture(machine) == before
                assert scratch_points.settled(machine) is point

    forked(check, user)


def test_what_was_added_has_taken_no_room():
    with ostler.scratch(size="64K", inodes=400) as machine:
        machine.create_file("/data/more/one", "1")
        made = []
        for _ in range(4):
            point = scratch_points.settled(machine)
            files = ostler.fstatvfs(machine._root).f_ffree
            machine.create_file("/data/new", "1")
            machine.create_file("/data/more/new", "1")
            scratch_points.taken_back(machine, point)
            machine._history.background.finish()
            made.append(files)
        assert len({*made[1:]}) == 1


@pytest.mark.parametrize("name", ["/new", "/data/new", "/data/one"])
def test_a_file_that_is_left_open_is_told(name):
    with ostler.scratch() as machine:
        machine.create_file("/data/one", "1")
        point = scratch_points.settled(machine)
        before = picture(machine)
        fd = machine.open(name, machine.O_RDWR | machine.O_CREAT)
        machine.write(fd, b"left")
        with pytest.raises(OSError, match="open for writing"):
            scratch_points.taken_back(machine, point)
        assert picture(machine) == before
        machine.write(fd, b"more")
        assert picture(machine) == before
        machine.close(fd)
