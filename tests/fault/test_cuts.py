"""Connections to broker and database that end after every so many bytes, in either direction: in the middle of a statement, of
a COMMIT, of a publish.  Who asks again with the same key gets one answer, and there is one effect."""

import pytest
from bed import live_rows, new_key, query, wait_until
from dead_bed import SIZE
from outage_bed import CLIENT, Link
from sdm_client import NoReply

STEPS = 4


@pytest.fixture(name="bed")
def fixture_bed(outage_bed):
    return outage_bed


def answer(bed, link, message, body, n_cuts=None):
    """What one key is answered, by asking again and again; the link is well again after its first cut."""
    sent = [bed.demo.send(message, body)]
    for turn in range(200):
        if n_cuts is not None and link.state()["cuts"] > n_cuts:
            link.heal()
        for correlation in sent:
            try:
                return bed.demo.reply(correlation, 0.05)[:2]
            except NoReply:
                pass
        if turn % 20 == 19:
            sent.append(bed.demo.send(message, body))
    raise AssertionError(f"{message}: no answer; {bed.account(CLIENT)}")


def round_of(bed, link, n_cuts=None):
    """Reserve, attach, release; each is asked once more at the end, and answered the same."""
    request = {"compute_bricks": ["cb0"], "size_bytes": SIZE, "latency_class": "tray", "mode": "device"}
    asked = [("s10.reserve", {"key": new_key(), "request": request})]
    answers = [answer(bed, link, *asked[0], n_cuts)]
    assert answers[0][0] == "s10.reply/1", answers
    reservation = answers[0][1]["reservation"]["reservation"]
    asked += [("s10.attach", {"key": new_key(), "reservation": reservation, "target": {"compute_brick": "cb0"}, "wait": "guest",
                              "timeout_ms": 20000}),
              ("s10.release", {"key": new_key(), "reservation": reservation, "wait": "fabric", "timeout_ms": 20000})]
    for message, body in asked[1:]:
        answers.append(answer(bed, link, message, body, n_cuts))
        assert answers[-1][0] == "s10.reply/1", answers[-1]
    if n_cuts is not None:
        link.heal()
    for (message, body), first in zip(asked, answers):
        assert answer(bed, link, message, body) == first, "one key, one answer"
    return reservation


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("server, n_connections", [("database", 16), ("broker", 1)])
def test_cut_after_every_so_many_bytes(bed, server, n_connections, direction):
    link = Link(server)
    before = link.n_bytes(direction)
    round_of(bed, link)
    total = link.n_bytes(direction) - before
    n_reservations = int(query("SELECT count(*) FROM sdm.reservation")[0][0])
    n_steps_cut = 0
    for step in range(STEPS):
        n_cuts = link.state()["cuts"]
        link.cut(direction, 1 + total * (step + 1) // (n_connections * (STEPS + 1)))
        round_of(bed, link, n_cuts)
        n_steps_cut += link.state()["cuts"] > n_cuts
    assert n_steps_cut >= STEPS // 2, "the rest were too short to be cut"
    assert int(query("SELECT count(*) FROM sdm.reservation")[0][0]) == n_reservations + STEPS, "each was made once"
    wait_until("nothing is left", lambda: not live_rows() and not bed.hardware.left_over(), 20)
    assert query("SELECT coalesce(sum(used_bytes), 0), coalesce(sum(n_reservations), 0) FROM sdm.project") == [["0", "0"]]
    bed.check_harmless()
