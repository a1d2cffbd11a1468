"""The example of branches: a test suite on many of them."""

import importlib.util
import os
import tempfile
from pathlib import Path


def test_the_example_of_branches(capsys):
    path = Path(__file__).parents[2] / "examples" / "branches.py"
    spec = importlib.util.spec_from_file_location("branches", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(34)
    *lines, last = capsys.readouterr().out.splitlines()
    good = [line for line in lines if line.startswith("passes")]
    assert len(lines) == 34
    assert "passes number >= 10  ->  number >= 9" in good
    assert "fails  number * each  ->  number + each" in lines
    assert "fails  without line 2" in lines
    assert last.startswith(f"{len(good)} of 34 pass") and last.endswith("True")
    assert not [name for name in os.listdir(tempfile.gettempdir()) if "ostler-shop" in name]
