"""What every test may rely on."""

import os
import signal

import pytest

# A shell that starts the tests in the background has them ignore it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_DEVICES = [f"/dev/{name}" for name in ("full", "null", "random", "tty", "urandom", "zero")]


def _devices():
    """The mode and the owner of the devices that everything on this host needs."""
    found = {}
    for path in _DEVICES:
        try:
            status = os.lstat(path)
        except OSError:
            continue
        found[path] = status.st_mode, status.st_uid, status.st_gid
    return found


@pytest.fixture(autouse=True)
def _devices_stay():
    """No test changes a device of the host; root's could, and would break all else that runs."""
    before = _devices()
    yield
    changed = {path: now for path, now in _devices().items() if now != before.get(path, now)}
    for path in changed:
        mode, user, group = before[path]
        os.chown(path, user, group)
        os.chmod(path, mode & 0o7777)
    assert not changed, f"{changed} (mode, user, group), set back to {before}"
