"""deploy/bench attach: 512 MiB into a running guest: through all of the control plane, beside a direct call to libvirt.

Both are timed to the same moment, the guest's own serial line that says the new MemTotal, with the same kind of
segment file and the same device.  They alternate, pair by pair, because the machine is never the same twice."""

import json
import os
import pathlib
import re
import threading
import time
import urllib.request
import xml.etree.ElementTree as ElementTree

import libvirt

from bench_bed import testbed
from bench_report import machine, summary, table
from sdm_client import Client, register
from serial import NoAnswer
from testbed_view import guests, wait_until

MIB = 1 << 20
SIZE_BYTES = 512 * MIB
N_WARM = 2
# Before each measurement, so that neither meets the aftermath of the other.
QUIET_S = 0.2
N_RESERVES = 100
PARTS = ("controller", "fabric", "agent", "guest")


class MemTotalWatch:
    """Reads a guest's serial line on a thread of its own and keeps what it says of its MemTotal."""

    def __init__(self, guest):
        self._line = guest.serial()
        self._told = threading.Condition()
        self._ending = False
        self._said = []
        self.kib = self._line.run("meminfo")["total_kib"]
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while not self._ending:
            try:
                kib, _boottime, when = self._line.wait_memtotal(lambda _kib: True, timeout=0.5)
            except NoAnswer:
                continue
            with self._told:
                self.kib = kib
                self._said.append((kib, when))
                self._told.notify_all()

    def forget(self):
        with self._told:
            self._said.clear()

    def wait(self, wanted, timeout=30.0):
        """Monotonic time of the first line since forget() for which wanted(kib) holds."""
        def first():
            return next((when for kib, when in self._said if wanted(kib)), None)

        with self._told:
            if not self._told.wait_for(lambda: first() is not None, timeout):
                raise NoAnswer(f"the guest's MemTotal stays {self.kib} KiB")
            return first()

    def close(self):
        self._ending = True
        self._thread.join()
        self._line.close()


class Direct:
    """The same DIMM by libvirt alone: a segment file, a planted link, one call."""

    ALIAS = "ua-bench"

    def __init__(self, record):
        self._connection = libvirt.open(record["libvirt_uri"])
        self._domain = self._connection.lookupByUUIDString(record["uuid"])
        self._file = pathlib.Path(os.environ["SDM_EMURACK_BYTES"]) / "bench-segment"
        folder = f"{self._domain.ID()}-{self._domain.name()[:20]}"
        self._link = pathlib.Path(record["memory_dir"]) / "libvirt/qemu" / folder / self.ALIAS
        self._xml = (f"<memory model='dimm' access='shared'><target><size unit='b'>{SIZE_BYTES}</size>"
                     f"<node>0</node></target><alias name='{self.ALIAS}'/></memory>")

    def plant(self):
        """A new sparse file each time, as the rack makes one for each segment that is mapped."""
        self._file.unlink(missing_ok=True)
        with open(self._file, "wb") as file:
            file.truncate(SIZE_BYTES)
        self._link.parent.mkdir(parents=True, exist_ok=True)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(self._file)

    def attach(self):
        self._domain.attachDeviceFlags(self._xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def detach(self):
        self._domain.detachDeviceAlias(self.ALIAS, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def wait_gone(self):
        wait_until("the DIMM is out", lambda: not self._dimms())
        self._file.unlink(missing_ok=True)

    def _dimms(self):
        return ElementTree.fromstring(self._domain.XMLDesc()).findall("devices/memory")

    def is_at_rest(self, kib):
        """No DIMM is in, and the guest's statistics are of now: an agent compares with them."""
        return not self._dimms() and self._domain.memoryStats().get("available") == kib

    def close(self):
        self._connection.close()


class AttachBench:
    """One guest, one reservation, pairs of attachments."""

    def __init__(self):
        self._admin = Client.of("admin")
        self._demo = Client.of("demo")
        self._guest = guests()[0]
        self._record = json.loads(pathlib.Path(os.environ["SDM_GUESTS"]).read_text())[0]
        self._bind()
        self._watch = MemTotalWatch(self._guest)
        self._direct = Direct(self._record)
        self._base_kib = self._watch.kib
        # The kernel keeps 1/64 of new memory to describe it.
        self._grown_kib = self._base_kib + SIZE_BYTES // 1024 * 63 // 64 - 1024
        self._request = {"compute_bricks": [self._guest.compute_brick], "size_bytes": SIZE_BYTES,
                         "latency_class": "tray", "mode": "vm"}
        self.samples = {name: [] for name in ("ours", "ours_reply", "direct", "direct_call", "ours_detach",
                                              "direct_detach", "detach_reply")}
        self.shares = {"attach": [], "detach": []}
        self._reservation = None

    def _bind(self):
        register(self._admin, json.loads(pathlib.Path(os.environ["SDM_RACK_FILE"]).read_text()))

        def reported():
            return any(vm["vm"] == self._guest.vm and vm["present"] for vm in self._admin.call("s11.vm.list")["vms"])

        wait_until("the agent reports the guest", reported)
        self._admin.write("s11.vm.bind", vm=self._guest.vm, project="demo")

    def _rest(self):
        """Until nothing of the last measurement goes on."""
        wait_until("the guest is back at its own memory", lambda: self._direct.is_at_rest(self._base_kib))
        wait_until("its serial line said so", lambda: self._watch.kib == self._base_kib)
        time.sleep(QUIET_S)
        self._watch.forget()

    def _grown(self):
        return self._watch.wait(lambda kib: kib >= self._grown_kib)

    def _shrunk(self):
        return self._watch.wait(lambda kib: kib == self._base_kib)

    def _ours(self, keep):
        target = {"vm": self._guest.vm}
        self._rest()
        start = time.monotonic()
        reply, seconds = self._demo.timed_write("s10.attach", reservation=self._reservation, target=target,
                                                wait="guest", timeout_ms=30000)
        grown = self._grown() - start
        if reply["reached"] != "guest":
            raise RuntimeError(f"reached '{reply['reached']}', want 'guest'")
        self._watch.forget()
        start = time.monotonic()
        gone, gone_seconds = self._demo.timed_write("s10.detach", reservation=self._reservation, wait="fabric",
                                                    timeout_ms=60000)
        shrunk = self._shrunk() - start
        if keep:
            self.samples["ours_detach"].append(shrunk * 1000)
            self.samples["ours"].append(grown * 1000)
            self.samples["ours_reply"].append(seconds * 1000)
            self.samples["detach_reply"].append(gone_seconds * 1000)
            self.shares["attach"].append((reply["timing"], seconds * 1000))
            self.shares["detach"].append((gone["timing"], gone_seconds * 1000))

    def _theirs(self, keep):
        self._rest()
        self._direct.plant()
        start = time.monotonic()
        self._direct.attach()
        called = time.monotonic() - start
        grown = self._grown() - start
        self._watch.forget()
        start = time.monotonic()
        self._direct.detach()
        shrunk = self._shrunk() - start
        self._direct.wait_gone()
        if keep:
            self.samples["direct_detach"].append(shrunk * 1000)
            self.samples["direct"].append(grown * 1000)
            self.samples["direct_call"].append(called * 1000)

    def attach(self, n_pairs):
        """Pairs in alternating order; the first ones warm up and do not count."""
        reply = self._demo.write("s10.reserve", request=self._request)
        self._reservation = reply["reservation"]["reservation"]
        for i in range(-N_WARM, n_pairs):
            for measure in (self._ours, self._theirs) if i % 2 == 0 else (self._theirs, self._ours):
                measure(i >= 0)
            if i >= 0:
                print(f"\r  pair {i + 1} of {n_pairs}", end="", flush=True)
        print()
        self._rest()
        self._release(self._reservation)
        self._reservation = None

    def _release(self, reservation):
        self._demo.write("s10.release", reservation=reservation, wait="fabric", timeout_ms=60000)

    def plan_and_commit(self):
        """The controller's own time for reserves that plan: from delivery to commit, in its own words."""
        times = []
        for _ in range(N_RESERVES):
            before = request_time_us("s10.reserve/1")
            reply = self._demo.write("s10.reserve", request=self._request)
            after = wait_until("the request is counted",
                               lambda b=before: (now := request_time_us("s10.reserve/1"))[0] > b[0] and now)
            times.append((after[1] - before[1]) / (after[0] - before[0]) / 1000)
            self._release(reply["reservation"]["reservation"])
        return times

    def close(self):
        if self._reservation is not None:
            self._release(self._reservation)
        self._watch.close()
        self._direct.close()


def request_time_us(message_type):
    """Number and total time of the requests of one type, as the controller counts them."""
    with urllib.request.urlopen(os.environ["SDM_CONTROLLER_METRICS"], timeout=10) as page:
        text = page.read().decode()

    def value(what):
        found = re.search(rf'^sdm_request_duration_seconds_{what}{{type="{re.escape(message_type)}"}} (\S+)$', text,
                          re.MULTILINE)
        return float(found.group(1)) if found else 0.0

    return int(value("count")), value("sum") * 1e6


def breakdown(shares):
    """Where the time of the replies went; what no part claims is broker, database and waiting."""
    parts = {part: [timing.get(f"{part}_us", 0) / 1000 for timing, _total in shares] for part in PARTS}
    parts["rest"] = [total - sum(parts[part][i] for part in PARTS) for i, (_timing, total) in enumerate(shares)]
    return {part: summary(times) for part, times in parts.items()}


def run(n_pairs):
    """Measures on the testbed of the environment; returns the report."""
    before = machine()
    bench = AttachBench()
    try:
        bench.attach(n_pairs)
        plan_commit = bench.plan_and_commit()
    finally:
        bench.close()
    report = {name + "_ms": summary(times) for name, times in bench.samples.items()}
    ratios = [a / b for a, b in zip(bench.samples["ours"], bench.samples["direct"])]
    report.update(
        size_bytes=SIZE_BYTES, pairs=n_pairs,
        ratio=round(report["ours_ms"]["median"] / report["direct_ms"]["median"], 3),
        reply_ratio=round(report["ours_reply_ms"]["median"] / report["direct_ms"]["median"], 3),
        pair_ratio=summary(ratios), ratio_aim=1.25,
        extra_ms=round(report["ours_ms"]["median"] - report["direct_ms"]["median"], 3),
        breakdown_ms=breakdown(bench.shares["attach"]), detach_breakdown_ms=breakdown(bench.shares["detach"]),
        plan_commit_ms=summary(plan_commit), machine={"before": before, "after": machine()})
    return report


def show(report):
    """The same for people."""
    table(f"{report['size_bytes'] // MIB} MiB into a running guest, {report['pairs']} pairs", [
        ("ours: request to the guest's own line", report["ours_ms"]),
        ("direct libvirt call to the same line", report["direct_ms"]),
        ("ours: request to the reply 'guest'", report["ours_reply_ms"]),
        ("direct: the call alone", report["direct_call_ms"]),
        ("ours: detach to the guest's own line", report["ours_detach_ms"]),
        ("direct: detach to the same line", report["direct_detach_ms"]),
        ("ours: detach to the reply 'fabric'", report["detach_reply_ms"]),
        ("controller: plan + commit of a reserve", report["plan_commit_ms"]),
    ])
    table("where the time to the reply of attach goes", list(report["breakdown_ms"].items()))
    table("where the time to the reply of detach goes", list(report["detach_breakdown_ms"].items()))
    verdict = "met" if report["ratio"] <= report["ratio_aim"] else "missed"
    load = report["machine"]
    print(f"\nratio of medians {report['ratio']:.2f} (aim {report['ratio_aim']}: {verdict}), "
          f"{report['extra_ms']:.1f} ms more; load {load['before']['load'][0]} to {load['after']['load'][0]} "
          f"on {load['before']['cpus']} processors")


def add_options(parser):
    parser.add_argument("--pairs", type=int, help="attach: pairs measured (default 30; 3 with --quick)")


def bench(options):
    n_pairs = options.pairs or (3 if options.quick else 30)
    if n_pairs < 1:
        raise SystemExit("--pairs must be at least 1")
    with testbed(options, "--guests", "1"):
        report = run(n_pairs)
    show(report)
    return {"attach": report}
