"""CPython's own suites, once with the interpreter's os and once with ostler in its place.

A test that does worse with ostler is a difference, and a skip that was a pass is worse. A module
with a difference is run again, both ways: what differs only once is named as flaky. A difference
that is a fact about the test is in differences.txt, with its reason.
"""

import argparse
import importlib.util
import os
import signal
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conformance import rooms, users

MODULES = """
    test_os test_posix test_posixpath test_genericpath test_popen test_fork1 test_wait3 test_wait4
    test_stat test_glob test_shutil test_tempfile test_pathlib test_subprocess test_filecmp
    test_fileinput test_tarfile test_zipfile test_signal test_mailbox
""".split()
WIDER = """
    test_fnmatch test_linecache test_netrc test_pty test_tty test_openpty test_ioctl test_fcntl
    test_file test_fileio test_io test_largefile test_mmap test_select test_poll test_epoll
    test_selectors test_socket test_threadsignals test_thread test_threading test_py_compile
    test_compileall test_runpy test_site test_zipimport test_zipapp test_dbm_dumb test_shelve
    test_logging test_getpass test_gettext test_locale test_mimetypes test_modulefinder
    test_pkgutil test_pwd test_grp test_resource test_sched test_sqlite3 test_uuid test_venv
    test_webbrowser test_pickle test_copy test_inspect test_import test_importlib test_cmd_line
    test_cmd_line_script test_concurrent_futures test_multiprocessing_fork test_asyncio
    test_audit test_support test_builtin test_float test_random test_time test_file_eintr
    test_eintr test_faulthandler test_gzip test_bz2 test_lzma test_configparser test_ensurepip
    test_posixpath test_platform test_sysconfig test_unicode_file test_unicode_file_functions
    test_utf8_mode test_warnings test_unittest test_wsgiref test_httpservers test_regrtest
    test_interpreters test__interpreters test_subprocess test_fork1 test_atexit
""".split()
EXPECTED = Path(__file__).with_name("differences.txt")
_RANK = {"passed": 2, "expected failure": 2, "skipped": 1, "failed": 0, "missing": -1}


def expected_differences():
    """The lines of differences.txt: test id -> reason, for this version of Python."""
    reasons = {}
    version = "{}.{}".format(*sys.version_info)
    for line in EXPECTED.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            test, versions, reason = line.split(None, 2)
            if versions == "all" or version in versions.split(","):
                reasons[test] = reason
    return reasons


def losses(plain, other):
    """The tests that do worse in the second run: test -> (outcomes, detail)."""
    found = {}
    for test, (outcome, _detail) in plain.outcomes.items():
        got, detail = other.outcomes.get(test, ("missing", other.end or "the test is not there"))
        if _RANK[got] < _RANK[outcome]:
            found[test] = outcome, got, detail
    if other.end and not plain.end:
        found["(the process)"] = "", other.end, other.log[-2000:]
    return found


class Report:
    """Prints what is found as it is found, and counts."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.reasons = expected_differences()
        self.passed = self.failed = self.modules = 0
        self.expected = set()
        self.gaps = ()

    def module(self, user, module, plain, found, flaky, gaps):
        self.modules += 1
        lost = {test: what for test, what in found.items() if test not in self.reasons}
        self.expected.update(set(found) - set(lost))
        # Only what passes with the interpreter's own os says anything about ostler.
        ran = sum(_RANK[outcome] == 2 for outcome, _detail in plain.outcomes.values())
        self.passed += ran - sum(test in plain.outcomes for test in lost)
        self.failed += len(lost)
        self.gaps = gaps or self.gaps
        tests = f"{len(plain.outcomes)} tests{parts(module, plain.outcomes)}"
        print(f"{module} ({user}): {tests}, {len(lost)} different", flush=True)
        if not plain.outcomes:
            print(f"    not run: {plain.end or 'no tests'} {plain.log[-300:].strip()}")
        for test, (before, now, detail) in sorted(lost.items()):
            print(f"    {test}: {before} -> {now}")
            lines = detail.strip().splitlines()
            for line in lines if self.verbose else lines[-1:]:
                print(f"        {line}")
        for test in sorted(flaky):
            print(f"    {test}: differed once, not again (flaky)")

    def end(self):
        if self.gaps:
            print(f"missing from ostler, taken from the interpreter: {' '.join(self.gaps)}")
        for test in sorted(self.expected):
            print(f"expected: {test}: {self.reasons[test]}")
        failed = self.failed + len(self.gaps)
        print(f"{self.passed} passed, {failed} failed", flush=True)
        return 1 if failed or not self.passed else 0


def parts(module, tests):
    """Of a package: how many tests each of its modules has, as text to follow their number."""
    package = f"test.{module}."
    names = [test.removeprefix(package).split(".") for test in tests if test.startswith(package)]
    counts = Counter(name[0] for name in names if len(name) > 2)  # a module, class and function
    return f" ({', '.join(f'{n} of {name}' for name, n in counts.items())})" if counts else ""


def located(asked):
    """The modules' names below `test`, and the names of those that this Python has not.

    Newer Pythons have some as parts of a package, which is run as a whole if it is asked for too.
    """
    import test

    there, absent = [], []
    for name in asked:
        parts = [path.parent.name for path in Path(test.__path__[0]).glob(f"*/{name}.py")]
        if importlib.util.find_spec(f"test.{name}") is not None:
            there.append(name)
        elif parts and parts[0] not in asked:
            there.append(f"{parts[0]}.{name}")
        elif not parts:
            absent.append(name)
    return there, absent


def examine(module, plain_room, other_room, timeout):
    """Run a module in both rooms; again when they differ."""
    plain = plain_room.run(module, timeout)
    other = other_room.run(module, timeout)
    found = losses(plain, other)
    flaky = set()
    if found:
        again = losses(plain_room.run(module, timeout), other_room.run(module, timeout))
        flaky = set(found) - set(again)
        found = {test: what for test, what in found.items() if test in again}
    return plain, found, flaky, other.gaps


def parse(arguments):
    parser = argparse.ArgumentParser("python -m tests.conformance", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="test modules, e.g. test_os")
    parser.add_argument("--wider", action="store_true", help="the wider list of modules as well")
    users.add_options(parser)
    parser.add_argument("--jobs", "-j", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--timeout", type=float, default=600, help="seconds for a module")
    parser.add_argument("--verbose", "-v", action="store_true", help="whole tracebacks")
    parser.add_argument(
        "--control", action="store_true", help="os against os: shows what the method itself costs"
    )
    return parser.parse_args(arguments)


def main(arguments):
    needed = [sys.base_prefix, rooms.ROOT]
    return users.as_asked("tests.conformance", arguments, parse(arguments), compare, needed)


def compare(options, directory, uid):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & has it ignored
    plain = rooms.Room(directory, "plain", uid)
    other = rooms.Room(directory, "control" if options.control else "ostler", uid)
    plain.build()
    other.build()
    report = Report(options.verbose)
    asked = options.modules or MODULES + [m for m in WIDER * options.wider if m not in MODULES]
    names, absent = located(asked)
    user = f"uid {os.geteuid() if uid is None else uid}"
    print(f"Python {sys.version.split()[0]}, {user}, {len(names)} modules", flush=True)
    if absent:
        print(f"this Python has no {' '.join(absent)}", flush=True)
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        runs = [
            (name, pool.submit(examine, name, plain, other, options.timeout))
            for name in dict.fromkeys(names)
        ]
        for name, run in runs:
            report.module(user, name, *run.result())
    return report.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
