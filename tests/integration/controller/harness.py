"""A controller on a database of its own, and clients that we did not write: pika and plain SQL."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import pika

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tests/fixtures"))
from wire_schemas import Schemas  # noqa: E402  (ours, found by the path above)

CONTROLLER = os.environ.get(
    "SDM_CONTROLLER", str(SOURCE / "build/debug/services/sdm-controller/sdm-controller"))
GIB = 1 << 30
MIB = 1 << 20

TOKENS = {
    "admin": ("admin-token-0123456789", "operations", "admin"),
    "alice": ("alice-token-0123456789", "demo", "member"),
    "bob": ("bobby-token-0123456789", "other", "member"),
    "eve": ("evely-token-0123456789", "demo", "reader"),
}


def eventually(check, seconds=10, what="condition"):
    """Waits until check() is true and returns it."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.02)


class Bed:
    """PostgreSQL, RabbitMQ and the schema, once for all tests."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="sdm-ctl-", dir="/tmp")
        os.chmod(self.dir, 0o711)
        self.testbed("up", "--only", "postgres,rabbitmq,schema")
        env = subprocess.run(
            ["bash", "-c", "source <(\"$0\" env --dir \"$1\"); env -0", str(SOURCE / "deploy/testbed"),
             self.dir], check=True, capture_output=True, text=True).stdout
        self.env = dict(pair.split("=", 1) for pair in env.split("\0") if "=" in pair)
        self.port = int(self.env["SDM_DATABASE_PORT"])
        self.broker = self.env["SDM_BROKER"]
        self.passfile = self.env["PGPASSFILE"]
        self.n_databases = 0

    def testbed(self, command, *options):
        subprocess.run([SOURCE / "deploy/testbed", command, "--dir", self.dir, *options], check=True,
                       stdout=subprocess.DEVNULL)

    def psql(self, database, statement, role="sdm"):
        done = subprocess.run(
            ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.uri(database, role=role), "-c",
             statement], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def uri(self, database, port=None, role="sdm_controller"):
        return (f"postgresql://{role}@127.0.0.1:{port or self.port}/{database}"
                f"?passfile={self.passfile}&sslmode=disable")

    def new_database(self):
        self.n_databases += 1
        name = f"test_{self.n_databases}"
        self.psql("postgres", f"CREATE DATABASE {name} TEMPLATE sdm OWNER sdm", role="postgres")
        return name

    def down(self):
        self.testbed("down")
        shutil.rmtree(self.dir, ignore_errors=True)


class Proxy:
    """TCP between the controller and a server, to be cut, or cut at a word from the client."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = True
        # Two names of statements: where the first has passed, the second is forwarded, and then no
        # answer comes back.
        self.cut_at = None
        self.n_cuts = 0
        self.pairs = []
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self.open:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.target))
            with self.lock:
                self.pairs.append((client, server))
            threading.Thread(target=self.pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, False), daemon=True).start()

    def pump(self, source, target, from_client):
        has_passed = False
        try:
            while data := source.recv(65536):
                cut_at = self.cut_at if from_client else None
                has_passed = cut_at is not None and (has_passed or cut_at[0] in data)
                if has_passed and cut_at[1] in data:
                    self.cut_at = None
                    self.n_cuts += 1
                    # The server gets it, and what it says is heard by nobody.
                    source.shutdown(socket.SHUT_RDWR)
                    target.sendall(data)
                    time.sleep(0.3)
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.open = False
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def heal(self):
        self.open = True

    def close(self):
        self.cut()
        self.listener.close()


class Controller:
    """A controller process."""

    def __init__(self, bed, database, name="c1", options=(), port=None, broker=None, env=None):
        self.bed = bed
        self.database = database
        self.dir = tempfile.mkdtemp(prefix="controller-", dir=bed.dir)
        self.socket = f"{self.dir}/control.sock"
        self.tokens = f"{self.dir}/tokens"
        self.write_tokens(TOKENS)
        self.log_path = f"{self.dir}/log"
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [CONTROLLER, f"--name={name}", f"--database={bed.uri(database, port)}",
             f"--broker={broker or bed.broker}", f"--tokens={self.tokens}",
             f"--control-socket={self.socket}", "--metrics-port=0", "--beat-ms=100",
             "--standby-after-ms=1000", *options],
            stdout=self.log, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})

    def write_tokens(self, tokens):
        text = "".join(f"[{user}]\ntoken={token}\nproject={project}\nroles={role}\n"
                       for user, (token, project, role) in tokens.items())
        descriptor = os.open(self.tokens, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)

    def logged(self):
        return pathlib.Path(self.log_path).read_text()

    def ask(self, command, **args):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(self.socket)
            connection.sendall(json.dumps({"command": command, "args": args}).encode() + b"\n")
            with connection.makefile() as lines:
                return json.loads(lines.readline())

    def is_serving(self):
        assert self.process.poll() is None, self.logged()
        try:
            status = self.ask("status")["result"]
        except OSError:
            return False
        return status["serving"] and status["broker_connected"]

    def wait_serving(self, seconds=20):
        eventually(self.is_serving, seconds, "serving")
        return self

    def stop(self):
        """SIGTERM has to end it cleanly, and without a finding of the sanitizers."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        assert status == 0, self.logged()
        self.check_log()

    def check_log(self):
        assert "Sanitizer" not in self.logged(), self.logged()
        for token, _, _ in TOKENS.values():
            assert token not in self.logged()

    def kill(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def remove(self):
        self.kill()
        self.process.wait()
        self.log.close()


class Client:
    """Requests over AMQP, replies in a queue of its own."""

    schemas = Schemas()

    def __init__(self, broker, who="admin"):
        self.connection = pika.BlockingConnection(pika.URLParameters(broker))
        self.channel = self.connection.channel()
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.replies = {}
        self.channel.basic_consume(self.queue, self.on_reply, auto_ack=True)
        self.token = TOKENS[who][0]

    def on_reply(self, _channel, _method, properties, body):
        message = json.loads(body)
        self.schemas.check(properties.type, message)
        self.replies.setdefault(properties.correlation_id, []).append((properties.type, message))

    def send(self, type_, body, token=None, key=None, exchange="sdm", reply_to=None):
        correlation = str(uuid.uuid4())
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"sdm-token": self.token if token is None else token}
        self.channel.basic_publish(
            exchange, key or (type_ or "s10").split(".")[0], raw,
            pika.BasicProperties(type=type_, correlation_id=correlation, delivery_mode=2,
                                 reply_to=self.queue if reply_to is None else reply_to,
                                 headers={k: v for k, v in headers.items() if v}))
        return correlation

    def wait(self, correlation, seconds=20):
        end = time.monotonic() + seconds
        while correlation not in self.replies:
            assert time.monotonic() < end, "no reply"
            self.connection.process_data_events(0.05)
        return self.replies[correlation][0]

    def call(self, type_, body, **options):
        return self.wait(self.send(type_, body, **options))

    def ok(self, type_, body, **options):
        reply_type, reply = self.call(type_, body, **options)
        assert reply_type != "error/1", reply
        return reply

    def refused(self, type_, body, **options):
        reply_type, reply = self.call(type_, body, **options)
        assert reply_type == "error/1", reply
        return reply

    def depth(self, queue):
        return self.channel.queue_declare(queue, passive=True).method.message_count

    def purge(self):
        for queue in ("sdm.s10", "sdm.s11", "sdm.trial", "sdm.dead", "sdm.reports.0"):
            try:
                self.channel.queue_purge(queue)
            except pika.exceptions.ChannelClosedByBroker:
                self.channel = self.connection.channel()

    def close(self):
        if self.connection.is_open:
            self.connection.close()


def key():
    return f"k-{uuid.uuid4()}"


def small_topology(prefix):
    """A rack of one tray: a compute brick, two memory bricks of 4 GiB, an electrical switch."""
    names = {name: f"{prefix}-{name}" for name in ("r", "t", "c", "m1", "m2", "s")}
    module = int.from_bytes(os.urandom(3), "big") & ~1

    def link(device, port, switch_port):
        return {"a": {"device": names[device], "port": port},
                "b": {"device": names["s"], "port": switch_port}, "bandwidth_mbps": 100000}

    return names, {
        "racks": [{"id": names["r"], "management": "127.0.0.1:1"}],
        "trays": [{"id": names["t"], "rack": names["r"]}],
        "bricks": [
            {"id": names["c"], "kind": "compute", "tray": names["t"], "n_ports": 2,
             "local_bytes": GIB},
            {"id": names["m1"], "kind": "memory", "tray": names["t"], "n_ports": 2,
             "capacity_bytes": 4 * GIB, "module": module, "idle_mw": 10, "active_mw": 20},
            {"id": names["m2"], "kind": "memory", "tray": names["t"], "n_ports": 2,
             "capacity_bytes": 4 * GIB, "module": module + 1},
        ],
        "switches": [{"id": names["s"], "kind": "electrical", "tray": names["t"], "n_ports": 8}],
        "links": [link("c", 0, 0), link("c", 1, 1), link("m1", 0, 2), link("m2", 0, 3)],
    }


def plan_request(compute, size=GIB, **members):
    return {"compute_bricks": [compute], "size_bytes": size, "latency_class": "tray", "mode": "host",
            **members}
