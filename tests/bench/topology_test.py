#!/usr/bin/python3
"""tests/bench/topology writes rack files: valid, of the size asked for, the same for the same seed."""

import json
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/fixtures"))
from wire_schemas import Schemas  # noqa: E402  (ours, found by the path above)

PROGRAM = pathlib.Path(sys.argv.pop(1))


def write(*options):
    return subprocess.run([PROGRAM, *options], check=True, stdout=subprocess.PIPE, text=True).stdout


class Topology(unittest.TestCase):
    def test_a_pod_is_a_rack_file(self):
        rack = json.loads(write("--racks", "3", "--trays", "2", "--compute", "2", "--memory", "3", "--accelerators", "1",
                                "--off", "30", "--least-units", "4", "--most-units", "9"))
        Schemas().check("rack/1", rack)
        kinds = [brick["kind"] for brick in rack["bricks"]]
        self.assertEqual({kind: kinds.count(kind) for kind in set(kinds)}, {"compute": 12, "memory": 18, "accelerator": 6})
        self.assertEqual((len(rack["racks"]), len(rack["trays"])), (3, 6))
        units = {brick["capacity_bytes"] // rack["segment_unit_bytes"] for brick in rack["bricks"]
                 if brick["kind"] == "memory"}
        self.assertLessEqual(units, set(range(4, 10)))
        self.assertIn("off", {brick["power"] for brick in rack["bricks"]})
        ends = [(end["device"], end["port"]) for link in rack["links"] for end in (link["a"], link["b"])]
        self.assertEqual(len(ends), len(set(ends)), "a port with two links")

    def test_the_seed_decides(self):
        self.assertEqual(write("--racks", "2"), write("--racks", "2"))
        self.assertNotEqual(write("--racks", "2"), write("--racks", "2", "--seed", "2"))

    def test_what_cannot_be_is_refused(self):
        for options, text in ((["--racks", "0"], "want 1 to 4096 racks"), (["--racks", "4000"], "more than 4096 ports"),
                              (["--least-units", "9", "--most-units", "8"], "no more at least than at most"),
                              (["--compute", "-1"], "want 1 to 4096 racks"), (["rack.json"], "want options only")):
            run = subprocess.run([PROGRAM, *options], capture_output=True, text=True)
            self.assertEqual((run.returncode, run.stdout), (2, ""), options)
            self.assertIn(text, run.stderr)


if __name__ == "__main__":
    unittest.main()
