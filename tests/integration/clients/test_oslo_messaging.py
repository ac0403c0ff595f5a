"""An unmodified oslo.messaging client, over durable and non-durable exchanges: from plan to a guest that has grown."""

import os
import pathlib
import uuid

import oslo_messaging
import pytest

from bed import GUESTS, UNIT, key, request
from oslo_caller import Caller


@pytest.fixture(params=[("sdm", True), ("sdm_transient", False)], ids=["durable", "transient"])
def caller(bed, request):
    made = []

    def make(name="demo", topic="s10"):
        token = (pathlib.Path(os.environ["SDM_TOKENS"]) / name).read_text().strip()
        made.append(Caller(bed.broker, *request.param, token, topic=topic))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_guest_grows_and_gives_back(caller):
    demo = caller()
    plan = demo.call("plan", **request("cb2", 2 * UNIT, mode="vm"))
    name = demo.call("reserve", key=key(), plan=plan["plan"])["reservation"]["reservation"]
    reply = demo.call("attach", key=key(), reservation=name, target={"vm": GUESTS["wide"][0]}, wait="guest")
    assert (reply["reached"], reply["reservation"]["state"]) == ("guest", "attached")
    assert demo.call("s10.show", reservation=name)["reservation"]["size_bytes"] == 2 * UNIT
    released = demo.call("release", key=key(), reservation=name, wait="fabric")
    assert released["reservation"]["state"] == "released"


def test_registration(caller):
    admin = caller("admin", topic="s11")
    assert {rack["id"] for rack in admin.call("show")["racks"]} == {"rack0", "rack1"}
    assert admin.call("status")["epoch"] == 1


def test_refusals_are_raised(bed, wire, caller):
    demo = caller()
    nobody = str(uuid.uuid4())
    for method, members, code, text in [
        ("show", {"reservation": nobody}, "NOT_FOUND", nobody),
        ("plan", request("cb0", 64 << 30), "TOO_LARGE", str(64 << 30)),
        ("reserve", {"key": key(), "request": request("nowhere")}, "NOT_FOUND", "'nowhere'"),
        ("attach", {"key": key(), "reservation": nobody, "target": {"compute_brick": "cb0"}, "wait": "fabric"},
         "NOT_FOUND", nobody),
    ]:
        with pytest.raises(oslo_messaging.RemoteError) as raised:
            demo.call(method, **members)
        assert raised.value.exc_type == code and text in raised.value.value, method


def test_a_refusal_changes_nothing(bed, caller):
    demo = caller()
    bed.settle()
    before = bed.digest()
    with pytest.raises(oslo_messaging.RemoteError) as raised:
        demo.call("reserve", key=key(), request=request("cb0", UNIT + 1))
    assert raised.value.exc_type == "NOT_ALIGNED"
    assert bed.digest() == before
