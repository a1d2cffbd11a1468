"""Child: the process of one test, from its fork to its end on the machine."""

import gc
import signal
import sys
import traceback
from typing import Any, NoReturn

import pytest

from ostler.core import descendants, interpreter
from ostler.machine import host
from ostler.pytest_process import covered, here, room, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ostler.core.family import Insider

# What pytest tells of a test is told by the parent.
_TOLD = (
    "pytest_runtest_logstart",
    "pytest_runtest_logreport",
    "pytest_runtest_logfinish",
    "pytest_warning_recorded",
)
_NAME = "ostler-process"  # of the plugin
_KEPT: "list[Any]" = []  # what would have an effect when it is collected


def run(item: "Any", machine: "Any", fd: int, parent: int, insider: "Insider | None") -> "NoReturn":
    """Move to the machine, run the test, and end this process."""
    gc.freeze()  # what the parent has is not looked through, and so not copied
    sender = wire.Sender(fd)
    try:
        _move(item, machine, parent, insider, sender)
        _take_limits(machine, sender)
    except BaseException as error:
        _say(sender, "refused", f"{type(error).__name__}: {error}")
        host._exit(1)
    try:
        _test(item, sender)
    except BaseException as error:
        _say(sender, "broken", "".join(traceback.format_exception(error)))
    finally:
        _end(item, sender)


def _say(sender, *message):
    with here.on_host():
        sender.send(*message)


# ---- moving


def _move(item, machine, parent, insider, sender):
    with here.on_host():
        own_user = machine._is_anothers if hasattr(machine, "_is_anothers") else False
        stood = host.getcwd()
        machine._move_in(parent, insider)
        machine.chdir("/")  # where one stands that is not installed
        here.machine = machine
        if insider is None:
            # What a test leaves behind is this process's, until the parent ends all of it.
            descendants.adopt_orphans(True)
        _take_variables(machine, room.OF_A_USER if own_user else ())
        _take_directories(item.config)
        _keep_meaning(stood)
        _leave_servers()


def _take_limits(machine, sender):
    # An ordinary user's process has no rights in the namespaces that it lives in.
    if machine._user_ns >= 0 and machine._changed_by is None:
        _ask_for_changes(machine, sender)


def _ask_for_changes(machine, sender):
    def change(*what):
        with here.on_host():
            number, text = sender.ask("change", *map(_simple, what))
        if number:
            raise OSError(number, text)

    machine._changed_by = change


def _simple(what):
    return what.decode() if isinstance(what, bytes) else what


def _take_variables(machine, names):
    for environ in (interpreter.os.environ, host.environ):
        environ.pop("TMPDIR", None)
        for name in names:
            environ.pop(name, None)
            if name in machine.environ:
                environ[name] = machine.environ[name]


def _take_directories(config: Any) -> None:
    # Those of the host that somebody has asked for already.
    tempfile: Any = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile.tempdir = None
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is not None:
        from pathlib import Path

        factory._basetemp = Path(room.TEMPORARY)


def _keep_meaning(stood):
    # Of relative paths at which modules are looked for.
    sys.path[:] = [
        host.path.join(stood, path) if isinstance(path, str) else path for path in sys.path
    ]
    given = interpreter.os.environ.get("PYTHONPATH")
    if given:
        paths = [host.path.join(stood, path) for path in given.split(":")]
        interpreter.os.environ["PYTHONPATH"] = ":".join(paths)


def _leave_servers() -> None:
    # Processes of the host that would start others there for this one.
    forkserver: Any = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    for name in ("_forkserver_address", "_forkserver_alive_fd", "_forkserver_pid"):
        if hasattr(forkserver, name):
            setattr(forkserver, name, None)
    tracker: Any = getattr(
        sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None
    )
    for name in ("_fd", "_pid"):
        if hasattr(tracker, name):
            setattr(tracker, name, None)


# ---- the test


def _test(item, sender):
    session = item.session
    before = session.shouldfail, session.shouldstop
    _leave_to_the_parent(session)
    _take_reports(item.config, sender)
    coverage = covered.begin()
    try:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    except pytest.exit.Exception as error:
        session._setupstate.teardown_exact(None)
        _say(sender, "exit", str(error.msg), error.returncode)
    except KeyboardInterrupt as error:
        session._setupstate.teardown_exact(None)
        _say(sender, "interrupt", _place(error))
    finally:
        if coverage is not None:
            _say(sender, "coverage", covered.end(coverage))
    after = session.shouldfail, session.shouldstop
    if after != before:
        _say(sender, "stop", *(why and str(why) for why in after))


def _place(error):
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__)
        if "_pytest" not in frame.filename and "pluggy" not in frame.filename
    ]  # fmt: skip
    frame = frames[-1] if frames else None
    return "" if frame is None else f"{frame.filename}:{frame.lineno}"


def _leave_to_the_parent(session):
    # The ends of the fixtures that were set up before: they act on the host, and come there.
    for finalizers, _ in session._setupstate.stack.values():
        for definition in _definitions(finalizers):
            _KEPT.append((definition.cached_result, definition._finalizers[:]))
            definition._finalizers.clear()
        _KEPT.append(finalizers[:])
        finalizers.clear()


def _definitions(finalizers):
    """The fixtures whose ends are among these: as `partial(definition.finish, ...)` of pytest's."""
    for finalizer in finalizers:
        function = getattr(finalizer, "func", finalizer)
        cells = getattr(function, "__closure__", None) or ()  # before pytest 8.1 it is a lambda
        for each in (getattr(function, "__self__", None), *(cell.cell_contents for cell in cells)):
            if hasattr(each, "cached_result") and hasattr(each, "_finalizers"):
                yield each


def prepare(config: "Any") -> None:
    """In the parent: have the plugin by which a child tells what there is to tell."""
    if not config.pluginmanager.has_plugin(_NAME):
        config.pluginmanager.register(_Reporting(config), _NAME)


def _take_reports(config, sender):
    plugins = config.pluginmanager
    reporting = plugins.get_plugin(_NAME)
    for name in _TOLD:
        caller = getattr(plugins.hook, name)
        for implementation in caller.get_hookimpls():
            if implementation.plugin is not reporting:
                caller._remove_plugin(implementation.plugin)
    reporting.sender = sender


class _Reporting:
    """The plugin that hands on what is to be told, in a child."""

    def __init__(self, config: Any) -> None:
        self._config = config
        self.sender: wire.Sender | None = None
        self._phase = "setup"  # as the parent has it

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self):
        self._begin("setup")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self):
        self._begin("call")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self):
        self._begin("teardown")

    def _begin(self, phase):
        if self.sender is not None and phase != self._phase:
            _say(self.sender, "phase", phase)
            self._phase = phase

    def pytest_runtest_logreport(self, report):
        if self.sender is not None:
            with here.on_host():
                # Which makes a failure of a test with subtests that have failed.
                self._config.hook.pytest_report_teststatus(report=report, config=self._config)
                self.sender.send("report", wire.report_to_data(self._config, report))
                self.sender.wait()
                self._phase = wire.phase_after(report)

    def pytest_warning_recorded(self, warning_message, when, location):
        if self.sender is not None:
            _say(self.sender, "warning", wire.warning_to_data(warning_message, when, location))

    def pytest_enter_pdb(self):
        if self.sender is not None:
            _say(self.sender, "debugger")


# ---- the end


def _end(item, sender):
    try:
        wire.flush(item.config)
        if _has_children():
            _say(sender, "end", True)
            _wait_to_be_ended()
        _say(sender, "end", False)
    finally:
        host._exit(1)


def _has_children():
    try:
        host.waitid(host.P_ALL, 0, host.WEXITED | host.WNOHANG | host.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _wait_to_be_ended():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        signal.pause()
