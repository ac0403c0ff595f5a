"""What all tests together have put on the wire; runs last, because files run in order of their names."""

import re

import yaml

from bed import ROOT

# Messages of the document that nobody speaks here.
UNSEEN = set()


def documented():
    """Types of all messages in the AsyncAPI document."""
    document = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text())
    return {re.sub(r"-v(\d+)$", r"/\1", name) for name in document["components"]["messages"]}


def test_every_documented_message_was_seen(bed, wire):
    wire.catch_up(bed.admin)
    types = documented()
    assert len(types) > 30
    assert types - set(wire.seen) == UNSEEN
    assert set(wire.seen) - types == set()


def test_no_message_was_given_up(bed):
    """But for what nobody could read."""
    letters = bed.admin.call("s11.dead.list", page_size=256)["letters"]
    assert len(letters) == bed.n_dead_letters()
    assert {letter["code"] for letter in letters} <= {"MALFORMED", "UNKNOWN_MESSAGE"}


def test_no_byte_had_two_owners(bed):
    counters = bed.hardware.counters()
    assert (counters["overlaps"], counters["cut_under_live"]) == (0, 0)
    assert bed.agent("fake-show")["n_violations"] == 0
