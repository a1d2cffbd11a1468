"""pyfakefs's interface on a scratch machine: the same tests, on the kernel's own file system.

`from ostler.fakefs import fake_filesystem_unittest` is the one line that a page of tests changes.
`pytest -p ostler.fakefs`, or `ostler_fakefs = true` among pytest's settings, gives the fixture `fs`
and its like, and lets `import pyfakefs` mean this package.
"""

__import__("ostler._compiled")  # who begins here waits until ostler is imported

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import pytest

    from ostler.fakefs.fake_filesystem import FakeFilesystem, OSType
    from ostler.fakefs.fake_filesystem_unittest import TestCase, TestCaseMixin
    from ostler.fakefs.helpers import set_gid, set_uid
    from ostler.fakefs.patching import Patcher, Pause, patchfs
    from ostler.fakefs.refusals import Unsupported

_NAMES = {
    "FakeFilesystem": "fake_filesystem",
    "OSType": "fake_filesystem",
    "Patcher": "fake_filesystem_unittest",
    "Pause": "fake_filesystem_unittest",
    "Unsupported": "refusals",
    "TestCase": "fake_filesystem_unittest",
    "TestCaseMixin": "fake_filesystem_unittest",
    "patchfs": "fake_filesystem_unittest",
    "set_gid": "helpers",
    "set_uid": "helpers",
}

__all__ = [
    "FakeFilesystem",
    "OSType",
    "Patcher",
    "Pause",
    "TestCase",
    "TestCaseMixin",
    "Unsupported",
    "patchfs",
    "set_gid",
    "set_uid",
]  # fmt: skip


def __getattr__(name: str) -> "Any":
    if name in ("fs", "fs_class", "fs_module", "fs_session"):
        home = "pytest_plugin"  # for `from ostler.fakefs import fs` in a conftest.py
    elif name in _NAMES:
        home = _NAMES[name]
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    full = f"{__name__}.{home}"
    __import__(full)
    return getattr(sys.modules[full], name)


def pytest_addoption(parser: "pytest.Parser", pluginmanager: "pytest.PytestPluginManager") -> None:
    """Take the place of pyfakefs in this pytest: by `-p ostler.fakefs`."""
    from ostler.fakefs import pytest_plugin

    pytest_plugin.take_over(pluginmanager)
