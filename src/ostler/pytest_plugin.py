"""The pytest plugin: fresh machines for tests.

`scratch_os` is a scratch machine, `installed_scratch` one that os, open and what is built on them
act on during the test. `@pytest.mark.scratch(size="64K", inodes=10)` sets the limits of both.
"""

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "scratch(size=None, inodes=None, bind=None): limits of the test's scratch machine, "
        "and paths of the host that are shown on it, read-only",
    )


@pytest.fixture
def scratch_os(request):
    """A fresh scratch machine: an empty file system in memory, gone after the test."""
    import ostler

    marker = request.node.get_closest_marker("scratch")
    options = {} if marker is None else marker.kwargs
    if marker is not None and marker.args:
        raise pytest.UsageError("the marker scratch takes keywords: size, inodes, bind")
    unknown = options.keys() - {"size", "inodes", "bind"}
    if unknown:
        raise pytest.UsageError(f"the marker scratch has no {', '.join(sorted(unknown))}")
    machine = ostler.scratch(**options)
    try:
        yield machine
    finally:
        machine.close()


@pytest.fixture
def installed_scratch(scratch_os, request):
    """A fresh scratch machine that os, open, pathlib, shutil ... act on during the test.

    It has an empty /tmp, and works in an empty /work. Threads that the test starts are on it, too.
    """
    scratch_os.mkdir("/tmp")
    scratch_os.chmod("/tmp", 0o1777)
    scratch_os.environ.pop("TMPDIR", None)
    scratch_os.mkdir("/work")
    scratch_os.chdir("/work")
    with scratch_os.installed(threads=True), _temporary_paths(request.config):
        yield scratch_os


@contextmanager
def _temporary_paths(config):
    # pytest makes one directory for the tmp_path of all tests. It is not on this machine, and what
    # would be made here is not there for later tests; so /tmp takes its place.
    factory = getattr(config, "_tmp_path_factory", None)
    before = getattr(factory, "_basetemp", None)
    if factory is not None:
        factory._basetemp = Path("/tmp")
    try:
        yield
    finally:
        if factory is not None:
            factory._basetemp = before


def _on_host():
    # What pytest does around a test is no part of it: it sees the host.
    from contextlib import nullcontext

    module = sys.modules.get("ostler.machines.installed")
    return nullcontext() if module is None else module.OnHost()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    with _on_host():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_logreport(report):
    with _on_host():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_exception_interact(node, call, report):
    with _on_host():
        return (yield)
