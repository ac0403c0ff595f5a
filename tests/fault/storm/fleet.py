"""The processes of a campaign: what deploy/testbed starts, and controllers, agents and proxy that are ours, so that each
can be killed, stopped, cut off and started again at any time."""

import concurrent.futures
import contextlib
import ctypes
import json
import os
import pathlib
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import time
import uuid

import pika
import tcp_proxy
from servers import Server, is_alive
from testbed_view import control, program, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]

PROJECTS = ("north", "south", "east", "west")
FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
PR_SET_PDEATHSIG = 1
# The kernel's "parent" of that signal is a thread: this one lives as long as the campaign.
SPAWNER = concurrent.futures.ThreadPoolExecutor(1)


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(words, **how):
    """A child that ends with us."""
    return SPAWNER.submit(subprocess.Popen, words, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent, **how).result()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """One process that can be started again, with the same words."""

    def __init__(self, fleet, name, words, environment, control_path):
        self.fleet, self.name, self.words, self.environment = fleet, name, words, environment
        self.control_path = control_path
        self.process = None

    def start(self):
        with open(self.fleet.log / self.name, "ab") as log:
            self.process = spawn(self.words, stdout=log, stderr=log,
                                 env={**os.environ, **self.environment, "SDM_TESTBED_CHILD": str(self.fleet.folder)})

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.is_alive():
            self.process.send_signal(number)

    def kill(self):
        """At once, whatever it is doing."""
        self.signal(signal.SIGKILL)
        self.reap()

    def reap(self, timeout=10):
        if self.process is not None:
            self.process.wait(timeout)
            for name in (f"faketime_shm_{self.process.pid}", f"sem.faketime_sem_{self.process.pid}"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"/dev/shm/{name}")
            self.process = None

    def stop(self):
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.reap(15)
        if self.process is not None:
            self.kill()

    def is_stopped(self):
        try:
            return pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        except (AttributeError, OSError):
            return False

    def ask(self, command, **arguments):
        """Its control socket's answer; OSError for one that is stopped, which would not answer."""
        if self.is_stopped():
            raise OSError(f"{self.name} is stopped")
        return control(self.control_path, command, **arguments)


class Fleet:
    """Everything that runs."""

    def __init__(self, folder, build, n_controllers=3, sabotage="", clock=True):
        self.folder, self.build = pathlib.Path(folder), pathlib.Path(build)
        self.n_controllers, self.sabotage, self.has_clock = n_controllers, sabotage, clock and FAKETIME is not None
        self.log = self.folder / "log"
        self.own = self.folder / "fleet"
        self.proxy_path = str(self.own / "proxy.sock")
        self.controllers, self.agents, self.vms = [], {}, []
        self.proxy = None
        self.tokens = {name: secrets.token_hex(16) for name in (*PROJECTS, "admin")}

    # --- Up and down.

    def testbed(self, command, *options):
        done = subprocess.run([ROOT / "deploy/testbed", command, "--dir", self.folder, *options], text=True,
                              capture_output=True, timeout=200, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"testbed {command}: {done.stdout}{done.stderr}")
        return done.stdout

    def up(self):
        self.testbed("up", "--build", self.build, "--only", "postgres,rabbitmq,schema,emurack")
        for line in self.testbed("env").splitlines():
            name, _equals, value = line.removeprefix("export ").partition("=")
            os.environ[name] = "".join(shlex.split(value))
        shutil.rmtree(self.own, ignore_errors=True)  # an older run's agents have seen epochs that have yet to come
        self.own.mkdir(mode=0o700)
        self._start_proxy()
        self._make_rack()
        self._write_tokens()
        for number in range(1, self.n_controllers + 1):
            self._make_controller(number)
        for brick in self.computes:
            self._make_agent(brick)
        self.start_daemons()

    def start_daemons(self):
        for daemon in (*self.controllers, *self.agents.values()):
            daemon.start()
        wait_until("a controller leads", self.leader, 60)

    def stop_daemons(self):
        for daemon in (*self.agents.values(), *self.controllers):
            daemon.signal(signal.SIGCONT)
            daemon.signal(signal.SIGTERM)
        for daemon in (*self.agents.values(), *self.controllers):
            daemon.stop()

    def down(self):
        self.stop_daemons()
        if self.proxy is not None:
            self.proxy.terminate()
            self.proxy.wait(10)
        self.testbed("down")

    # --- Several runs on one system.

    def _sql(self, database, *statements):
        uri = os.environ["SDM_DATABASE_ADMIN"].replace("/sdm?", f"/{database}?")
        for statement in statements:
            subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", uri, "-c", statement], check=True, timeout=60)

    def copy_database(self, source, target):
        self._sql("postgres", f"DROP DATABASE IF EXISTS {target} WITH (FORCE)",
                  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = " f"'{source}'",
                  f"CREATE DATABASE {target} TEMPLATE {source} OWNER sdm")

    def reset(self):
        """An empty database, empty queues, empty hardware, agents that know nothing."""
        self.copy_database("sdm_empty", "sdm")
        connection = pika.BlockingConnection(pika.URLParameters(os.environ["SDM_BROKER"]))
        channel = connection.channel()
        for queue in ("sdm.s10", "sdm.s11", "sdm.reports.0", "sdm.dead", "sdm.trial", "campaign.events", "campaign.wants", "campaign.reports",
                      *(f"sdm.agent.{brick}" for brick in self.computes)):
            channel.queue_delete(queue)
        connection.close()
        for brick in self.computes:
            shutil.rmtree(self.own / f"agent-{brick}/state", ignore_errors=True)
        self._reset_hardware()
        for daemon in self.controllers:
            self.heads_file(daemon.name).unlink(missing_ok=True)

    def _reset_hardware(self):
        record = self.folder / "pids/emurack"
        pid = int(record.read_text().split()[0])
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        os.kill(pid, signal.SIGTERM)
        wait_until("the hardware has ended", lambda: not is_alive(pid), 20)
        state = pathlib.Path(os.environ["SDM_EMURACK_STATE"])
        for path in (state / "state", state / "rack.json"):
            path.unlink(missing_ok=True)
        for folder in ("bricks", "segments"):
            shutil.rmtree(pathlib.Path(os.environ["SDM_EMURACK_BYTES"], folder), ignore_errors=True)
        with open(self.log / "emurack", "ab") as log:
            process = spawn([os.fsdecode(word) for word in words], stdout=log, stderr=log,
                            env={**os.environ, "SDM_TESTBED_CHILD": str(self.folder)})
        started = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        record.write_text(f"{process.pid} {started}\n")
        wait_until("the hardware is there", lambda: (state / "rack.json").exists(), 20)

    def plant(self, sabotage):
        for daemon in (*self.controllers, *self.agents.values()):
            daemon.environment["SDM_SABOTAGE"] = sabotage

    # --- Parts.

    def _start_proxy(self):
        with open(self.log / "proxy", "ab") as log:
            self.proxy = spawn(["/usr/bin/python3", ROOT / "deploy/lib/tcp_proxy.py", "serve", self.proxy_path], stdout=log,
                               stderr=log)
        wait_until("the proxy listens", lambda: os.path.exists(self.proxy_path), 20)

    def link(self, command, **arguments):
        return tcp_proxy.ask(self.proxy_path, command, arguments)

    def _add_link(self, name, port):
        return self.link("add", link=name, target=f"127.0.0.1:{port}")["port"]

    def _make_rack(self):
        self.rack = json.loads(pathlib.Path(os.environ["SDM_RACK_FILE"]).read_text())
        address = self.rack["racks"][0]["management"]
        proxied = f"127.0.0.1:{self._add_link('rack', address.rpartition(':')[2])}"
        for group in ("racks", "bricks", "switches"):
            for item in self.rack[group]:
                if "management" in item:
                    item["management"] = proxied
        self.computes = [brick["id"] for brick in self.rack["bricks"] if brick["kind"] == "compute"]
        self.memories = {brick["id"]: brick for brick in self.rack["bricks"] if brick["kind"] == "memory"}
        self.unit = self.rack["segment_unit_bytes"]

    def _write_tokens(self):
        self.token_file = self.own / "tokens"
        with open(os.open(self.token_file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            for name, token in self.tokens.items():
                file.write(f"[{name}]\ntoken={token}\nproject={name}\nroles={'admin' if name == 'admin' else 'member'}\n\n")

    def broker_uri(self, user="sdm", port=None):
        passwords = dict(line.split() for line in (self.folder / "rabbitmq/passwords").read_text().splitlines())
        return f"amqp://{user}:{passwords[user]}@127.0.0.1:{port or os.environ['SDM_BROKER_PORT']}/sdm"

    def _make_controller(self, number):
        name = f"controller-{number}"
        folder = self.own / name
        folder.mkdir(exist_ok=True)
        broker = self._add_link(f"broker.{name}", os.environ["SDM_BROKER_PORT"])
        database = self._add_link(f"database.{name}", os.environ["SDM_DATABASE_PORT"])
        passfile = os.environ["PGPASSFILE"].replace("/", "%2F")
        words = [program(self.build, "sdm-controller"), f"--name={name}", f"--tokens={self.token_file}",
                 f"--database=postgresql://sdm_controller@127.0.0.1:{database}/sdm?sslmode=disable&passfile={passfile}",
                 f"--control-socket={folder}/control.sock", f"--metrics-port={free_port()}", "--beat-ms=250",
                 "--standby-after-ms=1500", "--fabric-timeout-ms=1500", "--agent-silence-ms=5000",
                 f"--audit-head-file={folder}/heads", "--audit-seal-ms=200"]
        environment = {"SDM_BROKER": self.broker_uri(port=broker), "ASAN_OPTIONS": "exitcode=99:detect_leaks=0",
                       "UBSAN_OPTIONS": "print_stacktrace=1", "SDM_SABOTAGE": self.sabotage}
        if self.has_clock:
            self.clock_file(name).write_text("+0\n")
            asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], text=True, capture_output=True, check=True).stdout
            environment |= {"LD_PRELOAD": f"{os.path.realpath(asan.strip())}:{FAKETIME}", "FAKETIME_NO_CACHE": "1",
                            "FAKETIME_TIMESTAMP_FILE": str(self.clock_file(name)), "DONT_FAKE_MONOTONIC": "1",
                            "FAKETIME_DONT_RESET": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        self.controllers.append(Daemon(self, name, words, environment, f"{folder}/control.sock"))

    def clock_file(self, name):
        return self.own / name / "clock"

    def heads_file(self, name):
        return self.own / name / "heads"

    def _make_agent(self, brick):
        folder = self.own / f"agent-{brick}"
        folder.mkdir(exist_ok=True)
        (folder / "boot-id").write_text(f"{uuid.uuid4()}\n")
        port = self._add_link(f"broker.agent-{brick}", os.environ["SDM_BROKER_PORT"])
        broker_file = folder / "broker"
        broker_file.touch(mode=0o600)
        broker_file.write_text(self.broker_uri(f"agent.{brick}", port) + "\n")
        state = os.environ["SDM_EMURACK_STATE"]
        words = [program(self.build, "sdm-agent"), f"--brick={brick}", f"--user-id=agent.{brick}",
                 f"--broker-file={broker_file}", f"--rmc-socket={state}/rmc/{brick}.sock", "--rmc-timeout=1500",
                 f"--sysfs-root={state}/sys/{brick}", f"--state-dir={folder}/state", f"--boot-id-file={folder}/boot-id",
                 f"--control-socket={folder}/control.sock", f"--metrics-port={free_port()}", "--backend=fake-guests",
                 "--look-interval=2000"]
        environment = {"ASAN_OPTIONS": "exitcode=99:detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1",
                       "SDM_SABOTAGE": self.sabotage}
        self.agents[brick] = Daemon(self, f"agent-{brick}", words, environment, f"{folder}/control.sock")

    # --- What is there.

    def leader(self):
        """The daemon that serves, as it says itself, or None."""
        for daemon in self.controllers:
            if not daemon.is_alive():
                continue
            with contextlib.suppress(OSError, RuntimeError, ValueError, KeyError):
                status = daemon.ask("status")
                if status.get("serving") and status.get("broker_connected"):
                    return daemon
        return None

    def start_guests(self):
        """Two fake guests a compute brick; after an agent's start they start, too."""
        self.vms = [{"vm": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{brick}-{k}")), "brick": brick,
                     "project": PROJECTS[(number * 2 + k) % len(PROJECTS)]}
                    for number, brick in enumerate(self.computes) for k in range(2)]
        for brick in self.computes:
            self.start_guests_of(brick)

    def start_guests_of(self, brick):
        for guest in self.vms:
            if guest["brick"] == brick:
                self.start_guest(guest)

    def start_guest(self, guest):
        wait_until("an agent listens", lambda: os.path.exists(self.agents[guest["brick"]].control_path), 20)
        self.agents[guest["brick"]].ask("fake-vm-start", vm=guest["vm"], name=f"guest-{guest['vm'][:4]}", n_slots=8,
                                        memory_bytes=256 << 20, max_memory_bytes=16 << 30)

    def findings(self):
        """Lines of the sanitizers, failed assertions, and ends that nobody asked for."""
        words = ("Sanitizer", "runtime error", "ERROR:", "assertion failed")
        found = []
        for daemon in (*self.controllers, *self.agents.values()):
            for line in (self.log / daemon.name).read_text(errors="replace").splitlines():
                if any(word in line for word in words):
                    found.append(f"{daemon.name}: {line[:300]}")
        return found

    def n_deadlocks(self):
        """Transactions that PostgreSQL ended because they waited for each other: there is an order that forbids it."""
        return (self.log / "postgres").read_text(errors="replace").count("deadlock detected")

    # --- Database and broker.

    def respawn(self, name, number, pause):
        """Ends postgres or rabbitmq with a signal, and starts it again with its own words."""
        server = Server(self.folder, name)
        server.end(number)
        time.sleep(pause)
        server.start()
