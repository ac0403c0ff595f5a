"""One testbed for all tests, with TLS everywhere: the quickstart rack, a controller, agents; the agent of cb2 has a fake
brick with guests."""

import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import uuid

import pika

from sdm_client import Client, Refusal, broker_parameters, register
from testbed_view import control, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("SDM_BUILD", str(ROOT / "build/debug")))
MIB = 1 << 20
UNIT = 128 * MIB

# Projects of their own; admin, demo and other are the testbed's.
TOKENS = {"reader": ("reader-token-0123456789", "demo", "reader")}
# name: uuid, project
GUESTS = {"mine": ("11111111-1111-4111-8111-111111111111", "demo"),
          "foreign": ("33333333-3333-4333-8333-333333333333", "other"),
          "nobodys": ("44444444-4444-4444-8444-444444444444", None)}


class Requester(Client):
    """The client of the testbed, which also takes a refusal as an answer."""

    def answer(self, type_, body, raw=None):
        """(reply's type, reply)."""
        reply_type, reply, _when = self.reply(self.send(type_, body, raw))
        return reply_type, reply

    def code(self, type_, body):
        """The refusal's code; None when there was none."""
        reply_type, reply = self.answer(type_, body)
        return reply["code"] if reply_type == "error/1" else None


class Bed:
    """Up from the first to the last test."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sdm-str-", dir="/tmp"))
        self.clients = []

    def testbed(self, *arguments, **environment):
        subprocess.run([ROOT / "deploy/testbed", *arguments, "--dir", self.dir, "--build", BUILD], check=True,
                       env={**os.environ, **environment}, timeout=300)

    def up(self):
        self.testbed("up", "--tls", "--only", "postgres,rabbitmq,schema,emurack,controller,agent")
        self.testbed("restart", "agent-3", SDM_BACKEND="fake")
        output = subprocess.run([ROOT / "deploy/testbed", "env", "--dir", self.dir, "--build", BUILD], check=True,
                                text=True, capture_output=True).stdout
        for line in output.splitlines():
            name, _equals, value = line.removeprefix("export ").partition("=")
            os.environ[name] = "".join(shlex.split(value))
        self.ca = pathlib.Path(os.environ["SDM_BROKER_CA"])
        self._add_tokens()
        self.admin, self.demo, self.other, self.reader, self.nobody = (
            self.client(name) for name in ("admin", "demo", "other", "reader", None))
        self.rack = json.loads(pathlib.Path(os.environ["SDM_RACK_FILE"]).read_text())
        register(self.admin, self.rack)
        wait_until("every agent reports", lambda: all(
            agent["connected"] for agent in self.admin.call("s11.agents")["agents"]))
        self._start_guests()
        return self

    def down(self):
        for client in self.clients:
            client.close()
        self.testbed("down")
        shutil.rmtree(self.dir, ignore_errors=True)

    def _add_tokens(self):
        """Read by the running controller at SIGHUP."""
        with open(self.dir / "controller/tokens", "a", encoding="utf-8") as file:
            for name, (token, project, role) in TOKENS.items():
                file.write(f"[{name}]\ntoken={token}\nproject={project}\nroles={role}\n")
        os.kill(self.pid("controller-1"), signal.SIGHUP)
        wait_until("the tokens are read", lambda: "tokens-reloaded" in self.log("controller-1"))

    def pid(self, name):
        return int((self.dir / "pids" / name).read_text().split()[0])

    def pids(self):
        """Of everything that the testbed runs."""
        return {file.name: int(file.read_text().split()[0]) for file in (self.dir / "pids").iterdir()}

    def log(self, name):
        return (self.dir / "log" / name).read_text(errors="replace")

    def client(self, name):
        if name is None:
            self.clients.append(Requester("a token that nobody has"))
        elif name in TOKENS:
            self.clients.append(Requester(TOKENS[name][0]))
        else:
            self.clients.append(Requester.of(name))
        return self.clients[-1]

    def _start_guests(self):
        path = dict(pair.split("=", 1) for pair in os.environ["SDM_AGENT_CONTROLS"].split())["cb2"]
        for name, (vm, _project) in GUESTS.items():
            control(path, "fake-vm-start", vm=vm, name=name, n_slots=6, memory_bytes=256 * MIB,
                    max_memory_bytes=4096 * MIB)
        wait_until("the guests are reported", lambda: len(self.admin.call("s11.vm.list")["vms"]) == len(GUESTS))
        for vm, project in GUESTS.values():
            if project is not None:
                self.admin.write("s11.vm.bind", vm=vm, project=project)

    def agent_uri(self, brick):
        number = 1 + [one["id"] for one in self.rack["bricks"] if one["kind"] == "compute"].index(brick)
        return (self.dir / f"agent/{number}/broker").read_text().strip()

    def agent_connection(self, brick):
        """What somebody can open who has the credentials of the agent of 'brick'."""
        return pika.BlockingConnection(broker_parameters(self.agent_uri(brick)))

    def metric(self, name, **labels):
        """Of the controller, over HTTPS, as a number."""
        wanted = name + ("{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}" if labels else "")
        page = subprocess.run(["curl", "-fsS", "--cacert", self.ca, os.environ["SDM_CONTROLLER_METRICS"]], check=True,
                              text=True, capture_output=True).stdout
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(wanted + " "))


def request(brick="cb3", size_bytes=UNIT, latency_class="tray", mode="device", **more):
    """Members of a plan's request."""
    return {"compute_bricks": [brick], "size_bytes": size_bytes, "latency_class": latency_class, "mode": mode, **more}


def key():
    return str(uuid.uuid4())


__all__ = ["BUILD", "Bed", "GUESTS", "ROOT", "Refusal", "TOKENS", "UNIT", "key", "request", "wait_until"]
