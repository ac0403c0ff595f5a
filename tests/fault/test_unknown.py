"""A COMMIT of which nobody knows whether it was done, and what has changed when it is found out: reply and audit log tell of the
same run, the one that counts."""

import os
import pathlib
import signal

import pytest
from bed import new_key, query, wait_until
from dead_bed import SIZE
from sdm_client import Client, NoReply

REQUEST = {"compute_bricks": ["cb0"], "size_bytes": SIZE, "latency_class": "tray", "mode": "device"}
CONTROLLER = "controller-1"


def quota(n):
    query(f"UPDATE sdm.project SET max_reservations = {n}")


def outcomes(key):
    return [outcome for (outcome,) in query(f"SELECT outcome FROM sdm.audit_entry WHERE key = '{key}' ORDER BY id")]


def n_reservations():
    return int(query("SELECT count(*) FROM sdm.reservation")[0][0])


@pytest.fixture
def leader(bed):
    """Its process."""
    pid = int((pathlib.Path(bed.folder) / "pids" / CONTROLLER).read_text().split()[0])
    yield pid
    os.kill(pid, signal.SIGCONT)
    bed.arm(CONTROLLER, "")
    quota("NULL")
    bed.release_all()


def is_stopped(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def stop_in_its_transaction(bed, leader, client, body):
    """Asks, and has the leader stop before it sends COMMIT; True when the request's own transaction is open."""
    client.send("s10.reserve", body)
    wait_until("the leader is stopped", lambda: is_stopped(leader))
    state = "SELECT state FROM pg_stat_activity WHERE application_name LIKE 'sdm-controller epoch=% reservation %'"
    return ["idle in transaction"] in query(state)


def lose_sessions():
    query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'sdm-controller epoch=%'")


def answer(client, body):
    """The reply, by asking again with the same key."""
    for _ in range(20):
        try:
            return client.reply(client.send("s10.reserve", body), 2)[:2]
        except NoReply:
            pass
    raise AssertionError("not answered")


# What the quota is in the run that is lost, and in the one that counts.
@pytest.mark.parametrize("first, second, outcome", [(0, 5, "ok"), (5, 0, "QUOTA_EXCEEDED")])
def test_one_that_was_not_done(bed, leader, first, second, outcome):
    bed.release_over()
    bed.demo.write("s10.release", reservation=bed.demo.write("s10.reserve", request=REQUEST)["reservation"]["reservation"], wait="fabric")
    n_before = n_reservations()
    client = Client.of("demo")
    for _ in range(20):
        quota(first)
        body = {"key": new_key(), "request": REQUEST}
        bed.arm(CONTROLLER, "pg.before-commit=stop")
        is_its_own = stop_in_its_transaction(bed, leader, client, body)
        lose_sessions()
        quota(second)
        os.kill(leader, signal.SIGCONT)
        reply_type, reply = answer(client, body)
        assert outcomes(body["key"]) == [reply.get("code", "ok")], "the log tells of the run that counts"
        if is_its_own:
            break
        # Another's transaction was stopped; this one may have been committed before.
        bed.arm(CONTROLLER, "")
        bed.release_over()
        n_before = n_reservations()
    assert is_its_own, "never stopped in the request's own transaction"
    assert reply.get("code", "ok") == outcome, reply
    assert answer(client, body) == (reply_type, reply)
    assert n_reservations() == n_before + (outcome == "ok")
    client.close()


@pytest.mark.usefixtures("leader")
def test_one_that_was_done(bed):
    """Its answer is that of the run whose COMMIT is only not known of."""
    n_before = n_reservations()
    body = {"key": new_key(), "request": REQUEST}
    bed.arm(CONTROLLER, "pg.after-commit=fail")
    reply_type, reply = answer(bed.demo, body)
    wait_until("the point is passed", lambda: bed.n_armed(CONTROLLER) == 0, 20)
    assert reply_type == "s10.reply/1", reply
    assert outcomes(body["key"]) == ["ok"] and n_reservations() == n_before + 1
