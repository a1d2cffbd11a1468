"""The comparison that the conformance run rests on: what counts as a loss."""

import sys
import types

import pytest

from tests.conformance.__main__ import examine, located, losses, parts
from tests.conformance.rooms import Run


def run(end="", **outcomes):
    return Run({test: (outcome, "why") for test, outcome in outcomes.items()}, (), end, "the log")


@pytest.mark.parametrize(
    ("before", "now", "lost"),
    [
        ("passed", "passed", False),
        ("passed", "failed", True),
        ("passed", "skipped", True),
        ("passed", "expected failure", False),
        ("skipped", "failed", True),
        ("skipped", "passed", False),
        ("failed", "failed", False),
        ("failed", "passed", False),
    ],
)
def test_what_counts_as_a_loss(before, now, lost):
    found = losses(run(a=before), run(a=now))
    assert found == ({"a": (before, now, "why")} if lost else {})


def test_a_missing_test_is_a_loss():
    assert losses(run(a="passed"), run()) == {"a": ("passed", "missing", "the test is not there")}
    assert losses(run(), run(a="passed")) == {}


def test_a_crash_is_a_loss():
    found = losses(run(a="passed"), run(end="ended with status -11"))
    assert found["a"] == ("passed", "missing", "ended with status -11")
    assert found["(the process)"] == ("", "ended with status -11", "the log")


def test_suites_are_found_in_packages(tmp_path, monkeypatch):
    """As a newer Python has some: in a package, and alone only where that is not run itself."""
    (tmp_path / "test_os").mkdir()
    for name in ("test_os/__init__.py", "test_os/test_posix.py", "test_stat.py"):
        (tmp_path / name).touch()
    suites = types.ModuleType("test")
    suites.__path__ = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, "test", suites)
    monkeypatch.delitem(sys.modules, "test.test_os", raising=False)
    assert located(["test_os", "test_posix", "test_stat"]) == (["test_os", "test_stat"], [])
    assert located(["test_posix", "test_glob"]) == (["test_os.test_posix"], ["test_glob"])


def test_the_modules_of_a_package_are_counted():
    tests = ["test.test_os.test_os.A.test_a", "test.test_os.test_posix.A.test_a"]
    assert parts("test_os", tests) == " (1 of test_os, 1 of test_posix)"
    assert parts("test_stat", ["test.test_stat._A.test_a", "setUpModule (test.test_stat)"]) == ""


class Replayed:
    """A room whose runs are known beforehand."""

    def __init__(self, *runs):
        self.runs = list(runs)

    def run(self, module, timeout):
        return self.runs.pop(0)


def test_what_differs_once_is_flaky():
    plain = Replayed(run(a="passed", b="passed"), run(a="passed", b="passed"))
    other = Replayed(run(a="failed", b="failed"), run(a="passed", b="failed"))
    _plain, found, flaky, _gaps = examine("test_x", plain, other, 1)
    assert (set(found), flaky) == ({"b"}, {"a"})
