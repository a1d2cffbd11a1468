"""Every case, on every kind of machine, against the interpreter's own os."""

import importlib
import os
import pkgutil

import pytest

import ostler
from tests import parity

for _module in pkgutil.iter_modules(parity.__path__):
    if _module.name.startswith("cases_"):
        importlib.import_module(f"tests.parity.{_module.name}")

_HOME = os.getcwd()


def in_fresh_directory(case, machine, directory):
    """Run a case with this os, standing in this empty directory."""
    directory.mkdir()
    os.chdir(directory)
    try:
        return case(machine)
    finally:
        os.chdir(_HOME)


@pytest.mark.parametrize("name", sorted(parity.CASES))
def test_host(name, tmp_path):
    case = parity.CASES[name]
    expected = in_fresh_directory(case, os, tmp_path / "a")
    assert in_fresh_directory(case, ostler, tmp_path / "b") == expected
