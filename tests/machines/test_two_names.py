"""Of two names that can't be had, the error is that of the one to which the kernel comes first."""

import itertools
import os
import tempfile

import pytest

import ostler
from tests.machines import as_self, as_user

LONG = "n" * 300
NAMES = ["closed/a", "no/a", "d/no", "d/f/a", "d/f", "d/g", LONG, f"{LONG}/a", "l/no/no"]
CALLS = {
    "rename": os.rename,
    "link": os.link,
    "exchange": ostler.host.exchange,
    "rename_noreplace": ostler.host.rename_noreplace,
}


def furnish(system, top):
    for name in ("closed", "d"):
        system.mkdir(f"{top}/{name}")
    for name in ("d/f", "d/g"):
        system.mknod(f"{top}/{name}")
    system.symlink("d", f"{top}/l")
    system.chmod(f"{top}/closed", 0o400)


def error_of(call, top, names):
    try:
        call(*(f"{top}/{name}" for name in names))
    except OSError as error:
        return error.errno
    return 0


def different():
    """The calls whose errors are others on a scratch machine than on the host."""
    found = []
    with tempfile.TemporaryDirectory() as place, ostler.scratch() as m:
        m.mkdir("/t")
        furnish(os, place)
        furnish(m, "/t")
        for name, (first, second) in itertools.product(CALLS, itertools.permutations(NAMES, 2)):
            if "closed/a" in (first, second) or {first, second}.isdisjoint({"d/f", "d/g"}):
                real = error_of(CALLS[name], place, (first, second))
                ours = error_of(getattr(m, name), "/t", (first, second))
                if real != ours:
                    found.append((name, first[:9], second[:9], real, ours))
        os.chmod(f"{place}/closed", 0o700)
    return found


@pytest.mark.parametrize("user", [as_self, as_user])
def test_which_error_comes_first(user):
    assert user(different) == []
