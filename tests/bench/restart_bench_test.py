#!/usr/bin/python3
"""deploy/bench restart works, writes every figure, and a start changes nothing of what there is; no time is judged."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = sys.argv.pop(1)


class RestartBench(unittest.TestCase):
    def test_loads_all_and_changes_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "report.json"
            subprocess.run([ROOT / "deploy/bench", "restart", "--quick", "--json", path, "--build", BUILD], check=True)
            restart = json.loads(path.read_text())["restart"]
        for name in ("seconds", "rss_mib", "peak_mib", "copy_seconds"):
            self.assertGreater(restart[name], 0)
        [size] = restart["sizes"]
        self.assertEqual(size["bricks"], 1024)
        self.assertGreaterEqual(size["segments"], 10_000)
        self.assertGreater(size["windows"], 0)
        # What the ledger has is what the rows say.
        self.assertEqual(size["loaded"], {name: size[name] for name in ("used_bytes", "circuits", "windows")})
        for start in [size["first"], *size["starts"]]:
            self.assertEqual(start["changed_at_switches"], 0)
        self.assertEqual(size["drift_events"], 0)
        self.assertFalse(size["circuits_changed"])


if __name__ == "__main__":
    unittest.main()
