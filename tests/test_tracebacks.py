"""An error leaves our functions as it leaves os's: its traceback has no line of ours.

build_tools/frames.py takes Cython's lines out of the C that it makes, by a pattern.
"""

import os
import traceback
from types import BuiltinFunctionType

import pytest

import ostler
from build_tools import frames, modules
from ostler.verbs import table
from tests.test_table import FITTING, IN_FILES, OWN

# What is a builtin function of os, which has no lines; makedirs and its kin have some there, too.
BUILTIN = [verb for verb in IN_FILES if type(getattr(os, verb.name, None)) is BuiltinFunctionType]
pytestmark = pytest.mark.skipif(
    bool(os.environ.get("OSTLER_FRAMES") or os.environ.get("OSTLER_TRACE")),
    reason="this build keeps the lines, as it was told",
)


@pytest.fixture(autouse=True)
def umask_stays():
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


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


C = """static void __Pyx_AddTraceback(const char *funcname, int c_line,
  __Pyx_AddTraceback("ostler.verbs.files.stat", __pyx_clineno, __pyx_lineno, __pyx_filename);
      __Pyx_AddTraceback("ostler.path.of", __pyx_clineno, __pyx_lineno, __pyx_filename);
      if (__Pyx_GetException(&__pyx_t_1, &__pyx_t_2, &__pyx_t_3) < 0) __PYX_ERR(0, 1, error)
"""


def test_the_lines_are_taken_out_of_the_c():
    made = frames.without_frames(C)
    lines = C.splitlines(keepends=True)
    lines[1] = lines[1].replace("__Pyx_AddTraceback", "OSTLER_FRAME")
    assert made == "".join(lines)
    assert frames.without_frames(made) == made


@pytest.mark.parametrize(
    "line",
    [
        '__Pyx_AddTraceback(\n    "ostler.verbs.files.stat", c_line, line, filename);\n',
        "__Pyx_AddTraceback (name, __pyx_clineno, __pyx_lineno, __pyx_filename);\n",
    ],
)
def test_the_build_fails_when_a_new_cython_writes_them_otherwise(line):
    """Else the lines would be back, and nobody would see it but by the speed."""
    with pytest.raises(ValueError, match="1 traceback lines of Cython's"):
        frames.without_frames(C + line)


def test_the_c_that_was_built_has_none():
    made = sorted((modules.PACKAGE.parents[1] / "build" / "c" / "src" / "ostler").rglob("*.c"))
    if not made:
        pytest.skip("the C that the build has made is not here")
    for path in made:
        text = path.read_text()
        assert frames.without_frames(text) == text, path
