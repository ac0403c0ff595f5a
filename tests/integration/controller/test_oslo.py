"""An unmodified oslo.messaging client, over durable and non-durable exchanges."""

import uuid

import oslo_messaging
import pytest

from harness import GIB, MIB, TOKENS, key, plan_request
from oslo_caller import Caller


@pytest.fixture(params=[("sdm", True), ("sdm_transient", False)], ids=["durable", "transient"])
def caller(bed, controller, request):
    made = []

    def make(who="alice", **options):
        made.append(Caller(bed.broker, *request.param, TOKENS[who][0], **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_calls(caller, rack):
    alice = caller()
    plan = alice.call("plan", **plan_request(rack["c"]))
    assert plan["size_bytes"] == GIB
    held = alice.call("s10.reserve", key=key(), plan=plan["plan"])
    shown = alice.call("show", reservation=held["reservation"]["reservation"])
    assert shown["reservation"]["state"] == "held"


def test_registration(caller, rack):
    admin = caller(topic="s11", who="admin")
    assert rack["r"] in [r["id"] for r in admin.call("show")["racks"]]
    assert admin.call("s11.show", rack=rack["r"])["segment_unit_bytes"] == 128 * MIB


def test_a_refusal_is_an_exception(caller, rack):
    alice = caller()
    for method, args, code in [
        ("show", {"reservation": str(uuid.uuid4())}, "NOT_FOUND"),
        ("reserve", {"key": key(), "request": plan_request("nobody")}, "NOT_FOUND"),
        ("plan", {"compute_bricks": []}, "OUT_OF_RANGE"),
        ("dance", {}, "UNKNOWN_MESSAGE"),
    ]:
        with pytest.raises(oslo_messaging.RemoteError) as raised:
            alice.call(method, **args)
        assert raised.value.exc_type == code, (method, raised.value)


def test_strangers(caller, rack):
    stranger = caller()
    stranger.context = {}
    with pytest.raises(oslo_messaging.RemoteError) as raised:
        stranger.call("list")
    assert raised.value.exc_type == "UNAUTHENTICATED"


def test_a_pending_answer_comes_in_the_envelope(caller, rack):
    admin = caller(topic="s11", who="admin")
    with pytest.raises(oslo_messaging.RemoteError) as raised:
        admin.call("power", key=key(), brick=rack["m1"], power="off", wait="fabric", timeout_ms=500)
    assert raised.value.exc_type == "TIMEOUT"
