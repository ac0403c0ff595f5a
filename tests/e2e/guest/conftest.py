"""A testbed with one guest, and what tests do to it from outside: libvirt, the serial line, the host's files."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("SDM_BUILD", ROOT / "build/release"))
sys.path.insert(0, str(ROOT / "deploy/guest"))
from serial import SerialLine  # noqa: E402  (ours, found by the path above)


class Guest:
    """One guest of the testbed."""

    def __init__(self, testbed_dir, record):
        self.testbed_dir = testbed_dir
        self.name = record["name"]
        self.uri = record["libvirt_uri"]
        self.memory_dir = pathlib.Path(record["memory_dir"])
        self.serial_path = record["serial"]
        self.log_path = pathlib.Path(record["serial_log"])

    def virsh(self, *arguments):
        return subprocess.run(["virsh", "-q", "-c", self.uri, *arguments], check=True, text=True,
                              capture_output=True, timeout=60).stdout.strip()

    def serial(self):
        return SerialLine(self.serial_path)

    def run(self, command, timeout=120.0):
        with self.serial() as line:
            return line.run(command, timeout)

    def link_folder(self):
        return self.memory_dir / "libvirt/qemu" / f"{self.virsh('domid', self.name)}-{self.name}"

    def attach(self, segment, alias):
        """Makes the whole file a DIMM: a link under the name that libvirt gives its backing file."""
        (self.link_folder() / alias).symlink_to(segment)
        size_kib = segment.stat().st_size // 1024
        device = (f"<memory model='dimm' access='shared'><target><size unit='KiB'>{size_kib}</size>"
                  f"<node>0</node></target><alias name='{alias}'/></memory>")
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(device)
            file.flush()
            self.virsh("attach-device", self.name, file.name, "--live")

    def detach(self, alias):
        self.virsh("detach-device-alias", self.name, alias, "--live")

    def dimms(self):
        """Alias to guest-physical base address."""
        domain = ElementTree.fromstring(self.virsh("dumpxml", self.name))
        return {memory.find("alias").get("name"): int(memory.find("address").get("base"), 16)
                for memory in domain.iter("memory") if memory.get("model") == "dimm"}

    def take_all_out(self):
        """After a test that failed half-way too."""
        self.run("free")
        for alias in self.dimms():
            self.detach(alias)
        self.wait_dimms(0)

    def wait_dimms(self, n_wanted, timeout=30.0):
        deadline = time.monotonic() + timeout
        while len(self.dimms()) != n_wanted:
            assert time.monotonic() < deadline, f"want {n_wanted} DIMMs, found {self.dimms()}"
            time.sleep(0.05)

    def memory_kib(self):
        """libvirt's maximum and current memory."""
        lines = dict(line.split(":", 1) for line in self.virsh("dominfo", self.name).splitlines() if ":" in line)
        return tuple(int(lines[key].split()[0]) for key in ("Max memory", "Used memory"))

    def last_memtotal_kib(self):
        lines = [line.split() for line in self.log_path.read_text().splitlines()]
        return [int(words[1]) for words in lines if words[:1] == ["MEMTOTAL"]][-1]

    def wait_memtotal(self, wanted_kib, timeout=30.0):
        deadline = time.monotonic() + timeout
        while self.last_memtotal_kib() != wanted_kib:
            assert time.monotonic() < deadline, f"want {wanted_kib} KiB, found {self.last_memtotal_kib()}"
            time.sleep(0.02)


def run_testbed(command, directory, *arguments):
    subprocess.run([ROOT / "deploy/testbed", *command.split(), "--dir", directory, *arguments],
                   check=True, timeout=240)


def find_pattern(*arguments):
    """Objects that sdm-find-pattern prints."""
    done = subprocess.run([BUILD / "deploy/guest/sdm-find-pattern", *map(str, arguments)], check=True,
                          text=True, capture_output=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def guest():
    with tempfile.TemporaryDirectory(prefix="sdm-e2e-") as directory:
        os.chmod(directory, 0o711)
        try:
            run_testbed("up", directory, "--only", "libvirt,guest", "--guests", "1", "--build", BUILD)
            with open(f"{directory}/guests.json", encoding="utf-8") as file:
                yield Guest(directory, json.load(file)[0])
        finally:
            run_testbed("down", directory)


@pytest.fixture
def segment(guest):
    """Makes files that stand for segments: sparse, of that many MiB, gone after the test."""
    made = []

    def make(name, size_mib):
        path = guest.memory_dir / name
        with open(path, "wb") as file:
            file.truncate(size_mib << 20)
        made.append(path)
        return path

    yield make
    guest.take_all_out()
    for path in made:
        path.unlink()
