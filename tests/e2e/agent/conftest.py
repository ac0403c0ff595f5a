"""A brick with a real guest, an emulated rack under it and an agent beside it; tests are the controller."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("SDM_BUILD", ROOT / "build/debug"))
os.environ.setdefault("SDM_AGENT", str(BUILD / "services/sdm-agent/sdm-agent"))
os.environ.setdefault("SDM_BACKEND_CHECK", str(BUILD / "tests/contract/agent-backend-check"))
for folder in ("deploy/guest", "tests/integration/emurack", "tests/integration/agent"):
    sys.path.insert(0, str(ROOT / folder))

import agent as agents  # noqa: E402
import harness  # noqa: E402
import serial  # noqa: E402

BRICK = "cb0"
PARTS = "rabbitmq,emurack,libvirt,guest"


def run_testbed(command, directory, *arguments):
    return subprocess.run([ROOT / "deploy/testbed", *command.split(), "--dir", directory, *arguments],
                          check=True, timeout=240, capture_output=True, text=True).stdout


class Brick:
    """cb0 of the testbed, from outside."""

    def __init__(self, directory):
        self.directory = directory
        environment = {}
        for line in run_testbed("env", directory).splitlines():
            name, _equals, value = line.removeprefix("export ").partition("=")
            environment[name] = value.strip("'\"")
        self.broker = environment["SDM_BROKER"]
        self.state = pathlib.Path(environment["SDM_EMURACK_STATE"])
        self.emurack_control = environment["SDM_EMURACK_CONTROL"]
        with open(f"{directory}/guests.json", encoding="utf-8") as file:
            record = json.load(file)[0]
        assert record["brick"] == BRICK
        self.guest = record["name"]
        self.vm = record["uuid"]
        self.uri = record["libvirt_uri"]
        self.memory_dir = record["memory_dir"]
        self.serial_path = record["serial"]
        self.log_path = pathlib.Path(record["serial_log"])
        self.rack = json.loads((self.state / "rack.json").read_text(encoding="utf-8"))

    def options(self):
        return (f"--rmc-socket={self.state}/rmc/{BRICK}.sock", f"--sysfs-root={self.state}/sys/{BRICK}",
                f"--libvirt-uri={self.uri}", f"--memory-dir={self.memory_dir}", "--look-interval=1000")

    def virsh(self, *arguments):
        return subprocess.run(["virsh", "-q", "-c", self.uri, *arguments], check=True, text=True,
                              capture_output=True, timeout=60).stdout.strip()

    def run(self, command, timeout=120.0):
        with serial.SerialLine(self.serial_path) as line:
            return line.run(command, timeout)

    def memtotal_kib(self):
        """The last that the guest's own serial line said."""
        lines = [line.split() for line in self.log_path.read_text().splitlines()]
        return [int(words[1]) for words in lines if words[:1] == ["MEMTOTAL"]][-1]

    def memory_kib(self):
        """libvirt's maximum and current memory."""
        lines = dict(line.split(":", 1) for line in self.virsh("dominfo", self.guest).splitlines()
                     if ":" in line)
        return tuple(int(lines[key].split()[0]) for key in ("Max memory", "Used memory"))

    def dimm_aliases(self):
        return [line.split("'")[1] for line in self.virsh("dumpxml", self.guest).splitlines()
                if "ua-sdm-" in line]

    def links(self):
        folder = pathlib.Path(self.memory_dir) / "libvirt/qemu"
        return sorted(p.name for p in folder.glob("*/ua-sdm-*"))

    def entries(self):
        """Segment files of the NetPort entries, by number."""
        import socket
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(f"{self.state}/rmc/{BRICK}.sock")
            words = harness.Lines(connection).ask("list").split()
        return {int(w.split(":")[0]): w.split(":")[5] for w in words[1:]}

    def switch(self, name):
        import socket
        host, port = self.rack["devices"].rsplit(":", 1)
        lines = harness.Lines(socket.create_connection((host, int(port))))
        lines.ask(f"open {name} 1")
        return lines

    def overlaps(self):
        import socket
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.emurack_control)
            connection.sendall(b'{"command":"status"}\n')
            return json.loads(connection.makefile("rb").readline())["result"]["counters"]


@pytest.fixture(scope="session")
def brick():
    with tempfile.TemporaryDirectory(prefix="sdm-e2e-") as directory:
        os.chmod(directory, 0o711)
        try:
            run_testbed("up", directory, "--only", PARTS, "--guests", "1", "--build", BUILD)
            made = Brick(directory)
            # Port 0 leads to mb0 (module 1), port 1 to mb1 (module 2).
            made.session = made.switch("el0")
            made.session.ask("connect 0 4")
            made.session.ask("connect 1 6")
            yield made
        finally:
            run_testbed("down", directory)


@pytest.fixture(scope="session")
def session_controller(brick):
    made = agents.Controller(brick.broker, BRICK)
    yield made
    made.close()


@pytest.fixture(scope="session")
def session_agent(brick, session_controller):
    del session_controller
    made = agents.Agent(BRICK, brick.broker, *brick.options())
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture
def agent(session_agent):
    if session_agent.process.poll() is not None:
        session_agent.start()
    return session_agent


@pytest.fixture
def controller(brick, agent, session_controller):
    """Leaves the guest as it was, also after a test that failed half-way."""
    yield session_controller
    if agent.process.poll() is not None:
        agent.start()
    if brick.guest in brick.virsh("list", "--name"):
        brick.run("release")
        brick.run("free")
    session_controller.want([])
    session_controller.converged(30)
    assert brick.entries() == {}
    assert brick.links() == []
