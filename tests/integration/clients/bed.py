"""One testbed for all tests: the quickstart rack, its real controller and agents, and one agent (cb2) on a fake brick
with guests, so that mode vm needs no hypervisor."""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import uuid

import pika
import psycopg2

from sdm_client import Client, Refusal, register
from testbed_view import Hardware, control, wait_until
from wire import Wire

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = os.environ.get("SDM_BUILD", str(ROOT / "build/debug"))
MIB = 1 << 20
GIB = 1 << 30
UNIT = 128 * MIB
PLAN_VALID_MS = 2000
VM_BRICK = "cb2"

# name: uuid, project, DIMM slots
GUESTS = {
    "wide": ("11111111-1111-4111-8111-111111111111", "demo", 6),
    "narrow": ("22222222-2222-4222-8222-222222222222", "demo", 1),
    "foreign": ("33333333-3333-4333-8333-333333333333", "other", 6),
}


class Requester(Client):
    """The client of the testbed, which can also say things that are wrong."""

    def mark(self, type_, correlation_id):
        """A message to nobody, which only the tracing sees."""
        self._channel.basic_publish("", "nobody", b"{}", pika.BasicProperties(
            type=type_, correlation_id=correlation_id))

    def bury(self, type_):
        """A letter that nobody has given a reason."""
        self._channel.basic_publish("", "sdm.dead", b"{}", pika.BasicProperties(type=type_))

    def depth(self, queue):
        return self._channel.queue_declare(queue, passive=True).method.message_count

    def refusal(self, message_type, body, raw=None):
        """(error/1 body, correlation id); anything else fails."""
        sent = self.send(message_type, body, raw)
        reply_type, reply, _when = self.reply(sent)
        assert reply_type == "error/1", f"granted: {reply}"
        return reply, sent

    def refused(self, message_type, **body):
        """The Refusal of a request that changes something."""
        try:
            reply = self.write(message_type, **body)
        except Refusal as refusal:
            return refusal
        raise AssertionError(f"granted: {reply}")


class Bed:
    """Up from the first to the last test."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="sdm-clients-", dir="/tmp")
        self.rack = {}
        self.clients = []
        self._environment = {**os.environ, "SDM_PLAN_VALID_MS": str(PLAN_VALID_MS), "SDM_LOOK_INTERVAL": "400"}

    def _testbed(self, *arguments, **environment):
        subprocess.run([ROOT / "deploy/testbed", *arguments, "--dir", self.dir, "--build", BUILD], check=True,
                       env={**self._environment, **environment}, timeout=300)

    def up(self):
        self._testbed("up", "--only", "postgres,rabbitmq,schema,emurack,controller,agent")
        self._testbed("restart", "agent-3", SDM_BACKEND="fake")
        self._load_environment()
        self._trace_on()
        self.broker = os.environ["SDM_BROKER"]
        self.wire = Wire(self.broker).start()
        self.admin, self.demo, self.other = (self.client(name) for name in ("admin", "demo", "other"))
        self.hardware = Hardware()
        self._database = psycopg2.connect(os.environ["SDM_DATABASE_ADMIN"])
        self._database.autocommit = True
        self.rack = json.loads(pathlib.Path(os.environ["SDM_RACK_FILE"]).read_text())
        register(self.admin, self.rack)
        wait_until("every agent reports", lambda: all(
            agent["connected"] for agent in self.admin.call("s11.agents")["agents"]))
        self._start_guests()
        return self

    def down(self):
        for client in self.clients:
            client.close()
        if hasattr(self, "_database"):
            self._database.close()
        if hasattr(self, "wire"):
            self.wire.stop()
        self._testbed("down")
        shutil.rmtree(self.dir, ignore_errors=True)

    def _load_environment(self):
        output = subprocess.run([ROOT / "deploy/testbed", "env", "--dir", self.dir], check=True, text=True,
                                capture_output=True).stdout
        for line in output.splitlines():
            name, _equals, value = line.removeprefix("export ").partition("=")
            os.environ[name] = "".join(shlex.split(value))

    def _trace_on(self):
        """From here on the broker tells of every message that anybody publishes."""
        folder = pathlib.Path(self.dir) / "rabbitmq"
        subprocess.run(
            ["setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--init-groups",
             "/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", "-n", "sdm@localhost", "trace_on", "-p", "sdm"], check=True,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder / "home"),
                 "RABBITMQ_CONF_ENV_FILE": "/dev/null", "ERL_EPMD_PORT": (folder / "epmd-port").read_text().strip()},
            cwd="/", stdout=subprocess.DEVNULL, timeout=60)

    def client(self, name):
        self.clients.append(Requester.of(name, self.broker))
        return self.clients[-1]

    def agent_control(self, brick):
        return dict(pair.split("=", 1) for pair in os.environ["SDM_AGENT_CONTROLS"].split())[brick]

    def agent(self, command, **arguments):
        """Tells the fake brick something."""
        return control(self.agent_control(VM_BRICK), command, **arguments)

    def _start_guests(self):
        for name, (vm, _project, n_slots) in GUESTS.items():
            self.agent("fake-vm-start", vm=vm, name=name, n_slots=n_slots, memory_bytes=256 * MIB,
                       max_memory_bytes=4 * GIB)
        wait_until("the guests are reported", lambda: len(self.admin.call("s11.vm.list")["vms"]) == len(GUESTS))
        for vm, project, _n_slots in GUESTS.values():
            self.admin.write("s11.vm.bind", vm=vm, project=project)

    def n_dead_letters(self):
        return self.admin.depth("sdm.dead")

    def _agent_number(self, brick):
        return 1 + [one["id"] for one in self.rack["bricks"] if one["kind"] == "compute"].index(brick)

    def agent_pid(self, brick):
        return int((pathlib.Path(self.dir) / f"pids/agent-{self._agent_number(brick)}").read_text().split()[0])

    def report_as(self, brick, report):
        """What the agent of 'brick' could publish itself: with its own account of the broker."""
        number = self._agent_number(brick)
        uri = (pathlib.Path(self.dir) / f"agent/{number}/broker").read_text().strip()
        connection = pika.BlockingConnection(pika.URLParameters(uri))
        connection.channel().basic_publish("sdm.reports", "0", json.dumps(report).encode(), pika.BasicProperties(
            type="s7.report/1", user_id=f"agent.{brick}", delivery_mode=2))
        connection.close()

    # --- What must not change.

    def settle(self):
        """Until nothing is on its way."""
        def still():
            status = self.admin.call("s11.status")
            return not any(status[name] for name in ("n_pending", "n_outbox", "n_diverged"))

        wait_until("everything is settled", still)

    def digest(self):
        """All rows of all tables, and all that the hardware tells of itself; without what time alone changes."""
        devices = [{name: value for name, value in device.items() if name != "epoch"}
                   for device in self.hardware.status()["devices"]]
        return {"rows": self._rows(), "hardware": devices,
                "counters": self.hardware.counters()}

    def query(self, sql):
        with self._database.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def _rows(self):
        """Sorted rows by table, as JSON texts."""
        tables = [name for (name,) in self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'sdm'")
                  if name not in MOVING_TABLES]
        parts = []
        for table in tables:
            without = "".join(f" - '{column}'" for column in MOVING_COLUMNS.get(table, ()))
            parts.append(f"SELECT '{table}' AS t, (to_jsonb(x){without})::text AS r FROM sdm.{table} x")
        found = {table: [] for table in tables}
        for table, row in self.query(" UNION ALL ".join(parts) + " ORDER BY 1, 2"):
            found[table].append(row)
        return found


# What moves without a request, and what a refusal is allowed to leave.
MOVING_TABLES = ("stored_reply", "outbox", "audit_entry", "audit_block", "commit_mark")
MOVING_COLUMNS = {"device": ("last_report", "report_made_us"), "leader": ("beat",), "controller": ("beat",)}


def request(brick, size_bytes=UNIT, latency_class="tray", mode="host", **more):
    """Members of a plan's request."""
    return {"compute_bricks": [brick], "size_bytes": size_bytes, "latency_class": latency_class, "mode": mode, **more}


def key():
    return str(uuid.uuid4())
