"""An sdm-agent of its own for each test, and a controller's side of the broker, from outside."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

import jsonschema
import pika

SOURCE = pathlib.Path(__file__).resolve().parents[3]
AGENT = os.environ.get("SDM_AGENT", str(SOURCE / "build/debug/services/sdm-agent/sdm-agent"))
BACKEND_CHECK = os.environ.get("SDM_BACKEND_CHECK", str(SOURCE / "build/debug/tests/contract/agent-backend-check"))
MIB = 1 << 20
GIB = 1 << 30
UNIT = 128 * MIB


class Refused(Exception):
    """The control socket answered with an error."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['text']}")
        self.code = error["code"]


def schema_of(name):
    """The schema of a message, with a store in which its references are found."""
    folder = SOURCE / "schemas"
    store = {}
    for path in folder.glob("*.json"):
        schema = json.loads(path.read_text(encoding="utf-8"))
        store[schema["$id"]] = schema
    schema = store[f"https://sdm.example/schemas/{name}.json"]
    resolver = jsonschema.RefResolver(schema["$id"], schema, store=store)
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


SCHEMAS = {"s7.report/1": schema_of("s7.report"), "s7.ask/1": schema_of("s7.ask"),
           "s7.want/1": schema_of("s7.want")}


class Agent:
    """A running sdm-agent."""

    def __init__(self, brick, broker, *options, environment=None):
        self.brick = brick
        self.broker = broker
        self.options = options
        self.environment = environment or {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="agent-"))
        self.control_path = self.folder / "control.sock"
        self.process = None

    def start(self, **environment):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [AGENT, f"--brick={self.brick}", f"--broker={self.broker}",
                 f"--state-dir={self.folder / 'state'}", f"--control-socket={self.control_path}",
                 "--metrics-port=0", *self.options],
                stderr=log, env={**os.environ, **self.environment, **environment})
        wait_until(lambda: self.process.poll() is not None or self.answers(), 20, self.log)
        return self

    def answers(self):
        try:
            return self.control("status")["brick"] == self.brick
        except OSError:
            return False

    def log(self):
        return (self.folder / "log").read_text(encoding="utf-8")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Ends it cleanly; the sanitizers' findings make the status other than 0."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == 0, self.log()

    def remove(self):
        try:
            if self.process is not None and self.process.poll() is None:
                self.stop()
        finally:
            shutil.rmtree(self.folder)

    def control(self, command, **args):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.control_path))
            connection.sendall(json.dumps({"command": command, "args": args}).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").readline())
        if not answer["ok"]:
            raise Refused(answer["error"])
        return answer["result"]


class Controller:
    """What the controller declares, sends and receives."""

    def __init__(self, broker, brick):
        self.brick = brick
        parameters = pika.URLParameters(broker)
        self.connection = pika.BlockingConnection(parameters)
        self.channel = self.connection.channel()
        self.channel.exchange_declare("sdm.agents", "direct", durable=True)
        self.channel.exchange_declare("sdm.reports", "direct", durable=True)
        self.channel.queue_declare(f"sdm.agent.{brick}", durable=True,
                                   arguments={"x-max-length": 1, "x-overflow": "drop-head"})
        self.channel.queue_bind(f"sdm.agent.{brick}", "sdm.agents", brick)
        self.reports_queue = "test.reports." + uuid.uuid4().hex
        self.channel.queue_declare(self.reports_queue, auto_delete=True)
        self.channel.queue_bind(self.reports_queue, "sdm.reports", "0")
        self.epoch = 1
        self.generation = 0
        self.seen = []

    def close(self):
        self.channel.queue_delete(self.reports_queue)
        self.channel.queue_delete(f"sdm.agent.{self.brick}")
        self.connection.close()

    def publish(self, body, message_type="s7.want/1"):
        self.channel.basic_publish("sdm.agents", self.brick, body,
                                   pika.BasicProperties(type=message_type,
                                                        content_type="application/json"))

    def want(self, windows, **changes):
        """Publishes a new generation of wanted state; returns its number."""
        self.generation += 1
        message = {"brick": self.brick, "epoch": self.epoch, "generation": self.generation,
                   "segment_unit_bytes": UNIT, "windows": windows, **changes}
        SCHEMAS["s7.want/1"].validate(message)
        self.publish(json.dumps(message))
        return message["generation"]

    def next(self, timeout=10.0):
        """The next message of the agent as (type, body); None when none came in time."""
        deadline = time.monotonic() + timeout
        while True:
            method, properties, body = self.channel.basic_get(self.reports_queue, auto_ack=True)
            if method is not None:
                message = json.loads(body)
                SCHEMAS[properties.type].validate(message)
                assert message["brick"] == self.brick
                self.seen.append((properties, message))
                return properties.type, message
            if time.monotonic() > deadline:
                return None
            time.sleep(0.005)

    def report(self, fits=lambda report: True, timeout=15.0):
        """Waits for a report that fits."""
        deadline = time.monotonic() + timeout
        last = None
        while time.monotonic() < deadline:
            received = self.next(max(deadline - time.monotonic(), 0))
            if received is not None and received[0] == "s7.report/1":
                last = received[1]
                if fits(last):
                    return last
        raise AssertionError(f"no report that fits, the last is {json.dumps(last)}")

    def converged(self, timeout=15.0):
        return self.report(lambda r: r["converged"] and r["generation"] == self.generation, timeout)


def wait_until(condition, timeout=10.0, explain=lambda: ""):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.01)


def window(entry, start, size, offset, module=1, port=0, mode="device", want="mapped", **more):
    """A wanted window with ids of its own."""
    return {"window": str(uuid.uuid4()), "segment": str(uuid.uuid4()), "entry": entry,
            "port": port, "module": module, "start_bytes": start, "size_bytes": size,
            "brick_offset_bytes": offset, "mode": mode, "shared": False, "want": want,
            "distance": 20, **more}


def found(report, wanted):
    """The found window of a wanted one."""
    return next(w for w in report["windows"] if w["window"] == wanted["window"])
