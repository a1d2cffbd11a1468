"""Metadata are given to the object that was looked at, whatever its name leads to by then.

Who can write to the directory that is committed to exchanges the name for a link, at each moment in
turn: what a race would hit at some time, these tests hit at once.
"""

import os
import struct

import ostler
from ostler.machines.rehearsal import places, steps
from ostler.machines.rehearsal.places import HeldTree
from tests.machines.rehearsing import snapshot

ACL = "system.posix_acl_access"
ANYBODY = 0xFFFFFFFF


def granting():
    """An ACL that grants one user what others don't have."""
    entries = (1, 6, ANYBODY), (2, 6, 4242), (4, 4, ANYBODY), (16, 6, ANYBODY), (32, 0, ANYBODY)
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


class Attacked:
    """The host, on which something happens before the n-th call."""

    def __init__(self, number, attack):
        self.number = number
        self.attack = attack

    def __getattr__(self, name):
        found = getattr(ostler.host, name)
        return self._counted(found) if callable(found) else found

    def _counted(self, call):
        def counted(*args, **kwargs):
            self.number -= 1
            if self.number == 0:
                self.attack()
            return call(*args, **kwargs)

        return counted


def make(base):
    os.mkdir(base)
    for name in ("file", "other"):
        with open(f"{base}/{name}", "w") as file:
            os.fchmod(file.fileno(), 0o640)
    os.setxattr(f"{base}/file", ACL, granting())
    os.symlink("other", f"{base}/link")


def given(base, number, monkeypatch):
    """Give the file metadata, attacked before the n-th call: whether there were so many."""
    status = os.lstat(f"{base}/file")
    owner = [77, 78] if os.getuid() == 0 else [status.st_uid, status.st_gid]
    wanted = {"mode": 0o606, "owner": owner, "times": [1, 2], "xattrs": {"user.new": "value"}}
    host = Attacked(number, lambda: ostler.exchange(f"{base}/file", f"{base}/link"))
    with (
        HeldTree(os.open(base, os.O_PATH | os.O_DIRECTORY)) as place,
        monkeypatch.context() as patch,
    ):
        patch.setattr(steps, "host", host)
        patch.setattr(places, "host", host)
        try:
            steps.give_metadata(place, b"file", wanted, status.st_ino)
        except steps.Lost:
            pass  # it was noticed before anything was done
    return host.number <= 0


def test_nothing_but_the_object_gets_its_metadata(folder, run, monkeypatch, tried):
    def attack():
        number, goes_on = 0, True
        while goes_on:
            number += 1
            base = f"{folder}/{number}"
            make(base)
            before = snapshot(base)
            goes_on = given(base, number, monkeypatch)
            after = snapshot(base)
            assert after[b"other"] == before[b"other"], f"call {number}"
            if goes_on:  # the link has the file's name now
                assert after[b"file"] == before[b"link"], f"call {number}"
        assert number > 6

    run(attack)
    tried()
