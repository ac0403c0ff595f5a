"""An operator's day: a rack registered, memory planned, reserved, used by a host, resized and given back."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
TESTBED = ROOT / "deploy/testbed"
PARTS = "postgres,rabbitmq,schema,emurack,controller,agent"
GIB = 1 << 30


@pytest.fixture(scope="module")
def testbed():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sdm-sdmctl.", dir="/tmp"))
    try:
        subprocess.run([TESTBED, "up", "--dir", folder, "--build", os.environ["SDM_BUILD"], "--only", PARTS], check=True,
                       timeout=240)
        yield folder
    finally:
        subprocess.run([TESTBED, "down", "--dir", folder], check=True, timeout=120)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def environment(testbed):
    output = subprocess.run(["bash", "-c", f"source <({TESTBED} env --dir {testbed}) && env -0"], check=True,
                            capture_output=True, text=True).stdout
    return {**dict(line.split("=", 1) for line in output.split("\0") if "=" in line), "LC_ALL": "C.UTF-8"}


@pytest.fixture(scope="module")
def sdmctl(environment):
    def run(line, status=0, admin=False):
        token = environment["SDM_ADMIN_TOKEN_FILE" if admin else "SDM_TOKEN_FILE"]
        result = subprocess.run([pathlib.Path(os.environ["SDM_BUILD"]) / "services/sdmctl/sdmctl", *line.split()],
                                env={**environment, "SDM_TOKEN_FILE": token}, text=True, capture_output=True,
                                timeout=120)
        assert status is None or result.returncode == status, (line, result)
        return result

    # The controller is up before it leads and has declared its exchanges.
    end = time.monotonic() + 60
    while run("status", status=None, admin=True).returncode != 0:
        assert time.monotonic() < end, "nobody leads"
    return run


@pytest.fixture(scope="module")
def rack(testbed, sdmctl):
    sdmctl(f"rack register {testbed}/rack.json", admin=True)
    end = time.monotonic() + 60
    while any(not agent["connected"] for agent in
              json.loads(sdmctl("agents --json", admin=True).stdout)["agents"]):
        assert time.monotonic() < end, "agents do not connect"
        time.sleep(0.2)


def brick(sdmctl, name):
    bricks = json.loads(sdmctl("rack show rack0 --json", admin=True).stdout)["bricks"]
    return next(item for item in bricks if item["id"] == name)


def test_tenants_do_not_register(testbed, sdmctl):
    assert "FORBIDDEN" in sdmctl(f"rack register {testbed}/rack.json", status=1).stderr


def test_the_rack_is_drawn(rack, sdmctl):
    drawing = sdmctl("rack show", admin=True).stdout
    assert all(f"─ tray{i} ─" in drawing for i in range(4)) and "mb5" in drawing
    assert "acc0  accelerator fpga free, on" in sdmctl("rack tree rack1", admin=True).stdout
    assert "epoch 1" in sdmctl("status", admin=True).stdout


def test_memory_comes_and_goes(rack, sdmctl):
    plan = json.loads(sdmctl("plan 1GiB --brick=cb0 --class=tray --mode=host --json").stdout)
    assert [segment["size_bytes"] for segment in plan["segments"]] == [768 << 20, 256 << 20]
    held = json.loads(sdmctl(f"reserve --plan={plan['plan']} --key=day-1 --json").stdout)["reservation"]
    again = json.loads(sdmctl(f"reserve --plan={plan['plan']} --key=day-1 --json").stdout)["reservation"]
    name = held["reservation"]
    assert again["reservation"] == name and held["state"] == "held"
    assert brick(sdmctl, "mb0")["live_bytes"] == 768 << 20

    attached = sdmctl(f"attach {name} --brick=cb0 --wait=guest --timeout=60s").stdout
    assert "attached; reached guest, done" in attached
    assert brick(sdmctl, "cb0")["attached_bytes"] == GIB
    assert name in sdmctl("list --brick=cb0").stdout
    assert "Circuits:\n  cb0:" in sdmctl("rack show rack0", admin=True).stdout
    assert "IN_USE" in sdmctl("brick retire mb0", status=1, admin=True).stderr

    smaller = json.loads(sdmctl(f"resize {name} 768MiB --wait=guest --timeout=60s --json").stdout)
    assert (smaller["reservation"]["size_bytes"], smaller["reached"]) == (768 << 20, "guest")
    assert "UNREACHABLE_SIZE" in sdmctl(f"resize {name} 128MiB", status=1).stderr

    assert "released; reached fabric, done" in sdmctl(f"release {name} --wait=fabric --timeout=60s").stdout
    assert sdmctl("list").stdout == "No reservations.\n"
    assert name in sdmctl("list --all").stdout
    assert brick(sdmctl, "mb0")["live_bytes"] == brick(sdmctl, "cb0")["attached_bytes"] == 0
    assert "released" in sdmctl(f"show {name}").stdout


def test_what_the_refusal_proposes_fits(rack, sdmctl):
    errors = sdmctl("plan 4GiB --brick=cb0 --class=tray --mode=host", status=1).stderr
    assert errors.startswith("sdmctl: NO_CAPACITY: ") and "STAGE" in errors
    ways = [line.split(": sdmctl ")[1] for line in errors.splitlines() if ": sdmctl " in line]
    assert ways
    for way in ways:
        sdmctl(way)


def test_groups_and_accelerators(rack, sdmctl):
    sdmctl("group join weights cb2 --size=256MiB --class=rack --wait=fabric --timeout=60s")
    assert "weights" in sdmctl("list --group=weights").stdout
    sdmctl("group leave weights cb2 --wait=fabric --timeout=60s")
    held = json.loads(sdmctl("accelerator reserve fpga cb3 --wait=fabric --timeout=60s --json").stdout)
    assert "fpga, held" in sdmctl("rack show rack1", admin=True).stdout
    sdmctl(f"accelerator release {held['reservation']['reservation']} --wait=fabric --timeout=60s")
    assert "fpga, free" in sdmctl("rack show rack1", admin=True).stdout


def test_a_brick_sleeps_and_wakes(rack, sdmctl):
    assert "Power     off" in sdmctl("brick power mb2 off --wait=fabric --timeout=60s", admin=True).stdout
    assert "mb2" in sdmctl("plan 512MiB --brick=cb1 --class=tray --mode=host").stdout.split("Wakes")[1]
    assert "Power     on" in sdmctl("brick power mb2 on --wait=fabric --timeout=60s", admin=True).stdout


def test_control_socket(environment, sdmctl):
    assert "version" in sdmctl(f"ctl {environment['SDM_CONTROLLER_CONTROL']} status").stdout
    assert "no command 'frobnicate'" in sdmctl(f"ctl {environment['SDM_CONTROLLER_CONTROL']} frobnicate", status=1).stderr
