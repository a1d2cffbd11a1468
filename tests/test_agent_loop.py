"""The example of an agent's loop, run as a whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import has_rehearsals

HERE = Path(__file__).parent.parent


def test_the_best_way_is_committed(tmp_path):
    if not has_rehearsals():
        pytest.skip("this kernel, or this user, can't have a rehearsal")
    done = subprocess.run(
        [sys.executable, HERE / "examples" / "agent_loop.py"],
        env={"PYTHONPATH": str(HERE / "src"), "PATH": "/usr/local/bin:/usr/bin:/bin",
             "TMPDIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "guard: 3 of 4 tests pass; undone: ['rm no-such-file']" in done.stdout
    assert "list: 4 of 4 tests pass; undone: []" in done.stdout
    assert "rewrite: 1 of 4 tests pass; undone: ['rm stats.py; exit 1']" in done.stdout
    assert "committed: modified stats.py\ncommitted: created test_stats.py\n" in done.stdout
    assert done.stdout.endswith("return sum(numbers) / len(numbers) if numbers else 0\n")
    assert list(tmp_path.glob("ostler-agent-*")) == []
