"""deploy/bench engine: durable reserves a second, beside the same broker's echo; a lone reserve, beside echo and commit.

The real controller on a testbed of its own: quorum queues, fsync on, 50 projects.  Rounds of ours and of the echo
alternate, with the same client (tests/bench/engine.c), because the machine is never the same twice.  The pool is large
enough for every round: nothing is ever refused."""

import contextlib
import json
import os
import random
import secrets
import signal
import statistics
import subprocess
import tempfile
import uuid

from bench_bed import process, processor_us, testbed
from bench_report import machine, summary, table
from sdm_client import Client
from testbed_view import query, wait_until

MIB = 1 << 20
UNIT_BYTES = 128 * MIB
N_PROJECTS = 50
WINDOW = 256
ECHO_KEY = "bench.echo"
# A round lasts about so long, however fast the machine is.
ROUND_S = 6
LONE_S = 2


def make_rack(build, path, n_racks):
    """Memory enough for millions of requests: bricks of 8 TiB; of one rack's trays none has more."""
    with open(path, "w") as file:
        subprocess.run([build / "tests/bench/topology", "--racks", str(n_racks), "--least-units", "65536", "--most-units",
                        "65536", "--pod-switches", "8" if n_racks > 1 else "0"], stdout=file, check=True)


class EngineBed:
    """The testbed of the environment, with 50 projects and an echo server beside the controller."""

    def __init__(self, options, folder):
        self._program = options.build / "tests/bench/bench-engine"
        self._random = random.Random(7)
        self.pids = {"controller": process(folder, "controller-1"), "postgres": process(folder, "postgres"),
                      "broker": process(folder, "rabbitmq")}
        self._bricks = self._register(options, folder / "rack.json")
        self._tokens = self._make_projects(folder)
        self._echo = subprocess.Popen([self._program, "echo", "sdm", ECHO_KEY, ECHO_KEY], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
        self._echo.stdout.readline()
        self.pids["echo"] = self._echo.pid
        query("CREATE TABLE IF NOT EXISTS public.bench_commit (id bigserial PRIMARY KEY, body text)")

    @staticmethod
    def _register(options, path):
        """The hardware; its compute bricks."""
        subprocess.run([options.build / "services/sdmctl/sdmctl", "rack", "register", path], check=True,
                       env={**os.environ, "SDM_TOKEN_FILE": os.environ["SDM_ADMIN_TOKEN_FILE"]}, stdout=subprocess.DEVNULL)
        return [brick["id"] for brick in json.loads(path.read_text())["bricks"] if brick["kind"] == "compute"]

    def _make_projects(self, folder):
        tokens = [secrets.token_hex(16) for _ in range(N_PROJECTS)]
        with open(folder / "controller/tokens", "a") as file:
            for i, token in enumerate(tokens):
                file.write(f"[bench{i}]\ntoken={token}\nproject=bench{i}\nroles=member\n\n")
        os.kill(self.pids["controller"], signal.SIGHUP)
        client = Client(tokens[-1])

        def is_known():
            return client.reply(client.send("s10.list", {}))[0] == "s10.list.reply/1"

        wait_until("the controller knows the projects", is_known)
        return tokens

    def close(self):
        self._echo.stdin.close()
        self._echo.wait(30)

    def _wanted(self):
        return {"compute_bricks": [self._random.choice(self._bricks)], "latency_class": "tray", "mode": "host",
                "size_bytes": self._random.randint(1, 8) * UNIT_BYTES}

    def _reserve(self):
        return {"key": str(uuid.uuid4()), "lease_s": 86400, "request": self._wanted()}

    def _round(self, key, message_type, make, n, window):
        """One round: what the client saw, and the processor time that each part took for a request."""
        with tempfile.TemporaryFile("w+") as file:
            file.writelines(f"{self._random.choice(self._tokens)} {json.dumps(make())}\n" for _ in range(n))
            file.seek(0)
            before = {name: processor_us(pid) for name, pid in self.pids.items()}
            output = subprocess.run([self._program, "load", "sdm", key, message_type, str(window)], stdin=file,
                                    check=True, stdout=subprocess.PIPE, text=True).stdout
        seen = json.loads(output)
        if seen["refused"] > 0:
            raise RuntimeError(f"{seen['refused']} of {n} refused: {seen['refusal']}")
        seen["cpu_us"] = {name: round((processor_us(pid) - before[name]) / n, 1) for name, pid in self.pids.items()}
        seen["cpu_us"]["client"] = seen.pop("client_us")
        return seen

    def reserve(self, n, window):
        return self._round("s10", "s10.reserve/1", self._reserve, n, window)

    def echo(self, n, window):
        return self._round(ECHO_KEY, "s10.reserve/1", self._reserve, n, window)

    def plans(self, n):
        """Plans that hold nothing, one at a time."""
        return self._round("s10", "s10.plan/1", self._wanted, n, 1)

    def commit(self, n):
        """Milliseconds that one transaction of one row takes, by pgbench, which knows no better than libpq."""
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(folder, "commit.sql")
            with open(script, "w") as file:
                file.write(f"INSERT INTO public.bench_commit (body) VALUES ('{'x' * 400}');\n")
            subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", "1", "-t", str(n), "-l", "-f", script,
                            os.environ["SDM_DATABASE_ADMIN"]], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            log = next(name for name in os.listdir(folder) if name.startswith("pgbench_log"))
            with open(os.path.join(folder, log)) as file:
                return [int(line.split()[2]) / 1000 for line in file]


@contextlib.contextmanager
def engine_bed(options, n_racks=1):
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "rack.json")
        make_rack(options.build, path, n_racks)
        with testbed(options, "--only", "postgres,rabbitmq,schema,emurack,controller", "--rack", path) as folder:
            bed = EngineBed(options, folder)
            try:
                yield bed
            finally:
                bed.close()


def calibrate(measure, window, seconds, quick):
    """How many requests fill a round; also warms up."""
    if quick:
        measure(window, window)
        return max(window, 50)
    n = 2 * window if window > 1 else 50
    while True:
        seen = measure(n, window)
        if seen["seconds"] > 0.5:
            return max(int(seen["per_s"] * seconds), n)
        n *= 4


def alternate(n_rounds, measures):
    """Rounds of each, in an order that turns; their results by name."""
    found = {name: [] for name in measures}
    for i in range(n_rounds):
        for name in measures if i % 2 == 0 else reversed(measures):
            found[name].append(measures[name]())
            print(f"\r  round {i + 1} of {n_rounds}: {name:<8}", end="", flush=True)
    print()
    return found


def cpu_of(rounds):
    """Median of the rounds, by part."""
    return {part: round(statistics.median(one["cpu_us"][part] for one in rounds), 1) for part in rounds[0]["cpu_us"]}


def rates(bed, n_rounds, quick):
    """The window full: ours beside the echo."""
    n_ours = calibrate(bed.reserve, WINDOW, ROUND_S, quick)
    n_echo = calibrate(bed.echo, WINDOW, ROUND_S, quick)
    found = alternate(n_rounds, {"ours": lambda: bed.reserve(n_ours, WINDOW), "echo": lambda: bed.echo(n_echo, WINDOW)})
    report = {"requests_a_round": n_ours, "echoes_a_round": n_echo}
    for name, rounds in found.items():
        report[name] = {"per_s": summary([one["per_s"] for one in rounds], 1),
                        "p50_ms": summary([one["p50_us"] / 1000 for one in rounds]),
                        "p99_ms": summary([one["p99_us"] / 1000 for one in rounds]),
                        "cpu_us": cpu_of(rounds)}
    # Does not depend on who else uses the machine.
    total = {name: sum(report[name]["cpu_us"].values()) for name in found}
    report["cpu_ratio"] = round(total["echo"] / total["ours"], 3)
    report["pair_ratio"] = summary([ours["per_s"] / echo["per_s"] for ours, echo in zip(found["ours"], found["echo"])])
    return report


def lone(bed, n_rounds, quick):
    """One request at a time: ours beside echo and one commit."""
    n = calibrate(bed.reserve, 1, LONE_S, quick)
    found = alternate(n_rounds, {"ours": lambda: bed.reserve(n, 1), "echo": lambda: bed.echo(n, 1),
                                 "commit": lambda: bed.commit(n)})
    report = {"requests_a_round": n}
    for name in ("ours", "echo"):
        report[name] = {"p50_ms": summary([one["p50_us"] / 1000 for one in found[name]]),
                        "p99_ms": summary([one["p99_us"] / 1000 for one in found[name]])}
    report["commit"] = {"p50_ms": summary([statistics.median(one) for one in found["commit"]]),
                        "p99_ms": summary([summary(one)["p99"] for one in found["commit"]])}
    return report


def run(bed, quick):
    before = machine()
    n_rounds = 2 if quick else 7
    full = rates(bed, n_rounds, quick)
    single = lone(bed, n_rounds, quick)
    alone = {name: single[name]["p50_ms"]["median"] for name in ("ours", "echo", "commit")}
    return {
        "per_s": full["ours"]["per_s"]["median"], "echo_per_s": full["echo"]["per_s"]["median"],
        "echo_ratio": round(full["ours"]["per_s"]["median"] / full["echo"]["per_s"]["median"], 3), "echo_ratio_aim": 0.8,
        "lone_ms": alone["ours"], "lone_ratio": round(alone["ours"] / (alone["echo"] + alone["commit"]), 3),
        "lone_ratio_aim": 1.2, "window": WINDOW, "projects": N_PROJECTS, "full": full, "lone": single,
        "machine": {"before": before, "after": machine()},
    }


def show(report):
    full, single = report["full"], report["lone"]
    table(f"window {WINDOW}, {len(full['ours']['per_s']['samples'])} rounds of each", [
        ("durable reserve + reply, a second", full["ours"]["per_s"]), ("echo, a second", full["echo"]["per_s"])], unit="/s")
    table("its latency", [(f"{name}, {which} of a round", full[name][f"{which}_ms"])
                          for name in ("ours", "echo") for which in ("p50", "p99")])
    table("one at a time", [(f"{name}, {which} of a round", single[name][f"{which}_ms"])
                            for name in ("ours", "echo", "commit") for which in ("p50", "p99")])
    for name in ("ours", "echo"):
        parts = ", ".join(f"{part} {used:.0f}" for part, used in full[name]["cpu_us"].items())
        print(f"processor time of one request, µs: {name}: {sum(full[name]['cpu_us'].values()):.0f} ({parts})")
    print(f"of that, echo to ours: {full['cpu_ratio']}")
    load = report["machine"]
    print(f"\necho ratio {report['echo_ratio']} (aim ≥ {report['echo_ratio_aim']}), lone ratio {report['lone_ratio']} "
          f"(aim ≤ {report['lone_ratio_aim']}); load {load['before']['load'][0]} to {load['after']['load'][0]} "
          f"on {load['before']['cpus']} processors")


def bench(options):
    with engine_bed(options) as bed:
        report = run(bed, options.quick)
    show(report)
    return {"engine": report}
