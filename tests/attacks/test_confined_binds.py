"""Files of the kernel's that somebody has mounted in a confined directory: they are empty."""

import ctypes
import os

import pytest

import ostler
from tests.machines import as_self, as_user

PRIVATE, BIND = 1 << 14 | 1 << 18, 1 << 12  # MS_REC | MS_PRIVATE, MS_BIND
# What is mounted, of which part of the kernel's own.
SECRETS = {
    "environ": "/proc/self/environ",
    "keys": "/proc/keys",
    "version": "/proc/version",
    "pattern": "/proc/sys/kernel/core_pattern",
    "sys": "/proc/sys",
    "task": "/proc/self/task",
    "firmware": "/sys/firmware",
}
SHOWN = {"kernel": "/sys/kernel", "queue": "/sys/kernel/uevent_seqnum"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root alone may mount for everybody")


def bound(directory):
    """Mount them all in the directory, in a mount namespace of this process's own."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(0x00020000) == 0, ctypes.get_errno()  # CLONE_NEWNS
    assert libc.mount(None, b"/", None, PRIVATE, None) == 0
    names = {**SECRETS, **SHOWN}
    firmware = [entry for entry in os.scandir("/sys/firmware") if entry.is_dir()]
    names.update((f"part of it {n}", entry.path) for n, entry in enumerate(firmware))
    for name in ("usr", "bin", "lib", "lib64"):
        if os.path.isdir(f"/{name}"):
            names[name] = os.path.realpath(f"/{name}")
    for name, source in names.items():
        place = f"{directory}/{name}"
        if os.path.isdir(source):
            os.mkdir(place)
        else:
            open(place, "w").close()
        assert libc.mount(source.encode(), place.encode(), None, BIND, None) == 0, name
    return [name for name in names if name in SECRETS or name.startswith("part of it")]


def seen(directory, secrets):
    """What a child finds in each, and its table of mounts as far as it is shown one."""
    with ostler.confined(directory) as machine:
        found = {}
        for name in secrets:
            found[name] = machine.popen(
                f"if test -d '/{name}'; then ls -A '/{name}'; else cat '/{name}'; fi 2>&1"
            ).read()
        shown = machine.popen("cat /queue; ls /kernel").read().split()
        written = machine.system("for f in /pattern /version /queue; do echo x >$f && exit 1; done"
                                 " 2>&-; exit 0")  # fmt: skip
        again = machine.popen("cat /keys; pwd; cd ..; ls").read().split()
    return found, shown, written, again


def looked_at(user, directory):
    secrets = bound(directory)
    return user(seen, directory, secrets), secrets


@pytest.mark.parametrize("user", [as_self, as_user])
def test_they_are_empty(user, directory):
    (found, shown, written, again), secrets = as_self(looked_at, user, directory)
    assert found == dict.fromkeys(secrets, "")
    assert shown[0].isdigit() and "uevent_seqnum" in shown
    assert written == 0
    assert again[0] == "/" and {"file", "keys", "kernel"} <= set(again[1:])
