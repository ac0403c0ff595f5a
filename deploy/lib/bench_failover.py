"""deploy/bench failover: from the end of a leader, killed or stopped, to the next committed reservation.

Three controllers on a testbed of their own.  A client reserves and gives back all the time, one request after the other, and
repeats a request with the same key every 100 ms until it is answered.  Timed is the first answer to a request that was
published after the signal: only the next leader can have given it."""

import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time
import uuid

from bench_bed import TESTBED, process, testbed
from bench_report import machine, summary, table
from sdm_client import Client, NoReply, register
from testbed_view import query, wait_until

MIB = 1 << 20
N_CONTROLLERS = 3
REPEAT_S = 0.1
REQUEST = {"compute_bricks": ["cb0"], "size_bytes": 128 * MIB, "latency_class": "inter-rack", "mode": "device"}
WAYS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}


class Tenant:
    """Asks on a thread of its own; keeps when the last answer to a reservation came, and when that was asked for."""

    def __init__(self):
        self._client = Client.of("demo")
        self._ending = False
        self._told = threading.Condition()
        self._answers = []
        self.n_answered = self.n_repeated = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _insist(self, message, body):
        """(reply, when it was published, when it was answered)."""
        body = {"key": str(uuid.uuid4()), **body}
        while True:
            published = time.monotonic()
            try:
                reply_type, reply, when = self._client.reply(self._client.send(message, body), REPEAT_S)
            except NoReply:
                self.n_repeated += 1
                continue
            if reply_type != "error/1":
                return reply, published, when
            # The circuit of the reservation before is still being cut: planned anew, under another key.
            if reply["code"] != "PLAN_STALE":
                raise RuntimeError(f"{message}: {reply}")
            body["key"] = str(uuid.uuid4())

    def _run(self):
        while not self._ending:
            reply, published, when = self._insist("s10.reserve", {"request": REQUEST})
            with self._told:
                self.n_answered += 1
                self._answers = [*self._answers[-9:], (published, when)]
                self._told.notify_all()
            self._insist("s10.release", {"reservation": reply["reservation"]["reservation"]})

    def answered_after(self, begin, timeout=60.0):
        """When the first reservation that was asked for after 'begin' was answered."""
        def first():
            return next((when for published, when in self._answers if published > begin), None)

        with self._told:
            if not self._told.wait_for(lambda: first() is not None, timeout):
                raise RuntimeError(f"no reservation within {timeout} s")
            return first()

    def close(self):
        self._ending = True
        self._thread.join(30)
        self._client.close()


def leader():
    return query("SELECT holder FROM sdm.leader")[0][0]


def standbys():
    return query("SELECT count(*) FROM sdm.controller c, sdm.leader l WHERE c.name <> l.holder AND c.sees_broker"
                 " AND c.beat > clock_timestamp() - interval '2 s'")[0][0]


def is_gone(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def end_one(folder, tenant, number):
    """Seconds that the tenant waited for the next leader."""
    wait_until("two stand by", lambda: standbys() == str(N_CONTROLLERS - 1))
    name = leader()
    pid = process(folder, name)
    # Not in step with beats.
    time.sleep(random.uniform(0.3, 0.6))
    begin = time.monotonic()
    os.kill(pid, number)
    seconds = tenant.answered_after(begin) - begin
    if number == signal.SIGSTOP:
        os.kill(pid, signal.SIGCONT)
    wait_until("the old leader has ended", lambda: is_gone(pid))
    assert leader() != name, "the old leader leads again"
    subprocess.run([TESTBED, "restart", name, "--dir", folder], check=True, stdout=subprocess.DEVNULL)
    return seconds


def run(folder, counts):
    before = machine()
    admin = Client.of("admin")
    register(admin, json.loads(pathlib.Path(os.environ["SDM_RACK_FILE"]).read_text()))
    admin.close()
    tenant = Tenant()
    report = {}
    try:
        for way, n in counts.items():
            report[way] = summary([end_one(folder, tenant, WAYS[way]) for _ in range(n)])
    finally:
        tenant.close()
    return {"unit": "s", **report, "answered": tenant.n_answered, "repeated": tenant.n_repeated,
            "dead_letters": dead_letters(), "machine": [before, machine()]}


def dead_letters():
    client = Client.of("demo")
    try:
        return client.depth("sdm.dead")
    finally:
        client.close()


def show(report):
    table("leader", [(way, report[way]) for way in WAYS if way in report], unit="s")
    print(f"\n{report['answered']} reservations answered, {report['repeated']} requests repeated,"
          f" {report['dead_letters']} dead letters; load {report['machine'][0]['load']} to {report['machine'][1]['load']}")


def add_options(parser):
    parser.add_argument("--kills", type=int, help="failover: leaders killed (default 50; 5 with --quick)")
    parser.add_argument("--pauses", type=int, help="failover: leaders stopped (default 20; 3 with --quick)")


def bench(options):
    counts = {"killed": options.kills or (5 if options.quick else 50),
              "stopped": options.pauses or (3 if options.quick else 20)}
    if min(counts.values()) < 1:
        raise SystemExit("--kills and --pauses must be at least 1")
    parts = "postgres,rabbitmq,schema,emurack,controller"
    with testbed(options, "--only", parts, "--controllers", str(N_CONTROLLERS)) as folder:
        report = run(folder, counts)
    show(report)
    return {"failover": report}
