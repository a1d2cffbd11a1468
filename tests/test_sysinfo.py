"""Facts of the system beyond parity: what the interpreter was told about processors."""

import subprocess
import sys

import pytest

import ostler


@pytest.mark.skipif(sys.version_info < (3, 13), reason="-X cpu_count came with Python 3.13")
def test_cpu_count_as_told():
    code = "import ostler; print(ostler.cpu_count(), ostler.process_cpu_count())"
    command = [sys.executable, "-X", "cpu_count=7", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["7", "7"]


def test_process_cpu_count_is_the_affinity():
    assert ostler.process_cpu_count() == len(ostler.sched_getaffinity(0))


def test_random_differs():
    assert ostler.urandom(16) != ostler.urandom(16)
