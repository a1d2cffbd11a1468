"""No path leads out: the cases known from cap-std, libpathrs, filepath-securejoin and os.Root."""

import errno
import os
import signal
import time

import pytest

import ostler
from tests.machines import as_self, as_user, let_all_in

# (what lies inside the machine: name -> link target, None for a directory; the path to try)
CASES = {
    "parent": ({}, "../secret"),
    "parents": ({}, "../../../../../../secret"),
    "parent of a directory": ({"d": None}, "d/../../secret"),
    "absolute": ({}, "{outside}/secret"),
    "absolute with dots": ({}, "/../{outside}/secret"),
    "slashes": ({}, "//{outside}//secret"),
    "link to absolute": ({"l": "{outside}/secret"}, "l"),
    "link to absolute directory": ({"l": "{outside}"}, "l/secret"),
    "link to parent": ({"l": ".."}, "l/secret"),
    "link to parents": ({"l": "../../../../.."}, "l/{outside}/secret"),
    "link to file above": ({"l": "../secret"}, "l"),
    "link in a directory": ({"d": None, "d/l": "../../secret"}, "d/l"),
    "chain": ({"a": "b", "b": "c", "c": "../secret"}, "a"),
    "chain of directories": ({"a": "b/..", "b": "c", "c": ".."}, "a/secret"),
    "through a link and up": ({"d": None, "d/l": "/"}, "d/l/../secret"),
    "link to root": ({"l": "/"}, "l/../secret"),
    "link to itself": ({"l": "l"}, "l/secret"),
    "loop of two": ({"a": "b", "b": "a"}, "a/secret"),
    "trailing slash": ({"l": "{outside}"}, "l/"),
    "trailing dot": ({"l": "{outside}"}, "l/."),
    "trailing dots": ({"l": "{outside}/inner"}, "l/.."),
    "link with dots in the middle": ({"d": None, "l": "d/../../secret"}, "l"),
    "dots after a file": ({"f": b"x"}, "f/../../secret"),
    "dots after what is missing": ({}, "missing/../../secret"),
    "absolute link with dots": ({"l": "/../../{outside}/secret"}, "l"),
    "proc root": ({}, "/proc/self/root{outside}/secret"),
    "proc cwd": ({}, "/proc/self/cwd/{outside}/secret"),
    "link to proc root": ({"l": "/proc/self/root"}, "l/{outside}/secret"),
    "proc fd": ({}, "/proc/self/fd/{fd}/secret"),
    "proc thread": ({}, "/proc/thread-self/root{outside}/secret"),
    "long way up": ({}, "../" * 1000 + "secret"),
    "dots with slashes": ({}, "..//..///../secret"),
}

SECRET = b"outside"


@pytest.fixture
def places(tmp_path):
    """A directory outside that holds a secret, and one inside it that is to be confined."""
    outside = tmp_path / "outside"
    inside = outside / "inner" / "jail"
    inside.mkdir(parents=True)
    (outside / "secret").write_bytes(SECRET)
    (outside / "inner" / "secret").write_bytes(SECRET)
    for path in (tmp_path, outside, outside / "inner", inside):
        path.chmod(0o777)
    let_all_in(tmp_path)
    return str(outside), str(inside)


def attempts(machine, path):
    """Everything that takes a path, with this one: what it gave, as far as it tells of outside."""
    found = []

    def note(function, *args, **kwargs):
        try:
            found.append(function(*args, **kwargs))
        except (OSError, ValueError):
            pass

    def read(flags):
        fd = machine.open(path, flags)
        try:
            return machine.read(fd, 100)
        finally:
            machine.close(fd)

    note(read, machine.O_RDONLY)
    note(lambda: machine.open_file(path, "rb").read())
    note(lambda: machine.stat(path).st_size == len(SECRET) and SECRET)
    note(lambda: machine.lstat(path).st_size == len(SECRET) and SECRET)
    note(lambda: machine.path.exists(path) and SECRET)
    note(lambda: SECRET if b"secret" in machine.listdir(machine.fsencode(path)) else b"")
    note(machine.truncate, path, 3)
    note(machine.chmod, path, 0o600)
    note(machine.utime, path, (1, 1))
    note(machine.setxattr, path, "user.a", b"1")
    note(machine.utime, path, (1, 1), follow_symlinks=False)
    note(machine.open, path, machine.O_WRONLY | machine.O_CREAT | machine.O_TRUNC, 0o600)
    note(machine.mkdir, path + "-made")
    note(machine.symlink, "x", path + "-made-link")
    note(machine.link, path, "linked")
    note(lambda: machine.open_file("linked", "rb").read())
    note(machine.rename, path, "moved")
    note(lambda: machine.open_file("moved", "rb").read())
    note(machine.remove, path)
    note(machine.rmdir, path)
    note(machine.chdir, path)
    note(lambda: machine.open_file("secret", "rb").read())
    return found


def picture(top, without):
    """Every name outside with what it holds and its mode, to see that nothing changed."""
    found = []
    for root, directories, files in os.walk(top):
        if root == without:
            directories.clear()
            continue
        for name in [*directories, *files]:
            path = os.path.join(root, name)
            if path == without:
                continue
            status = os.lstat(path)
            data = open(path, "rb").read() if os.path.isfile(path) else None
            found.append((path, status.st_mode, status.st_size, data))
    return sorted(found)


def run(outside, inside, links, path):
    fd = os.open(outside, os.O_PATH)
    try:
        for name, target in links.items():
            name = os.path.join(inside, name)
            if target is None:
                os.mkdir(name)
            elif isinstance(target, bytes):
                with open(name, "wb") as file:
                    file.write(target)
            else:
                os.symlink(target.format(outside=outside, fd=fd), name)
        with ostler.confined(inside) as machine:
            return attempts(machine, path.format(outside=outside, fd=fd))
    finally:
        os.close(fd)


@pytest.mark.parametrize("user", [as_self, as_user])
@pytest.mark.parametrize("name", CASES)
def test_no_way_out(name, user, places):
    outside, inside = places
    before = picture(outside, inside)
    found = user(run, outside, inside, *CASES[name])
    assert SECRET not in found
    assert picture(outside, inside) == before


def test_dir_fd_of_the_machine_does_not_lead_out(places):
    outside, inside = places
    os.mkdir(os.path.join(inside, "d"))
    os.symlink(outside, os.path.join(inside, "d", "l"))
    with ostler.confined(inside) as machine:
        fd = machine.open("d", machine.O_RDONLY)
        for path in ("../../secret", "l/secret", "../../../secret", f"{outside}/secret"):
            with pytest.raises(OSError):
                machine.stat(path, dir_fd=fd)
        assert machine.stat("..", dir_fd=fd).st_ino == machine.stat("/").st_ino
        machine.close(fd)


def test_a_directory_outside_does_not_become_the_working_directory(places):
    outside, inside = places
    fd = os.open(outside, os.O_RDONLY)
    with ostler.confined(inside) as machine:
        with pytest.raises(OSError) as caught:
            machine.fchdir(fd)
        assert caught.value.errno == errno.EXDEV
    os.close(fd)


def swap(inside, outside):
    """Exchange a directory and a link to outside as fast as possible, until killed."""
    libc = __import__("ctypes").CDLL(None)
    a, b = (os.path.join(inside, n).encode() for n in ("spot", "link"))
    while True:
        libc.renameat2(-100, a, -100, b, 2)


def race(outside, inside, seconds):
    """How often a machine's call was tried, and reached outside, while somebody exchanges."""
    os.mkdir(os.path.join(inside, "spot"))
    with open(os.path.join(inside, "spot", "secret"), "wb") as file:
        file.write(b"inside")
    os.symlink(outside, os.path.join(inside, "link"))
    pid = os.fork()
    if pid == 0:
        swap(inside, outside)
    tries = escapes = 0
    try:
        with ostler.confined(inside) as machine:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for _ in range(200):
                    tries += 1
                    try:
                        fd = machine.open("spot/secret", machine.O_RDONLY)
                        escapes += machine.read(fd, 10) == SECRET
                        machine.close(fd)
                    except OSError:
                        pass
                    try:
                        escapes += machine.stat("spot/../spot/secret").st_size == len(SECRET)
                    except OSError:
                        pass
                    try:
                        machine.mkdir("spot/made")
                        machine.rmdir("spot/made")
                    except OSError:
                        pass
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return tries, escapes, os.path.exists(os.path.join(outside, "made"))


@pytest.mark.parametrize("user", [as_self, as_user])
def test_no_race_leads_out(user, places):
    outside, inside = places
    tries, escapes, made = user(race, outside, inside, 0.5)
    assert tries and not escapes and not made


@pytest.mark.slow
def test_no_race_leads_out_in_ten_seconds(places):
    outside, inside = places
    tries, escapes, made = race(outside, inside, 10)
    assert tries and not escapes and not made
