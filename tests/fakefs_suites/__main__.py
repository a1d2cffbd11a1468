"""Run them: each from its source distribution, in an environment of which nothing stays.

`make fakefs-suites`, or `python -m tests.fakefs_suites [NAME ...]`. The one line that is changed is
an option of pytest: `-p ostler.fakefs`. The exit status is 1 where a test passes with pyfakefs and
not here, unless DIFFERENCES says which fact about an emulated system that is.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Suite(NamedTuple):
    """A package, where its tests are, and what they need besides it."""

    name: str
    version: str
    tests: tuple[str, ...]
    needs: tuple[str, ...] = ()
    extra: str = ""
    options: tuple[str, ...] = ()
    apart: str = ""  # the package of which `tests` are parts, and apart from which they run


_OF_CRAFT = (
    "pytest-mock", "pytest-check", "pytest-time", "pytest-freezer", "pytest-subprocess",
    "pytest-rerunfailures", "hypothesis", "responses", "jsonschema",
)  # fmt: skip
_WITHOUT_APT = ("--continue-on-collection-errors",)  # one of its files imports python3-apt
SUITES = (
    Suite("blurb", "2.3.0", ("tests",), ("time-machine",)),
    Suite("cfdp-py", "0.7.0", ("tests",)),
    Suite("ciqar", "1.1.0", ("test",)),
    Suite("compendium", "0.1.4", ("tests",), ("xmltodict",)),
    Suite("craft-application", "7.5.0", ("tests/unit",), _OF_CRAFT, "remote"),
    Suite("craft-parts", "2.37.2", ("tests/unit",), _OF_CRAFT, options=_WITHOUT_APT),
    Suite("ducktools-pythonfinder", "0.11.1", ("tests",)),
    Suite("importlib_metadata", "10.2.0", ("tests",), ("packaging",)),
    Suite("loggertodb", "4.1.0", ("tests",)),
    Suite(
        "pipenv-to-requirements",
        "0.9.0",
        ("pipenv_to_requirements",),
        ("pytest-mock", "pipenv", "pipfile", "setuptools<81"),
    ),
    Suite(
        "pyfakefs",
        "6.3.2",
        ("pytest_tests", "tests/example.py", "tests/example_test.py"),
        apart="pyfakefs",
    ),
    Suite("pynetdicom", "3.0.4", ("pynetdicom/apps/tests/test_common.py",)),
)
_PLAYS_NONE = "it plays another system, for which the answer here is that this is Linux's own"
_NO_SECOND = "it asks for a class of paths of pyfakefs's own; here they are pathlib's, always"
_OF_RELOADS = "pyfakefs:pytest_tests/test_reload_local_import.py::TestReloadCleanupHandler"
# Tests that pass there and not here: why.
DIFFERENCES: dict[str, str] = {
    "ducktools-pythonfinder:tests/test_foldersearch.py::test_get_folder_pythons": (
        "it wants a directory listed in the order in which its entries were made; tmpfs lists the "
        "newest first"
    ),
    "pyfakefs:pytest_tests/ns_package/test/ns_package/test/test_file.py::test_foo": _PLAYS_NONE,
    "pyfakefs:pytest_tests/pytest_plugin_test.py::test_switch_to_macos": _PLAYS_NONE,
    "pyfakefs:pytest_tests/pytest_plugin_test.py::test_switch_to_windows": _PLAYS_NONE,
    f"{_OF_RELOADS}::test1": _NO_SECOND,
    f"{_OF_RELOADS}::test2": _NO_SECOND,
}


def run(command, folder, **variables):
    """Run a command in a folder, and have what it printed."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE")
    } | variables
    return subprocess.run(
        command, cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def must(command, folder):
    """The same, which must go well."""
    done = run(command, folder)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}")


def prepared(suite, folder):
    """Its source, unpacked, and the interpreter of an environment that has what it needs."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    which = f"{suite.name}=={suite.version}"
    must([*pip, "download", "-q", "--no-deps", "--no-binary", suite.name, which], folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    must([sys.executable, "-m", "venv", "env"], folder)
    python = folder / "env" / "bin" / "python"
    wanted = f"{source}[{suite.extra}]" if suite.extra else str(source)
    install = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    must([*install, "pytest>=8", "pyfakefs", *suite.needs, wanted], folder)
    if suite.apart:
        source = apart(suite, source / suite.apart, folder / "apart")
    return source, python


def apart(suite, package, folder):
    """The tests of a suite, outside of the package that they are about, which is exchanged.

    The names by which they import each other are changed with that.
    """
    tops = sorted({test.partition("/")[0] for test in suite.tests})
    for top in tops:
        (folder / top).mkdir(parents=True)
        (folder / top / "__init__.py").touch()
    for test in suite.tests:
        if (package / test).is_dir():
            shutil.copytree(package / test, folder / test, dirs_exist_ok=True)
        else:
            shutil.copy(package / test, folder / test)
    for path in folder.rglob("*.py"):
        text = path.read_text()
        for top in tops:
            text = text.replace(f"{package.name}.{top}", top)
        path.write_text(text)
    return folder


def tested(suite, source, python, folder, *options, path=()):
    """What came of its tests: {name: {outcome, ms, fs}}, and what pytest printed."""
    told = folder / "told.json"
    told.unlink(missing_ok=True)
    command = [
        python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "-p", "told",
        "-o", "addopts=", *options, *suite.options, *suite.tests,
    ]  # fmt: skip
    paths = os.pathsep.join(map(str, (Path(__file__).parent, *path)))
    done = run(command, source, PYTHONPATH=paths, TOLD=str(told))
    tests = json.loads(told.read_text()) if told.exists() else {}
    if not tests:
        print(f"{suite.name}: no test was run\n{done.stdout[-3000:]}")
    return tests, done.stdout


def compared(suite, rounds, verbose):
    """(there, here, the tests that differ), with the best time of the rounds for each test."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        source, python = prepared(suite, folder)
        there = here = None
        for _ in range(rounds):
            there = best(there, tested(suite, source, python, folder)[0])
            shutil.rmtree(source / "__pycache__", ignore_errors=True)
            told, printed = tested(
                suite, source, python, folder, "-p", "ostler.fakefs", path=[ROOT / "src"]
            )
            here = best(here, told)
    differ = [
        name
        for name, test in there.items()
        if test["outcome"] == "passed" and here.get(name, {}).get("outcome") != "passed"
    ]
    if verbose and differ:
        print(printed)
    return there, here, differ


def best(before, now):
    """Of each test the shorter time."""
    for name, test in now.items():
        if before is not None and name in before:
            test["ms"] = min(test["ms"], before[name]["ms"])
    return now


def counts(tests):
    """How many passed, failed and were skipped."""
    found = [test["outcome"] for test in tests.values()]
    passed, failed = found.count("passed"), found.count("failed")
    return f"{passed}/{failed}/{len(found) - passed - failed}"


def main():
    """Run the suites that are asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="of the packages; all, if none is given")
    parser.add_argument("--rounds", type=int, default=1, help="how often; the best time counts")
    parser.add_argument("--verbose", action="store_true", help="what pytest prints of failures")
    options = parser.parse_args()
    status, ratios, both = 0, [], []
    print("| package | pyfakefs | ostler.fakefs | on a file system | ms a test | | times |")
    print("|---|---|---|---|---|---|---|")
    for suite in SUITES:
        if options.names and suite.name not in options.names:
            continue
        there, here, differ = compared(suite, options.rounds, options.verbose)
        timed = [
            (there[name]["ms"], here[name]["ms"])
            for name in there
            if there[name]["fs"] and here.get(name, {}).get("outcome") == "passed"
            and there[name]["outcome"] == "passed"
        ]  # fmt: skip
        both += timed
        ratios += [before / now for before, now in timed]
        times = "| - | - | - |"
        if timed:
            before, now = (statistics.median(times) for times in zip(*timed, strict=True))
            times = f"| {before:.2f} | {now:.2f} | {before / now:.1f} |"
        print(
            f"| {suite.name} {suite.version} | {counts(there)} | {counts(here)} "
            f"| {len(timed)} {times}", flush=True,
        )  # fmt: skip
        for name in differ:
            why = DIFFERENCES.get(f"{suite.name}:{name}")
            if why is None:
                status = 1
            print(f"  {name}: {why or 'passes with pyfakefs alone'}")
    if both:
        before, now = (statistics.median(times) for times in zip(*both, strict=True))
        print(f"\nThe median of {len(both)} tests: {before:.2f} ms with pyfakefs, {now:.2f} here;")
        print(f"of what each takes there and here: {statistics.median(ratios):.1f} times.")
    return status


if __name__ == "__main__":
    sys.exit(main())
