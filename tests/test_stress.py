"""What many threads do at once, a short time of it; `make stress` does it for minutes."""

import subprocess
import sys

import pytest

from tests import stress

# So many that "environ" and "views" failed without the GIL before what they try was mended;
# for the others, what takes a second or so.
ROUNDS = {"environ": 300, "views": 300, "listing": 40, "paths": 400, "installed": 15}


@pytest.mark.parametrize("name", stress.WORKS)
def test_stress(name):
    """In a process of its own, for it may end with a signal."""
    rounds = str(ROUNDS.get(name, 5))
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.stress", "--here", name]
    ended = subprocess.run([*command, "--rounds", rounds], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
