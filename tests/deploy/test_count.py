"""deploy/lib/count_tests.py over what each kind of test prints."""

import pathlib
import subprocess

import pytest

COUNT = pathlib.Path(__file__).resolve().parents[2] / "deploy/lib/count_tests.py"

CRITERION = "[====] Synthesis: Tested: 12 | Passing: 10 | Failing: 1 | Crashing: 1 "
ROWS = [
    ("plain check", "run", "fine", "1 0 0"),
    ("plain check that fails", "fail", "bad", "0 1 0"),
    ("Criterion", "fail", CRITERION, "10 2 0"),
    ("Criterion, all well", "run", "Synthesis: Tested: 3 | Passing: 3 | Failing: 0 | Crashing: 0", "3 0 0"),
    ("pytest", "fail", "1 failed, 11 passed, 2 skipped in 3.20s", "11 1 2"),
    ("pytest with errors", "fail", "==== 2 passed, 3 errors in 1.0s ====", "2 3 0"),
    ("unittest", "run", "Ran 5 tests in 0.064s\n\nOK (skipped=1)\n", "4 0 1"),
    ("unittest that fails", "fail", "Ran 5 tests in 0.1s\n\nFAILED (failures=1, errors=1)\n", "3 2 0"),
    ("pg_prove", "run", "Files=6, Tests=97,  3 wallclock secs", "97 0 0"),
    ("time limit after passes", "fail", "7 passed in 2.0s", "7 1 0"),
]


@pytest.mark.parametrize("label, status, output, wanted", ROWS, ids=[row[0] for row in ROWS])
def test_count(tmp_path, label, status, output, wanted):
    report = tmp_path / "junit.xml"
    report.write_text(f'<testsuite><testcase name="{label}" status="{status}"><system-out>{output}</system-out>'
                      "</testcase></testsuite>")
    done = subprocess.run([COUNT, report], check=True, text=True, capture_output=True)
    assert done.stdout.strip() == wanted
