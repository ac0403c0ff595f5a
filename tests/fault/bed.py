"""A testbed whose daemons are crashed on purpose, and what it looks like from outside."""

import contextlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lib"))
from sdm_client import Client, NoReply, register  # noqa: E402
from testbed_view import Hardware, control, live_rows, query, wait_until  # noqa: E402

MIB = 1 << 20
PARTS = "postgres,rabbitmq,schema,emurack,controller,agent"
# A crashed leader's row is stale after this.
TIMES = {"SDM_BEAT_MS": "50", "SDM_STANDBY_AFTER_MS": "200"}
CRASHED = 70


class Bed:
    """Daemons as processes; restarted through the testbed."""

    def __init__(self, folder, build):
        self.folder = folder
        self.build = build
        self.log = pathlib.Path(folder) / "log"
        self.environment = {**os.environ, **TIMES, "ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1"}

    def testbed(self, command, *options):
        done = subprocess.run([ROOT / "deploy/testbed", *command.split(), "--dir", self.folder, *options], text=True,
                              capture_output=True, timeout=200, env=self.environment, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def up(self):
        self.testbed("up", "--build", self.build, "--only", PARTS)
        for line in self.testbed("env").splitlines():
            name, _equals, value = line.removeprefix("export ").partition("=")
            os.environ[name] = "".join(shlex.split(value))
        self.controls = {"controller-1": os.environ["SDM_CONTROLLER_CONTROL"]}
        for number, pair in enumerate(os.environ["SDM_AGENT_CONTROLS"].split(), 1):
            self.controls[f"agent-{number}"] = pair.partition("=")[2]
        self.hardware = Hardware()
        self.admin = Client.of("admin")
        self.demo = Client.of("demo")
        self.wait_serving()
        self.unregistered = dump()
        register(self.admin, self.rack_file())
        wait_until("agents report", lambda: all(agent["connected"] for agent in self.admin.call("s11.agents")["agents"]))

    def rack_file(self):
        return json.loads(pathlib.Path(os.environ["SDM_RACK_FILE"]).read_text())

    def down(self):
        self.testbed("down")

    # --- Daemons.

    def is_alive(self, daemon):
        record = pathlib.Path(self.folder) / "pids" / daemon
        pid, started = record.read_text().split()
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        return fields[0] != "Z" and fields[19] == started

    def account(self, daemon, n_lines=15):
        """Whether it lives, and what it said last."""
        lines = (self.log / daemon).read_text(errors="replace").splitlines()
        return "\n".join([f"{daemon} is {'alive' if self.is_alive(daemon) else 'dead'}", *lines[-n_lines:]])

    def signal(self, daemon, number):
        os.kill(int((pathlib.Path(self.folder) / "pids" / daemon).read_text().split()[0]), number)

    def restart(self, daemon):
        self.testbed(f"restart {daemon}")
        self.wait_serving()

    def wait_serving(self):
        def serving():
            status = control(self.controls["controller-1"], "status")
            return status["serving"] and status["broker_connected"]

        wait_until("the controller serves", serving)

    def arm(self, daemon, faults):
        return control(self.controls[daemon], "fault-points", arm=faults)["n_armed"]

    def n_armed(self, daemon):
        return control(self.controls[daemon], "fault-points")["n_armed"]

    def findings(self):
        """Lines of the sanitizers in the logs."""
        return [f"{file.name}: {line}" for file in self.log.iterdir() for line in file.read_text(errors="replace").splitlines()
                if "Sanitizer" in line or "runtime error" in line]

    # --- What is there, by database and hardware.

    def settle(self):
        """Until database and hardware say the same, and nothing is on its way."""
        state = {}

        def agree():
            state.update(rows=rows(), found=self.found())
            return not state["rows"]["moving"] and state["rows"]["windows"] == state["found"]["entries"] \
                and state["rows"]["hops"] == state["found"]["connections"]

        try:
            wait_until("database and hardware agree", agree, 20)
        except Exception as error:
            raise AssertionError(f"{error}: {state}") from error
        return state["rows"]

    def found(self):
        counts = {"entries": 0, "connections": 0}
        for device in self.hardware.status()["devices"]:
            for kind in counts:
                counts[kind] += len(device.get(kind, []))
        return counts

    def check_harmless(self):
        counters = self.hardware.counters()
        assert counters["overlaps"] == 0, "bytes had two owners"
        assert counters["cut_under_live"] == 0, "a circuit was cut under a live window"

    def release_over(self):
        """Gives up whatever is left, of whichever state."""
        for (reservation,) in query("SELECT reservation FROM sdm.reservation"
                                    " WHERE state NOT IN ('releasing', 'released', 'failed')"):
            self.demo.write("s10.release", reservation=reservation, wait="fabric", timeout_ms=20000)

    def release_all(self):
        self.release_over()
        wait_until("nothing is left", lambda: not live_rows() and not self.hardware.left_over(), 20)
        assert query("SELECT count(*) FROM sdm.reservation WHERE state <> 'released'") == [["0"]]
        assert query("SELECT coalesce(sum(used_bytes), 0), coalesce(sum(n_reservations), 0) FROM sdm.project") == \
            [["0", "0"]], "quota that nobody uses is taken"


@contextlib.contextmanager
def running(kind):
    """A bed of that kind in a folder of its own: up, and down without a finding of the sanitizers."""
    folder = tempfile.mkdtemp(prefix="sdm-fault-", dir="/tmp")
    os.chmod(folder, 0o711)
    made = kind(folder, os.environ.get("SDM_BUILD", str(ROOT / "build/debug")))
    try:
        made.up()
        yield made
        made.down()
        assert not made.findings()
        shutil.rmtree(folder)
    finally:
        made.down()


def dump():
    """The database as it is, as a backup."""
    return subprocess.run(["pg_dump", "--create", os.environ["SDM_DATABASE_ADMIN"]], check=True, capture_output=True, timeout=60).stdout


def rows():
    """What the database wants and has found."""
    answer = query("SELECT (SELECT count(*) FROM sdm.netport_window WHERE have <> 'absent'),"
                   " (SELECT count(DISTINCT (h.switch_no, least(h.port, h.peer_port), greatest(h.port, h.peer_port)))"
                   "  FROM sdm.circuit_hop h JOIN sdm.circuit c USING (circuit) WHERE c.have_up),"
                   " (SELECT count(*) FROM sdm.netport_window WHERE want <> have)"
                   " + (SELECT count(*) FROM sdm.circuit WHERE want_up <> have_up)"
                   " + (SELECT count(*) FROM sdm.segment WHERE want_free)"
                   " + (SELECT count(*) FROM sdm.outbox)"
                   " + (SELECT count(*) FROM sdm.device WHERE have_power <> want_power),"
                   " (SELECT count(*) FROM sdm.reservation WHERE state <> 'released'),"
                   " (SELECT coalesce(string_agg(state::text, ','), '') FROM sdm.reservation WHERE state <> 'released'),"
                   " (SELECT coalesce(sum(size_bytes), 0) FROM sdm.segment)")[0]
    names = ("windows", "hops", "moving", "reservations")
    return {**dict(zip(names, map(int, answer[:4]))), "states": answer[4], "bytes": int(answer[5])}


def ask(bed, daemon, message_type, body, seconds=15):
    """The reply, or None when 'daemon' ends or stays silent instead."""
    correlation = bed.demo.send(message_type, body) if message_type.startswith("s10.") else None
    client = bed.demo if correlation else bed.admin
    correlation = correlation or bed.admin.send(message_type, body)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            return client.reply(correlation, 0.1)[:2]
        except NoReply:
            if not bed.is_alive(daemon):
                return None
    return None


def new_key():
    return str(uuid.uuid4())
