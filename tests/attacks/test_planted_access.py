"""An access list lets others write where the mode shows only the user's own group."""

import os
import struct

import pytest

from ostler.machines import trust

ANYBODY = 0xFFFFFFFF


def test_who_may_write_by_an_access_list(folder, run, tried):
    def attack():
        path = f"{folder}/state"
        os.mkdir(path)
        os.chown(path, -1, os.getuid())
        os.chmod(path, 0o775)
        if os.getuid() != 0:
            os.close(trust.directory(path.encode(), anywhere=True))  # a group of one's own
        entries = (1, 7), (2, 7, 4242), (4, 5), (16, 7), (32, 5)
        words = [struct.pack("<HHI", *(*entry, ANYBODY)[:3]) for entry in entries]
        os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(words))
        with pytest.raises(trust.Refused, match="others may write to it"):
            trust.directory(path.encode(), anywhere=True)

    run(attack)
    tried()
