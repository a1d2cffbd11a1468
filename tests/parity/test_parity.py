"""Every case, on every kind of machine, against the interpreter's own os."""

import contextlib
import importlib
import os
import pkgutil
import stat

import pytest

import ostler
from tests import parity

for _module in pkgutil.iter_modules(parity.__path__):
    if _module.name.startswith("cases_"):
        importlib.import_module(f"tests.parity.{_module.name}")

_HOME = os.getcwd()


def devices():
    """Mode and owner of what all processes share, which no case may change."""
    names = ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", 0, 1, 2]
    found = {}
    for name in names:
        with contextlib.suppress(OSError):
            status = os.stat(name)
            if stat.S_ISCHR(status.st_mode) or stat.S_ISFIFO(status.st_mode):
                found[name] = status[:2], status.st_uid, status.st_gid
    return found


@pytest.fixture(autouse=True)
def devices_stay_as_they_are():
    before = devices()
    yield
    assert devices() == before


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
