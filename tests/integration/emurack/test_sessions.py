"""Device sessions: epochs, switches, power, pipelining, armed faults."""

import socket
import subprocess
import threading
import time
import urllib.request

import pytest

from harness import EMURACKD, UNIT, Closed, Refused, window


def code_of(lines, request):
    with pytest.raises(Refused) as caught:
        lines.ask(request)
    return caught.value.code


def test_greeting_tells_the_kind(rack):
    assert rack.open("opt0", 7).greeting.startswith("kind=optical epoch=7 ports=8 power=on")
    assert "kind=memory" in rack.open("mb0").greeting
    assert "power=off module=2" in rack.open("mb1").greeting


def test_first_request_must_open(rack):
    lines = rack.connect()
    assert code_of(lines, "list") == "WRONG_STATE"
    assert code_of(lines, "open nobody 1") == "NOT_FOUND"
    assert code_of(lines, "open opt0") == "MALFORMED"
    assert code_of(lines, "open opt0 -1") == "INVALID_VALUE"
    assert lines.ask("open opt0 1").startswith("kind=optical")
    assert lines.ask("list") == "0"


def test_lower_epoch_is_refused_and_higher_closes(rack):
    old = rack.open("opt0", 5)
    same = rack.open("opt0", 5)
    other_device = rack.open("opt1", 1)
    assert code_of(rack.connect(), "open opt0 4") == "STALE_EPOCH"
    assert old.ask("list") == "0"
    new = rack.open("opt0", 6)
    for lines in (old, same):
        with pytest.raises(Closed):
            lines.ask("list")
    assert other_device.ask("list") == "0"
    assert new.ask("connect 0 1") == ""


def test_optical_ports_connect_once(rack):
    lines = rack.open("opt0")
    assert lines.ask("connect 0 2") == ""
    assert lines.ask("connect 2 0") == ""
    assert code_of(lines, "connect 0 3") == "IN_USE"
    assert code_of(lines, "connect 3 3") == "INVALID_VALUE"
    assert code_of(lines, "connect 3 8") == "OUT_OF_RANGE"
    assert code_of(lines, "connect 3 x") == "INVALID_VALUE"
    assert code_of(lines, "connect 3") == "MALFORMED"
    assert code_of(lines, "power off") == "WRONG_KIND"
    assert code_of(lines, "jump") == "UNKNOWN_MESSAGE"
    assert lines.ask("connect 5 4") == ""
    assert lines.ask("list") == "2 0-2 4-5"
    assert lines.ask("disconnect 2 0") == ""
    assert lines.ask("disconnect 2 0") == ""
    assert lines.ask("list") == "1 4-5"


def test_electrical_uplinks_carry_several(rack):
    lines = rack.open("el0")
    assert lines.ask("connect 0 6") == ""
    assert lines.ask("connect 1 6") == ""
    assert code_of(lines, "connect 0 7") == "IN_USE"
    assert lines.ask("connect 6 7") == ""
    assert lines.ask("list") == "3 0-6 1-6 6-7"


def test_requests_are_pipelined(rack):
    lines = rack.open("opt0")
    lines.connection.sendall(b"connect 0 1\nlist\ndisconnect 0 1\nlist\n")
    assert [lines.receive() for _ in range(4)] == ["", "1 0-1", "", "0"]


def test_power_takes_its_time_and_orders_what_follows(rack):
    lines = rack.open("mb1")
    assert code_of(lines, f"scrub 0 {UNIT}") == "WRONG_STATE"
    begun = time.monotonic()
    lines.connection.sendall(b"power on\nstatus\n")
    other = rack.open("mb1")
    assert "power=waking" in other.greeting
    assert code_of(other, f"scrub 0 {UNIT}") == "WRONG_STATE"
    assert lines.receive() == ""
    assert time.monotonic() - begun >= 0.15
    assert "power=on" in lines.receive()
    assert lines.ask("power on") == ""
    assert lines.ask("power off") == ""
    assert "power=off" in lines.ask("status")


def test_power_off_is_refused_while_connected(rack):
    switch = rack.open("el0")
    switch.ask("connect 0 2")
    assert code_of(rack.open("mb0"), "power off") == "IN_USE"
    assert code_of(rack.open("cb0"), "power off") == "IN_USE"
    switch.ask("disconnect 0 2")
    assert rack.open("mb0").ask("power off") == ""


def test_fenced_brick_loses_its_table(rack):
    rack.open("el0").ask("connect 0 2")
    rmc = rack.rmc("cb0")
    rmc.ask("map 0 " + window(0, 1, 1 << 30, UNIT, 0))
    brick = rack.open("cb0")
    assert code_of(brick, "power off") == "IN_USE"
    assert brick.ask("power force-off") == ""
    assert rack.open("mb0").ask("extents") == "0"
    assert not rack.sysfs("cb0").exists()
    assert rack.open("mb0").ask(f"scrub 0 {UNIT}") == ""
    assert code_of(rmc, "map 0 " + window(0, 1, 1 << 30, UNIT, 0)) == "WRONG_STATE"
    assert code_of(rack.open("mb0"), "power force-off") == "WRONG_KIND"


def test_armed_delay_refusal_and_silence(rack):
    lines = rack.open("opt0", timeout=0.5)
    rack.control("fault-arm", device="opt0", operation="connect", action="delay", ms=200, count=1)
    rack.control("fault-arm", device="*", operation="connect", action="refuse", code="TIMEOUT",
                 count=1)
    begun = time.monotonic()
    assert lines.ask("connect 0 1") == ""
    assert time.monotonic() - begun >= 0.2
    assert code_of(lines, "connect 2 3") == "TIMEOUT"
    assert lines.ask("list") == "1 0-1"
    rack.control("fault-arm", device="opt0", operation="connect", action="silence")
    with pytest.raises(socket.timeout):
        lines.ask("connect 2 3")
    assert rack.control("fault-clear", device="opt0") == {"cleared": 1}
    assert rack.open("opt0").ask("list") == "1 0-1"
    assert rack.control("faults") == []


def test_armed_lost_reply_does_the_work(rack):
    lines = rack.open("opt0")
    rack.control("fault-arm", device="opt0", operation="connect", action="lost-reply", count=1)
    with pytest.raises(Closed):
        lines.ask("connect 0 1")
    assert rack.open("opt0").ask("list") == "1 0-1"


def test_dead_device_hangs_up_until_it_revives(rack):
    lines = rack.open("opt0")
    rmc = rack.rmc("cb0")
    assert rmc.ask("list") == "0"
    rack.control("die", device="opt0")
    rack.control("die", device="cb0")
    for ask in (lambda: lines.ask("list"), lambda: rack.open("opt0"), lambda: rmc.ask("list"),
                lambda: rack.rmc("cb0").ask("list")):
        with pytest.raises(Closed):
            ask()
    rack.control("revive", device="opt0")
    assert rack.open("opt0").ask("list") == "0"


@pytest.mark.parametrize("args, code", [
    ({"device": "opt0", "operation": "connect", "action": "explode"}, "INVALID_VALUE"),
    ({"device": "nobody", "operation": "connect", "action": "silence"}, "NOT_FOUND"),
    ({"device": "opt0", "operation": "connect"}, "MISSING_MEMBER"),
    ({"device": "opt0", "operation": "connect", "action": "refuse", "code": "NO"},
     "INVALID_VALUE"),
    ({"device": "opt0", "operation": "connect", "action": "delay", "ms": -1}, "OUT_OF_RANGE"),
])
def test_faults_that_cannot_be_armed(rack, args, code):
    with pytest.raises(Refused) as caught:
        rack.control("fault-arm", **args)
    assert caught.value.code == code
    assert rack.control("faults") == []


def test_endless_line_is_cut_off(rack):
    lines = rack.connect()
    lines.connection.sendall(b"x" * 20000)
    with pytest.raises(Closed):
        lines.receive()
    assert rack.open("opt0").ask("list") == "0"


def test_metrics_are_what_prometheus_reads(rack):
    rack.stop()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        rack.metrics_port = probe.getsockname()[1]
    rack.start()
    rack.open("mb0").ask(f"scrub 0 {UNIT}")
    with urllib.request.urlopen(f"http://127.0.0.1:{rack.metrics_port}/metrics", timeout=5) as got:
        text = got.read().decode()
    assert "sdm_emurack_scrubs_total 1\n" in text
    assert "sdm_emurack_overlaps_total 0\n" in text
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                             capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("argument, status, text", [
    ("--help", 0, "--bytes-dir"), ("--version", 0, "emurackd"),
    ("--print-config", 0, "state-dir"), ("--nonsense", 2, ""),
])
def test_what_it_tells_without_running(argument, status, text):
    told = subprocess.run([EMURACKD, argument], capture_output=True, text=True, timeout=20,
                          check=False)
    assert told.returncode == status
    assert text in told.stdout


def test_replies_wait_for_a_slow_reader(rack):
    """More replies than a socket holds, read late: none is lost, others are served meanwhile."""
    lines = rack.open("opt0")
    for port in range(0, 8, 2):
        lines.ask(f"connect {port} {port + 1}")
    n_requests = 60000
    sender = threading.Thread(target=lines.connection.sendall, args=(b"list\n" * n_requests,))
    sender.start()
    assert rack.open("opt0").ask("list") == "4 0-1 2-3 4-5 6-7"
    for _ in range(n_requests):
        assert lines.receive() == "4 0-1 2-3 4-5 6-7"
    sender.join()


def test_refusal_whose_reply_is_lost(rack):
    lines = rack.open("opt0")
    rack.control("fault-arm", device="opt0", operation="connect", action="lost-reply", count=1)
    with pytest.raises(Closed):
        lines.ask("connect 0 0")
    assert code_of(rack.open("opt0"), "power on") == "WRONG_KIND"
    assert code_of(rack.open("mb0"), "power sideways") == "INVALID_VALUE"
    assert code_of(rack.open("cb0"), "extents") == "WRONG_KIND"
