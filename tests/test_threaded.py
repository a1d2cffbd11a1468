"""A free-threaded Python stays so: no module of ostler's has it switch its lock on."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import ostler
from build_tools import modules

PACKAGE = Path(ostler.__file__).parent
CODE = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(f"ostler.{name}")
print(sys._is_gil_enabled())
"""


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python is not free-threaded"
)
def test_no_module_switches_the_lock_on():
    compiled = modules.compiled(PACKAGE)
    assert len(compiled) > 50
    environ = {name: value for name, value in os.environ.items() if name != "PYTHON_GIL"}
    # Where a module does, the interpreter warns.
    command = [sys.executable, "-W", "error", "-c", CODE, str(PACKAGE.parent), *compiled]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert (done.stdout, done.stderr) == ("False\n", "")
