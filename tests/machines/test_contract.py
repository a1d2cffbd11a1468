"""The parity cases, on every kind of machine: what the interpreter's os does, a machine does."""

import gc
import os
import shutil
import tempfile

import pytest

from tests import parity
from tests.machines import as_self, as_user, kinds
from tests.parity import test_parity as _cases  # noqa: F401  (registers them)

# What can't be the same there, and why. A kind's name, or "*".
NOT_THERE = {
    ("environment.bad_keys", "*"): "putenv of a machine sets its environ: it has no process's",
    ("environment.putenv_is_not_seen", "*"): "the same",
    ("files.file_systems", "whole_scratch"): "statvfs tells the size of the machine's own tmpfs",
    ("files.file_systems", "whole_rehearsal"): "and of what a rehearsal keeps its changes in",
    ("files.stat_kinds_of_names", "whole_rehearsal"): "overlayfs gives merged directories one link",
    ("files.file_systems", "whole_view"): "it is a view of a scratch machine",
    ("path.looks", "whole_view"): "the same",
    ("timers.what_is_no_eventfd", "*"): "glibc leaves errno as it happens to be",
    ("path.looks", "whole_scratch"): "the size of '/' is that of a directory in a tmpfs",
    ("path.looks", "whole_rehearsal"): "the size of a directory is that of its part in the upper",
}
# As an ordinary user: exec of what is no program, when the namespaces are entered already.
NOT_AS_USER = {("commands.exec_errors", "*"): "there is no way back out of a user namespace"}


def reason(table, name, kind):
    return table.get((name, "*")) or table.get((name, kind.__name__))


def compare(name, kind):
    """Run a case on the interpreter's os and on a machine, each standing in an empty directory."""
    case = parity.CASES[name]
    home = os.getcwd()
    os.environ["PATH"] = "/usr/bin:/bin"
    # Scratch machines and what a rehearsal keeps are on tmpfs, so that is what they are compared
    # with.
    top = tempfile.mkdtemp(dir="/dev/shm")
    try:
        os.mkdir(os.path.join(top, "a"))
        os.mkdir(os.path.join(top, "b"))
        os.chdir(os.path.join(top, "a"))
        expected = case(os)
        os.chdir(home)
        with kind(os.path.join(top, "b")) as machine:
            machine.environ["PATH"] = os.environ["PATH"]
            found = case(machine)
            return ("", "") if found == expected else (repr(expected), repr(found))
    finally:
        os.chdir(home)
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def no_garbage():
    """Descriptors that are garbage could be closed between the two runs; numbers then differ."""
    gc.collect()


@pytest.mark.parametrize("user", [as_self, as_user])
@pytest.mark.parametrize("kind", kinds.WRITABLE)
@pytest.mark.parametrize("name", sorted(parity.CASES))
def test_parity(name, kind, user):
    known = reason(NOT_THERE, name, kind) or (user is as_user and reason(NOT_AS_USER, name, kind))
    if known:
        pytest.skip(known)
    expected, found = user(compare, name, kind)
    assert found == expected
