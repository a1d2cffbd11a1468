"""Parent: pytest's own process, while a test runs in a process of its own."""

import signal
import time
from typing import Any

import pytest

from ostler.machine import host
from ostler.pytest_process import child, covered, forked, here, room, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PHASES = ("setup", "call", "teardown")
_SILENCED = (
    "the test's process has lost the descriptor by which it tells what becomes of the test: "
    "something has closed it, as os.closerange() does, or put another one in its place"
)
_UNTOLD = "the test's process said that it is done, but not what has become of the test"


def run(item: "Any", nextitem: "Any", show: "Callable[[Any, Any, Any, Any], None]") -> None:
    """What pytest does for a test, in a process on a machine that is made for it.

    `show(item, report, machine, but)` adds to the report of a failure what is told of its machine,
    `but` being paths that were there before.
    """
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    course = Course(item, show)
    try:
        course.go()
    finally:
        course.end(nextitem)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    course.end_session()


class _Reports:
    """Which reports of a test have come, of those that it takes until all is told."""

    def __init__(self, without_call: bool) -> None:
        self._without_call = without_call  # of any test, as --setup-only asks
        self._phases = ["setup", "call", "teardown"]

    def add(self, report: "Any") -> None:
        """Note one."""
        if report.when == "setup":  # which may be run again
            self._phases = ["teardown"]
            if report.outcome == "passed" and not self._without_call:
                self._phases = ["call", "teardown"]
        elif report.when in self._phases:
            self._phases.remove(report.when)

    def missing(self) -> "str | None":
        """The first phase of which nothing is told, or None."""
        return self._phases[0] if self._phases else None


class Course:
    """One test's run in the other process: what is told of it, and what comes of that."""

    def __init__(self, item: "Any", show: "Callable[[Any, Any, Any, Any], None]") -> None:
        self._item = item
        self._show = show
        self._machine: Any = None
        self._phase = "setup"  # of the test
        self._reports = _Reports(item.config.getoption("setuponly", False))
        self._last: Any = None  # the report of the teardown, which waits for the fixtures here
        self._refusal: str | None = None  # why it could not begin
        self._closing: BaseException | None = None  # what ends the session
        self._was_in_debugger = False
        self._began = time.time()

    def go(self) -> None:
        """Run the test, and log what is told of it; or the error why it can't be run."""
        call = _called(self._item, "setup", self._make)
        if call.excinfo is not None:
            self._log_call(call)
            self._log_nothing("teardown")
            return
        try:
            self._run()
        finally:
            self._machine.close()

    def _make(self):
        from _pytest.skipping import evaluate_skip_marks

        with here.on_host():
            try:
                self._machine = room.made(self._item, True)
                self._machine._make_all_now()  # by which its processes are known
            except Exception:
                if self._machine is not None:
                    self._machine.close()
                    self._machine = None
                skipped = evaluate_skip_marks(self._item)
                if not skipped:
                    raise
                raise pytest.skip.Exception(skipped.reason, _use_item_location=True) from None

    def _run(self):
        child.prepare(self._item.config)
        covered.flush()
        wire.flush(self._item.config)
        try:
            process = forked.Forked(self._in_child, self._machine._fork_inside)
        except OSError as error:
            self._heed_refused(f"{type(error).__name__}: {error}")
            self._tell_of_end(self._refusal)
            return
        timer = getattr(self._item.config.hook, "pytest_timeout_cancel_timer", None)
        if timer is not None:
            timer(item=self._item)  # the other process has its own
        problem = None
        try:
            process.attend(self._heed)
        except ValueError as error:
            problem = str(error)
        finally:
            if not process.ended and not process.in_family:
                with here.on_host():
                    forked.kill_all_on(self._machine._children_ns)
        if not process.ended:
            how = _SILENCED if process.silenced else _how(process.status)
            self._tell_of_end(self._refusal or problem or how)
        elif self._reports.missing() is not None:
            self._tell_of_end(_UNTOLD)
        elif process.interrupts and not self._was_in_debugger and self._closing is None:
            self._closing = KeyboardInterrupt()

    def _in_child(self, fd, parent, insider):
        child.run(self._item, self._machine, fd, parent, insider)

    # ---- what the process says

    def _heed(self, message):
        kind, *what = message
        function = getattr(self, f"_heed_{kind}", None)
        if function is None:
            raise ValueError("the process of the test says what nobody understands")
        try:
            return function(*what)
        except Exception as error:
            if not self._is_a_lesser_users():
                raise
            raise ValueError(f"the process of the test says: {error}") from None

    def _is_a_lesser_users(self):
        return getattr(self._machine, "_is_anothers", False)

    def _heed_change(self, size, inodes, read_only):
        """Change the machine's limits, as resize() and read_only_now() do: (errno, text)."""
        if self._is_a_lesser_users():
            raise ValueError("the process of the test asks for what only another user may have")
        limits = [None if limit is None else b"%d" % int(limit) for limit in (size, inodes)]
        try:
            with here.on_host():
                self._machine._change(*limits, read_only, whole=read_only is not None)
        except OSError as error:
            return error.errno, error.strerror
        return 0, ""

    def _heed_phase(self, phase):
        if phase not in _PHASES:
            raise ValueError("the process of the test says what nobody understands")
        self._phase = phase

    def _heed_report(self, data):
        report = wire.report_of_data(self._item.config, data)
        if self._is_a_lesser_users() and report.nodeid != self._item.nodeid:
            raise ValueError("the process of the test reports another one")
        self._log(report)
        self._reports.add(report)
        self._phase = wire.phase_after(report)

    def _heed_warning(self, data):
        with here.on_host():
            self._item.ihook.pytest_warning_recorded.call_historic(
                kwargs={"nodeid": self._item.nodeid, **wire.warning_of_data(data)}
            )

    def _heed_coverage(self, data):
        with here.on_host():
            covered.add(data)

    def _heed_debugger(self):
        self._was_in_debugger = True

    def _heed_stop(self, fail, stop):
        session = self._item.session
        if fail:
            session.shouldfail = str(fail)
        if stop:
            session.shouldstop = str(stop)

    def _heed_exit(self, text, code):
        self._closing = pytest.exit.Exception(str(text), code if isinstance(code, int) else None)

    def _heed_interrupt(self, where):
        self._closing = KeyboardInterrupt(*filter(None, [str(where)]))

    def _heed_refused(self, text):
        self._refusal = f"the test's process can't live on its machine: {text}"

    def _heed_broken(self, text):
        self._closing = RuntimeError(f"in the process of {self._item.nodeid}:\n{text}")

    # ---- reports

    def _log(self, report):
        if report.when not in _PHASES:
            raise ValueError("the process of the test reports what nobody understands")
        if self._last is not None:  # it is run once more
            self._log_last()
        if report.when == "teardown":
            self._last = report
        else:
            self._log_now(report)

    def _log_last(self):
        report, self._last = self._last, None
        self._log_now(report)

    def _log_now(self, report):
        if report.failed and report.when != "teardown" and self._machine is not None:
            with here.on_host():
                self._show(
                    self._item, report, self._machine, room.there_before(self._item, self._machine)
                )
        self._item.ihook.pytest_runtest_logreport(report=report)

    def _log_call(self, call):
        # Not by the hook: other plugins have told their parts of it in the other process.
        if call.excinfo is not None:
            here.hide_our_frames()
        with here.on_host():
            self._log(pytest.TestReport.from_item_and_call(self._item, call))

    def _log_nothing(self, when):
        self._log_call(_called(self._item, when, lambda: None))

    def _fail(self, when, text):
        def fail():
            raise pytest.fail.Exception(text, pytrace=False)

        call = _called(self._item, when, fail)
        call.start, call.duration = self._began, time.time() - self._began
        report = pytest.TestReport.from_item_and_call(self._item, call)
        report.longrepr = text  # there is no line of anything to be shown
        reason = None if when == "teardown" else self._why_expected()
        if reason is not None:
            report.outcome, report.wasxfail = "skipped", reason
        self._log(report)

    def _why_expected(self):
        from _pytest.skipping import evaluate_xfail_marks

        if self._item.config.getoption("runxfail", False):
            return None
        expected = evaluate_xfail_marks(self._item)
        return None if expected is None or expected.raises is not None else expected.reason

    def _tell_of_end(self, text):
        """It has ended in the middle of the test: which is a failure, with what it has said."""
        if self._closing is not None:
            return
        when, self._last = self._phase, None
        self._add_captured(when)
        self._fail(when, text)
        if when != "teardown":
            self._log_nothing("teardown")

    def _add_captured(self, when):
        capture = self._item.config.pluginmanager.getplugin("capturemanager")
        if capture is None or not capture.is_globally_capturing():
            return
        for name, text in zip(("stdout", "stderr"), capture.read_global_capture(), strict=True):
            self._item.add_report_section(when, name, text)

    # ---- the end

    def end(self, nextitem: "Any") -> None:
        """The ends of those fixtures that were set up here and that no later test needs."""
        session = self._item.session
        if self._closing is not None:
            self._finish()
            return
        if session.shouldfail or session.shouldstop:
            nextitem = None
        needed = [] if nextitem is None else nextitem.listchain()
        stack = list(session._setupstate.stack)
        if stack != needed[: len(stack)]:
            self._end_fixtures(nextitem)
        self._finish()

    def _end_fixtures(self, nextitem):
        state = self._item.session._setupstate
        capture = self._item.config.pluginmanager.getplugin("capturemanager")

        def end():
            if capture is None:
                state.teardown_exact(nextitem)
                return
            with capture.item_capture("teardown", self._item):
                state.teardown_exact(nextitem)

        call = _called(self._item, "teardown", end)
        if call.excinfo is None:
            return
        before, self._last = self._last, None
        if before is not None and before.failed:
            self._log_now(before)
        self._log_call(call)

    def _finish(self):
        if self._last is not None:
            self._log_last()

    def end_session(self) -> None:
        """Raise what ends the session, if that came of the test."""
        if self._closing is not None:
            raise self._closing


def _called(item, when, function):
    reraise = (pytest.exit.Exception,)
    if not item.config.getoption("usepdb", False):
        reraise += (KeyboardInterrupt,)
    return pytest.CallInfo.from_call(function, when=when, reraise=reraise)


def _how(status):
    if status is None:
        return "the test's process has ended before the test"
    code = host.waitstatus_to_exitcode(status)
    if code == wire.LOST:
        return _SILENCED
    if code >= 0:
        return f"the test's process has ended with status {code}, as by os._exit()"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the test's process was ended by {name}"
