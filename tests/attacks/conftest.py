"""Fixtures of the attacks, which are those of the machines' tests, and the count of what was tried.

A test that tries many things tells how many with `tried(number)`; any other counts as one.
"""

import os
import tempfile
from collections import Counter

import pytest

import ostler
from tests.machines.conftest import (  # noqa: F401
    as_user,
    base,
    directory,
    folder,
    memory,
    run,
    user,
)
from tests.machines.rehearsing import USER, remove_all

_tried = pytest.StashKey[int]()


@pytest.fixture
def memory(user, monkeypatch):  # noqa: F811
    """A directory in memory, where syncing costs nothing; the journals are kept in it."""
    path = tempfile.mkdtemp(prefix="ostler-rehearsal-", dir="/dev/shm")
    if user == "ordinary" and os.getuid() == 0:
        os.chown(path, USER, USER)
    monkeypatch.setitem(ostler.environ, "XDG_STATE_HOME", f"{path}/state")
    yield path
    remove_all(path)


@pytest.fixture
def tried(request):
    """Tell how many attacks this test has tried: tried(number), which adds up."""
    request.node.stash[_tried] = 0

    def tell(number=1):
        request.node.stash[_tried] += number

    return tell


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.passed and item.path.parent.name == "attacks":
        topic = item.path.stem.removeprefix("test_").replace("_", " ")
        number = item.stash.get(_tried, 1)
        report.sections.append(("attacks", f"{topic}\t{number}"))
    return report


def pytest_terminal_summary(terminalreporter):
    counts = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, text in report.sections:
            if name == "attacks":
                topic, number = text.split("\t")
                counts[topic] += int(number)
    if counts:
        terminalreporter.section("attacks that did nothing")
        width = max(map(len, counts))
        for topic, number in sorted(counts.items()):
            terminalreporter.line(f"{topic:{width}} {number:9,}")
        terminalreporter.line(f"{'all':{width}} {counts.total():9,}")
