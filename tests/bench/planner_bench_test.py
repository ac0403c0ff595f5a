#!/usr/bin/python3
"""deploy/bench planner works and writes every figure; no time is judged here."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = sys.argv.pop(1)
POLICIES = {"near", "pack", "spread", "first-fit", "best-fit", "locality"}
FIGURES = {"bricks", "p50_us", "p99_us", "plans_per_s", "refusal_us", "register_ms"}


class PlannerBench(unittest.TestCase):
    def test_writes_every_figure(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "report.json"
            subprocess.run([ROOT / "deploy/bench", "planner", "--quick", "--json", path, "--build", BUILD], check=True)
            report = json.loads(path.read_text())
        planner = report["planner"]
        self.assertEqual(set(planner["policies"]), POLICIES)
        self.assertEqual(set(planner["mixes"]), {"azure", "half-half", "high-ram", "random"})
        for sizes in [*planner["policies"].values(), *planner["mixes"].values()]:
            self.assertEqual([size["bricks"] for size in sizes], [1024, 3072])
            for size in sizes:
                self.assertLessEqual(FIGURES, set(size))
                self.assertGreater(size["p50_us"], 0)
        self.assertLessEqual({"bricks", "p50_us", "p99_us", "growth", "plans_per_s", "refusal_us"}, set(planner))
        self.assertGreater(report["compile_ms"], 0)


if __name__ == "__main__":
    unittest.main()
