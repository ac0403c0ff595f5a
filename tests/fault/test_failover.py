"""A leader that is stopped in the middle of its work and continues after another leads: nothing that it had begun
reaches database or hardware."""

import os
import pathlib
import signal
import subprocess
import time

import pytest
from bed import MIB, new_key, query, wait_until
from sdm_client import Client, NoReply
from testbed_view import control

REQUEST = {"compute_bricks": ["cb0"], "size_bytes": 128 * MIB, "latency_class": "tray", "mode": "device"}
# Signs of life, of the leader, of controllers, and of agents.
BEATS = "ARRAY['beat', 'last_report', 'report_made_us']"
# Each transaction of whoever leads moves its mark; nobody else's may be there.
COUNTED = {"commit_mark": "WHERE session NOT LIKE (SELECT 'sdm-controller epoch=' || epoch || ' %' FROM sdm.leader)"}
SUPERSEDED = 3


def pid_of(bed, daemon):
    return int((pathlib.Path(bed.folder) / "pids" / daemon).read_text().split()[0])


class Controller:
    """A controller beside the testbed's, started as that was, but with patience for a leader that is only slow."""

    def __init__(self, bed, name):
        like = pathlib.Path("/proc") / str(pid_of(bed, "controller-1"))
        self.control = f"{bed.folder}/{name}.sock"
        own = [f"--name={name}", f"--control-socket={self.control}", "--metrics-port=0", "--beat-ms=100",
               "--standby-after-ms=1000"]
        others = tuple(option.partition("=")[0] + "=" for option in own)
        command = [word for word in like.joinpath("cmdline").read_text().split("\0")[:-1] if not word.startswith(others)]
        environment = dict(pair.split("=", 1) for pair in like.joinpath("environ").read_text().split("\0") if "=" in pair)
        self.log = bed.log / name
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*command, *own], env=environment, stdout=log, stderr=subprocess.STDOUT)

    def state(self):
        try:
            status = control(self.control, "status")
        except OSError:
            assert self.process.poll() is None, self.log.read_text()
            return None
        return "serves" if status["serving"] and status["broker_connected"] else status["leadership"]["role"]

    def end(self, how):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(30)


@pytest.fixture
def pair(bed):
    """A leader and a standby in the place of the testbed's controller."""
    made = [Controller(bed, "leader")]
    try:
        wait_until("it stands by", lambda: made[0].state() == "standby")
        made.append(Controller(bed, "standby"))
        os.kill(pid_of(bed, "controller-1"), signal.SIGTERM)
        wait_until("one serves", lambda: "serves" in [one.state() for one in made])
        if made[0].state() != "serves":
            made.reverse()
        wait_until("the other stands by", lambda: made[1].state() == "standby")
        yield made
        assert made[1].end(signal.SIGTERM) == 0
    finally:
        for one in made:
            one.end(signal.SIGKILL)
        bed.restart("controller-1")
    bed.release_all()


def is_stopped(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def database():
    """A digest of each table but for signs of life."""
    tables = [name for (name,) in query("SELECT tablename FROM pg_tables WHERE schemaname = 'sdm'")]
    parts = [f"SELECT '{table}', md5(coalesce(string_agg(row, '|' ORDER BY row), '')) FROM"
             f" (SELECT (to_jsonb(t) - {BEATS})::text AS row FROM sdm.{table} t {COUNTED.get(table, '')}) AS rows" for table in tables]
    return dict(query(" UNION ALL ".join(parts)))


def everything(bed):
    """But for epochs of devices: whenever the new leader looks at one, it learns the new epoch."""
    found = bed.hardware.status()
    devices = [{name: value for name, value in device.items() if name != "epoch"} for device in found["devices"]]
    return {"database": database(), "devices": devices, "counters": found["counters"]}


def epochs(bed):
    return {device["id"]: device["epoch"] for device in bed.hardware.status()["devices"] if "epoch" in device}


def at_rest(bed):
    """What there is, once it has not changed for longer than anything takes that repeats."""
    last = {"state": everything(bed), "since": time.monotonic()}

    def unchanged():
        state = everything(bed)
        if state != last["state"]:
            last.update(state=state, since=time.monotonic())
        return time.monotonic() - last["since"] > 1.5

    wait_until("everything is at rest", unchanged, 30)
    return last["state"]


def insist(client, message, body):
    """Asks again with the same key until there is an answer."""
    for _ in range(20):
        try:
            return client.reply(client.send(message, body), 2)[:2]
        except NoReply:
            pass
    raise AssertionError(f"{message} is not answered")


# Where the leader stops: before its COMMIT, before it speaks to a switch, and before it speaks to an agent.
@pytest.mark.parametrize("point", ["pg.before-commit", "fabric.before_connect", "synthesizer.before_send_agent"])
def test_a_leader_that_continues_changes_nothing(bed, pair, point):
    leader, standby = pair
    held = bed.demo.write("s10.reserve", request=REQUEST)["reservation"]["reservation"]
    attach = {"key": new_key(), "reservation": held, "target": {"compute_brick": "cb0"}, "wait": "guest",
              "timeout_ms": 30000}
    control(leader.control, "fault-points", arm=f"{point}=stop")
    asking = Client.of("demo")
    asking.send("s10.attach", attach)
    wait_until("the leader is stopped", lambda: is_stopped(leader.process.pid))
    wait_until("the standby serves", lambda: standby.state() == "serves")
    reply_type, reply = insist(asking, "s10.attach", attach)
    assert (reply_type, reply.get("reservation", {}).get("state")) == ("s10.reply/1", "attached"), reply
    asking.close()
    before, known = at_rest(bed), epochs(bed)

    leader.process.send_signal(signal.SIGCONT)
    assert leader.process.wait(30) == SUPERSEDED
    assert at_rest(bed) == before
    now = int(query("SELECT epoch FROM sdm.leader")[0][0])
    assert all(epoch in (known[device], now) for device, epoch in epochs(bed).items())
    bed.check_harmless()
