"""Other interpreters in the process are refused, the main one never is, and nothing crashes."""

import subprocess
import sys

import pytest

CHILD = """
import posix, sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

def created(isolated):
    if sys.version_info >= (3, 13):
        return interpreters.create("isolated" if isolated else "legacy")
    return interpreters.create(isolated=isolated)

INSIDE = '''
import posix
try:
    import ostler
    said = "imported"
except ImportError as error:
    said = str(error)
posix.write({fd}, (said + chr(10)).encode())
import os
posix.write({fd}, (os.listdir("/proc/self/fdinfo")[0] + chr(10)).encode())
'''

def said(isolated):
    reading, writing = posix.pipe()
    number = created(isolated)
    for _ in range(2):
        interpreters.run_string(number, INSIDE.format(fd=writing))
    posix.close(writing)
    interpreters.destroy(number)
    lines = open(reading).read().splitlines()
    assert len(lines) == 4 and lines[0] == lines[2], lines
    return lines[0]

order, isolated = sys.argv[1], sys.argv[2] == "isolated"
if order == "main":
    import ostler
    ostler.listdir("/")
for _ in range(3):
    print(said(isolated))
    import ostler
    assert ostler.listdir("/") and ostler.stat("/").st_mode
"""


@pytest.mark.parametrize("isolated", ["isolated", "legacy"])
@pytest.mark.parametrize("order", ["main", "sub"])
def test_only_the_main_interpreter_imports_it(order, isolated):
    """Whichever is the first to try."""
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, order, isolated], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    for line in ended.stdout.splitlines():
        assert "ostler" in line and "interpreter" in line
    assert len(ended.stdout.splitlines()) == 3


STRICT = (
    CHILD.partition("order, isolated =")[0]
    + """
import ostler
reading, writing = posix.pipe()
with ostler.scratch() as machine, machine.installed(strict=True):
    number = created(sys.argv[1] == "isolated")
    interpreters.run_string(number, f'''
import posix
for path in ("/proc/self/status", "/none"):
    try:
        said = open(path).readline()
    except OSError as error:
        said = type(error).__name__ + chr(10)
    posix.write({writing}, said.encode())
''')
    interpreters.destroy(number)
print(posix.read(reading, 1000).decode())
"""
)


@pytest.mark.parametrize("isolated", ["isolated", "legacy"])
def test_a_machine_in_the_main_one_is_not_theirs(isolated):
    """Nor are their calls asked about, which are told to the same audit hooks."""
    ended = subprocess.run([sys.executable, "-c", STRICT, isolated], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("Name:") and "FileNotFoundError" in ended.stdout
