"""Run one module of CPython's tests, and write what came of each test, one JSON line a test.

Usage: python worker.py MODULE RESULTS
"""

import json
import sys
import unittest


class Outcomes(unittest.TestResult):
    """Writes a test's outcome as soon as it is known, so that a crash loses only what follows."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream
        self.outcome = None
        self.detail = ""

    def startTest(self, test):
        super().startTest(test)
        self.outcome = None
        self.detail = ""

    def stopTest(self, test):
        super().stopTest(test)
        self.write(test, self.outcome or "passed", self.detail)

    def write(self, test, outcome, detail):
        line = json.dumps({"test": test.id(), "outcome": outcome, "detail": detail})
        self.stream.write(line + "\n")
        self.stream.flush()

    def settle(self, test, outcome, detail=""):
        if self.outcome is None:
            self.outcome, self.detail = outcome, detail
        if not hasattr(test, "_testMethodName") and not isinstance(test, unittest.TestCase):
            # setUpClass or setUpModule: there is no stopTest
            self.write(test, outcome, detail)

    def addError(self, test, err):
        super().addError(test, err)
        self.settle(test, "failed", self._exc_info_to_string(err, test))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.settle(test, "failed", self._exc_info_to_string(err, test))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.settle(test, "failed", f"{subtest}\n{self._exc_info_to_string(err, test)}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.settle(test, "skipped", reason)

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.settle(test, "expected failure")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.settle(test, "failed", "unexpected success")


def main():
    module, results = sys.argv[1:]
    sys.argv[1:] = []
    sys.path.pop(0)  # this file's directory
    from test import support

    support.use_resources = {}  # as libregrtest does without -u
    support.verbose = 0
    with open(results, "w", encoding="utf-8") as stream:
        conformance = sys.modules.get("tests.conformance.startup")
        gaps = conformance.GAPS if conformance else []
        stream.write(json.dumps({"gaps": gaps, "os": sys.modules["os"].__spec__.name}) + "\n")
        try:
            suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{module}")
        except unittest.SkipTest as skipped:
            stream.write(
                json.dumps({"test": f"test.{module}", "outcome": "skipped", "detail": str(skipped)})
                + "\n"
            )
        else:
            suite.run(Outcomes(stream))
        stream.write(json.dumps({"end": True}) + "\n")
    support.reap_children()


if __name__ == "__main__":
    main()
