"""Installed: what install(), the way into installed(), and a test with a machine cost.

`make bench-installed`, or `python -m bench.bench_installed [--rounds 3] [--tests 2000]`. Programs
with so many modules of the standard library and pytest loaded, each a fresh interpreter; then files
of tests that do nothing, but for scratch_shared, where each makes a file, by pytest, with each fixture
in turn, and in a process of its own: what a test costs more than one with none. pyfakefs's `fs` is beside them where it is installed. Milliseconds: in programs the medians of
the processor's time, of tests all time, and the best of the rounds. The exit status is 1 where a
goal is missed.
"""

import argparse
import json
import os
import pkgutil
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = 150, 500, 640
CPU_GOALS = {"scratch_shared": 0.5, "process=True": 15.0}
# Of install() a fifth to a half is the memory, and 0.5 is not reached: see docs/testing.md.
GOALS = {"a way in and out": 0.3, "install()": 0.7, "installed_scratch": 1.0}
# What opens windows, starts programs, or prints when it is imported.
NOT = {"antigravity", "idlelib", "tkinter", "turtle", "turtledemo", "this", "lib2to3", "test"}
# Cached bytecode may be written: else what is loaded late is compiled each time.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in (
    "PYTHONDONTWRITEBYTECODE", "PYTEST_ADDOPTS")}  # fmt: skip
FIXTURES = "none", "scratch_os", "scratch_shared", "installed_scratch", "process=True", "fs"
# What is taken back after a test on the machine that all share: that it was changed.
BODIES = {"scratch_shared": "scratch_shared.create_file('/file', 'text')"}


def load(number):
    """Load modules until there are so many."""
    __import__("pytest")
    library = os.path.dirname(os.__file__)
    for found in pkgutil.walk_packages([library], onerror=lambda name: None):
        if len(sys.modules) >= number:
            return
        parts = found.name.split(".")
        if parts[0] in NOT or "__main__" in parts or "tests" in parts:
            continue
        try:
            __import__(found.name)
        except (Exception, SystemExit):  # not for this system
            continue


def timed(function):
    """Milliseconds of the processor that one call takes, which waits for nothing."""
    start = time.thread_time()
    function()
    return (time.thread_time() - start) * 1000


def again(function, other=None, count=200, which=statistics.median):
    """The median of many calls, each followed by the other, which is not measured."""
    times = []
    for _ in range(count):
        times.append(timed(function))
        if other is not None:
            other()
    return which(times)


def loop():
    """The loop of C that looks at memory and does nothing else; None where it can't be had."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):  # objects lie otherwise in memory
        return None
    try:
        from bench import floor

        return floor.load()
    except ImportError:
        return None


def measured(number):
    """All that is measured in this program, with so many modules loaded."""
    import ostler
    from bench import floor_install

    floor = loop()
    load(number)
    machine = ostler.scratch()

    def enter():
        with machine.installed(threads=True):
            pass

    found = {"modules": len(sys.modules), "first way in": timed(enter)}
    found["a way in and out"] = again(enter)
    machine.close()
    found["first install()"] = timed(ostler.install)
    found["uninstall()"] = again(ostler.uninstall, ostler.install)
    ostler.uninstall()
    found["install()"] = again(ostler.install, ostler.uninstall)
    found["install(), the least"] = again(ostler.install, ostler.uninstall, which=min)
    from ostler.installation import sweep

    nothing = sweep.Sweep({1})
    found["of it the look at all values"] = again(lambda: nothing.modules(()))
    if floor is not None:
        places = floor_install.places()
        found["of that the memory alone"] = again(lambda: floor.touch(places))
        found["so many thousand lines of it"] = len(places) / 8000
    return found


def in_programs(rounds):
    """{how many modules: {what: milliseconds}}, each in fresh interpreters."""
    found = {}
    for number in MODULES:
        told = []
        for _ in range(rounds):
            command = [sys.executable, "-W", "ignore", "-m", "bench.bench_installed"]
            done = subprocess.run(
                [*command, "--inside", str(number)],
                env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True, check=True,
            )  # fmt: skip
            told.append(json.loads(done.stdout.splitlines()[-1]))
        found[number] = {what: min(each[what] for each in told) for what in told[0]}
    return found


def run_tests(path, *options):
    """Seconds, and seconds of processor time, that pytest takes for a file of tests."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(path)]
    subprocess.run(command, cwd=path.parent, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_tests(rounds, count):
    """{fixture: (milliseconds, of the processor)} a test, beyond one without any."""
    fixtures = [name for name in FIXTURES if name != "fs" or has_pyfakefs()]
    best = {}
    with tempfile.TemporaryDirectory() as directory:
        for name in fixtures:
            argument = "" if name in ("none", "process=True") else f", {name}"
            mark = "pytestmark = pytest.mark.scratch(process=True)\n" if "=" in name else ""
            Path(directory, f"test_{name}.py").write_text(
                f"import pytest\n{mark}@pytest.mark.parametrize('i', range({count}))\n"
                f"def test_nothing(i{argument}):\n    {BODIES.get(name, 'pass')}\n"
            )
        for _ in range(rounds):
            for name in fixtures:
                times = run_tests(Path(directory, f"test_{name}.py"))
                best[name] = tuple(map(min, best.get(name, times), times))
    return {
        name: [(mine - none) / count * 1000 for mine, none in zip(times, best["none"], strict=True)]
        for name, times in best.items()
        if name != "none"
    }


def has_pyfakefs():
    """Whether the peer is installed."""
    try:
        import pyfakefs  # noqa: F401
    except ImportError:
        return False
    return True


def show(programs, tests):
    """Print both tables; True if every goal is met."""
    print(f"{'ms with so many modules':28}" + "".join(f"{n:8}" for n in programs) + "    goal")
    met = True
    for what in list(programs[MODULES[0]])[1:]:
        goal = GOALS.get(what)
        values = [each[what] for each in programs.values()]
        judged = [programs[500][what]] if what == "install()" else values
        missed = goal is not None and max(judged) > goal
        met = met and not missed
        end = "" if goal is None else f"{goal:8.1f}" + (" missed" if missed else "")
        print(f"{what:28}" + "".join(f"{value:8.3f}" for value in values) + end)
    print(f"\n{'ms a test':28}{'all':>8}{'cpu':>8}{'fs / it':>8}    goal")
    peer = tests.get("fs")
    for name, (wall, cpu) in tests.items():
        goal = GOALS.get(name)
        missed = goal is not None and wall > goal
        if name in CPU_GOALS:
            goal = CPU_GOALS[name]
            missed = cpu > goal
        met = met and not missed
        ratio = f"{peer[0] / wall:8.1f}" if peer else f"{'-':>8}"
        end = "" if goal is None else f"{goal:8.1f}" + (" missed" if missed else "")
        print(f"{name:28}{wall:8.3f}{cpu:8.3f}{ratio}{end}")
    if not peer:
        print("pyfakefs is not installed: there is nothing to compare with")
    return met


def main():
    """Measure, print, and write the numbers where they are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tests", type=int, default=2000)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measured(options.inside)))
        return 0
    programs = in_programs(options.rounds)
    tests = in_tests(options.rounds, options.tests)
    if options.json:
        Path(options.json).write_text(json.dumps({"programs": programs, "tests": tests}, indent=1))
    return 0 if show(programs, tests) else 1


if __name__ == "__main__":
    sys.exit(main())
