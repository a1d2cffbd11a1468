"""Ctrl-C at any moment while a machine is made, used and closed: no descriptor of it stays."""

import gc
import os
import random
import signal
import time

import pytest

from tests.machines import as_self, as_user
from tests.machines.kinds import confined, read_only, rehearsal, scratch


class Struck(BaseException):
    """What the handler raises, as that of Ctrl-C raises KeyboardInterrupt."""


def strike(number, frame):
    raise Struck


def held():
    gc.collect()
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}").partition(":")[0])
        except FileNotFoundError:
            pass
    with open(f"/proc/self/task/{os.getpid()}/children") as children:
        return sorted(found), children.read()


def made(kind, directory):
    machine = kind(directory)
    machine.listdir("/")
    machine.close()


def interrupted(kind, directory, wanted):
    """Let a signal come in the middle of it, so often; what this process had before and after."""
    made(kind, directory)
    began = time.perf_counter()
    for _ in range(20):
        made(kind, directory)
    takes = (time.perf_counter() - began) / 20
    before, struck = held(), 0
    chance = random.Random(wanted)
    signal.signal(signal.SIGALRM, strike)
    while struck < wanted:
        try:
            signal.setitimer(signal.ITIMER_REAL, max(1e-6, chance.random() * takes))
            made(kind, directory)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Struck:
            struck += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    return before, held()


@pytest.mark.parametrize("user", [as_self, as_user])
@pytest.mark.parametrize("kind", [scratch, read_only, confined])
def test_while_a_machine_is_made(kind, user, directory):
    before, after = user(interrupted, kind, directory, 300)
    assert after == before


@pytest.mark.parametrize("user", [as_self, as_user])
def test_while_a_rehearsal_is_made(user, directory):
    """Its mounts and namespaces; what it only looks at may be open until the process ends."""
    before, after = user(interrupted, rehearsal, directory, 300)
    for kind in ("/", "mnt", "user"):
        assert after[0].count(kind) == before[0].count(kind)
    assert after[1] == before[1]
