"""What `import ostler` loads; the time it takes follows from that (bench/bench_import.py)."""

import subprocess
import sys
from pathlib import Path

import pytest

import ostler

SOURCE = str(Path(__file__).resolve().parents[1] / "src")
# Light modules, which every interpreter has built in: of those that are files, nothing is needed.
LIGHT = {"_collections", "errno"}
if sys.version_info >= (3, 14):  # no longer loaded at every start
    LIGHT |= {"_types", "collections.abc", "io"}


def loaded_by(statement):
    code = (
        f"import sys; sys.path.insert(0, {SOURCE!r}); before = set(sys.modules); {statement}; "
        "print(*(set(sys.modules) - before))"
    )
    # Without site, so that nothing is loaded beforehand but what the interpreter needs itself.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def of_ostler(names):
    return {name for name in names if name.partition(".")[0] == "ostler"}


def test_nothing_but_itself():
    always = loaded_by("import os")
    loaded = loaded_by("import ostler")
    others = {name for name in loaded - of_ostler(loaded) if "cython" not in name}
    assert others - always <= LIGHT


def test_taking_the_place_of_os_loads_little_more():
    # A program under `ostler run` begins with it: functools alone would cost as much as all else.
    loaded = loaded_by("import ostler; ostler.install()")
    others = {name for name in loaded - of_ostler(loaded) if "cython" not in name}
    assert others - loaded_by("import os") <= LIGHT | {"_functools", "copyreg"}


def test_the_rest_is_loaded_on_first_touch():
    loaded = of_ostler(loaded_by("import ostler"))
    assert not {
        name for name in loaded if name.startswith(("ostler.cli", "ostler.installation.process"))
    }
    assert {name for name in loaded if name.startswith("ostler.machines")} == {
        "ostler.machines",
        "ostler.machines.makers",
    }
    assert "ostler.installation.process" in loaded_by("import ostler; ostler.install()")
    assert "ostler.trees" in loaded_by("import ostler; ostler.trees.walk")


def test_no_getattr_of_the_module():
    # One would take the fast way of looking up from every name of it.
    assert "__getattr__" not in vars(ostler)


@pytest.mark.parametrize(
    "name",
    ["capabilities", "confined", "install", "read_only", "rehearsal", "scratch", "uninstall"],
)
def test_what_loads_the_rest_is_of_ostler(name):
    assert getattr(ostler, name).__module__ == "ostler"
