"""A confined child and who started it: they share a process group, and have a parent in common.

No namespace of process ids parts these: kill(0), priorities of a group and CLONE_PARENT lead out.
"""

import errno
import json
import os
import resource
import shlex
import signal
import tempfile

import pytest

import ostler
from ostler.core import filter
from tests.attacks import confined_probe as probe
from tests.attacks.test_confined_children import USERS, among, both, judged, python_for
from tests.machines import as_user, containers
from tests.machines.test_confinement import everybodys, needs

ALLOWED = 0x7FFF0000
REFUSED = 0x00050000 | errno.EPERM
NUMBERS = {
    "getpriority": (140, 141), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "ioprio_get": (252, 31), "clone": (56, 220), "kill": (62, 129), "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
}  # fmt: skip
CALLS = {name: numbers[probe.COLUMN] for name, numbers in NUMBERS.items()}

ATTEMPTS = """
import ctypes, errno, json, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
calls, other = json.loads(sys.argv[1]), int(sys.argv[2])
outcomes = {}

def attempt(name, function, *args):
    try:
        function(*args)
    except OSError as error:
        outcomes[name] = errno.errorcode[error.errno]
    else:
        outcomes[name] = "DONE"

def call(name, *args):
    if libc.syscall(calls[name], *map(ctypes.c_long, (*args, *[0] * (6 - len(args))))) < 0:
        raise OSError(ctypes.get_errno(), "")

def sibling():
    me = os.getpid()
    call("clone", 0x8000 | signal.SIGCHLD)
    if os.getpid() != me:
        os._exit(7)
"""
# 19: also who is nice already may be made nicer.
OF_THE_GROUP = """
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
attempt("signal", os.kill, 0, signal.SIGUSR1)
attempt("nice", os.setpriority, os.PRIO_PGRP, 0, 19)
attempt("look at nice", os.getpriority, os.PRIO_PGRP, 0)
attempt("io", call, "ioprio_set", 2, 0, 3 << 13)
attempt("look at io", call, "ioprio_get", 2, 0)
attempt("sibling", sibling)
attempt("own nice", os.setpriority, os.PRIO_PROCESS, 0, 19)
attempt("own io", call, "ioprio_set", 1, 0, 2 << 13 | 5)

if other:  # a process group of its own, all of which it can end
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        if os.fork() == 0:
            signal.pause()
        os.close(writing)
        os.kill(0, signal.SIGUSR1)
    os.close(writing)
    os.wait()
    outcomes["own group"] = os.read(reading, 1).decode()
print(json.dumps(outcomes))
"""
OF_ANOTHER = """
attempt("limit", call, "prlimit64", other, 4, 0)
attempt("nice", os.setpriority, os.PRIO_PROCESS, other, 19)
attempt("nice of all", os.setpriority, os.PRIO_USER, 0, 19)
attempt("processor", os.sched_setaffinity, other, os.sched_getaffinity(0))
attempt("scheduler", os.sched_setscheduler, other, os.SCHED_BATCH, os.sched_param(0))
attempt("parameters", os.sched_setparam, other, os.sched_param(0))
attempt("attributes", call, "sched_setattr", other, 0, 0)
attempt("io", call, "ioprio_set", 1, other, 3 << 13)
attempt("io of all", call, "ioprio_set", 3, os.getuid(), 3 << 13)
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
os.setpriority(os.PRIO_PROCESS, 0, 19)
os.sched_setaffinity(0, os.sched_getaffinity(0))
print(json.dumps(outcomes))
"""


def tried_on(machine, python, code, other=0):
    command = [python, "-I", "-c", ATTEMPTS + code, json.dumps(CALLS), str(other)]
    done = machine.run(command, capture=True, timeout=100)
    assert done.status == 0, done.stderr.decode()
    return json.loads(done.stdout)


def in_its_group(python, landlock):
    if not landlock:
        containers.refuse({"landlock_create_ruleset": errno.ENOSYS})
    os.setpgid(0, 0)
    got = []
    signal.signal(signal.SIGUSR1, lambda *_: got.append("a signal"))
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with tempfile.TemporaryDirectory() as directory, among(directory, python) as machine:
        said = tried_on(machine, python, OF_THE_GROUP, int(landlock))
    if os.getpriority(os.PRIO_PROCESS, 0) != before:
        got.append("another priority")
    try:
        os.waitpid(-1, os.WNOHANG)
        got.append("a child")
    except ChildProcessError:
        pass
    return said, got


@pytest.mark.parametrize("landlock", [True, False])
@both
def test_the_starters_process_group_is_out_of_reach(user, landlock, tried):
    said, got = USERS[user](in_its_group, python_for(user), landlock)
    assert got == []
    # Landlock tells who in the group may get the signal; without it there is none.
    assert said.pop("signal") == ("DONE" if landlock else "EPERM")
    if landlock:
        assert said.pop("own group") == ""
    assert [said.pop("own nice"), said.pop("own io")] == ["DONE", "DONE"]
    assert set(said.values()) == {"EPERM"}
    tried(6)


def facts(pid):
    return [
        os.getpriority(os.PRIO_PROCESS, pid), os.sched_getaffinity(pid),
        os.sched_getscheduler(pid), resource.prlimit(pid, resource.RLIMIT_CORE),
    ]  # fmt: skip


def on_another(python):
    containers.refuse(containers.DEFAULT)
    other = os.fork()
    if other == 0:
        signal.pause()
    try:
        before = facts(other)
        with tempfile.TemporaryDirectory() as directory:
            with ostler.confined(directory, weaker=True) as machine:
                said = tried_on(machine, python, OF_ANOTHER, other)
        return said, before == facts(other)
    finally:
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)


def test_other_processes_are_not_changed_under_landlock_alone(tried):
    python = "/usr/bin/python3"
    if not needs(python) or not everybodys(python):
        pytest.skip("no interpreter among the host's programs")
    said, same = as_user(on_another, python)
    assert set(said.values()) == {"EPERM"} and same
    tried(len(said))


def test_the_filters_differ_in_what_keeps_other_processes_away():
    alone, unscoped = filter.instructions(alone=True), filter.instructions(scoped=False)
    for name in ("prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam",
                 "sched_setscheduler"):  # fmt: skip
        assert judged(CALLS[name], 1) == judged(CALLS[name], 0, program=alone) == ALLOWED
        assert judged(CALLS[name], 1, program=alone) == REFUSED
    for name, process, group, user in (("setpriority", 0, 1, 2), ("ioprio_set", 1, 2, 3)):
        assert judged(CALLS[name], process, 0, program=alone) == ALLOWED
        for which, who in ((process, 1), (group, 0), (group, 1), (user, 0)):
            assert judged(CALLS[name], which, who, program=alone) == REFUSED
            assert judged(CALLS[name], which, who) == (REFUSED if which == group else ALLOWED)
    assert judged(CALLS["kill"], 0) == judged(CALLS["kill"], 0, program=alone) == ALLOWED
    assert judged(CALLS["kill"], 0, program=unscoped) == REFUSED
    assert judged(CALLS["kill"], 1, program=unscoped) == ALLOWED


# Its starter becomes the tracer, and sees it stop; what it started ends it a little later.
TRACED = """
import ctypes, os, signal, time
me = os.getpid()
if os.fork() == 0:
    time.sleep(0.1)
    os.kill(me, signal.SIGKILL)
    os._exit(0)
ctypes.CDLL(None).ptrace(0, 0, 0, 0)
os.kill(me, signal.SIGUSR1)
"""


def traced_by_its_starter(python):
    with tempfile.TemporaryDirectory() as directory, among(directory, python) as machine:
        command = [python, "-I", "-c", TRACED]
        text = f"exec {shlex.join(command)}"
        return [
            machine.run(command, timeout=100).status,
            os.waitstatus_to_exitcode(machine.system(text)),
            machine.spawnv(os.P_WAIT, python, command),
            machine.popen(text).close() >> 8,
        ]


@both
def test_who_makes_its_starter_the_tracer_has_not_ended(user, tried):
    assert USERS[user](traced_by_its_starter, python_for(user)) == [-signal.SIGKILL] * 4
    tried(4)
