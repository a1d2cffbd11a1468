"""Bad input and odd states of machines: a clear error of the standard kind, nothing left behind."""

import asyncio
import contextlib
import copy
import ctypes
import errno
import os
import pickle
import stat
import tempfile
import threading
from concurrent.futures.thread import ThreadPoolExecutor

import pytest

import ostler
from ostler.machines import SHELL
from ostler.machines.among import confined_among
from tests.machines import ORDINARY, as_root_of_namespaces, as_self, as_user, kinds
from tests.machines.test_life import held

_WALL = 0x40000000
both_users = pytest.mark.parametrize("user", [as_self, as_user])
every_kind = pytest.mark.parametrize("kind", kinds.OVER)
one_after_the_other = [kind for kind in kinds.OVER if kind is not kinds.kept_rehearsal]


# Making one


def bad_makings(place):
    """name -> (function, kind of error, errno or None, a word of the message)."""
    base, upper, full = f"{place}/base", f"{place}/upper", f"{place}/full"
    foreign, file = f"{place}/foreign", f"{place}/base/file"
    rehearsal, scratch = ostler.rehearsal, ostler.scratch
    return {
        "base inside upper": (lambda: rehearsal(base, place), OSError, errno.EINVAL, "within"),
        "base is upper": (lambda: rehearsal(base, base), OSError, errno.EINVAL, "within"),
        "upper is a file": (lambda: rehearsal(base, file), NotADirectoryError, None, "file"),
        "upper is missing": (lambda: rehearsal(base, upper), FileNotFoundError, None, "upper"),
        "upper holds files": (lambda: rehearsal(base, full), OSError, errno.ENOTEMPTY, "empty"),
        "upper is another's": (
            lambda: rehearsal(base, foreign), PermissionError, errno.EACCES, "foreign"),
        "upper with NUL": (lambda: rehearsal(base, "a\0b"), ValueError, None, "null"),
        "upper no path": (lambda: rehearsal(base, 3.5), TypeError, None, "path"),
        "upper is empty text": (lambda: rehearsal(base, ""), FileNotFoundError, None, ""),
        "of a file": (lambda: rehearsal(file), NotADirectoryError, None, "file"),
        "confined to a file": (lambda: ostler.confined(file), NotADirectoryError, None, "file"),
        "confined to nothing": (lambda: ostler.confined(upper), FileNotFoundError, None, "upper"),
        "read-only file": (lambda: ostler.read_only(file), NotADirectoryError, None, "file"),
        "size no number": (lambda: scratch(size="much"), ValueError, None, "size"),
        "size of a strange unit": (lambda: scratch(size="64Q"), ValueError, None, "64Q"),
        "size negative": (lambda: scratch(size=-1), ValueError, None, "size"),
        "size no text": (lambda: scratch(size=b"64M"), TypeError, None, "size"),
        "inodes no number": (lambda: scratch(inodes="many"), ValueError, None, "inodes"),
        "bind of nothing": (lambda: scratch(bind=[upper]), FileNotFoundError, None, "upper"),
        "bind with NUL": (lambda: scratch(bind=["a\0b"]), ValueError, None, "null"),
        "too many arguments": (lambda: scratch(1, 2, 3, 4, 5, 6), TypeError, None, "argument"),
    }  # fmt: skip


MAKINGS = sorted(bad_makings("/"))


def make_badly(place, name):
    function, kind, number, word = bad_makings(place)[name]
    before = held(), snapshot(place)
    try:
        with contextlib.closing(function()):
            outcome = "made"
    except Exception as error:
        good = isinstance(error, kind) and number in (None, getattr(error, "errno", None))
        outcome = "as it should" if good and word in str(error) else repr(error)
    return outcome, before, (held(), snapshot(place))


def snapshot(place):
    return sorted((path, sorted(dirs), sorted(files)) for path, dirs, files in os.walk(place))


@pytest.fixture
def place(directory):
    """A directory with a base, and an upper that is not one."""
    parent = os.path.dirname(directory)
    for name, mode, owner in (("full", 0o777, ORDINARY), ("foreign", 0o700, 0)):
        path = os.path.join(parent, name)
        os.mkdir(path)
        os.chmod(path, mode)
        if os.getuid() == 0:
            os.chown(path, owner, owner)
    open(os.path.join(parent, "full", "something"), "w").close()
    return parent


@both_users
@pytest.mark.parametrize("name", MAKINGS)
def test_a_machine_of_what_it_can_not_be_of(name, user, place):
    if name == "upper is another's" and (user is as_self or os.getuid()):
        pytest.skip("root may write to what is another's, and others can't make such a directory")
    outcome, before, after = user(make_badly, place, name)
    assert outcome == "as it should"
    assert after == before


def upper_on_overlay(base):
    top = os.path.dirname(base)
    for name in ("a", "b", "c", "overlay"):
        os.mkdir(f"{top}/{name}")
    layers = f"lowerdir={top}/a,upperdir={top}/b,workdir={top}/c,userxattr"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"overlay", f"{top}/overlay".encode(), b"overlay", 0, layers.encode()):
        raise OSError(ctypes.get_errno(), "mount")
    upper = f"{top}/overlay/upper"
    os.mkdir(upper)
    before = held()
    try:
        ostler.rehearsal(base, upper).close()
    except ostler.MachineUnavailable as error:
        outcome = error.reason, error.what_would_help
    return outcome, os.listdir(upper), before, held()


@both_users
def test_an_upper_on_overlayfs(user, directory):
    found = user(as_root_of_namespaces, upper_on_overlay, directory)
    (reason, help_), left, before, after = found
    assert "its upper lies on overlay" in reason and "upper=DIR" in help_
    assert (left, after) == ([], before)


def upper_within(base):
    upper = f"{base}/.kept"
    os.mkdir(upper)
    with ostler.rehearsal(base, upper) as machine:
        machine.mkdir("made")
        found = [os.path.relpath(c.path, base) for c in machine.changes()]
        machine.commit()
    with ostler.rehearsal(base, upper) as machine:
        return found, sorted(machine.listdir("/")), machine.changes()


@both_users
def test_an_upper_within_the_base(user, directory):
    found, names, later = user(upper_within, directory)
    assert (found, names, later) == (["made"], [".kept", "file", "made"], [])


# Closed ones

TAKEN_BEFORE = {
    "listdir": ["/"], "scandir": ["/"], "stat": ["/"], "lstat": ["/"], "open": ["/x", os.O_RDONLY],
    "mkdir": ["d"], "makedirs": ["d/e"], "rmdir": ["d"], "unlink": ["f"], "remove": ["f"],
    "rename": ["a", "b"], "replace": ["a", "b"], "link": ["a", "b"], "symlink": ["a", "b"],
    "readlink": ["a"], "chmod": ["a", 0], "chown": ["a", 0, 0], "utime": ["a"],
    "truncate": ["a", 0], "mkfifo": ["p"], "mknod": ["n"], "getcwd": [], "getcwdb": [],
    "chdir": ["/"], "statvfs": ["/"], "pathconf": ["/", "PC_NAME_MAX"], "getxattr": ["a", "user.x"],
    "setxattr": ["a", "user.x", b""], "listxattr": ["a"], "removexattr": ["a", "user.x"],
    "system": ["true"], "spawnv": [os.P_WAIT, "/bin/true", ["true"]],
    "posix_spawn": ["/bin/true", ["true"], {}], "chroot": ["/"], "walk": ["/"],
    "open_file": ["/f"], "run": [["true"]], "probe": ["/"],
}  # fmt: skip
# These give an answer where the file can't be looked at, as os.path does.
QUIET = {"access": [["/", os.F_OK], False], "walk": [["/"], None]}


def closed_errors(kind, place):
    machine = kind(place)
    taken = {name: getattr(machine, name) for name in TAKEN_BEFORE}
    exists, access = machine.path.exists, machine.access
    machine.close()
    machine.close()
    found = {}
    for name, arguments in TAKEN_BEFORE.items():
        try:
            answer = taken[name](*arguments)
            if name == "walk":
                answer = list(answer)
            found[name] = answer
        except ValueError as error:
            found[name] = "closed" if "closed" in str(error) else repr(error)
        except OSError as error:
            found[name] = "closed" if error.errno == errno.EBADF else repr(error)
    return found, exists("/"), access("/", os.F_OK)


@both_users
@every_kind
def test_verbs_that_were_taken_before_it_was_closed(kind, user, directory):
    found, exists, access = user(closed_errors, kind, directory)
    walked = found.pop("walk")
    assert {name: what for name, what in found.items() if what != "closed"} == {}
    assert walked in ([], "closed")
    assert (exists, access) == (False, False)
    assert sorted(os.listdir(directory)) == ["file"]


@every_kind
def test_every_name_of_a_closed_machine(kind, directory):
    machine = kind(directory)
    names = [*type(machine).__all__, "guarantees", "trees", "open_file", "installed", "faults"]
    machine.close()
    for name in names:
        if name == "close":
            continue
        with pytest.raises(ValueError, match="closed"):
            getattr(machine, name)
    with pytest.raises(ValueError, match="closed"), machine:
        pass


def closed_under_calls(kind, place):
    """Close a machine while threads use it: what came of their calls, and what is left."""
    before = held()
    found = set()
    for _ in range(10):
        machine = kind(place)
        listdir, mkdir, open_ = machine.listdir, machine.mkdir, machine.open
        started = threading.Barrier(4)

        def work(number, listdir=listdir, mkdir=mkdir, open_=open_, started=started):
            started.wait()
            while True:
                try:
                    listdir("/")
                    os.close(open_("file", os.O_RDONLY))
                    mkdir(f"made-{number}")
                except (FileExistsError, FileNotFoundError):
                    pass
                except (OSError, ValueError) as error:
                    found.add(errno.errorcode.get(getattr(error, "errno", None), "closed"))
                    return

        threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        machine.close()
        for thread in threads:
            thread.join()
        # What holds the numbers until nobody can use them any more goes with these.
        del machine, listdir, mkdir, open_, threads, thread, work
        for name in os.listdir(place):
            if name.startswith("made-"):
                os.rmdir(os.path.join(place, name))
    return found, before, held()


@both_users
@pytest.mark.parametrize("kind", one_after_the_other)
def test_closed_under_threads_that_use_it(kind, user, directory):
    outside = root_names()
    found, before, after = user(closed_under_calls, kind, directory)
    # Read-only machines refuse the first mkdir.
    assert found <= {"EBADF", "ENOTDIR", "closed"} | (
        {"EROFS"} if "read" in kind.__name__ else set()
    )
    assert after == before
    assert root_names() == outside


def root_names():
    # But for what a commit of another run has there for a moment.
    return [name for name in os.listdir("/") if not name.startswith(".ostler-commit-")]


# Forks, copies


def forked(kind, place):
    """Use and close a machine in a child; what the parent can do with it afterwards."""
    machine = kind(place)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            there = machine.listdir("/")
            machine.chdir("/")
            machine.close()
            os.write(writing, repr(there).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as stream:
        seen = stream.read()
    os.waitpid(pid, 0)
    mine = machine.listdir("/")
    machine.close()
    return seen, mine


@both_users
@every_kind
def test_used_and_closed_after_a_fork(kind, user, directory):
    seen, mine = user(forked, kind, directory)
    assert seen == repr(mine)


@every_kind
def test_not_copied(kind, directory):
    with kind(directory) as machine:
        for take in (copy.copy, copy.deepcopy, *(
            lambda m, p=p: pickle.dumps(m, p) for p in range(pickle.HIGHEST_PROTOCOL + 1)
        )):  # fmt: skip
            with pytest.raises(TypeError, match=r"machine|pickle"):
                take(machine)
        assert machine.listdir("/") is not None


@every_kind
def test_names_with_nul(kind, directory):
    with kind(directory) as machine:
        for name, arguments in TAKEN_BEFORE.items():
            if arguments and isinstance(arguments[0], str) and name not in ("walk", "system"):
                with pytest.raises(ValueError, match="null"):
                    getattr(machine, name)("a\0b", *arguments[1:])
    assert sorted(os.listdir(directory)) == ["file"]


# Many at once


def many(kind, place):
    before = held()
    machines = [kind(place) for _ in range(200)]
    for machine in machines:
        machine.listdir("/")
    open_ = len(os.listdir("/proc/self/fd")) - before[0]
    machine = None
    machines.clear()
    return open_, before, held()


@both_users
@pytest.mark.parametrize("kind", one_after_the_other)
def test_many_are_dropped(kind, user, directory):
    open_, before, after = user(many, kind, directory)
    assert open_ > 2 * 190
    assert after == before


def many_with_children():
    before = held()
    machines = []
    for _ in range(20):
        machine = ostler.scratch(bind=SHELL)
        machine.system("exit 0")
        machines.append(machine)
    machine = None
    machines.clear()
    return before, held()


@both_users
def test_many_that_had_children_are_dropped(user):
    before, after = user(many_with_children)
    assert after == before


def in_a_pool(kind, place):
    def work(number):
        with kind(place) as machine:
            return stat.S_ISDIR(machine.stat("/").st_mode)

    before = held()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(100)))
    return all(found), before, held()


def in_tasks(kind, place):
    async def work(number):
        with kind(place) as machine, machine.installed():
            await asyncio.sleep(0)
            os.chdir("/")
            await asyncio.sleep(0)
            return os.getcwd()

    async def main():
        return await asyncio.gather(*(work(i) for i in range(50)))

    asyncio.run(main())  # what is loaded once
    before = held()
    found = asyncio.run(main())
    return set(found) == {"/"}, before, held()


@both_users
@pytest.mark.parametrize("kind", one_after_the_other)
@pytest.mark.parametrize("how", [in_a_pool, in_tasks])
def test_from_pools_and_tasks(how, kind, user, directory):
    good, before, after = user(how, kind, directory)
    assert good
    assert after == before


# Root of a user namespace, as in some containers: it may mount, and little else


def made_there(place):
    before = held()
    found = []
    with ostler.scratch(size="1M", bind=SHELL) as machine:
        found.append(machine.system("exit 3"))
    with ostler.rehearsal(place) as machine:
        machine.mkdir("d")
        machine.remove("file")
        machine.symlink("d", "link")
        found.append([(os.path.relpath(c.path, place), c.kind) for c in machine.changes()])
        machine.commit()
        found.append(sorted(os.listdir(place)))
    with tempfile.TemporaryDirectory(dir="/tmp") as own, ostler.rehearsal() as machine:
        machine.mkdir(f"{own}/e")
        found.append([os.path.relpath(c.path, own) for c in machine.changes()])
    with ostler.read_only(place) as machine:
        found.append(sorted(machine.listdir("/")))
    with confined_among(place, SHELL) as machine:
        found.append(machine.system("test $(id -u) = 0 && exit 4"))
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-1, _WALL)  # the first process of its namespaces, where it took its time to end
    return found, before, held()


@both_users
def test_by_root_of_a_user_namespace(user, directory):
    found, before, after = user(as_root_of_namespaces, made_there, directory)
    assert found == [
        3 << 8,
        [("d", "created"), ("file", "removed"), ("link", "created")],
        ["d", "link"],
        ["e"],
        ["d", "link"],
        4 << 8,
    ]
    assert after == before
