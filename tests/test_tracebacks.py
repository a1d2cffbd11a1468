"""An error leaves our functions as it leaves os's: its traceback has no line of ours.

setup.py takes Cython's lines out of the C that it makes, by a pattern.
"""

import os
import traceback
from types import BuiltinFunctionType

import pytest

import ostler
from ostler.verbs import table
from tests.test_table import FITTING, IN_FILES, OWN

# What is a builtin function of os, which has no lines; makedirs and its kin have some there, too.
BUILTIN = [verb for verb in IN_FILES if type(getattr(os, verb.name, None)) is BuiltinFunctionType]
pytestmark = pytest.mark.skipif(
    bool(os.environ.get("OSTLER_FRAMES") or os.environ.get("OSTLER_TRACE")),
    reason="this build keeps the lines, as it was told",
)


@pytest.mark.parametrize("verb", BUILTIN, ids=lambda verb: verb.name)
@pytest.mark.parametrize("on_machine", [False, True], ids=["host", "machine"])
def test_an_error_has_no_line_of_ours(verb, on_machine, tmp_path):
    (tmp_path / "link").symlink_to("link")
    values = {name: FITTING.get(name, 0) for name in verb.names if name not in verb.defaults}
    values |= {name: value for name, value in OWN.get(verb.name, {}).items() if name in verb.names}
    for name in values:
        if verb.roles[name] == table.PATH:
            values[name] = str(tmp_path / "missing" / "x")
    with ostler.confined("/") as machine:
        call = getattr(machine if on_machine else ostler, verb.name)
        try:
            call(*values.values())
        except OSError as error:
            lines = traceback.extract_tb(error.__traceback__)
            assert [line.filename for line in lines] == [__file__]
        else:
            assert verb.name in (
                "access",
                "getcwd",
                "getcwdb",
                "umask",
                "listxattr",
                "listdir",
                "scandir",
            )


def test_setup_notices_when_its_pattern_fits_nothing():
    """Else a new Cython would bring the lines back, and nobody would see it but by the speed."""
    import re
    from pathlib import Path

    text = (Path(__file__).parents[1] / "setup.py").read_text()
    pattern = re.search(r"^FRAME = re\.compile\((.*)\)$", text, re.M)[1]
    frame = re.compile(eval(pattern))
    made = Path(__file__).parents[1] / "build/c/src/ostler/files.c"
    if not made.exists():
        pytest.skip("the C that the build has made is not here")
    assert frame.search(made.read_text())
    assert "raise SystemExit" in text[text.index("def without_frames") :]
