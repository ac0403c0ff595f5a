"""The testbed seen from outside: guests by their serial line and libvirt, bytes in brick files, rows in PostgreSQL,
the emulated hardware's own word."""

import json
import os
import pathlib
import shlex
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/guest"))
from serial import SerialLine  # noqa: E402  (ours, found by the path above)

DIMM_ALIAS = "ua-sdm-"


class NotInTime(Exception):
    """A condition did not come true."""


def load_environment(testbed_dir):
    """Puts the testbed's exports into ours."""
    output = subprocess.run([ROOT / "deploy/testbed", "env", "--dir", testbed_dir], check=True, text=True,
                            capture_output=True).stdout
    for line in output.splitlines():
        name, _equals, value = line.removeprefix("export ").partition("=")
        os.environ[name] = "".join(shlex.split(value))


def wait_until(what, condition, timeout=60.0):
    """Calls 'condition' until it returns something true, which is returned."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise NotInTime(f"{what}: not within {timeout:.0f} s")
        time.sleep(0.02)


def control(path, command, **arguments):
    """Asks a daemon's control socket."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(30)
        line.connect(path)
        line.sendall(json.dumps({"command": command, "args": arguments}).encode() + b"\n")
        reply = json.loads(line.makefile().readline())
    if not reply["ok"]:
        raise RuntimeError(f"{command}: {reply['error']['code']}: {reply['error']['text']}")
    return reply["result"]


class Hardware:
    """The emulated rack, as emurackd itself tells of it."""

    def __init__(self):
        self._control = os.environ["SDM_EMURACK_CONTROL"]
        self._bytes = pathlib.Path(os.environ["SDM_EMURACK_BYTES"])

    def status(self):
        return control(self._control, "status")

    def counters(self):
        return self.status()["counters"]

    def left_over(self):
        """NetPort entries, live extents and cross-connections that are still there."""
        left = []
        for device in self.status()["devices"]:
            for kind in ("entries", "extents", "connections"):
                left += [f"{device['id']}: {kind} {item}" for item in device.get(kind, [])]
        return left

    def image(self, brick):
        return self._bytes / "bricks" / f"{brick}.img"

    def segment_file(self, segment):
        name = f"{segment['memory_brick']}-{segment['offset_bytes']}-{segment['size_bytes']}"
        return self._bytes / "segments" / name

    def files(self):
        return [*sorted((self._bytes / "bricks").iterdir()), *sorted((self._bytes / "segments").iterdir())]


class Guest:
    """One guest of the testbed."""

    def __init__(self, record):
        self.name = record["name"]
        self.vm = record["uuid"]
        self.compute_brick = record["brick"]
        self.serial_path = record["serial"]
        self._uri = record["libvirt_uri"]

    def serial(self):
        return SerialLine(self.serial_path)

    def run(self, command, timeout=120.0):
        with self.serial() as line:
            return line.run(command, timeout)

    def memtotal_kib(self):
        return self.run("meminfo")["total_kib"]

    def virsh(self, *arguments):
        return subprocess.run(["virsh", "-q", "-c", self._uri, *arguments], check=True, text=True,
                              capture_output=True, timeout=60).stdout.strip()

    def dimms(self):
        """Window to guest-physical base address, of the DIMMs that an agent made."""
        found = {}
        for device in ElementTree.fromstring(self.virsh("dumpxml", self.name)).iterfind("devices/memory"):
            alias = device.find("alias").get("name")
            address = device.find("address")
            if alias.startswith(DIMM_ALIAS) and address is not None:
                found[alias[len(DIMM_ALIAS):]] = int(address.get("base"), 16)
        return found


def guests():
    return [Guest(record) for record in json.loads(pathlib.Path(os.environ["SDM_GUESTS"]).read_text())]


def program(build, name):
    """A program of the build tree."""
    return next(path for path in pathlib.Path(build).rglob(name) if path.is_file())


def find_pattern(build, *arguments):
    """What sdm-find-pattern says, one dict a file."""
    output = subprocess.run([program(build, "sdm-find-pattern"), *map(str, arguments)], check=True, text=True, capture_output=True,
                            timeout=300).stdout
    return [json.loads(line) for line in output.splitlines()]


def query(sql):
    """Rows of one statement, as lists of text."""
    output = subprocess.run(["psql", "-XAtq", "-F", "\t", os.environ["SDM_DATABASE_ADMIN"], "-c", sql], check=True,
                            text=True, capture_output=True, timeout=60).stdout
    return [line.split("\t") for line in output.splitlines()]


LIVE_TABLES = ("segment", "circuit", "circuit_hop", "segment_circuit", "attachment", "netport_window", "outbox")


def live_rows():
    """Rows that only living reservations have, by table, where there are any."""
    counts = query(" UNION ALL ".join(f"SELECT '{table}', count(*) FROM sdm.{table}" for table in LIVE_TABLES))
    return {table: int(count) for table, count in counts if count != "0"}
