#!/usr/bin/python3
"""deploy/bench engine and graph-vs-sql work on real daemons and write every figure; no time is judged here.

placement is not among them: its packages take longer to install than a test may."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = sys.argv.pop(1)
QUESTIONS = {"capacity", "capacity, sums kept", "configuration", "path"}


class DaemonsBench(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def report(self, name):
        path = self.folder / "report.json"
        subprocess.run([ROOT / "deploy/bench", name, "--quick", "--json", path, "--plots", self.folder / "plots", "--build",
                        BUILD], check=True)
        return json.loads(path.read_text())

    def test_engine_writes_every_figure(self):
        engine = self.report("engine")["engine"]
        for name in ("per_s", "echo_per_s", "echo_ratio", "lone_ms", "lone_ratio"):
            self.assertGreater(engine[name], 0, name)
        self.assertEqual((engine["window"], engine["projects"]), (256, 50))
        for name in ("ours", "echo"):
            self.assertEqual(len(engine["full"][name]["per_s"]["samples"]), 2)
            self.assertLessEqual({"controller", "postgres", "broker", "client", "echo"}, set(engine["full"][name]["cpu_us"]))

    def test_graph_and_database_give_the_same_answers(self):
        report = self.report("graph-vs-sql")["graph_vs_sql"]
        self.assertEqual([size["bricks"] for size in report["sizes"]], [96, 1024])
        for size in report["sizes"]:
            self.assertLessEqual(QUESTIONS, set(size))
            for question in QUESTIONS:
                self.assertGreater(size[question]["sql_us"], 0)
                self.assertGreater(size[question]["graph_us"], 0)
        self.assertEqual(set(report["ratios"]), QUESTIONS)
        plots = sorted((self.folder / "plots").glob("graph-vs-sql-*.svg"))
        self.assertEqual(len(plots), 3)
        for plot in plots:
            self.assertTrue(ElementTree.parse(plot).getroot().tag.endswith("svg"))


if __name__ == "__main__":
    unittest.main()
