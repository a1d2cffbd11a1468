"""The pytest plugin: fresh machines for tests.

`scratch_os` is a scratch machine, `installed_scratch` one that os, open and what is built on them
act on during the test. `scratch_shared` is one for all tests of a module, in which each finds what
the module's fixtures have made. `@pytest.mark.scratch(size="64K", inodes=10)` sets the limits.
`recorded` records what functions and programs do on the host.
"""

import errno
import sys
from weakref import WeakSet

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostler.machines.expecting import RecordedCode
    from ostler.machines.scratch import Scratch


def pytest_addoption(parser):
    parser.addini(
        "ostler_fakefs",
        "give the fixture fs and its like, as -p ostler.fakefs does",
        type="bool",
        default=False,
    )
    group = parser.getgroup("ostler", "machines of ostler")
    group.addoption(
        "--scratch-tree",
        action="store_true",
        help="show under a failed test what its scratch machine holds",
    )
    group.addoption(
        "--scratch-keep",
        metavar="DIR",
        help="keep what the scratch machine of a failed test holds, each in a directory below DIR",
    )
    group.addoption(
        "--scratch-strict",
        action="store_true",
        help="refuse what would act on the host past the interpreter, as sqlite3.connect does, in "
        "tests with installed_scratch or fs",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config):
    # Before a conftest.py may import what the setting has another meaning for.
    if early_config.getini("ostler_fakefs"):
        from ostler.fakefs import pytest_plugin

        pytest_plugin.take_over(early_config.pluginmanager)


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "scratch(size=None, inodes=None, bind=None, user=None, strict=False): limits of the test's "
        "scratch machine, paths of the host that are shown on it, read-only, who makes the calls, "
        "and whether installed_scratch refuses what would act on the host all the same",
    )


_OPTIONS = ("size", "inodes", "bind", "user")  # of the marker


@pytest.fixture
def scratch_os(request: pytest.FixtureRequest) -> "Iterator[Scratch]":
    """A fresh scratch machine: an empty file system in memory, gone after the test."""
    machine = _made(request)
    try:
        yield machine
    finally:
        machine.close()


def _made(request):
    import ostler

    marker = request.node.get_closest_marker("scratch")
    options = {} if marker is None else dict(marker.kwargs)
    if marker is not None and marker.args:
        raise pytest.UsageError(f"the marker scratch takes keywords: {', '.join(_OPTIONS)}")
    options.pop("strict", None)  # which is installed_scratch's
    unknown = options.keys() - set(_OPTIONS)
    if unknown:
        names = ", ".join(sorted(unknown))
        raise pytest.UsageError(
            f"the marker scratch has no {names}; it takes {', '.join(_OPTIONS)}"
        )
    return ostler.scratch(**options)


@pytest.fixture(scope="module")
def scratch_shared(request: pytest.FixtureRequest) -> "Iterator[Scratch]":
    """A scratch machine for all tests of a module, each of which leaves it as it was.

    What fixtures of the module (or of a wider scope) make on it stays, and is made once. What a
    test changes, and the fixtures that are made for that test alone, is taken back after it: files,
    the working directory, the variables of `environ` and the umask.
    """
    machine = _made(request)
    try:
        yield machine
    finally:
        machine.close()


@pytest.fixture(autouse=True)
def _scratch_shared_again(request: pytest.FixtureRequest) -> "Iterator[None]":
    # It comes before all other fixtures of a test alone, and ends after them.
    if "scratch_shared" not in request.fixturenames:
        yield
        return
    machine = request.getfixturevalue("scratch_shared")
    before = _BeforeTest(machine)
    _SPOILT.add(machine)
    try:
        yield
    finally:
        before.back()


_SPOILT: "WeakSet[Scratch]" = WeakSet()  # by a test that is not at its end, or could not end well


class _BeforeTest:
    """A machine as it is before a test, for after it."""

    def __init__(self, machine):
        from ostler.machines import scratch_points

        self.machine = machine
        self.point = scratch_points.settled(machine)
        self.here = machine.getcwdb()
        self.environ = dict(machine.environ)
        self.umask = machine.umask(0)
        machine.umask(self.umask)

    def back(self):
        """Have all as it was; what the test has left open is an error after that."""
        from ostler.machines import scratch_points

        machine = self.machine
        if machine.closed:
            raise RuntimeError("scratch_shared was closed by a test: it is for those after it, too")
        try:
            scratch_points.taken_back(machine, self.point)
        except OSError as error:
            if error.errno == errno.EBUSY:
                self._set_up()
            raise
        self._set_up()

    def _set_up(self):
        machine = self.machine
        machine.umask(self.umask)
        machine.chdir(self.here)
        if machine.environ != self.environ:
            machine.environ.clear()
            machine.environ.update(self.environ)
        _SPOILT.discard(machine)


def _make_shared_anew(item):
    # It was closed, or could not be taken back: for the next test it is set up once more, with the
    # fixtures that have made something there.
    machine = getattr(item, "funcargs", {}).get("scratch_shared")
    if machine is not None and (machine.closed or machine in _SPOILT):
        _SPOILT.discard(machine)
        for fixture in item._fixtureinfo.name2fixturedefs["scratch_shared"]:
            fixture.finish(item._request)


@pytest.fixture
def installed_scratch(scratch_os: "Scratch", request: pytest.FixtureRequest) -> "Iterator[Scratch]":
    """A fresh scratch machine that os, open, pathlib, shutil ... act on during the test.

    It has an empty /tmp, and works in an empty /work. All code of the process is on it meanwhile,
    in whatever thread, task or context it runs.
    """
    owner = scratch_os.getuid(), scratch_os.getgid()
    with scratch_os.as_root():
        scratch_os.makedirs("/tmp", exist_ok=True)
        scratch_os.chmod("/tmp", 0o1777)
        scratch_os.makedirs("/work", exist_ok=True)  # what was bound may lie in it
        scratch_os.chown("/work", *owner)
    scratch_os.environ.pop("TMPDIR", None)
    scratch_os.chdir("/work")
    # What pytest makes on the host for the test it has there, too, and each path means the same.
    made = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    if made is not None:
        scratch_os.makedirs(made)
    from ostler.fakefs.patches import undone

    marker = request.node.get_closest_marker("scratch")
    strict = request.config.getoption("scratch_strict")
    strict = strict if marker is None else marker.kwargs.get("strict", strict)
    with scratch_os.installed(everywhere=True, strict=strict), undone(request):
        yield scratch_os


@pytest.fixture
def recorded() -> "RecordedCode":
    """Calls functions and runs programs, and asserts what they have not done.

    `recorded(function, ...)` calls a function in a copy of this process, `recorded.run([...])` runs
    a program; `recorded.assert_only_reads(...)`, `assert_only_writes(...)` and
    `assert_no_network()` look at what both did.
    """
    from ostler.machines.expecting import RecordedCode

    return RecordedCode()


def _installed():
    """The module, if a machine is installed for this code, else None."""
    module = sys.modules.get("ostler.installation.installed")
    return module if module is not None and module.is_here() else None


def _is_closed(module):
    try:
        machine = None if module is None else module.current()
    except RuntimeError:  # it is installed no more
        return False
    return machine is not None and machine.closed


def _on_host():
    # What pytest does around a test is no part of it: it sees the host.
    from contextlib import nullcontext

    module = _installed()
    return nullcontext() if module is None else module.OnHost()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item, nextitem):
    if _is_closed(_installed()):
        # The test has closed it. What pytest itself does here would fail, and the ends of the
        # fixtures would be left out: the machine would stand in the way of all other tests.
        item.session._setupstate.teardown_exact(nextitem)
    try:
        return (yield)
    finally:
        _make_shared_anew(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    if call.excinfo is not None:
        _hide_our_frames()
    with _on_host():
        report = yield
        if report.failed and report.when != "teardown":
            _show_machine(item, report)
        return report


def _show_machine(item, report):
    wants, directory = item.config.getoption("scratch_tree"), item.config.getoption("scratch_keep")
    machine = _machine_of(item) if wants or directory else None
    if machine is None or machine.closed:
        return
    from ostler.machines import listing

    if wants:
        report.sections.append(
            ("files of the scratch machine", "\n".join(listing.tree(machine)) or "empty")
        )
    if directory:
        kept = listing.keep(machine, item.config.invocation_params.dir / directory, item.nodeid)
        report.sections.append(("kept files of the scratch machine", kept))


def _machine_of(item):
    given = getattr(item, "funcargs", {})
    for name in ("installed_scratch", "scratch_os", "scratch_shared"):
        if name in given:
            return given[name]
    module = sys.modules.get("ostler.fakefs.patching")
    patcher = None if module is None else module.Patcher.PATCHER
    return None if patcher is None else patcher.fs.machine


def _hide_our_frames():
    # They are between the test and its error, and say nothing of either; --full-trace shows them.
    for name, module in list(sys.modules.items()):
        if name == "ostler" or name.startswith("ostler."):
            vars(module).setdefault("__tracebackhide__", True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_logreport(report):
    with _on_host():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session):
    try:
        return (yield)
    finally:
        # After Ctrl-C, or pytest.exit(), in a test: what comes now is the host's, but for the ends
        # of the test's fixtures.
        if _installed() is not None:
            session._setupstate.teardown_exact(None)
