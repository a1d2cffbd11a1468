"""Aliases: pyfakefs's names for the modules of this package."""

import sys
from importlib import import_module

MODULES = (
    "fake_file", "fake_filesystem", "fake_filesystem_shutil", "fake_filesystem_unittest", "fake_io",
    "fake_open", "fake_os", "fake_path", "fake_pathlib", "helpers", "pytest_plugin",
)  # fmt: skip


def put() -> None:
    """Let `import pyfakefs`, and its modules, mean those of this package from now on."""
    name = "pyfakefs"
    sys.modules[name] = sys.modules["ostler.fakefs"]
    for part in MODULES:
        if part != "pytest_plugin" or "pytest" in sys.modules:
            sys.modules[f"{name}.{part}"] = import_module(f"ostler.fakefs.{part}")
