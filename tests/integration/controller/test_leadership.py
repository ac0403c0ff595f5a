"""One leads, others stand by."""

import signal
import time
from urllib.parse import urlsplit

import pytest

from harness import GIB, MIB, Client, Proxy, eventually, key, plan_request, small_topology


@pytest.fixture
def pair(bed, start):
    database = bed.new_database()
    first = start(database, name="one").wait_serving()
    second = start(database, name="two")
    eventually(lambda: role(second) == "standby", what="standby")
    client = Client(bed.broker)
    names, topology = small_topology("lead")
    client.ok("s11.register/1", {"key": key(), "topology": topology})
    yield first, second, client, names
    client.close()


def role(controller):
    try:
        return controller.ask("leadership")["result"]["role"]
    except OSError:
        return None


def reserve(client, names):
    return client.ok("s10.reserve/1", {"key": key(), "request": plan_request(names["c"], 128 * MIB)})


def test_a_standby_waits_while_the_leader_beats(pair):
    first, second, client, names = pair
    time.sleep(2.5)
    assert (role(first), role(second)) == ("leader", "standby")
    assert second.ask("graph")["error"]["code"] == "WRONG_STATE"
    reserve(client, names)
    second.stop()
    first.stop()


def test_a_standby_takes_over_from_one_that_was_killed(pair):
    first, second, client, names = pair
    reserve(client, names)
    first.kill()
    asked = client.send("s10.reserve/1",
                        {"key": key(), "request": plan_request(names["c"], 128 * MIB)})
    assert client.wait(asked, 15)[0] == "s10.reply/1"
    assert second.ask("leadership")["result"]["epoch"] == 2
    used = [d.get("used_bytes", 0) for d in second.ask("graph", rack=names["r"])["result"]["devices"]]
    assert sum(used) == 2 * 128 * MIB
    second.stop()


def test_one_that_was_stopped_changes_nothing_when_it_wakes(pair):
    first, second, client, names = pair
    first.kill(signal.SIGSTOP)
    eventually(second.is_serving, 15, "takeover")
    # What the stopped one had been given comes again only when the broker gives it up; ask anew.
    first.kill(signal.SIGCONT)
    assert first.process.wait(20) == 3
    first.check_log()
    assert client.ok("s11.status/1", {})["epoch"] == 2
    reserve(client, names)
    second.stop()


def standbys(client):
    return {standby["name"]: standby for standby in client.ok("s11.status/1", {})["standbys"]}


def test_status_tells_of_standbys(bed, start, pair):
    first, second, client, _names = pair
    third = start(first.database, name="three")
    eventually(lambda: standbys(client).keys() == {"two", "three"}, what="both stand by")
    eventually(lambda: all(s["sees_broker"] and s["beat_age_ms"] < 5000 for s in standbys(client).values()),
               what="both could serve")
    assert standbys(client)["two"]["pid"] == second.process.pid
    third.stop()
    assert standbys(client).keys() == {"two"}
    # One that was killed is shown as silent, and forgotten after a minute.
    second.kill()
    second.process.wait()
    bed.psql(first.database, "UPDATE sdm.controller SET beat = beat - interval '50 s' WHERE name = 'two'")
    assert standbys(client)["two"]["beat_age_ms"] >= 50000
    bed.psql(first.database, "UPDATE sdm.controller SET beat = beat - interval '10 s' WHERE name = 'two'")
    eventually(lambda: not standbys(client), what="forgotten")
    first.stop()


def test_a_leader_that_stops_resigns(bed, start):
    database = bed.new_database()
    first = start(database, name="one").wait_serving()
    # It would wait for ten minutes.
    second = start(database, name="two", options=["--standby-after-ms=600000"])
    eventually(lambda: role(second) == "standby", what="standby")
    first.stop()
    second.wait_serving()
    assert second.ask("leadership")["result"]["epoch"] == 2
    assert bed.psql(database, "SELECT name FROM sdm.controller") == "two"
    second.stop()
    assert bed.psql(database, "SELECT count(*) FROM sdm.controller") == "0"


def test_a_leader_without_broker_yields_to_a_standby_that_has_it(bed, start):
    database = bed.new_database()
    port = urlsplit(bed.broker).port
    proxy = Proxy(port)
    first = start(database, name="one", broker=bed.broker.replace(f":{port}/", f":{proxy.port}/"),
                  options=["--yield-after-ms=500"]).wait_serving()
    proxy.cut()
    eventually(lambda: bed.psql(database, "SELECT sees_broker FROM sdm.controller") == "f", what="it knows")
    time.sleep(1.5)
    assert role(first) == "leader", "nobody could do better"
    second = start(database, name="two")
    assert first.process.wait(20) == 3
    first.check_log()
    second.wait_serving()
    second.stop()
    proxy.close()


def test_the_wrong_schema_is_refused(bed, start):
    database = bed.new_database()
    bed.psql(database, "UPDATE sdm.schema_version SET version = 99")
    controller = start(database)
    assert controller.process.wait(20) == 1
    assert "schema version" in controller.logged()


def test_a_restart_finds_everything_again(bed, start):
    database = bed.new_database()
    names, topology = small_topology("restart")
    first = start(database).wait_serving()
    client = Client(bed.broker)
    client.ok("s11.register/1", {"key": key(), "topology": topology})
    client.ok("s10.reserve/1", {"key": key(), "request": plan_request(names["c"], 3 * GIB)})
    before = first.ask("graph", rack=names["r"])["result"]
    first.stop()
    second = start(database).wait_serving()
    after = second.ask("graph", rack=names["r"])["result"]
    assert after == before
    used = {d["id"]: d.get("used_bytes") for d in after["devices"]}
    assert used[names["m1"]] + used[names["m2"]] == 3 * GIB
    assert second.ask("leadership")["result"]["epoch"] == 2
    client.close()
    second.stop()
