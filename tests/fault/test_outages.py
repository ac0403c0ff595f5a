"""Outages of what everything stands on: a disk of the database that is full, database and broker that restart in the same
moment.  Requests wait, are answered once it is over, the same to the same key, and there is one effect."""

import os
import signal
import subprocess
import threading

import pika
import pytest
from bed import query, wait_until
from outage_bed import REQUEST, Asking
from sdm_client import Client


@pytest.fixture(name="bed")
def fixture_bed(outage_bed):
    return outage_bed


@pytest.fixture
def asking(bed):
    made = Asking()
    yield made
    bed.disk.free()
    made.close()
    bed.demo = Client.of("demo")
    bed.admin = Client.of("admin")
    assert bed.admin.depth("sdm.dead") == 0, "an outage is no reason to give up a message"
    bed.health.await_well()
    bed.release_all()
    bed.check_harmless()


def n_made():
    return int(query("SELECT count(*) FROM sdm.reservation")[0][0])


def fill_up(bed, asking):
    """Asks until it is told that requests wait; some still find room in the database's files."""
    # PostgreSQL ends when there is no room for its log: that has a new segment to write to, the disk none for rows.
    query("SELECT pg_switch_wal()")
    query("CHECKPOINT")
    bed.disk.fill()

    def has_stopped():
        if len(asking.open()) < 5:
            asking.ask("s10.reserve", request=REQUEST)
        asking.collect()
        status, health = bed.health.ask()
        return status == 503 and "No space left on device" in health["reason"] \
            and bed.metric('sdm_lane_paused{lane="reservation"}') == 1

    wait_until("requests wait", has_stopped, 60)


def test_a_full_disk_holds_requests(bed, asking):
    n_before = n_made()
    fill_up(bed, asking)
    assert bed.logged("database-away", "No space left on device")
    asking.promised()
    bed.disk.free()
    bed.health.await_well()
    asking.insist()
    made = asking.check()
    assert n_made() == n_before + len(made)
    assert bed.metric('sdm_lane_paused{lane="reservation"}') == 0


def has_database():
    return subprocess.run(["psql", "-XAtq", os.environ["SDM_DATABASE_ADMIN"], "-c", "SELECT 1"], capture_output=True,
                          timeout=60, check=False).returncode == 0


def has_broker():
    try:
        Client.of("demo").close()
    except pika.exceptions.AMQPError:
        return False
    return True


# How both end, and who is back first.
@pytest.mark.parametrize("how, first", [({"postgres": signal.SIGKILL, "rabbitmq": signal.SIGKILL}, "postgres"),
                                        ({"postgres": signal.SIGINT, "rabbitmq": signal.SIGTERM}, "rabbitmq")])
def test_database_and_broker_restart_in_the_same_moment(bed, asking, how, first):
    n_before = n_made()
    held = [bed.demo.write("s10.reserve", request=REQUEST)["reservation"]["reservation"] for _ in range(2)]
    for _ in range(4):
        asking.ask("s10.reserve", request=REQUEST)
    asked = [asking.ask("s10.attach", reservation=reservation, target={"compute_brick": "cb0"}, wait="guest", timeout_ms=60000)
             for reservation in held]
    for _ in range(4):
        asking.ask("s10.reserve", request=REQUEST)
    servers = {name: bed.server(name) for name in how}
    ends = [threading.Thread(target=servers[name].end, args=(number,)) for name, number in how.items()]
    for end in ends:
        end.start()
    for end in ends:
        end.join()
    bed.health.await_ill("leads")
    servers[first].start()
    other = next(name for name in servers if name != first)
    wait_until(f"{first} is back", has_database if first == "postgres" else has_broker, 60)
    servers[other].start()
    bed.health.await_well()
    asking.insist()
    assert {asking.answers[key][0][1].get("reservation", {}).get("state") for key in asked} == {"attached"}
    assert n_made() == n_before + len(held) + len(asking.check())
