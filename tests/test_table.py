"""The table of verbs tells what is true: it is held against what each verb does."""

import errno
import gc
import importlib
import inspect
import os
import re
from contextlib import contextmanager
from io import IOBase
from operator import attrgetter

import pytest

import ostler
from ostler.core import standers
from ostler.path import Path
from ostler.trees import Trees
from ostler.trees._run import STEPS, Run
from ostler.verbs import table
from tests.harmful import HARMFUL


class Nothing(ostler.Machine):
    """A kind of machine that says nothing of its own."""


# What fits, by the parameter's name; 0 where nothing is said.
FITTING = {
    "args": ["true"], "argv": ["true"], "attribute": "user.x", "buffer": b"x", "buffers": [b"x"],
    "cmd": "true", "command": "true", "count": 1, "data": b"x", "data_or_writer": b"x",
    "dst": "new", "env": {}, "fd": 9999, "file": "true", "filename": "file", "first": "file",
    "f1": "file", "f2": "file", "func": None, "key": "X", "length": 1, "mode": 0o600, "name": "new",
    "new": "new", "old": "file", "p": "file", "path": "file", "s": "file", "second": "dir",
    "src": "file", "top": "dir", "value": b"x", "username": "root", "first_dir_fd": None,
}  # fmt: skip
# What else a call needs so that it would come to act.
OWN = {
    "chdir": {"path": "dir"},
    "listdir": {"path": "dir"},
    "open": {"flags": os.O_CREAT | os.O_WRONLY},
    "open_file": {"file": "file", "mode": "w"},
    "pathconf": {"name": "PC_NAME_MAX"},
    "rmdir": {"path": "dir"},
    "removedirs": {"name": "dir"},
    "scandir": {"path": "dir"},
    "symlink": {"dst": "new"},
    "confstr": {"name": "CS_PATH"},
    "sysconf": {"name": "SC_PAGESIZE"},
    "putenv": {"value": "x"},
    "mkdir": {"path": "new"},
    "mkfifo": {"path": "new"},
    "create_file": {"path": "new"},
    "mknod": {"path": "new"},
    "readlink": {"path": "link"},
    "removexattr": {"path": "marked"},
    "read_env": {"path": "file"},
    "rename_noreplace": {"dst": "new"},
    "replace_durable": {"src": "file", "dst": "file2"},
    "temporary_directory": {"dir": "dir"},
    "sync_directory": {"path": "dir"},
    "iter_dir": {"path": "dir"},
    "getxattr": {"path": "marked"},
    "path.expanduser": {"path": "~"},
    "path.expandvars": {"path": "$X"},
    "path.join": {"a": "a"},
    "trees.copy": {"to": "new"},
    "trees.sizes": {"tops": ["dir"]},
    "trees.compare": {"second": "file2"},
}
VERBS = table.every()


def called(machine, verb):
    """Call a verb with what fits, and take the first of what it gives bit by bit."""
    values = {**FITTING, **OWN.get(verb.name, {})}
    given = OWN.get(verb.name, {})
    args = []
    for name in verb.names:
        if name in verb.defaults and name not in given:
            break
        args.append(values.get(name, 0))
    named = {name: value for name, value in given.items() if name not in verb.names[: len(args)]}
    made = attrgetter(verb.name)(machine)(*args, **named)
    if hasattr(made, "__enter__") and hasattr(made, "__exit__"):
        with made as inside:
            if hasattr(inside, "__next__") and not isinstance(inside, IOBase):
                next(inside, None)
    elif hasattr(made, "__next__"):
        next(made, None)
    return made


@contextmanager
def without_leaks():
    """What is opened inside, and handed out as a number, is closed at the end."""
    before = descriptors()
    try:
        yield
    finally:
        gc.collect()  # what belongs to an object is closed by that
        for name in descriptors() - before:
            os.close(int(name))


def descriptors():
    names = os.listdir("/proc/self/fd")
    return {name for name in names if os.path.lexists(f"/proc/self/fd/{name}")}


def number_of(machine, verb):
    """The errno with which a call fails, else None."""
    with without_leaks():
        try:
            called(machine, verb)
        except OSError as error:
            return error.errno
    return None


# What fits is true of descriptors, and of variables, that this process needs.
NEEDED = {"close", "dup2", "reload_environ"}
HARMLESS = [verb for verb in VERBS if verb.name not in HARMFUL | NEEDED]


def furnish(top):
    """Make what the calls name."""
    (top / "dir").mkdir()
    for name in ("file", "file2", "marked"):
        (top / name).write_text("A=1\n")
    os.symlink("file", top / "link")
    os.setxattr(top / "marked", "user.x", b"x")


@contextmanager
def furnished(tmp_path):
    """A directory with what the calls name, in which this process stands meanwhile."""
    furnish(tmp_path)
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        yield sorted(os.listdir())
    finally:
        os.chdir(before)


def test_each_verb_is_in_the_table_and_nothing_else():
    names = {verb.name for verb in VERBS}
    for kind, before in ((ostler.Machine, ""), (Path, "path."), (Trees, "trees.")):
        for name in dir(kind):
            value = getattr(kind, name)
            if callable(value) and not isinstance(value, type) and not name.startswith("_"):
                # How it is to be asked for, and what is not its own business: these are no verbs.
                if name in ("recorded", "watch", "importing"):
                    continue
                assert before + name in names
    typed = set(table._touches) | set(table._waits) | table._changes
    typed |= set(table._identity)
    typed |= {verb for verb, _ in table._BUT} | set(table._UNSIGNED) | table._HERE
    unknown = typed - names - {"_clearenv"}  # which os has since 3.15, and is not public
    assert {name for name in unknown if hasattr(os, name)} == set()
    assert unknown - {"path.isjunction"} == set()


# The questions of os.path that os answers with no, or with the text itself, when it can't ask.
ANSWERED = {
    "path.exists", "path.isdir", "path.isfile", "path.islink", "path.ismount", "path.lexists",
}  # fmt: skip
TOUCHING = [verb for verb in VERBS if verb.touches not in table.ALONE]


@pytest.mark.parametrize("verb", TOUCHING, ids=lambda verb: verb.name)
def test_a_kind_that_says_nothing_touches_nothing(verb, tmp_path):
    with furnished(tmp_path) as before:
        if verb.name in ANSWERED:
            assert called(Nothing(), verb) is False
        else:
            assert number_of(Nothing(), verb) == errno.ENOSYS
        assert sorted(os.listdir()) == before


@pytest.mark.parametrize("verb", ["fchdir", "getcwd", "getcwdb", "listdir", "stat", "umask"])
def test_what_a_kind_asks_super_for_is_not_the_hosts(verb):
    class Asking(ostler.Machine):
        def ask(self, *args):
            return getattr(super(), verb)(*args)

    mask = ostler.umask(0o22)
    with ostler.scratch() as closed:
        pass
    fd = ostler.open("/", ostler.O_RDONLY)
    here = ostler.getcwd()
    args = {"fchdir": (fd,), "stat": ("/",), "umask": (0o77,)}.get(verb, ())
    try:
        for ask in (Asking().ask, lambda *args: getattr(ostler.Machine, verb)(closed, *args)):
            with pytest.raises(OSError) as caught:
                ask(*args)
            assert caught.value.errno in (errno.ENOSYS, errno.EBADF)
        assert (ostler.getcwd(), ostler.umask(0o22)) == (here, 0o22)
    finally:
        ostler.close(fd)
        ostler.umask(mask)
        ostler.chdir(here)


def test_its_variables_are_its_own(monkeypatch):
    monkeypatch.setenv("X", "of the host")
    machine = Nothing()
    assert not machine.environ and machine.getenv("X") is machine.getenvb(b"X") is None
    machine.putenv("Y", "1")
    assert machine.environ == {"Y": "1"} and "Y" not in os.environ
    machine.unsetenv("Y")
    assert machine.path.expandvars("$X") == "$X"


def test_a_machine_without_variables_is_no_crash():
    machine = Nothing()
    machine.environ = None
    with pytest.raises(OSError) as caught:
        _ = machine.environb
    assert caught.value.errno == errno.ENOSYS


def test_a_machine_of_no_kind_is_not_made():
    with pytest.raises(TypeError, match="derive a kind"):
        ostler.Machine()


@pytest.mark.parametrize("verb", [v for v in VERBS if v.touches == table.NOTHING],
                         ids=lambda verb: verb.name)  # fmt: skip
def test_what_touches_nothing_needs_no_system(verb):
    if verb.name in ("path.samestat", "path.commonpath", "path.commonprefix"):
        return  # these want other arguments, which have nothing to do with a system
    assert number_of(Nothing(), verb) is None


IN_FILES = [verb for verb in VERBS if verb.touches == table.FILES]


@pytest.mark.parametrize("verb", IN_FILES, ids=lambda verb: verb.name)
def test_what_changes_files_is_refused_where_nothing_may_change(verb, tmp_path):
    with furnished(tmp_path), ostler.read_only(str(tmp_path)) as machine:
        assert (number_of(machine, verb) == errno.EROFS) == verb.changes


def test_what_waits_for_somebody_says_so():
    r, w = os.pipe2(os.O_NONBLOCK)
    r2, w2 = os.pipe2(os.O_NONBLOCK)
    counter = os.eventfd(0, os.EFD_NONBLOCK)
    while True:
        try:
            os.write(w2, b"x" * 4096)
        except BlockingIOError:
            break
    try:
        for name, args in (
            ("read", (r, 1)),
            ("readinto", (r, bytearray(1))),
            ("readv", (r, [bytearray(1)])),
            ("write", (w2, b"x" * 4096)),
            ("writev", (w2, [b"x" * 4096])),
            ("splice", (r, w2, 1)),
            ("eventfd_read", (counter,)),
        ):
            if hasattr(ostler.host, name):
                with pytest.raises(BlockingIOError):
                    getattr(ostler.host, name)(*args)
                assert table.of(name).waits == table.FOR_EVER
    finally:
        for fd in (r, w, r2, w2, counter):
            os.close(fd)


@pytest.mark.parametrize(
    ("verb", "role"),
    [
        ("stat", {"path": table.PATH, "dir_fd": table.DIR_FD, "follow_symlinks": table.OTHER}),
        ("symlink", {"src": table.TEXT, "dst": table.PATH}),
        ("sendfile", {"out_fd": table.FD, "in_fd": table.FD}),
        ("execve", {"path": table.PATH, "argv": table.ARGV, "env": table.ENVIRONMENT}),
        ("run", {"argv": table.COMMAND, "cwd": table.PATH, "input": table.DATA}),
        ("readv", {"buffers": table.INTO}),
        ("system", {"command": table.LINE}),
        ("walk_entries", {"top": table.PATH, "on_error": table.CALLBACK}),
        ("path.samefile", {"f1": table.PATH}),
        ("path.join", {"a": table.OTHER}),
    ],
)
def test_roles(verb, role):
    roles = table.of(verb).roles
    assert {name: roles[name] for name in role} == role


def test_whose_identity_counts():
    for identity, pattern in (
        (table.TOLD, "get(e|res)?[ug]id|getgroups"),
        (table.SETS_USER, "set(e|re|res)?uid"),
        (table.SETS_GROUP, "set(e|re|res)?gid"),
        (table.SETS_GROUPS, "(set|init)groups"),
    ):
        names = {verb.name for verb in VERBS if verb.identity == identity}
        assert names == {verb.name for verb in VERBS if re.fullmatch(pattern, verb.name)}
    asked = {verb.name for verb in VERBS if verb.identity == table.RIGHTS}
    scheduling = {verb.name for verb in VERBS if verb.name.startswith("sched_set")}
    assert len(scheduling) == 3
    for name in asked - scheduling - {"nice"}:
        assert {table.of(name).roles.get("path"), table.of(name).roles.get("fd")} & {
            table.PATH, table.FD,
        }  # fmt: skip
    assert scheduling < asked
    other_processes = {verb.name for verb in VERBS if verb.identity == table.REAL_RIGHTS}
    for name in other_processes:
        assert table.of(name).touches == table.PROCESS and table.of(name).changes


def test_what_os_says_it_supports_is_in_the_roles():
    for function in os.supports_dir_fd:
        assert table.DIR_FD in table.of(function.__name__).roles.values()
    for function in os.supports_fd:
        assert table.of(function.__name__).roles["path"] == table.PATH
    for option, members in (
        ("effective_ids", os.supports_effective_ids),
        ("follow_symlinks", os.supports_follow_symlinks),
    ):
        for function in members:
            if function.__name__ not in table._UNSIGNED:
                assert option in table.of(function.__name__).roles


def test_the_steps_of_operations_on_trees_are_verbs_of_these_operations():
    for name in ("change", "compare", "copy", "find", "remove", "size"):
        importlib.import_module(f"ostler.trees._{name}")
    kinds, waiting = {}, [Run]
    while waiting:
        derived = waiting.pop().__subclasses__()
        kinds.update((kind.__name__, kind) for kind in derived)
        waiting += derived
    told = {*table._STEPS_OF_TREES} - {"To"}
    assert told <= {*kinds}
    for name in {*kinds} - told:  # it streams, or is what several are made of
        assert issubclass(kinds[name], kinds["Stream"]) or kinds[name].__subclasses__()
    words = {*STEPS.values(), "else"}
    for steps in table._STEPS_OF_TREES.values():
        assert {*steps} <= words
        for verb in (verb for verbs in steps.values() for verb in verbs):
            assert table.of(verb).touches in (table.FILES, table.OPENED)


def test_the_calls_of_files_are_those_they_ask_for():
    source = inspect.getsource(standers)
    assert set(re.findall(r'_ask\("(\w+)"\)', source)) == standers.OF_FILES
    assert all(table.of(name) for name in standers.OF_FILES)


def test_what_is_no_verb_is_an_attribute_error():
    for name in ("environ", "no_verb_at_all", "path.sep"):
        with pytest.raises(AttributeError):
            table.of(name)


def test_what_is_measured_are_verbs():
    from bench import calls

    for topic in vars(calls).values():
        for _, statement, *_ in getattr(topic, "cases", ()):
            for name in re.findall(r"\bos\.((?:path\.)?[a-z]\w+)", statement):
                assert name == "environ" or table.of(name).name == name, statement
