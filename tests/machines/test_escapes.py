"""No path leads out: the cases known from cap-std, libpathrs, filepath-securejoin and os.Root."""

import errno
import os
import shutil
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
    # cap-std: renames over "..", names that only begin or end like it, links with slashes behind
    "the parent itself": ({}, ".."),
    "the root's parent": ({}, "/.."),
    "the root's parents": ({}, "/./.././../"),
    "parent of a directory's parent": ({"d": None, "d/e": None}, "d/e/../../../secret"),
    "names like dots": ({"..d": None, "d..": None}, "..d/../d../../secret"),
    "link with a slash": ({"l": "../"}, "l/secret"),
    "link with slash and dot": ({"d": None, "d/l": "../../."}, "d/l/secret"),
    "link to a link with a slash": ({"a": "b/", "b": "../"}, "a/secret"),
    # filepath-securejoin: what lies nowhere, links that are read more than once, loops by the root
    "link to many parents": ({"etc": "../../../../../../../..{outside}"}, "etc/secret"),
    "parents behind junk": ({"d": None}, "d/././junk../../../../../secret"),
    "link through a cousin": (
        {"a": None, "b": None, "b/c": None, "a/l": "/../b/c", "a/m": "/../../../b/c"},
        "a/l/../../a/m/../../../secret",
    ),
    "links of three levels": (
        {"t": None, "x": None, "x/t": "../t", "y": None, "y/x": "../x", "z": None,
         "z/t": "../y/x/t"},
        "z/t/../../secret",
    ),
    "loop by the root": ({"d": None, "d/l": "../../../p", "p": "/d/l"}, "d/l/../../secret"),
    "loop by parents": ({"self": "/../../../self"}, "self/../secret"),
    "through a file in a link": ({"f": b"x", "l": "f/../../secret"}, "l"),
    "dangling out": ({"l": "../new"}, "l"),
    "dangling absolute": ({"l": "{outside}/new"}, "l"),
    "dangling by parents of what is missing": ({"l": "a/../../new"}, "l"),
    "dangling in steps": (
        {"a": None, "a/c": "../c", "c": "d/e", "d": None, "d/e": "../e", "e": "f/../../new",
         "f": None},
        "a/c",
    ),
    # os.Root: out and in again, chains that leave in the middle
    "out and in": ({}, "../jail/../secret"),
    "out and in by a link": ({"l": "../jail/.."}, "l/secret"),
    "in and out": ({"d": None}, "d/../../jail/../../secret"),
    "link out and in, with a slash": ({"l": "../jail/"}, "l/../secret"),
    "chain that leaves": ({"l": "a/b/secret", "a": None, "a/b": "e", "a/e": "../.."}, "l"),
    "chain that comes back": (
        {"l": "a/b/../../secret", "a": None, "a/b": "e", "a/e": "../f", "f": "g/h",
         "g": None, "g/h": None},
        "l",
    ),
    "dots before and behind a link": ({"b": None, "b/c": None, "a": "b/c"},
                                      "b/../a/../../../secret"),
    "long name behind": ({}, "../" + "n" * 300),
    # libpathrs: magic links of oneself, of a thread, of others
    "proc of another": ({}, "/proc/1/root{outside}/secret"),
    "proc by parents": ({}, "../../../../../../../../proc/self/cwd/../secret"),
    "descriptors": ({}, "/dev/fd/{fd}/secret"),
    "link to a descriptor": ({"l": "/proc/self/fd/{fd}"}, "l/secret"),
    "link to a thread's descriptor": ({"l": "/proc/thread-self/fd/{fd}/secret"}, "l"),
}  # fmt: skip
# What is put behind each path.
BEHIND = ["", "/", "/.", "/./", "/..", "/../secret"]

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
            gave = function(*args, **kwargs)
            # Among what a directory holds the secret is known by its size.
            found.append(SECRET if isinstance(gave, list) and len(SECRET) in gave else gave)
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
    note(lambda: path.endswith("secret") and machine.path.exists(path) and SECRET)
    note(lambda: machine.path.getsize(path) == len(SECRET) and SECRET)
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
    note(lambda: machine.open("own", machine.O_WRONLY | machine.O_CREAT, 0o600))
    note(machine.rename, "own", path)
    note(machine.link, "own", path)
    note(machine.symlink, "own", path)
    note(machine.replace, "own", path)
    note(machine.mkfifo, path)
    note(machine.makedirs, path + "/a/b")
    note(machine.open, path, machine.O_WRONLY | machine.O_TMPFILE, 0o600)
    note(read, machine.O_RDONLY | machine.O_NOFOLLOW)
    note(lambda: machine.stat(machine.readlink(path)).st_size == len(SECRET) and SECRET)
    note(lambda: machine.open_file(machine.path.realpath(path), "rb").read())
    note(lambda: [e.stat().st_size for e in machine.scandir(path)])
    note(lambda: [machine.stat(machine.path.join(where, name)).st_size
                  for where, _, names in machine.walk(path) for name in names])  # fmt: skip
    note(lambda: machine.trees.copy(path, "copied", threads=1))
    note(lambda: machine.open_file("copied", "rb").read())
    note(lambda: machine.open_file("copied/secret", "rb").read())
    note(machine.exchange, "own", path)
    note(machine.chown, path, -1, -1)
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


def furnish(inside, links, **names):
    """Make the machine's directory what the case wants, in the place of what is there."""
    if os.stat(inside).st_uid == os.geteuid():
        os.chmod(inside, 0o777)  # who owns it may have closed it by a path that leads there
    for entry in os.scandir(inside):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry)
        else:
            os.unlink(entry)
    for name, target in links.items():
        name = os.path.join(inside, name)
        if target is None:
            os.mkdir(name)
        elif isinstance(target, bytes):
            with open(name, "wb") as file:
                file.write(target)
        else:
            os.symlink(target.format(**names), name)


def run(outside, inside, links, path):
    fd = os.open(outside, os.O_PATH)
    try:
        furnish(inside, links, outside=outside, fd=fd)
        with ostler.confined(inside) as machine:
            return attempts(machine, path.format(outside=outside, fd=fd))
    finally:
        os.close(fd)


def standing_below(inside):
    machine = ostler.confined(inside)
    machine.mkdir("below")
    machine.chdir("below")
    return machine


def renamed(inside):
    machine = ostler.confined(inside)
    os.rename(inside, inside + "-renamed")
    os.mkdir(inside)  # where it was there is something else now
    os.chmod(inside, 0o777)
    return machine


def made_read_only(inside):
    machine = ostler.confined(inside)
    machine.read_only_now()
    return machine


# The machine in each state, and another kind that shows a directory as its root.
STATES = {
    "below": standing_below,
    "renamed": renamed,
    "read-only": lambda inside: ostler.confined(inside, read_only=True),
    "made read-only": made_read_only,
    "rehearsal": ostler.rehearsal,
}


def run_in_states(outside, inside, links, path):
    """{(state, what is behind the path): what it gave}, and whether all outside is as before."""
    found, same = {}, True
    fd = os.open(outside, os.O_PATH)
    before = picture(outside, inside)
    tries = [("confined", ostler.confined, path + behind) for behind in ("", "/", "/..")]
    tries += [(name, state, path) for name, state in STATES.items()]
    tries.append(("below", standing_below, "../" + path.lstrip("/")))
    for name, state, tried in tries:
        furnish(inside, links, outside=outside, fd=fd)
        with state(inside) as machine:
            found[name, tried] = attempts(machine, tried.format(outside=outside, fd=fd))
        if name == "renamed":
            os.rmdir(inside)
            os.rename(inside + "-renamed", inside)
        same = same and picture(outside, inside) == before
    os.close(fd)
    return found, same


@pytest.mark.parametrize("user", [as_self, as_user])
@pytest.mark.parametrize("name", CASES)
def test_no_way_out(name, user, places):
    outside, inside = places
    before = picture(outside, inside)
    found, same = user(run_in_states, outside, inside, *CASES[name])
    assert [where for where, gave in found.items() if SECRET in gave] == []
    assert same
    assert picture(outside, inside) == before


def looks(system, path):
    """What a path means to a machine, or to os: what is there, or the error."""
    found = []
    for look in (
        lambda: system.stat(path).st_ino,
        lambda: system.lstat(path).st_ino,
        lambda: system.readlink(path),
        lambda: sorted(system.listdir(path)),
        lambda: system.close(system.open(path, system.O_RDONLY)),
        lambda: system.close(system.open(path, system.O_PATH | system.O_NOFOLLOW)),
    ):
        try:
            found.append(look())
        except OSError as error:
            found.append(errno.errorcode[error.errno])
    return found


def both_ways(outside, inside, links, path):
    furnish(inside, links, outside=outside, fd=999)
    paths = [(path + behind).format(outside=outside, fd=999) for behind in BEHIND]
    with ostler.confined(inside) as machine:
        found = [looks(machine, tried) for tried in paths]
    os.chroot(inside)
    os.chdir("/")
    return found, [looks(os, tried) for tried in paths]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may chroot")
@pytest.mark.parametrize("name", CASES)
def test_a_path_means_what_it_means_in_a_chroot(name, places):
    """The second witness: the kernel, asked in another way."""
    found, expected = as_self(both_ways, *places, *CASES[name])
    assert found == expected


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


def test_no_number_stands_for_the_working_directory_outside(tmp_path, monkeypatch):
    """As AT_FDCWD does for the kernel, where it wants a descriptor."""
    monkeypatch.chdir(tmp_path)
    with ostler.scratch() as machine:
        machine.mkdir("/d")
        machine.chdir("/d")
        with pytest.raises(OSError):
            machine.setxattr(-100, "user.x", b"")
        with pytest.raises(OSError):
            machine.getxattr(-100, "user.x")
        inside = machine.stat("/d").st_ino, machine.stat("/d").st_dev
        found = machine.statx(-100, ostler.STATX_INO)
        assert (found.stx_ino, found.stx_dev) == inside
    assert "user.x" not in os.listxattr(tmp_path)


def test_a_directory_outside_does_not_become_the_working_directory(places):
    outside, inside = places
    fd = os.open(outside, os.O_RDONLY)
    with ostler.confined(inside) as machine:
        with pytest.raises(OSError) as caught:
            machine.fchdir(fd)
        assert caught.value.errno == errno.EXDEV
    os.close(fd)


# How somebody changes the tree while it is walked: (a, b) that are exchanged, and the paths that
# are tried; {0} is the machine's directory and {1} the one outside.
RACES = {
    "a directory and a link to outside": (
        ("{0}/spot", "{0}/link"),
        ["spot/secret", "spot/../spot/secret", "/spot/in/../secret"],
    ),
    "a directory below and above": (
        ("{0}/deep/er/x", "{0}/x"),
        ["deep/er/x/y/../../../../secret", "deep/er/x/../../../secret", "x/y/../../../secret"],
    ),
    "a directory inside and one outside": (
        ("{0}/spot", "{1}/away"),
        ["spot/../secret", "spot/in/../../secret", "/spot/../../secret"],
    ),
}


def exchange(a, b):
    """Exchange two names as fast as possible, until killed."""
    libc = __import__("ctypes").CDLL(None)
    a, b = a.encode(), b.encode()
    while True:
        libc.renameat2(-100, a, -100, b, 2)


def race(outside, inside, how, seconds):
    """(calls made, times that one reached outside, whether something was made there)."""
    (a, b), paths = RACES[how]
    names = (inside, outside)
    for name in ("{0}/spot/in", "{1}/away/in", "{0}/deep/er/x/y", "{0}/x/y"):
        os.makedirs(name.format(*names))
    for name in ("{0}/spot/secret", "{0}/deep/secret"):
        with open(name.format(*names), "wb") as file:
            file.write(b"inside")
    os.symlink(outside, os.path.join(inside, "link"))
    pid = os.fork()
    if pid == 0:
        exchange(a.format(*names), b.format(*names))
    calls = escapes = 0
    try:
        with ostler.confined(inside) as machine:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for path in paths * 50:
                    calls += 3
                    try:
                        fd = machine.open(path, machine.O_RDONLY)
                        escapes += machine.read(fd, 10) == SECRET
                        machine.close(fd)
                    except OSError:
                        pass
                    try:
                        escapes += machine.stat(path).st_size == len(SECRET)
                    except OSError:
                        pass
                    try:
                        machine.truncate(path, 0)
                    except OSError:
                        pass
                if "link" in how:
                    for _ in range(100):
                        calls += 1
                        try:
                            machine.mkdir("spot/made")
                            machine.rmdir("spot/made")
                        except OSError:
                            pass
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    made = os.path.exists(os.path.join(outside, "made"))
    return calls, escapes, made, os.path.getsize(os.path.join(outside, "secret"))


@pytest.mark.parametrize("user", [as_self, as_user])
@pytest.mark.parametrize("how", RACES)
def test_no_race_leads_out(how, user, places):
    outside, inside = places
    calls, escapes, made, size = user(race, outside, inside, how, 0.3)
    assert calls and not escapes and not made and size == len(SECRET)


def while_names_change(outside, inside):
    """What a long way up gives again and again, while others rename without a pause."""
    for name in ("a", "b", "d"):
        os.mkdir(os.path.join(inside, name))
    open(os.path.join(inside, "here"), "x").close()
    pid = os.fork()
    if pid == 0:
        exchange(os.path.join(outside, inside, "a"), os.path.join(outside, inside, "b"))
    try:
        with ostler.confined(inside) as machine:
            fd = machine.open("d", machine.O_RDONLY)
            ways = [("../" * 1000 + name, {}) for name in ("here", "missing")]
            ways += [(way, {"dir_fd": fd}) for way, _ in ways]
            return [
                [look(machine.stat, way, **where) for way, where in ways] for _ in range(200)
            ], look(machine.stat, "here")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def look(stat, path, **where):
    try:
        return stat(path, **where).st_ino
    except OSError as error:
        return errno.errorcode[error.errno]


@pytest.mark.parametrize("user", [as_self, as_user])
def test_a_long_way_up_is_found_while_others_rename(user, places):
    """Where anything is renamed meanwhile, openat2 answers EAGAIN to a path with ".."."""
    found, here = user(while_names_change, *places)
    assert found == [[here, "ENOENT", here, "ENOENT"]] * 200


@pytest.mark.slow
@pytest.mark.parametrize("how", RACES)
def test_no_race_leads_out_in_ten_seconds(how, places, capsys):
    outside, inside = places
    calls, escapes, made, size = race(outside, inside, how, 10)
    with capsys.disabled():
        print(f"\n{how}: {calls:,} calls in ten seconds")
    assert calls and not escapes and not made and size == len(SECRET)
