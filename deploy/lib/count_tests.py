#!/usr/bin/python3
"""Counts test cases over the JUnit files that ctest wrote.

    count_tests.py FILE...

One ctest entry may be a Criterion program, a pytest or unittest run, a pg_prove run, or a single check.  Prints
"PASSED FAILED SKIPPED" and, on stderr, the name of each entry that failed."""

import re
import sys
import xml.etree.ElementTree as ElementTree

CRITERION = re.compile(r"Synthesis: Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)")
PYTEST = re.compile(r"^=*\s?((?:\d+ (?:passed|failed|errors?|skipped|warnings?|xfailed|deselected)(?:, )?)+) in ",
                    re.MULTILINE)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n(?:OK|FAILED)(.*)$", re.MULTILINE)
PG_PROVE = re.compile(r"^Files=\d+, Tests=(\d+),", re.MULTILINE)


def cases(output):
    """(passed, failed, skipped) as the entry's own output tells, or None."""
    found = None
    for _tested, passed, failing, crashing in CRITERION.findall(output):
        before = found or (0, 0, 0)
        found = (before[0] + int(passed), before[1] + int(failing) + int(crashing), before[2])
    for summary in PYTEST.findall(output):
        numbers = {word.rstrip("s"): int(number) for number, word in re.findall(r"(\d+) (\w+)", summary)}
        before = found or (0, 0, 0)
        found = (before[0] + numbers.get("passed", 0),
                 before[1] + numbers.get("failed", 0) + numbers.get("error", 0),
                 before[2] + numbers.get("skipped", 0))
    for tests, rest in UNITTEST.findall(output):
        numbers = {word: int(number) for word, number in re.findall(r"(\w+)=(\d+)", rest)}
        before = found or (0, 0, 0)
        failed = numbers.get("failures", 0) + numbers.get("errors", 0)
        skipped = numbers.get("skipped", 0)
        found = (before[0] + int(tests) - failed - skipped, before[1] + failed, before[2] + skipped)
    for tests in PG_PROVE.findall(output):
        before = found or (0, 0, 0)
        failed = len(re.findall(r"^not ok", output, re.MULTILINE))
        found = (before[0] + int(tests) - failed, before[1] + failed, before[2])
    return found


def count(entry):
    output = entry.findtext("system-out") or ""
    status = entry.get("status")
    if status in ("disabled", "notrun") and entry.find("skipped") is not None:
        return 0, 0, 1
    passed, failed, skipped = cases(output) or ((1, 0, 0) if status == "run" else (0, 1, 0))
    # A crash or a time limit leaves no count of its own; nor may a failed entry count as passed only.
    if status != "run" and failed == 0:
        failed = 1
    return passed, failed, skipped


def main():
    total = [0, 0, 0]
    for path in sys.argv[1:]:
        for entry in ElementTree.parse(path).getroot().iter("testcase"):
            counts = count(entry)
            total = [a + b for a, b in zip(total, counts)]
            if counts[1]:
                print(f"    failed: {entry.get('name')}", file=sys.stderr)
    print(*total)


if __name__ == "__main__":
    main()
