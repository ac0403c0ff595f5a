"""The campaign: real processes, random traffic, a seeded nemesis, and a checker that judges from outside."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "deploy/lib"))
