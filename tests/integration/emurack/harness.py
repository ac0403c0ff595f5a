"""An emurackd of its own for each test: started, spoken to and ended from outside."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
EMURACKD = os.environ.get("EMURACKD", str(SOURCE / "build/debug/services/emurack/emurackd"))
MIB = 1 << 20
UNIT = 128 * MIB
PAGE = 4096
GIB = 1 << 30


class Refused(Exception):
    """An answer "error CODE text"."""

    def __init__(self, line):
        super().__init__(line)
        self.code = line.split(" ")[1]


class Closed(Exception):
    """The other side hung up instead of answering."""


class Lines:
    """A connection of requests and replies, a line each."""

    def __init__(self, connection, timeout=5):
        self.connection = connection
        self.connection.settimeout(timeout)
        self.file = connection.makefile("rb")

    def send(self, text):
        try:
            self.connection.sendall(text.encode() + b"\n")
        except ConnectionError as error:
            raise Closed() from error

    def receive(self):
        try:
            line = self.file.readline().decode()
        except ConnectionError as error:
            raise Closed() from error
        if not line.endswith("\n"):
            raise Closed()
        line = line.rstrip("\n")
        if line.startswith("error "):
            raise Refused(line)
        assert line == "ok" or line.startswith("ok "), line
        return line[3:]

    def ask(self, text):
        self.send(text)
        return self.receive()

    def close(self):
        self.file.close()
        self.connection.close()


class Rack:
    """A running emurackd."""

    def __init__(self, description):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="emurack-"))
        self.state = self.folder / "state"
        self.bytes = pathlib.Path(tempfile.mkdtemp(prefix="emurack-", dir="/dev/shm"))
        self.control_path = self.folder / "control.sock"
        self.rack_file = self.folder / "rack.json"
        self.rack_file.write_text(json.dumps(description), encoding="utf-8")
        self.metrics_port = 0
        self.process = None
        self.published = None

    def start(self):
        log = (self.folder / "log").open("ab")
        published = self.state / "rack.json"
        before = published.stat().st_mtime_ns if self.published else 0
        self.process = subprocess.Popen(
            [EMURACKD, f"--rack={self.rack_file}", f"--state-dir={self.state}",
             f"--bytes-dir={self.bytes}", "--listen=127.0.0.1:0",
             f"--metrics-port={self.metrics_port}",
             f"--control-socket={self.control_path}"], stderr=log)
        log.close()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log()
            if published.exists() and published.stat().st_mtime_ns != before:
                self.published = json.loads(published.read_text(encoding="utf-8"))
                return self
            time.sleep(0.02)
        raise AssertionError("emurackd does not come up: " + self.log())

    def log(self):
        return (self.folder / "log").read_text(encoding="utf-8")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Ends it cleanly; the sanitizers' findings make the status other than 0."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=20) == 0, self.log()

    def remove(self):
        try:
            if self.process.poll() is None:
                self.stop()
        finally:
            self.process.kill()
            subprocess.run(["umount", "-l", str(self.state / "sys")], check=False,
                           stderr=subprocess.DEVNULL)
            shutil.rmtree(self.folder, ignore_errors=True)
            shutil.rmtree(self.bytes, ignore_errors=True)

    def connect(self, timeout=5):
        host, port = self.published["devices"].rsplit(":", 1)
        return Lines(socket.create_connection((host, int(port))), timeout)

    def open(self, device, epoch=1, timeout=5):
        lines = self.connect(timeout)
        lines.greeting = lines.ask(f"open {device} {epoch}")
        return lines

    def rmc(self, brick, timeout=5):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.state / "rmc" / f"{brick}.sock"))
        return Lines(connection, timeout)

    def control(self, command, **args):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.control_path))
            connection.sendall(json.dumps({"command": command, "args": args}).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").readline())
        if not answer["ok"]:
            raise Refused("error " + answer["error"]["code"] + " " + answer["error"]["text"])
        return answer["result"]

    def counters(self):
        return self.control("status")["counters"]

    def device(self, name):
        return next(d for d in self.control("status")["devices"] if d["id"] == name)

    def sysfs(self, brick):
        return self.state / "sys" / brick / "devices" / "system"

    def image(self, brick):
        return self.bytes / "bricks" / f"{brick}.img"


def window(port, module, start, size, offset):
    """The four fields of a NetPort entry, as a client that we did not write would compute them."""
    add = offset >= start
    info = (1 << 31 if add else 0) | port << 24 | module
    distance = offset - start if add else start - offset
    return f"{info:x} {start // PAGE:x} {(start + size) // PAGE:x} {distance // PAGE:x}"


def write(path, text):
    """One write(2), as echo does; raises OSError with the errno that sysfs answers."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def read(path):
    return pathlib.Path(path).read_text(encoding="ascii").rstrip("\n")


def small_rack():
    """Two racks, three trays; el* join a tray's bricks, opt* the racks."""
    def brick(name, tray, n_ports, **more):
        return {"id": name, "tray": tray, "n_ports": n_ports, "wake_ms": 150, **more}

    def link(a, port_a, b, port_b):
        return {"a": {"device": a, "port": port_a}, "b": {"device": b, "port": port_b},
                "bandwidth_mbps": 10000}

    return {
        "version": 1, "segment_unit_bytes": UNIT,
        "racks": [{"id": "r0"}, {"id": "r1"}],
        "trays": [{"id": "t0", "rack": "r0"}, {"id": "t1", "rack": "r0"},
                  {"id": "t2", "rack": "r1"}],
        "bricks": [
            brick("cb0", "t0", 2, kind="compute", local_bytes=GIB),
            brick("cb1", "t1", 2, kind="compute", local_bytes=GIB),
            brick("mb0", "t0", 2, kind="memory", capacity_bytes=8 * UNIT, module=1),
            brick("mb1", "t1", 2, kind="memory", capacity_bytes=4 * UNIT, module=2, power="off"),
            brick("mb2", "t2", 2, kind="memory", capacity_bytes=4 * UNIT, module=3),
            brick("acc0", "t2", 1, kind="accelerator", accelerator_kind="fpga"),
        ],
        "switches": [
            {"id": "el0", "kind": "electrical", "tray": "t0", "n_ports": 8},
            {"id": "el1", "kind": "electrical", "tray": "t1", "n_ports": 8},
            {"id": "el2", "kind": "electrical", "tray": "t2", "n_ports": 8},
            {"id": "opt0", "kind": "optical", "rack": "r0", "n_ports": 8},
            {"id": "opt1", "kind": "optical", "rack": "r1", "n_ports": 8},
        ],
        "links": [
            link("cb0", 0, "el0", 0), link("cb0", 1, "el0", 1),
            link("mb0", 0, "el0", 2), link("mb0", 1, "el0", 3),
            link("cb1", 0, "el1", 0), link("cb1", 1, "el1", 1),
            link("mb1", 0, "el1", 2), link("mb1", 1, "el1", 3),
            link("mb2", 0, "el2", 2), link("mb2", 1, "el2", 3), link("acc0", 0, "el2", 0),
            link("el0", 6, "opt0", 0), link("el0", 7, "opt0", 1),
            link("el1", 6, "opt0", 2), link("el1", 7, "opt0", 3),
            link("el2", 6, "opt1", 0), link("el2", 7, "opt1", 1),
            link("opt0", 6, "opt1", 6),
        ],
    }
