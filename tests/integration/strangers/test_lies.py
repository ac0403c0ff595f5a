"""An agent that lies about its own brick: what cannot be is refused and counted, and what it says of others moves nothing."""

import json

import pika
import pytest

from bed import GUESTS, wait_until
from sdm_client import broker_parameters
from testbed_view import query

LIAR, HOST = "cb0", "cb2"


@pytest.fixture
def lie(bed):
    """Sends a report with the liar's credentials."""
    connection = bed.agent_connection(LIAR)
    channel = connection.channel()
    channel.confirm_delivery()

    def send(**members):
        report = {"brick": LIAR, "boot_id": "of a liar", "version": "0-lie", "epoch": 0, "generation": 0, "converged": False,
                  "windows": [], "vms": [], **members}
        channel.basic_publish("sdm.reports", "0", json.dumps(report).encode(),
                              pika.BasicProperties(type="s7.report/1", user_id=f"agent.{LIAR}"))

    yield send
    connection.close()


def leader():
    return query("SELECT epoch, holder FROM sdm.leader")


def generations():
    return query("SELECT id, want_generation FROM sdm.device ORDER BY id")


@pytest.mark.parametrize("claim", [{"epoch": "next"}, {"epoch": 1 << 62}, {"epoch": (1 << 62) + 1}, {"epoch": 1 << 70},
                                   {"epoch": "now", "generation": 1 << 62}, {"epoch": "now", "generation": 1 << 40}], ids=str)
def test_epochs_and_generations_that_nobody_gave(bed, lie, claim):
    epoch = int(leader()[0][0])
    members = {**claim, "epoch": {"next": epoch + 1, "now": epoch}.get(claim["epoch"], claim["epoch"])}
    before = leader(), generations(), bed.pid("controller-1")
    refused = bed.metric("sdm_reports_total", verdict="refused")
    for _ in range(50):
        lie(**members)
    wait_until("they are refused and counted", lambda: bed.metric("sdm_reports_total", verdict="refused") >= refused + 50)
    assert "report-refused" in bed.log("controller-1")
    assert (leader(), generations(), bed.pid("controller-1")) == before
    assert bed.admin.call("s11.status")["epoch"] == epoch, "it leads as before"


def test_a_machine_that_another_brick_has_stays_there(bed, lie):
    vm, _project = GUESTS["mine"]
    connection = pika.BlockingConnection(broker_parameters())
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, "sdm.events", f"event.drift.{LIAR}")
    shown = [one for one in bed.admin.call("s11.vm.list")["vms"] if one["vm"] == vm]
    lie(vms=[{"vm": vm, "name": "stolen", "boot_id": "x", "n_slots": 1, "n_slots_used": 0, "max_memory_bytes": 1,
              "memory_bytes": 1, "guest_memory_bytes": 1}])

    def told():
        _method, _properties, body = channel.basic_get(queue, auto_ack=True)
        event = json.loads(body) if body else {}
        return event if event.get("kind") == "vm-elsewhere" else None

    event = wait_until("somebody is told", told, 20)
    assert (event["device"], event["action"]) == (LIAR, "reported")
    assert vm in event["text"] and HOST in event["text"]
    lie()
    wait_until("the liar has no machine", lambda: query(
        "SELECT count(*) FROM sdm.vm v JOIN sdm.device d ON d.device_no = v.compute_no WHERE d.id = 'cb0'") == [["0"]])
    now = [one for one in bed.admin.call("s11.vm.list")["vms"] if one["vm"] == vm]
    assert [(one["compute_brick"], one["name"], one["present"]) for one in now] == \
        [(one["compute_brick"], one["name"], one["present"]) for one in shown] and now[0]["present"]
    connection.close()
