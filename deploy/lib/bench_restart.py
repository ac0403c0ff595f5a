"""deploy/bench restart: from the start of sdm-controller to its first answer, with a full database.

bench-holdings of tests/bench writes a pod that the planner itself has filled; its rows are copied into a private
PostgreSQL, and every switch and brick answers at bench_hardware.py as the rows say. Beside it, in the same run: COPY
of the same tables to a client that only reads them."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import pika

from bench_report import machine
from sdm_client import Client, NoReply, broker_parameters
from testbed_view import load_environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Racks of 128 bricks, and live segments on them.
SIZES = {True: [(8, 10_000)], False: [(782, 100_000), (782, 1_000_000)]}
# In the order of their foreign keys.
TABLES = ("pod", "rack", "tray", "device", "link", "port", "project", "reservation", "segment", "circuit",
          "circuit_hop", "segment_circuit", "attachment", "netport_window")
# What a start has to read.
READ = ("rack", "tray", "device", "port", "link", "segment", "circuit", "circuit_hop", "netport_window")
UNCHECKED = """
SET session_replication_role = replica;
ALTER TABLE sdm.segment DROP CONSTRAINT segment_one_owner;
ALTER TABLE sdm.circuit_hop DROP CONSTRAINT circuit_hop_one_peer;
ALTER TABLE sdm.netport_window DROP CONSTRAINT netport_window_one_use;
"""
TOKEN = "bench-token-0123456789"
DRIFT_QUEUE = "bench.drift"


def psql(*arguments):
    return subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", os.environ["SDM_DATABASE_ADMIN"],
                           *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@contextlib.contextmanager
def services():
    """PostgreSQL with the schema, and RabbitMQ; yields their folder."""
    folder = tempfile.mkdtemp(prefix="sdm-bench-", dir="/tmp")
    os.chmod(folder, 0o711)
    testbed = [ROOT / "deploy/testbed"]
    try:
        subprocess.run([*testbed, "up", "--only", "postgres,rabbitmq,schema", "--dir", folder], check=True,
                       stdout=subprocess.DEVNULL)
        load_environment(folder)
        yield pathlib.Path(folder)
    finally:
        subprocess.run([*testbed, "down", "--dir", folder], check=True, stdout=subprocess.DEVNULL)
    # Logs of a failed run stay.
    shutil.rmtree(folder, ignore_errors=True)


class Hardware:
    """What answers for every switch and brick."""

    def __init__(self):
        self.process = subprocess.Popen([ROOT / "deploy/lib/bench_hardware.py"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def ask(self, line):
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(f"{line}\n".encode())
            with connection.makefile() as lines:
                return lines.readline()

    def asked(self):
        return json.loads(self.ask("asked"))

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def fill(build, folder, racks, segments, hardware, checked):
    """Copies the rows in. Foreign keys, triggers and exclusion constraints, which take very long over a million rows, look
    at them when 'checked' is set: the rows are of one make whatever their number."""
    rows = folder / "rows"
    rows.mkdir()
    made = json.loads(subprocess.run(
        [build / "tests/bench/bench-holdings", rows, str(racks), str(segments), f"127.0.0.1:{hardware.port}"],
        check=True, stdout=subprocess.PIPE).stdout)
    first = rows / "first.sql"
    first.write_text("" if checked else UNCHECKED)
    psql("-c", "ALTER SYSTEM SET max_wal_size = '8GB'", "-c", "SELECT pg_reload_conf()")
    psql(f"--file={first}", *[f"--file={rows / table}.sql" for table in TABLES])
    psql("-c", "VACUUM ANALYZE", "-c", "CHECKPOINT")
    held = rows / "held"
    held.write_text(psql(
        "-c", "SELECT d.id || ' ' || string_agg(DISTINCT h.port || '-' || h.peer_port, ' ') FROM sdm.circuit c"
              " JOIN sdm.circuit_hop h USING (circuit) JOIN sdm.device d ON d.device_no = h.switch_no"
              " WHERE c.have_up AND h.towards GROUP BY d.id",
        "-c", "SELECT m.id || ' ' || string_agg(s.offset_bytes || ':' || s.size_bytes || ':1:' || c.id, ' ')"
              " FROM sdm.netport_window w JOIN sdm.segment s USING (segment)"
              " JOIN sdm.device m ON m.device_no = s.brick_no JOIN sdm.device c ON c.device_no = w.compute_no"
              " GROUP BY m.id"))
    hardware.ask(f"holding {held}")
    shutil.rmtree(rows)
    return made


def copy_seconds():
    """The same tables to a client that only reads them: nothing that reads them all can be faster in one session."""
    start = time.monotonic()
    with open(os.devnull, "wb") as nowhere:
        subprocess.run(["psql", "-Xq", "-d", os.environ["SDM_DATABASE_ADMIN"],
                        *[f"-cCOPY sdm.{table} TO STDOUT" for table in READ]], check=True, stdout=nowhere)
    return round(time.monotonic() - start, 2)


def secret_file(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return path


class Controller:
    """One start of it."""

    def __init__(self, build, folder):
        tokens = secret_file(folder / "tokens", f"[bench]\ntoken={TOKEN}\nproject=bench\nroles=admin\n")
        broker = secret_file(folder / "broker", os.environ["SDM_BROKER"] + "\n")
        self.log = open(folder / "log/sdm-controller", "ab")
        self.control = str(folder / "control.sock")
        self.start = time.monotonic()
        self.process = subprocess.Popen(
            [build / "services/sdm-controller/sdm-controller", "--name=bench",
             f"--database={os.environ['SDM_DATABASE_CONTROLLER']}", f"--broker-file={broker}", f"--tokens={tokens}",
             f"--control-socket={self.control}", "--metrics-port=0"],
            stdout=self.log, stderr=subprocess.STDOUT)

    def check(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"sdm-controller ended with status {self.process.returncode}: {self.log.name}")

    def answer(self, client, request, limit):
        """When it was answered, or None."""
        asked = client.send("s10.plan", request)
        end = time.monotonic() + limit
        while time.monotonic() < end:
            self.check()
            with contextlib.suppress(NoReply):
                reply_type, body, when = client.reply(asked, timeout=0.5)
                if reply_type == "error/1":
                    raise RuntimeError(f"s10.plan: {body}")
                return when
        return None

    def seconds_to_answer(self, compute, limit=900):
        """Until a plan is answered; one stands at the queue from the first moment on."""
        request = {"compute_bricks": [compute], "size_bytes": 1 << 27, "latency_class": "inter-rack", "mode": "host"}
        while time.monotonic() - self.start < limit:
            self.check()
            client = Client(TOKEN)
            # The first start ever has yet to declare exchange and queue: what is sent before goes nowhere.
            with contextlib.suppress(pika.exceptions.AMQPError), contextlib.closing(client):
                when = self.answer(client, request, limit=10)
                if when is not None:
                    return round(when - self.start, 2)
            time.sleep(0.1)
        raise RuntimeError(f"no answer within {limit} s")

    def loaded(self):
        """What its memory holds, to be what the rows say."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.control)
            connection.sendall(b'{"command":"graph","args":{}}\n')
            with connection.makefile() as lines:
                graph = json.loads(lines.readline())["result"]
        return {"used_bytes": graph["capacity_bytes"] - graph["free_bytes"], "circuits": graph["n_circuits"],
                "windows": graph["n_windows"]}

    def memory(self):
        """Now, and at most since it began."""
        lines = map(str.split, pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines())
        sizes = {words[0]: round(int(words[1]) / 1024, 1) for words in lines if words[0] in ("VmRSS:", "VmHWM:")}
        return {"rss_mib": sizes["VmRSS:"], "peak_mib": sizes["VmHWM:"]}

    def end(self):
        self.process.terminate()
        self.process.wait(300)
        self.log.close()


def circuits():
    return psql("-c", "SELECT count(*) || ' ' || md5(string_agg(c::text, ',' ORDER BY circuit)) FROM sdm.circuit c")


def drifts(take):
    """How many drift events there were; the queue for them is made when 'take' is not set."""
    with contextlib.closing(pika.BlockingConnection(broker_parameters())) as connection:
        channel = connection.channel()
        if not take:
            channel.queue_declare(DRIFT_QUEUE, durable=True)
            channel.queue_bind(DRIFT_QUEUE, "sdm.events", "event.drift.#")
        return channel.queue_declare(DRIFT_QUEUE, passive=True).method.message_count


def wait_compared(controller, hardware, n_switches, asked_before, limit=600):
    """Until every switch has been asked what it connects; returns what was asked since."""
    end = time.monotonic() + limit
    while True:
        controller.check()
        asked = hardware.asked()
        since = {word: asked[word] - asked_before.get(word, 0) for word in asked}
        if since.get("list", 0) >= n_switches:
            return since
        if time.monotonic() > end:
            raise RuntimeError(f"{since.get('list', 0)} of {n_switches} switches compared within {limit} s")
        time.sleep(0.1)


def start_once(build, folder, hardware, compute, n_switches):
    asked = hardware.asked()
    controller = Controller(build, folder)
    try:
        report = {"seconds": controller.seconds_to_answer(compute), **controller.memory()}
        report["loaded"] = controller.loaded()
        since = wait_compared(controller, hardware, n_switches, asked)
        report["compared_seconds"] = round(time.monotonic() - controller.start, 2)
        report["changed_at_switches"] = since.get("connect", 0) + since.get("disconnect", 0)
        report["compared_peak_mib"] = controller.memory()["peak_mib"]
    finally:
        controller.end()
    return report


def measure(build, racks, segments, n_starts, checked):
    with services() as folder, contextlib.closing(Hardware()) as hardware:
        made = fill(build, folder, racks, segments, hardware, checked)
        compute = psql("-c", "SELECT id FROM sdm.device WHERE kind = 'compute' ORDER BY device_no DESC LIMIT 1")
        n_switches = int(psql("-c", "SELECT count(*) FROM sdm.device WHERE kind IN ('electrical', 'optical')"))
        before = circuits()
        # The first start ever also declares a queue for each compute brick.
        first = start_once(build, folder, hardware, compute, n_switches)
        drifts(take=False)
        starts = []
        copies = []
        for _ in range(n_starts):
            copies.append(copy_seconds())
            starts.append(start_once(build, folder, hardware, compute, n_switches))
        middle = sorted(starts, key=lambda start: start["seconds"])[n_starts // 2]
        return {**made, **middle, "copy_seconds": sorted(copies)[n_starts // 2], "first": first, "starts": starts,
                "drift_events": drifts(take=True), "circuits_changed": circuits() != before}


def run(build, quick):
    before = machine()
    sizes = [measure(build, *size, n_starts=1 if quick else 3, checked=quick) for size in SIZES[quick]]
    return {**{name: sizes[-1][name] for name in ("seconds", "rss_mib", "peak_mib", "copy_seconds")}, "sizes": sizes,
            "machine": [before, machine()]}


def show(report):
    columns = ("bricks", "segments", "circuits", "windows", "seconds", "copy_seconds", "rss_mib", "peak_mib",
               "compared_seconds", "changed_at_switches", "drift_events")
    for size in report["sizes"]:
        print()
        for column in columns:
            print(f"  {column:<22}{size[column]:>14}")
        print(f"  {'seconds of each start':<22}{' '.join(str(start['seconds']) for start in size['starts']):>14}"
              f"   (the first ever: {size['first']['seconds']})")


def bench(options):
    report = run(options.build, options.quick)
    show(report)
    return {"restart": report}
