"""The fixtures fs, fs_class, fs_module and fs_session, as pyfakefs's, on scratch machines."""

import sys

import pytest

from ostler.fakefs import aliases
from ostler.fakefs.patches import undone
from ostler.fakefs.patching import Patcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostler.fakefs.fake_filesystem import FakeFilesystem


def take_over(plugins: "pytest.PytestPluginManager") -> None:
    """Give the fixtures in this pytest, in the place of pyfakefs's plugin if there is one."""
    if plugins.has_plugin("fakefs"):
        plugins.unregister(name="fakefs")
    plugins.set_blocked("fakefs")
    aliases.put()
    module = sys.modules[__name__]
    if not plugins.is_registered(module):
        plugins.register(module, __name__)


def pytest_configure(config: pytest.Config) -> None:
    """Have ostler's own plugin, too, where it was not found by itself."""
    plugins = config.pluginmanager
    if not plugins.has_plugin("ostler"):
        plugins.import_plugin("ostler.pytest_plugin")


@pytest.fixture
def fs(request: pytest.FixtureRequest) -> "Iterator[FakeFilesystem]":
    """A new file system, which all code is on during the test."""
    yield from _given(request)


@pytest.fixture(scope="class")
def fs_class(request: pytest.FixtureRequest) -> "Iterator[FakeFilesystem]":
    """One file system for the tests of a class."""
    yield from _given(request)


@pytest.fixture(scope="module")
def fs_module(request: pytest.FixtureRequest) -> "Iterator[FakeFilesystem]":
    """One file system for the tests of a module."""
    yield from _given(request)


@pytest.fixture(scope="session")
def fs_session(request: pytest.FixtureRequest) -> "Iterator[FakeFilesystem]":
    """One file system for all tests."""
    yield from _given(request)


def _given(request):
    patcher = Patcher(*getattr(request, "param", ()))
    patcher.strict = request.config.getoption("scratch_strict", False)
    if request.scope != "function":
        with patcher:
            yield patcher.fs
        return
    with patcher, undone(request):
        yield patcher.fs


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Nothing is kept for another test: there is none."""
    Patcher.clear_fs_cache()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A file system of a wider scope is on again for the next test."""
    if Patcher.PATCHER is not None:
        Patcher.PATCHER.resume()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_logreport(report):
    """What is reported is the host's; between the tests of a wider scope all code is there."""
    patcher = Patcher.PATCHER
    if patcher is None or not patcher.is_patching:
        return (yield)
    patcher.pause()
    try:
        return (yield)
    finally:
        if report.when != "teardown":
            patcher.resume()
