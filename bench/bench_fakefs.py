"""Fakefs: tests on ostler.fakefs and on pyfakefs, set-up included, in turn in one program.

`make bench-fakefs`, or `python -m bench.bench_fakefs [--rounds 100]`. Milliseconds: medians. What the
test's own code takes with os on an empty disk in memory, for which one has to be root, is the floor
of both: nothing is set up there, and what is left is removed untimed. Then
tests that do nothing, by pytest, in turn, the processor's time, the best of some runs: what of a test
is pytest's own is under every other figure. The exit status is 1 where a goal is missed.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

from bench.bench_installed import run_tests

GOALS = {"a settings file": 10, "a tree of twenty files": 10}  # times faster, at least


def nothing(fs):
    """A test that makes no file."""


def settings(fs):
    """What most tests do: a file that is there, code that reads and writes it, what came of it."""
    fs.create_file("/etc/app/config.json", contents='{"a": 1}')
    path = pathlib.Path("/etc/app/config.json")
    values = json.loads(path.read_text())
    values["b"] = 2
    path.write_text(json.dumps(values))
    assert path.exists() and os.path.isfile(path)
    os.makedirs("/out/x", exist_ok=True)
    shutil.copy(path, "/out/x/c")
    assert os.listdir("/out/x") == ["c"]


def tree(fs):
    """A tree that is read, copied and removed."""
    for number in range(20):
        fs.create_file(f"/src/{number % 4}/{number}.txt", contents="x" * 100)
    count = 0
    for top, _, names in os.walk("/src"):
        for name in names:
            with open(os.path.join(top, name)) as file:
                count += len(file.read())
    assert count == 2000
    shutil.copytree("/src", "/to")
    shutil.rmtree("/src")
    assert len(list(pathlib.Path("/to").rglob("*.txt"))) == 20


def temporary(fs):
    """Files by tempfile, renamed into place."""
    with tempfile.TemporaryDirectory() as directory:
        with tempfile.NamedTemporaryFile("w", dir=directory, delete=False) as file:
            file.write("text")
        os.replace(file.name, "/data")
    assert os.stat("/data").st_size == 4


TESTS = {
    "no file": nothing,
    "a settings file": settings,
    "temporary files": temporary,
    "a tree of twenty files": tree,
}


# Tests that do nothing: their argument, and pytest's options.
BY_PYTEST = {
    "without a fixture": ("", ()),
    "with an empty fixture": ("empty", ()),
    "with pyfakefs's fs": ("fs", ()),
    "with ostler.fakefs's fs": ("fs", ("-p", "ostler.fakefs")),
}
COUNT = 300


def by_pytest(rounds):
    """{what: milliseconds a test}, beyond those that pytest takes for a single one."""
    best = {}
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(rounds):
            for what, (argument, options) in BY_PYTEST.items():
                for count in (1, COUNT):
                    path = pathlib.Path(directory, "test_nothing.py")
                    path.write_text(
                        "import pytest\n@pytest.fixture\ndef empty(): yield\n"
                        f"@pytest.mark.parametrize('i', range({count}))\n"
                        f"def test_nothing({', '.join(filter(None, ('i', argument)))}): pass\n"
                    )
                    _, cpu = run_tests(path, *options)
                    best[what, count] = min(cpu, best.get((what, count), cpu))
    return {w: (best[w, COUNT] - best[w, 1]) / (COUNT - 1) * 1000 for w in BY_PYTEST}


class Plain:
    """What the tests ask of a file system, done by os."""

    @staticmethod
    def create_file(path, contents):
        """A file, and the directories above it."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(contents)


def floors(rounds):
    """{test: median milliseconds} of a process that stands on an empty disk in memory, by os."""
    directory = tempfile.mkdtemp(dir="/dev/shm")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.chroot(directory)
            os.chdir("/")
            os.write(writing, json.dumps(by_os(rounds)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading) as file:
        told = file.read()
    _, status = os.waitpid(pid, 0)
    shutil.rmtree(directory)
    if status:
        raise RuntimeError("the tests failed on plain os")
    return json.loads(told)


def by_os(rounds):
    """The same, in the directory that is this process's root."""
    found = {}
    for name, test in TESTS.items():
        times = []
        for _ in range(rounds + 10):
            os.mkdir("/tmp")
            start = time.perf_counter()
            test(Plain)
            times.append((time.perf_counter() - start) * 1000)
            for top in os.listdir("/"):
                shutil.rmtree("/" + top) if os.path.isdir("/" + top) else os.unlink("/" + top)
        found[name] = statistics.median(times[10:])
    return found


def timed(patcher, test):
    """Milliseconds that a test takes, with its file system."""
    start = time.perf_counter()
    with patcher() as made:
        test(made.fs)
    return (time.perf_counter() - start) * 1000


def main():
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    import pytest  # noqa: F401  (as where tests run)
    from pyfakefs.fake_filesystem_unittest import Patcher as theirs

    from ostler.fakefs.fake_filesystem_unittest import Patcher as ours

    missed = False
    least = floors(options.rounds) if os.geteuid() == 0 else {}
    print(f"{'ms a test':26}{'pyfakefs':>10}{'ostler':>10}{'os':>8}{'times':>8}{'os':>8}    goal")
    for name, test in TESTS.items():
        for _ in range(10):
            timed(theirs, test), timed(ours, test)
        both = [(timed(theirs, test), timed(ours, test)) for _ in range(options.rounds)]
        before, now = map(statistics.median, zip(*both, strict=True))
        goal = GOALS.get(name)
        end = ""
        if goal is not None:
            end = f"{goal:8}" + (" missed" if before / now < goal else "")
            missed = missed or before / now < goal
        floor, most = f"{'-':>8}", f"{'-':>8}"
        if name in least and test is not nothing:
            floor, most = f"{least[name]:8.2f}", f"{before / least[name]:8.1f}"
        print(f"{name:26}{before:10.2f}{now:10.2f}{floor}{before / now:8.1f}{most}{end}")
    print("\nms of the processor for a test that does nothing, by pytest")
    for what, milliseconds in by_pytest(3).items():
        print(f"{what:26}{milliseconds:10.2f}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
