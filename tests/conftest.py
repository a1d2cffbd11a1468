"""What every test may rely on."""

import gc
import os
import signal
import subprocess
import sys
import tempfile

import pytest

# A shell that starts the tests in the background has them ignore it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Nor is a make that a test starts part of the one that has started the tests: it would say so.
for _name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(_name, None)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """This run has temporary directories of its own.

    Those of pytest lie in one for all runs of a user, which each run closes to others when it
    begins; but ordinary users must reach what root's tests have made for them.
    """
    if config.option.basetemp is None:
        top = tempfile.mkdtemp(prefix="ostler-tests-")
        os.chmod(top, 0o711)
        config.option.basetemp = f"{top}/run"
        # An overlay's own directories have modes that keep an ordinary user out.
        script = 'chmod -R u+rwX -- "$1" 2>/dev/null; rm -rf -- "$1"'
        config.add_cleanup(lambda: subprocess.run(["sh", "-c", script, "sh", top], check=False))


def pytest_collection_finish():
    """What has been loaded until now is left out of each collection, which many tests ask for.

    With the objects of thousands of tests one takes 50 to 100 ms.
    """
    gc.collect()
    gc.freeze()


_DEVICES = [f"/dev/{name}" for name in ("full", "null", "random", "tty", "urandom", "zero")]
_SHARED = [*_DEVICES, "/", "/dev", "/dev/shm", "/tmp", "/var/tmp", "/usr", "/etc", "/home"]


def _shared():
    """The mode and the owner of the devices and directories that everything on this host needs."""
    found = {}
    for path in _SHARED:
        try:
            status = os.lstat(path)
        except OSError:
            continue
        found[path] = status.st_mode, status.st_uid, status.st_gid
    return found


@pytest.fixture(autouse=True)
def _what_is_shared_stays():
    """No test changes these; root's could, and would break all else that runs on the host."""
    before = _shared()
    yield
    changed = {path: now for path, now in _shared().items() if now != before.get(path, now)}
    for path in changed:
        mode, user, group = before[path]
        os.chown(path, user, group)
        os.chmod(path, mode & 0o7777)
    assert not changed, f"{changed} (mode, user, group), set back to {before}"


@pytest.fixture(autouse=True)
def _the_working_directory_stays():
    """Each stands where the one before it stood."""
    before = os.open(".", os.O_PATH | os.O_DIRECTORY)
    yield
    stayed = os.path.samestat(os.stat("."), os.fstat(before))
    os.fchdir(before)
    os.close(before)
    assert stayed, "the working directory is another one"


@pytest.fixture(autouse=True)
def _children_of_other_tests_have_gone():
    """A stream of popen that is dropped leaves its child, if that has not ended yet, as with os."""
    try:
        while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG) is not None:
            pass
    except ChildProcessError:
        pass


@pytest.fixture(autouse=True)
def _journals_of_other_runs_are_not_seen(_the_working_directory_stays, monkeypatch):
    """What other runs have left, or just do, in places of the host's own is no outcome of a test.

    A test that has a place for journals of its own sees none but that, and those of directories
    that lie over the host's.
    """
    journals = sys.modules.get("ostler.machines.rehearsal.journals")
    if journals is None:
        return
    places = journals.places
    tops = ("/var/tmp", "/var/lib", os.path.expanduser("~"))
    shared = [os.stat(top) for top in tops if os.path.isdir(top)]

    def is_shared(place):
        top = place.path.rpartition("/ostler")[0].removesuffix("/.local/state")
        try:
            found = os.stat(top)
        except OSError:
            return False
        return any(os.path.samestat(found, each) for each in shared)

    def here():
        found = places()
        has_its_own = any(place.asked for place in found)
        return [
            place
            for place in found
            if place.asked or not is_shared(place) or (place.makes and not has_its_own)
        ]

    monkeypatch.setattr(journals, "places", here)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The temporary directory, as the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small_tree(folder):
    """The same, with a few directories and files in it."""
    for name in ("a/b/c", "a/d", "z"):
        (folder / name).mkdir(parents=True)
    for name in ("top", "a/one", "a/b/two", "z/three"):
        (folder / name).write_text(name)
    return folder
