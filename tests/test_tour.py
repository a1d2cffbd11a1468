"""The tour: every call of the main job, the same under python and under `ostler run`."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOUR = ROOT / "examples" / "tour.py"
CALLS = """
    getcwd chdir listdir mkdir makedirs rmdir removedirs remove rename stat getenv putenv environ
    path.join path.exists path.isfile path.isdir path.abspath system popen getpid getppid fork execv
    chmod chown
""".split()


def attributes_of_os(source):
    return {
        ast.unparse(node).removeprefix("os.")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("os.")
    }


def output(tmp_path, *command):
    """What a run prints, without what is new in every run."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []  # it leaves nothing behind
    text = re.sub(r"tour-\w+", "FOLDER", done.stdout)
    return re.sub(r"(getp?pid\(\) +-> |a child, process )\d+", r"\1PID", text)


def test_it_makes_every_call():
    source = TOUR.read_text()
    assert len(CALLS) == 26
    assert set(CALLS) <= attributes_of_os(source)
    code = re.sub(r'^""".*?"""', "", source, flags=re.DOTALL)
    assert "ostler" not in code.lower()


@pytest.mark.parametrize("command", [["run", str(TOUR)], ["tour"]])
def test_same_as_under_python(tmp_path, command):
    expected = output(tmp_path, str(TOUR))
    assert output(tmp_path, "-m", "ostler", *command) == expected
    assert [line for line in expected.splitlines() if line[:1].isdigit()] == [
        "1. Directories: where the program stands, and the folders around it",
        "2. Files: names for contents, and what is known about them",
        "3. Environment: the variables that a program is given and hands on",
        "4. Paths: the grammar of names, and questions about what they name",
        "5. Commands: other programs, run from this one",
        "6. Processes: who this program is, and who its children are",
        "7. Permissions: who may do what",
    ]


def test_the_shipped_copy_is_this_file():
    from ostler.cli import tour

    assert tour.TOUR.read_bytes() == TOUR.read_bytes()
