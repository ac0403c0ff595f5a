"""Somebody holds the credentials of the agent of cb0: what the broker and the controller let through."""

import json

import pika
import pytest

from bed import wait_until
from sdm_client import broker_parameters

MINE, FOREIGN = "cb0", "cb1"
REFUSED, MISMATCH = 403, 406


@pytest.fixture
def connection(bed):
    opened = bed.agent_connection(MINE)
    yield opened
    opened.close()


@pytest.fixture
def channel(connection):
    made = connection.channel()
    made.confirm_delivery()
    return made


def report(brick):
    return {"brick": brick, "boot_id": "of a liar", "version": "0-lie", "epoch": 1, "generation": 1, "converged": True,
            "windows": [], "vms": []}


def publish(channel, exchange, routing_key, body=b"{}", **properties):
    channel.basic_publish(exchange, routing_key, body, pika.BasicProperties(**properties))


ATTEMPTS = {
    "default exchange, requests": (REFUSED, lambda c: publish(c, "", "sdm.s10")),
    "default exchange, another's wanted state": (REFUSED, lambda c: publish(c, "", f"sdm.agent.{FOREIGN}")),
    "default exchange, its own wanted state": (REFUSED, lambda c: publish(c, "", f"sdm.agent.{MINE}")),
    "requests": (REFUSED, lambda c: publish(c, "sdm", "s10", type="s10.list/1")),
    "administration": (REFUSED, lambda c: publish(c, "sdm", "s11", type="s11.power/1")),
    "transient requests": (REFUSED, lambda c: publish(c, "sdm_transient", "s10", type="s10.list/1")),
    "wanted states": (REFUSED, lambda c: publish(c, "sdm.agents", FOREIGN, type="s7.want/1")),
    "events": (REFUSED, lambda c: publish(c, "sdm.events", "event.brick.cb1", type="event.brick/1")),
    "dead letters": (REFUSED, lambda c: publish(c, "sdm.dead", "")),
    "an exchange of the broker": (REFUSED, lambda c: publish(c, "amq.topic", "x")),
    "a report under another's name": (MISMATCH, lambda c: publish(
        c, "sdm.reports", "0", json.dumps(report(FOREIGN)).encode(), type="s7.report/1", user_id=f"agent.{FOREIGN}")),
    "a report under the controller's name": (MISMATCH, lambda c: publish(
        c, "sdm.reports", "0", json.dumps(report(FOREIGN)).encode(), type="s7.report/1", user_id="sdm")),
    "read another's wanted state": (REFUSED, lambda c: c.basic_get(f"sdm.agent.{FOREIGN}")),
    "read requests, with their tokens": (REFUSED, lambda c: c.basic_get("sdm.s10")),
    "consume administration": (REFUSED, lambda c: c.basic_consume("sdm.s11", print)),
    "consume reports": (REFUSED, lambda c: c.basic_consume("sdm.reports.0", print)),
    "read dead letters": (REFUSED, lambda c: c.basic_get("sdm.dead")),
    "declare a queue": (REFUSED, lambda c: c.queue_declare("mine")),
    "declare a nameless queue": (REFUSED, lambda c: c.queue_declare("", exclusive=True)),
    "declare another's queue": (REFUSED, lambda c: c.queue_declare(f"sdm.agent.{FOREIGN}")),
    "declare its own queue otherwise": (REFUSED, lambda c: c.queue_declare(f"sdm.agent.{MINE}", durable=True)),
    "declare an exchange": (REFUSED, lambda c: c.exchange_declare("mine")),
    "delete its own queue": (REFUSED, lambda c: c.queue_delete(f"sdm.agent.{MINE}")),
    "delete another's queue": (REFUSED, lambda c: c.queue_delete(f"sdm.agent.{FOREIGN}")),
    "delete an exchange": (REFUSED, lambda c: c.exchange_delete("sdm.reports")),
    "purge another's queue": (REFUSED, lambda c: c.queue_purge(f"sdm.agent.{FOREIGN}")),
    "events into its queue": (REFUSED, lambda c: c.queue_bind(f"sdm.agent.{MINE}", "sdm.events", "#")),
    "another's states into its queue": (REFUSED, lambda c: c.queue_bind(f"sdm.agent.{MINE}", "sdm.agents", FOREIGN)),
    "cut another off": (REFUSED, lambda c: c.queue_unbind(f"sdm.agent.{FOREIGN}", "sdm.agents", FOREIGN)),
    "reports to where it reads": (REFUSED, lambda c: c.queue_bind(f"sdm.agent.{MINE}", "sdm.reports", "0")),
    "requests to the reports": (REFUSED, lambda c: c.exchange_bind("sdm.reports", "sdm", "#")),
}


@pytest.mark.parametrize("label", ATTEMPTS)
def test_what_the_broker_refuses(connection, channel, label):
    code, attempt = ATTEMPTS[label]
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as raised:
        attempt(channel)
        connection.process_data_events(1)
    assert raised.value.reply_code == code


def test_other_virtual_hosts_are_closed(bed):
    parameters = bed.agent_uri(MINE).rsplit("/", 1)[0] + "/%2F"
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(broker_parameters(parameters))


def state_of(bed, brick):
    return next(agent for agent in bed.admin.call("s11.agents")["agents"] if agent["compute_brick"] == brick)


@pytest.mark.parametrize("user_id", [f"agent.{MINE}", None], ids=["its own name", "no name"])
def test_a_report_for_another_brick_changes_nothing(bed, channel, user_id):
    before = state_of(bed, FOREIGN)
    refused = bed.metric("sdm_reports_total", verdict="refused")
    lines = bed.log("controller-1").count("report-refused")
    # The generation of a brick far ahead, and nothing on it: what would end every window there.
    lie = json.dumps({**report(FOREIGN), "generation": 1 << 40}).encode()

    def tell():
        publish(channel, "sdm.reports", "0", lie, type="s7.report/1", user_id=user_id)
        return bed.log("controller-1").count("report-refused") - lines

    for _ in range(200):
        tell()
    wait_until("they are refused and counted", lambda: bed.metric(
        "sdm_reports_total", verdict="refused") >= refused + 200)
    after = state_of(bed, FOREIGN)
    assert (after["have_generation"], after["version"]) == (before["have_generation"], before["version"])
    assert after["connected"]
    # What was logged within the same second may have used up its lines.
    wait_until("it is logged", lambda: tell() > 0)
    assert tell() <= 60, "rate limited"


def test_its_own_reports_are_taken(bed, channel):
    taken = bed.metric("sdm_reports_total", verdict="taken")
    ask = {"brick": MINE, "boot_id": "x", "version": "0"}
    publish(channel, "sdm.reports", "0", json.dumps(ask).encode(), type="s7.ask/1", user_id=f"agent.{MINE}")
    wait_until("it is taken", lambda: bed.metric("sdm_reports_total", verdict="taken") > taken)
