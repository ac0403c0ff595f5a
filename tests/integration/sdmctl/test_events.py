"""Events as they happen, over a lost connection too; and daemons' control sockets."""

import json
import socket
import threading

import pytest

import fake


def start(sdmctl, options, key):
    """Until it listens to that routing key."""
    process = sdmctl.start(f"events --verbose {options}")
    assert process.stderr.readline() == f"sdmctl: listening to {key}\n"
    return process


KINDS = [
    ("reservation", "demo", "--kind=reservation", "event.reservation.#"),
    ("vm", "demo", "--kind=vm --project=demo", "event.vm.demo"),
    ("brick", "mb0", "--kind=brick", "event.brick.#"),
    ("drift", "mb0", "", "event.#"),
]


@pytest.mark.parametrize("kind, whose, options, key", KINDS, ids=[row[0] for row in KINDS])
def test_one_line_an_event(sdmctl, controller, golden, kind, whose, options, key):
    process = start(sdmctl, options, key)
    controller.publish_event(kind, whose)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 0 and errors == ""
    assert len(output.splitlines()) == 1
    golden(f"event-{kind}", output)


def test_filters_and_json(sdmctl, controller):
    process = start(sdmctl, "--kind=reservation --project=demo.one --count=2 --json", "event.reservation.demo.one")
    controller.publish_event("reservation", "other", text="not this")
    controller.publish_event("vm", "demo.one", text="nor this")
    wanted = [controller.publish_event("reservation", "demo.one", text=f"number {i}") for i in range(2)]
    output, _ = process.communicate(timeout=20)
    assert [json.loads(row) for row in output.splitlines()] == wanted


def test_follow_survives_a_lost_connection(sdmctl, controller):
    process = start(sdmctl, "--follow --kind=brick", "event.brick.#")
    try:
        controller.publish_event("brick", "mb0", text="before")
        assert "before" in process.stdout.readline()
        fake.cut_sdmctl_off()
        assert "connection went" in process.stderr.readline()
        assert "connected again" in process.stderr.readline()
        controller.publish_event("brick", "mb0", text="after")
        assert "after" in process.stdout.readline()
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


class Daemon(threading.Thread):
    """A control socket that answers one request."""

    def __init__(self, path, answer):
        super().__init__(daemon=True)
        self.answer = answer
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rw") as stream:
            self.request = json.loads(stream.readline())
            stream.write(json.dumps(self.answer) + "\n")
            stream.flush()
            stream.readline()


def test_control_socket(sdmctl, tmp_path):
    result = {"version": "0.1.0", "uptime_s": 12, "ok": True, "lanes": [{"name": "s10", "n": 1}, {"name": "s11", "n": 2}],
              "leader": {"epoch": 7}, "none": []}
    daemon = Daemon(tmp_path / "a", {"ok": True, "result": result})
    output = sdmctl(f"ctl {tmp_path}/a log level=debug n=3 all=true").stdout
    assert daemon.request == {"command": "log", "args": {"level": "debug", "n": 3, "all": True}}
    assert output == ("version   0.1.0\nuptime_s  12\nok        yes\nlanes:\n  name  s10\n  n     1\n\n  name  s11\n"
                      "  n     2\nleader:\n  epoch  7\nnone      -\n")
    daemon = Daemon(tmp_path / "b", {"ok": True, "result": result})
    assert json.loads(sdmctl(["ctl", tmp_path / "b", "log", '{"level": 1}', "--json"]).stdout) == result
    assert daemon.request["args"] == {"level": 1}
    Daemon(tmp_path / "c", {"ok": False, "error": {"code": "NOT_FOUND", "text": "no command 'x'"}})
    assert "NOT_FOUND: no command 'x'" in sdmctl(f"ctl {tmp_path}/c x", status=1).stderr
    assert "UNAVAILABLE" in sdmctl(f"ctl {tmp_path}/d x", status=3).stderr
    assert "want NAME=VALUE" in sdmctl(f"ctl {tmp_path}/d x level", status=2).stderr
