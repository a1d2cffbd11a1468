"""Told: a pytest plugin that writes down what came of each test, how long it took, and whether it
was on a fake file system. It knows both that there may be, and needs neither.
"""

import json
import os
import sys

import pytest

_tests = {}
_now = []
_MODULES = "pyfakefs.fake_filesystem_unittest", "ostler.fakefs.patching"


def _see(kind):
    begin = kind.setUp

    def seen(self, *args, **kwargs):
        for test in _now:
            test["fs"] = True
        return begin(self, *args, **kwargs)

    if begin.__name__ != "seen":
        kind.setUp = seen


def _look():
    for name in _MODULES:
        module = sys.modules.get(name)
        if module is not None:
            _see(module.Patcher)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    _look()
    _now[:] = [_tests.setdefault(item.nodeid, {"outcome": "passed", "ms": 0.0, "fs": False})]
    return (yield)


def pytest_runtest_logreport(report):
    test = _tests.setdefault(report.nodeid, {"outcome": "passed", "ms": 0.0, "fs": False})
    test["ms"] += report.duration * 1000
    if hasattr(report, "wasxfail"):
        test["outcome"] = "xfail" if report.skipped else "passed"
    elif report.failed:
        test["outcome"] = "failed"
    elif report.skipped:
        test["outcome"] = "skipped"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish():
    with open(os.environ["TOLD"], "w") as file:
        json.dump(_tests, file)
