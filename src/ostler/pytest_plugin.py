"""The pytest plugin: fresh machines for tests.

`scratch_os` is a scratch machine, `installed_scratch` one that os, open and what is built on them
act on during the test. `scratch_shared` is one for all tests of a module, in which each finds what
the module's fixtures have made. `@pytest.mark.scratch(size="64K", inodes=10)` sets the limits.
`recorded` records what functions and programs do on the host.
"""

import errno
import sys
import threading
import warnings
from weakref import WeakSet

import pytest

from ostler.pytest_process import here

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
    parser.addini(
        "ostler_scratch_process",
        "run each test in a process of its own on a scratch machine, as --scratch-process does",
        type="bool",
        default=False,
    )
    group = parser.getgroup("ostler", "machines of ostler")
    group.addoption(
        "--scratch-process",
        action="store_true",
        help="run each test in a process of its own on a scratch machine, where C code acts on the "
        "machine as well",
    )
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
        "tests with installed_scratch or fs; --scratch-process has it act on the machine",
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
        "scratch(size=None, inodes=None, bind=None, user=None, strict=False, process=False): "
        "limits of the test's scratch machine, paths of the host that are shown on it, read-only, "
        "who makes the calls, whether installed_scratch refuses what would act on the host all the "
        "same, and whether the test runs in a process of its own on the machine",
    )


_MACHINE: "pytest.StashKey[Scratch]" = pytest.StashKey()  # of a test, or of a module's tests


@pytest.fixture
def scratch_os(request: pytest.FixtureRequest) -> "Iterator[Scratch]":
    """A fresh scratch machine: an empty file system in memory, gone after the test.

    In a test that runs in a process on a machine it is that one.
    """
    if here.machine is not None:
        yield here.machine
        return
    machine = request.node.stash[_MACHINE] = _made(request)
    try:
        yield machine
    finally:
        machine.close()


def _made(request):
    from ostler.pytest_process import room

    return room.made(request.node)


@pytest.fixture(scope="module")
def scratch_shared(request: pytest.FixtureRequest) -> "Iterator[Scratch]":
    """A scratch machine for all tests of a module, each of which leaves it as it was.

    What fixtures of the module (or of a wider scope) make on it stays, and is made once. What a
    test changes, and the fixtures that are made for that test alone, is taken back after it: files,
    the working directory, the variables of `environ`, the umask and the limits. Processes on it are
    killed, and a thread that goes on is named by a warning. In a test that runs in a process on a
    machine it is that one, and the module's fixtures are made anew.
    """
    if here.machine is not None:
        yield here.machine
        return
    machine = request.node.stash[_MACHINE] = _made(request)
    try:
        yield machine
    finally:
        machine.close()


def pytest_itemcollected(item):
    """Have a test with scratch_shared take back what it does: no other test pays for that.

    The fixture comes before all others of a test alone, and ends after them.
    """
    names: list[str] = getattr(item, "fixturenames", [])
    if "scratch_shared" in names and _AGAIN not in names:
        known = item._fixtureinfo.name2fixturedefs
        wider = [name for name in names if known.get(name) and known[name][-1].scope != "function"]
        names.insert(len(wider), _AGAIN)  # they are sorted by their scopes


_AGAIN = "_scratch_shared_again"


@pytest.fixture
def _scratch_shared_again(request: pytest.FixtureRequest) -> "Iterator[None]":
    if here.machine is None:
        _refuse_own_marker(request.node)
    machine = request.getfixturevalue("scratch_shared")
    if here.machine is not None:
        if machine is not here.machine:
            raise pytest.UsageError(
                "scratch_shared is another process's by now, for whose tests it was made: all or "
                "none of a module's tests with it run in a process on a machine"
            )
        yield
        return
    before = _BeforeTest(machine)
    _SPOILT.add(machine)
    try:
        yield
    finally:
        before.back()


def _refuse_own_marker(item):
    """UsageError for a marker of a test, or of a class, that would be for a machine of its own."""
    from ostler.pytest_process import room

    if "scratch_os" in item.fixturenames:
        return  # it is for that one
    for node, marker in item.iter_markers_with_node("scratch"):
        options = sorted(set(room.OPTIONS) & marker.kwargs.keys())
        if options and node.getparent(pytest.Module) not in (None, node):
            whose = "a test" if node is item else "a class"
            raise pytest.UsageError(
                f"the marker scratch of {whose} ({node.name}) says {', '.join(options)} for "
                "scratch_shared, which is one machine for all tests of the module: "
                "pytestmark = pytest.mark.scratch(...) in the module is for that"
            )


_SPOILT: "WeakSet[Scratch]" = WeakSet()  # by a test that is not at its end, or could not end well


_OF_A_POINT = 200  # files that a point takes, and more where much of the host is shown


class _EnoughFiles:
    """Inside, a machine has room for the files of a point, whatever its limit is.

    They are no part of the limit: `known` of its files are, or as many as before.
    """

    def __init__(self, machine, known=None):
        self.machine, self.known = machine, known
        self.limits = None

    def __enter__(self):
        from ostler.machines import scratch_points
        from ostler.pytest_process import room

        wanted = _OF_A_POINT + 2 * len(self.machine._shown or ())
        if room.status(self.machine).f_ffree < wanted:
            if self.known is None:
                self.known = _counted(self.machine)
            self.limits = scratch_points.Limits(self.machine)
            self.machine.resize(inodes=self.limits.inodes + wanted)

    def __exit__(self, *exception):
        if self.limits is not None:
            if self.machine._history is not None:
                self.machine._history.background.finish()  # which removes files as well
            self.machine._uncounted += _counted(self.machine) - self.known
            self.machine.resize(inodes=self.limits.inodes)


def _counted(machine):
    from ostler.pytest_process import room

    return room.files_on(machine) - machine._uncounted


class _BeforeTest:
    """A machine as it is before a test, for after it."""

    def __init__(self, machine):
        from ostler.machines import scratch_points

        self.machine = machine
        with _EnoughFiles(machine):
            self.point = scratch_points.settled(machine)
        self.files = _counted(machine)
        self.limits = scratch_points.Limits(machine)
        self.threads = _threads()
        self.here = machine.getcwdb()
        self.environ = machine.environ.copy()
        self.umask = machine._own_umask()

    def back(self):
        """Have all as it was; what the test has left open is an error after that."""
        from ostler.machines import scratch_points

        machine = self.machine
        if machine.closed:
            raise RuntimeError("scratch_shared was closed by a test: it is for those after it, too")
        try:
            self.limits.make(machine)
            with _EnoughFiles(machine, self.files):
                scratch_points.taken_back(machine, self.point)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            self._set_up()
            raise OSError(
                errno.EBUSY,
                f"the test has left a file of scratch_shared open, or a process: {error.strerror}",
                error.filename,
            ) from None
        self._set_up()
        self._name_threads()

    def _name_threads(self):
        left = sorted(thread.name for thread in _threads() - self.threads if thread.is_alive())
        if left:
            warnings.warn(
                "the test has left threads running, which can still change what the next one "
                f"finds on scratch_shared: {', '.join(left)}",
                pytest.PytestWarning,
                stacklevel=2,
            )

    def _set_up(self):
        machine = self.machine
        self.limits.back(machine)
        if machine._own_umask() != self.umask:
            machine._own_umask(self.umask)
        machine.chdir(self.here)
        if machine.environ.copy() != self.environ:
            machine.environ.clear()
            machine.environ.update(self.environ)
        _SPOILT.discard(machine)


def _threads():
    return set(threading.enumerate())


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
    from ostler.pytest_process import room

    if scratch_os is here.machine:  # where all code is, C code as well
        from ostler.pytest_process import reaching

        scratch_os.chdir(room.WORK)
        with reaching.faults_of(scratch_os):
            yield scratch_os
        return
    before = room.files_on(scratch_os)
    room.furnish(scratch_os)
    # What pytest makes on the host for the test it has there, too, and each path means the same.
    made = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    if made is not None:
        scratch_os.makedirs(made)
    room.leave_uncounted(request.node, scratch_os, room.files_on(scratch_os) - before)
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
    `assert_no_network()` look at what both did. `recorded.exact = True` has the outcome of each
    call told by the kernel.
    """
    from ostler.machines.expecting import RecordedCode

    return RecordedCode()


def _runs_in_process(item):
    if here.machine is not None:
        return False  # it does
    for marker in item.iter_markers("scratch"):
        if "process" in marker.kwargs:
            return marker.kwargs["process"]
    config = item.config
    return config.getoption("scratch_process") or config.getini("ostler_scratch_process")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    if not _runs_in_process(item):
        return None
    from ostler.pytest_process import parent

    parent.run(item, nextitem, _show_machine)
    return True


_KEYWORDS = ("size", "inodes", "bind", "user", "strict", "process")  # of the marker


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """UsageError for a marker that nobody understands: `proces=True` would be run on the host."""
    for marker in item.iter_markers("scratch"):
        unknown = sorted(marker.kwargs.keys() - set(_KEYWORDS))
        if unknown:
            names, known = ", ".join(unknown), ", ".join(_KEYWORDS)
            raise pytest.UsageError(f"the marker scratch has no {names}; it takes {known}")
        if marker.args:
            raise pytest.UsageError(f"the marker scratch takes keywords: {', '.join(_KEYWORDS)}")


def _is_closed(module):
    try:
        machine = None if module is None else module.current()
    except RuntimeError:  # it is installed no more
        return False
    return machine is not None and machine.closed


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item, nextitem):
    if _is_closed(here.installed()):
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
        here.hide_our_frames()
    with here.on_host(), here.for_report(item.config):
        report = yield
        if report.failed and report.when != "teardown" and here.machine is None:
            _show_machine(item, report, _machine_of(item))
        return report


def _show_machine(item, report, machine, but=frozenset()):
    wants, directory = item.config.getoption("scratch_tree"), item.config.getoption("scratch_keep")
    if not (wants or directory) or machine is None or machine.closed:
        return
    from ostler.machines import listing

    if wants:
        report.sections.append(
            ("files of the scratch machine", "\n".join(listing.tree(machine, but=but)) or "empty")
        )
    if directory:
        directory = item.config.invocation_params.dir / directory
        kept = listing.keep(machine, directory, item.nodeid, but)
        report.sections.append(("kept files of the scratch machine", kept))


def _machine_of(item):
    # By what the fixtures have said: a test may ask for them through another one, which failed.
    nodes = [item]
    if "scratch_shared" in getattr(item, "fixturenames", ()):
        nodes.append(item.getparent(pytest.Module))
    for node in nodes:
        if _MACHINE in node.stash:
            return node.stash[_MACHINE]
    module = sys.modules.get("ostler.fakefs.patching")
    patcher = None if module is None else module.Patcher.PATCHER
    return None if patcher is None else patcher.fs.machine


@pytest.hookimpl(wrapper=True)
def pytest_runtest_logreport(report):
    with here.on_host():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session):
    try:
        return (yield)
    finally:
        # After Ctrl-C, or pytest.exit(), in a test: what comes now is the host's, but for the ends
        # of the test's fixtures.
        if here.installed() is not None:
            session._setupstate.teardown_exact(None)
