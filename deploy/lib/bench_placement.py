"""deploy/bench placement: the same work by OpenStack Placement: durable allocations, and the question for candidates.

A real Placement (Debian's packages, 2 uwsgi workers, requests trusted without a token) on the very PostgreSQL that the controller uses,
fsync on.  An allocation is what a reserve is there: N MiB of one provider for a new consumer, durable.  Rounds of both
alternate.  The packages are of the last section of deploy/packages.txt, and only this benchmark installs them."""

import contextlib
import http.client
import itertools
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid

import bench_engine
from bench_bed import ROOT, processor_us
from bench_planner import run_program
from bench_report import machine, summary, table
from testbed_view import query, wait_until

WORKERS = 2
CLIENTS = (1, 4, 8, 16)
PROVIDERS = (1000, 5000)
# 40 racks of 128 bricks.
RACKS = 40
TOTAL_MIB = 1 << 30
CONFIG = """[DEFAULT]
log_file = {folder}/placement.log
[api]
auth_strategy = noauth2
[placement_database]
connection = {database}
"""


def install():
    script = 'source "$0/deploy/lib/progress.sh"; source "$0/deploy/lib/setup.sh"; setup_packages "$0" "$1" bench'
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["bash", "-c", script, str(ROOT), f"{folder}/apt"], check=True)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Placement:
    """The service, with a database of its own on the testbed's server."""

    def __init__(self):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="sdm-placement-", dir="/tmp"))
        self.port = free_port()
        query("CREATE DATABASE placement")
        admin = urllib.parse.urlsplit(os.environ["SDM_DATABASE_ADMIN"])
        self._database = admin._replace(path="/placement").geturl()
        config = self._folder / "placement.conf"
        config.touch(mode=0o600)
        config.write_text(CONFIG.format(folder=self._folder, database=self._sqlalchemy_uri(admin)))
        subprocess.run(["placement-manage", "--config-file", config, "db", "sync"], check=True)
        self._log = open(self._folder / "uwsgi.log", "wb")
        self._process = subprocess.Popen(
            ["uwsgi", "--plugins", "http,python3", "--master", "--processes", str(WORKERS), "--threads", "1",
             "--lazy-apps", "--enable-threads", "--thunder-lock", "--buffer-size", "65535", "--die-on-term", "--need-app",
             "--wsgi-file", shutil.which("placement-api"), "--http", f"127.0.0.1:{self.port}", "--http-keepalive=1",
             "--disable-logging"], stdout=self._log, stderr=self._log,
            env={**os.environ, "OS_PLACEMENT_CONFIG_DIR": str(self._folder)})
        wait_until("Placement answers", self._answers)

    @property
    def pid(self):
        return self._process.pid

    @staticmethod
    def _sqlalchemy_uri(admin):
        """By the same socket."""
        wanted = {name: values[0] for name, values in urllib.parse.parse_qs(admin.query).items()
                  if name in ("host", "port", "passfile")}
        return f"postgresql+psycopg2://postgres@/placement?{urllib.parse.urlencode(wanted)}"

    def _answers(self):
        if self._process.poll() is not None:
            raise RuntimeError((self._folder / "uwsgi.log").read_text()[-2000:])
        try:
            return Session(self.port).request("GET", "/resource_providers")[0] == 200
        except OSError:
            return False

    def _sql(self, statements):
        subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self._database], input=statements, check=True, text=True)

    def grow(self, n):
        """To 'n' providers of one inventory each.  By SQL: its API takes minutes for that."""
        self._sql(f"""
            INSERT INTO resource_providers (created_at, uuid, name, generation)
            SELECT now(), gen_random_uuid()::text, 'mem-' || i, 0
            FROM generate_series((SELECT count(*) FROM resource_providers) + 1, {n}) AS i;
            UPDATE resource_providers SET root_provider_id = id WHERE root_provider_id IS NULL;
            INSERT INTO inventories (created_at, resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit,
                                     step_size, allocation_ratio)
            SELECT now(), p.id, c.id, {TOTAL_MIB}, 0, 1, {TOTAL_MIB}, 1, 1.0
            FROM resource_providers p, resource_classes c
            WHERE c.name = 'MEMORY_MB' AND NOT EXISTS (SELECT FROM inventories i WHERE i.resource_provider_id = p.id);
            ANALYZE""")
        output = subprocess.run(["psql", "-XAtq", self._database, "-c", "SELECT uuid FROM resource_providers"], check=True,
                                capture_output=True, text=True).stdout
        return output.split()

    def close(self):
        self._process.terminate()
        self._process.wait(30)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Session:
    """One connection that is kept."""

    HEADERS = {"X-Auth-Token": "admin", "OpenStack-API-Version": "placement 1.39", "Content-Type": "application/json"}

    def __init__(self, port):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def request(self, method, path, body=None):
        try:
            return self._once(method, path, body)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # The server ends idle connections.
            self._connection.close()
            return self._once(method, path, body)

    def _once(self, method, path, body):
        self._connection.request(method, path, json.dumps(body) if body else None, self.HEADERS)
        reply = self._connection.getresponse()
        return reply.status, reply.read()


def allocate(session, providers, project):
    body = {"allocations": {random.choice(providers): {"resources": {"MEMORY_MB": 128 * random.randint(1, 8)}}},
            "consumer_generation": None, "project_id": project, "user_id": "bench", "consumer_type": "INSTANCE"}
    return session.request("PUT", f"/allocations/{uuid.uuid4()}", body)


def allocations(port, providers, n_clients, seconds):
    """One round: allocations a second, and how long each took."""
    took, lost = [], itertools.count()
    end = time.monotonic() + seconds

    def run(number):
        session = Session(port)
        while time.monotonic() < end:
            start = time.monotonic()
            status, reply = allocate(session, providers, f"bench{number}")
            if status == 204:
                took.append((time.monotonic() - start) * 1000)
            elif status == 409:
                next(lost)
            else:
                raise RuntimeError(f"{status}: {reply[:300]}")

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n_clients)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"per_s": len(took) / (time.monotonic() - start), "conflicts": next(lost), **summary(took)}


def candidates(port, n):
    """Milliseconds of each question for 10 candidates."""
    session = Session(port)
    took = []
    for _ in range(n):
        start = time.monotonic()
        status, reply = session.request("GET", "/allocation_candidates?resources=MEMORY_MB:512&limit=10")
        took.append((time.monotonic() - start) * 1000)
        if status != 200 or len(json.loads(reply)["provider_summaries"]) != 10:
            raise RuntimeError(f"{status}: {reply[:300]}")
    return took


def measure_allocations(placement, providers, quick):
    """By number of clients; the best of them."""
    seconds = 1 if quick else 8
    found = {n: allocations(placement.port, providers, n, seconds) for n in (CLIENTS[1:2] if quick else CLIENTS)}
    return {"clients": found, "best_clients": max(found, key=lambda n: found[n]["per_s"])}


def beside_each_other(bed, placement, providers, n_clients, quick):
    """Rounds of both in one run, with what each takes of the processors for one allocation: that depends less on who else
    uses the machine."""
    n_ours = bench_engine.calibrate(bed.reserve, bench_engine.WINDOW, bench_engine.ROUND_S, quick)
    pids = {"placement": placement.pid, "postgres": bed.pids["postgres"]}

    def theirs():
        before = {name: processor_us(pid) for name, pid in pids.items()}
        found = allocations(placement.port, providers, n_clients, 1 if quick else 8)
        used = {name: round((processor_us(pid) - before[name]) / found["n"], 1) for name, pid in pids.items()}
        return {"per_s": found["per_s"], "cpu_us": used}

    found = bench_engine.alternate(2 if quick else 5, {
        "ours": lambda: bed.reserve(n_ours, bench_engine.WINDOW), "theirs": theirs})
    report = {name: {"per_s": summary([one["per_s"] for one in rounds], 1), "cpu_us": bench_engine.cpu_of(rounds)}
              for name, rounds in found.items()}
    # Without their client, which is written in Python; with ours.
    total = {name: sum(report[name]["cpu_us"].values()) for name in report}
    report["cpu_ratio"] = round(total["theirs"] / total["ours"], 1)
    return report


def measure_candidates(options, bed, placement):
    """5,000 providers beside a pod of 5,120 bricks: by the controller, and by its planner alone."""
    theirs = candidates(placement.port, 3 if options.quick else 30)
    ours = bed.plans(200 if options.quick else 2000)
    planner = run_program(options.build / "tests/bench/bench-planner", "--racks", str(RACKS), "near",
                          *(["--quick"] if options.quick else []))["planner"][0]
    placement_ms = summary(theirs)["median"]
    return {"placement_ms": summary(theirs), "s10_ms": {name: ours[f"{name}_us"] / 1000 for name in ("p50", "p99")},
            "process_us": {name: planner[f"{name}_us"] for name in ("p50", "p99")}, "bricks": planner["bricks"],
            "s10_ratio": round(placement_ms * 1000 / ours["p50_us"], 1), "s10_ratio_aim": 100,
            "process_ratio": round(placement_ms * 1000 / planner["p50_us"]), "process_ratio_aim": 10000}


def run(options, bed, placement):
    before = machine()
    report = {"providers": {}}
    for n in PROVIDERS[:1] if options.quick else PROVIDERS:
        providers = placement.grow(n)
        report["providers"][n] = {**measure_allocations(placement, providers, options.quick),
                                  "candidates_ms": summary(candidates(placement.port, 3 if options.quick else 20))}
    best = report["providers"][n]["best_clients"]
    report["rounds"] = beside_each_other(bed, placement, providers, best, options.quick)
    report["ratio"] = round(report["rounds"]["ours"]["per_s"]["median"] / report["rounds"]["theirs"]["per_s"]["median"], 1)
    report["ratio_aim"] = 100
    report["candidates"] = measure_candidates(options, bed, placement)
    report["machine"] = {"before": before, "after": machine()}
    return report


def show(report):
    for n, found in report["providers"].items():
        table(f"PUT allocations, {n} providers", [
            (f"{clients} clients: {one['per_s']:.1f} a second, {one['conflicts']} conflicts", one)
            for clients, one in found["clients"].items()])
        table("", [("GET allocation_candidates limit=10", found["candidates_ms"])])
    table("beside each other, durable, a second", [(name, report["rounds"][name]["per_s"]) for name in ("ours", "theirs")],
          unit="/s")
    for name in ("ours", "theirs"):
        used = report["rounds"][name]["cpu_us"]
        print(f"processor time of one, µs: {name}: {sum(used.values()):.0f} ({', '.join(f'{part} {us:.0f}' for part, us in used.items())})")
    print(f"of that, theirs to ours: {report['rounds']['cpu_ratio']}")
    found = report["candidates"]
    print(f"\nratio {report['ratio']} (aim ≥ {report['ratio_aim']})\n"
          f"candidates: Placement {found['placement_ms']['median']:.0f} ms; s10.plan {found['s10_ms']['p50']:.2f} ms, "
          f"ratio {found['s10_ratio']} (aim ≥ {found['s10_ratio_aim']}); planner {found['process_us']['p50']:.2f} µs at "
          f"{found['bricks']} bricks, ratio {found['process_ratio']} (aim ≥ {found['process_ratio_aim']})")


def bench(options):
    install()
    with bench_engine.engine_bed(options, RACKS) as bed, contextlib.closing(Placement()) as placement:
        report = run(options, bed, placement)
    show(report)
    return {"placement": report, "engine": {"placement_ratio": report["ratio"]}}
