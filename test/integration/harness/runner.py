"""Runs the tests of a folder and says how each went."""

import os
import pathlib
import re
import signal
import sys
import time
import unittest

from .box import scratch


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


class Result(unittest.TestResult):
    """One line per test, the story of each failure below it."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.failed = []  # the names
        self._started = time.monotonic()

    def startTest(self, test):
        super().startTest(test)
        self._started = time.monotonic()

    def addSuccess(self, test):
        self.passed += 1
        self._say("ok  ", test)

    def addFailure(self, test, err):
        self.failed.append(test.id())
        self._say("FAIL", test)
        print(self._exc_info_to_string(err, test), flush=True)

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.addFailure(subtest, err)

    def addSkip(self, test, reason):
        # A test that did not run has shown nothing.
        self.failed.append(test.id())
        self._say("SKIP", test)
        print(reason, flush=True)

    def _say(self, word, test):
        print(f"{word} {test.id()} ({time.monotonic() - self._started:.2f} s)", flush=True)


def tests_in(folder: pathlib.Path, wanted):
    """The tests whose names are wanted, never run before."""
    return [test for test in flatten(unittest.TestLoader().discover(str(folder), "test_*.py")) if wanted(test.id())]


def try_again(folder: pathlib.Path, first: Result) -> Result:
    """Runs what failed once more. What passes then is unsteady, and counts as passed (see CONTRIBUTING.md)."""
    print(f"once more: {len(first.failed)}", flush=True)
    # A part of a test is named "test (part)". What failed outside any test, such as the setting up of a class, stays failed.
    names = {name.split(" ")[0] for name in first.failed}
    again = tests_in(folder, names.__contains__)
    found = {test.id() for test in again}
    second = Result()
    unittest.TestSuite(again).run(second)
    for name in sorted(found - {name.split(" ")[0] for name in second.failed}):
        print("unsteady: " + name, flush=True)
    second.passed += first.passed
    second.failed += [name for name in first.failed if name.split(" ")[0] not in found]
    return second


def run(folder: pathlib.Path) -> int:
    """The tests of the folder's test_*.py; the first argument of the program is a regular expression over their names. An exit code."""
    for name in ("WASABI_BIN", "WASABI_GUESTS", "WASABI_BUILD_ROOT"):
        if name not in os.environ:
            print(f"{name} is not set: run this by ./dev test", file=sys.stderr)
            return 2
    # Programs under test inherit it ignored, if whoever started us was started by nohup.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    wanted = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    result = Result()
    try:
        unittest.TestSuite(tests_in(folder, wanted.search)).run(result)
        if result.failed and os.environ.get("CI") == "true":
            result = try_again(folder, result)
    finally:
        if result.failed and "WASABI_KEEP" in os.environ:
            print(f"kept: {scratch.directory}")
        else:
            scratch.remove()
    for name in result.failed:
        print("failed: " + name)
    print(f"{result.passed} passed, {len(result.failed)} failed")
    return 1 if result.failed else 0
