"""What a person sees and a program gets when it does not work."""

import json
import os
import pty
import socket
import subprocess
import time

import pika
import pytest

import fake
from test_commands import R, VM

GIB = 1 << 30
STAGES = [{"stage": "bricks", "n_left": 6, "free_bytes": 6 * GIB}, {"stage": "class", "n_left": 2, "free_bytes": GIB},
          {"stage": "capacity", "n_left": 0, "free_bytes": 0}]


def test_refusal_names_stages_and_a_request_that_fits(sdmctl, controller, golden):
    answer = fake.refusal("NO_CAPACITY", "need 4294967296 bytes, largest free extent on tray 'tray0' is 1073741824",
                          stages=STAGES, nearest={"size_bytes": 3 * GIB // 2, "latency_class": "rack", "contiguous": False,
                                   "compute_brick": "cb1"})
    controller.answers["s10.plan/1"] = lambda body: answer
    line = "plan 4GiB --brick=cb0,cb1 --class=tray --contiguous"
    result = sdmctl(line, status=1)
    assert result.stdout == ""
    golden("refusal-plan", result.stderr)
    assert json.loads(sdmctl(line + " --json", status=1).stdout) == answer[1]


@pytest.mark.parametrize("nearest, line", [
    ({"latency_class": "rack"}, "plan 4GiB --brick=cb0,cb1 --class=rack --mode=vm --contiguous"),
    ({"contiguous": False}, "plan 4GiB --brick=cb0,cb1 --class=tray --mode=vm"),
    ({"compute_brick": "cb1"}, "plan 4GiB --brick=cb1 --class=tray --mode=vm --contiguous"),
    ({"size_bytes": 134217728}, "plan 128MiB --brick=cb0,cb1 --class=tray --mode=vm --contiguous"),
])
def test_nearest_is_a_command_line_to_copy(sdmctl, controller, nearest, line):
    controller.answers["s10.plan/1"] = lambda body: fake.refusal("NO_CAPACITY", "no", nearest=nearest)
    result = sdmctl("plan 4GiB --brick=cb0,cb1 --class=tray --contiguous", status=1)
    assert f"nearest that fits: sdmctl {line}\n" in result.stderr
    del controller.answers["s10.plan/1"]
    sdmctl(line)


def test_nothing_near_says_nothing(sdmctl, controller):
    controller.answers["s10.plan/1"] = lambda body: fake.refusal("NO_CAPACITY", "no", nearest={"size_bytes": 0})
    assert "nearest" not in sdmctl("plan 4GiB --brick=cb0", status=1).stderr


CODES = {"TIMEOUT": 3, "UNAVAILABLE": 3, "INTERNAL": 3}


@pytest.mark.parametrize("code", [code for code in json.loads((fake.SCHEMAS / "common.json").read_text())
                                  ["$defs"]["error_code"]["enum"] if code != "INTERNAL"])
def test_every_code_has_its_status(sdmctl, controller, code):
    controller.answers["s10.release/1"] = lambda body: fake.refusal(code, "because")
    result = sdmctl(f"release {R}", status=CODES.get(code, 1))
    assert result.stderr.startswith(f"sdmctl: {code}: because\n")
    assert ("to repeat it safely" in result.stderr) == (code in CODES)


def test_timeout_says_what_goes_on(sdmctl, controller):
    controller.answers["s10.attach/1"] = lambda body: fake.refusal("TIMEOUT", "not in 1000 ms", reached="fabric",
                                                                   reservation=R)
    result = sdmctl(f"attach {R} --vm={VM} --wait=guest --timeout=1s --key=k1", status=3)
    assert "reached: fabric; the request goes on\n" in result.stderr
    assert f"look again: sdmctl show {R}\n" in result.stderr
    assert f"to repeat it safely: sdmctl attach {R} --vm={VM} --key=k1 --wait=guest --timeout=1s\n" in result.stderr


def test_internal_is_repeated_with_the_same_key(sdmctl, controller):
    answers = [fake.refusal("INTERNAL", "the outcome is unknown")] * 2
    controller.answers["s10.release/1"] = lambda body: answers.pop() if answers else controller.answer_example(
        "s10.release/1")
    result = sdmctl(f"release {R}")
    keys = {body["key"] for body in controller.bodies("s10.release/1")}
    assert len(controller.requests) == 3 and len(keys) == 1
    assert result.stderr.count("repeating with the same key") == 2


def test_internal_for_ever_is_bounded(sdmctl, controller):
    controller.answers["s10.release/1"] = lambda body: fake.refusal("INTERNAL", "broken")
    result = sdmctl(f"release {R} --key=k", status=3)
    assert len(controller.requests) == 5
    assert f"to repeat it safely: sdmctl release {R} --key=k\n" in result.stderr


def test_no_reply(sdmctl, controller):
    controller.answers["s10.release/1"] = lambda body: None
    began = time.monotonic()
    result = sdmctl(f"release {R} --reply-timeout=500ms", status=3)
    assert 0.4 < time.monotonic() - began < 5
    assert "the outcome is unknown" in result.stderr and len(controller.requests) == 1
    error = json.loads(sdmctl(f"release {R} --reply-timeout=500ms --json", status=3).stdout)
    assert error["code"] == "UNAVAILABLE"


def test_wait_has_time_beyond_the_reply_timeout(sdmctl, controller):
    def late(body):
        time.sleep(1.5)
        return controller.answer_example("s10.release/1")

    controller.answers["s10.release/1"] = late
    sdmctl(f"release {R} --reply-timeout=500ms --wait=fabric --timeout=5s")


def test_unreadable_replies(sdmctl, controller):
    for answer in (("s10.list.reply/1", {"reservations": []}), ("s10.reply/1", {"reservation": 1}), ("error/1", {})):
        controller.answers["s10.show/1"] = lambda body: answer
        assert "INTERNAL" in sdmctl(f"show {R}", status=3).stderr


def test_nobody_listens(sdmctl):
    assert "UNAVAILABLE" in sdmctl("status", status=3).stderr
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        broker = f"amqp://guest:guest@127.0.0.1:{closed.getsockname()[1]}/"
        assert "UNAVAILABLE: connect to broker" in sdmctl(f"status --broker={broker}", status=3).stderr


def test_a_full_queue(sdmctl, controller):
    """The broker refuses what it has no room for; nobody is asked."""
    with pika.BlockingConnection(controller.parameters) as connection:
        channel = connection.channel()
        channel.queue_declare("full", exclusive=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        channel.basic_publish("", "full", b"the one that fits")
        channel.queue_bind("full", "sdm", "s10")
        result = sdmctl(f"release {R} --key=k", status=5)
        assert "UNAVAILABLE: the queue of requests is full; the request was not taken" in result.stderr
        assert f"to repeat it safely: sdmctl release {R} --key=k\n" in result.stderr
        assert json.loads(sdmctl(f"release {R} --json", status=5).stdout)["code"] == "UNAVAILABLE"
    sdmctl(f"release {R}")


def test_lost_connection_is_repeated_with_the_same_key(sdmctl, controller):
    """The broker closes sdmctl's connection while it waits."""
    def cut_first(body):
        if len(controller.requests) > 1:
            return controller.answer_example("s10.release/1")
        fake.cut_sdmctl_off()
        return None

    controller.answers["s10.release/1"] = cut_first
    result = sdmctl(f"release {R} --reply-timeout=20s")
    assert "repeating with the same key" in result.stderr
    assert len({body["key"] for body in controller.bodies("s10.release/1")}) == 1 and len(controller.requests) == 2


def test_progress_only_on_a_terminal(sdmctl, controller):
    def late(body):
        time.sleep(3)
        return controller.answer_example("s10.release/1")

    controller.answers["s10.release/1"] = late
    assert sdmctl(f"release {R} --wait=guest").stderr == ""
    terminal, end = pty.openpty()
    subprocess.run([sdmctl.program, "release", R, "--wait=guest"], env=sdmctl.environment, stderr=end,
                   stdout=subprocess.DEVNULL, check=True, timeout=30)
    os.close(end)
    shown = os.read(terminal, 65536).decode()
    assert "release: waiting for guest, 2.0 s" in shown and shown.endswith("\r\033[K")
