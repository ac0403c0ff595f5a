"""Short campaigns with fixed seeds: no violation, and no deadlock in the database.

With SDM_CAMPAIGN_FAULTS=1 every kind of fault; otherwise those of processes, messages and hardware."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SOME_FAULTS = "kill-leader,kill-standby,stop-leader,kill-agent,late-want,late-report,hardware"
FAULTS = [] if os.environ.get("SDM_CAMPAIGN_FAULTS") else ["--only", SOME_FAULTS]


@pytest.mark.parametrize(("seed", "seconds", "has_faults"), [(11, 30, False), (5, 45, True)])
def test_no_violation(seed, seconds, has_faults):
    folder = tempfile.mkdtemp(prefix="sdm-campaign-", dir="/tmp")
    os.chmod(folder, 0o711)
    done = subprocess.run([HERE / "campaign", "--seed", str(seed), "--minutes", str(seconds / 60), "--clients", "60", "--dir", folder,
                           "--json", f"{folder}/result.json", *(FAULTS if has_faults else ["--calm"])], text=True, capture_output=True, timeout=400, check=False)
    assert done.returncode == 0, f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
    result = json.loads(pathlib.Path(folder, "result.json").read_text())
    assert result["violations"] == 0 and result["unresolved"] == 0
    assert result["n_deadlocks"] == 0, f"{folder}/log/postgres"
    assert result["n_faults"] > 15 or not has_faults
    assert result["n_requests"] > 300 and result["n_stamps_checked"] > 10000, result
    shutil.rmtree(folder)
