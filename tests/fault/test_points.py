"""Every fault point in every use case: a daemon crashes or fails there, and one retry with the same key converges.

Either nothing had happened or everything; afterwards database, NetPort entries and switches agree, no byte had two
owners, and what is released leaves no row behind."""

import pytest
from bed import MIB, ask, new_key, rows, wait_until

SIZE = 128 * MIB
REQUEST = {"compute_bricks": ["cb0"], "size_bytes": SIZE, "latency_class": "tray", "mode": "device"}


class Reserve:
    """One reservation, held."""

    message = "s10.reserve"
    after = {"reservations": 1, "states": "held", "bytes": SIZE, "windows": 0, "hops": 0}

    @staticmethod
    def prepare(bed):
        del bed
        return {"request": REQUEST}


class Attach:
    """Reserved, to be attached."""

    message = "s10.attach"
    after = {"reservations": 1, "states": "attached", "bytes": SIZE, "windows": 1, "hops": 1}

    @staticmethod
    def prepare(bed):
        reply = bed.demo.write("s10.reserve", request=REQUEST)
        return {"reservation": reply["reservation"]["reservation"], "target": {"compute_brick": "cb0"}, "wait": "guest",
                "timeout_ms": 20000}


class Detach:
    """Attached, to be detached."""

    message = "s10.detach"
    after = Reserve.after

    @staticmethod
    def prepare(bed):
        body = Attach.prepare(bed)
        bed.demo.write("s10.attach", **body)
        return {"reservation": body["reservation"], "wait": "fabric", "timeout_ms": 20000}


class Resize:
    """Attached, to grow by a segment."""

    message = "s10.resize"
    after = {"reservations": 1, "states": "attached", "bytes": 2 * SIZE, "windows": 2, "hops": 1}

    @staticmethod
    def prepare(bed):
        body = Attach.prepare(bed)
        bed.demo.write("s10.attach", **body)
        return {"reservation": body["reservation"], "size_bytes": 2 * SIZE, "wait": "guest", "timeout_ms": 20000}


class Release:
    """Attached, to be released."""

    message = "s10.release"
    after = {"reservations": 0, "states": "", "bytes": 0, "windows": 0, "hops": 0}

    @staticmethod
    def prepare(bed):
        body = Attach.prepare(bed)
        bed.demo.write("s10.attach", **body)
        return {"reservation": body["reservation"], "wait": "fabric", "timeout_ms": 20000}


class AttachHost:
    """Reserved for the host's kernel, to be attached."""

    message = "s10.attach"
    after = Attach.after

    @staticmethod
    def prepare(bed):
        reply = bed.demo.write("s10.reserve", request={**REQUEST, "mode": "host"})
        return {"reservation": reply["reservation"]["reservation"], "target": {"compute_brick": "cb0"}, "wait": "guest",
                "timeout_ms": 20000}


class DetachHost:
    """Memory of the host's kernel, to be detached."""

    message = "s10.detach"
    after = Reserve.after

    @staticmethod
    def prepare(bed):
        body = AttachHost.prepare(bed)
        bed.demo.write("s10.attach", **body)
        return {"reservation": body["reservation"], "wait": "fabric", "timeout_ms": 20000}


class PowerOff:
    """A free memory brick, to be switched off and on again."""

    message = "s11.power"
    after = {"reservations": 0, "states": "", "bytes": 0, "windows": 0, "hops": 0}

    @staticmethod
    def prepare(bed):
        bed.admin.write("s11.power", brick="mb5", power="on", wait="fabric", timeout_ms=20000)
        return {"brick": "mb5", "power": "off", "wait": "fabric", "timeout_ms": 20000}


CONTROLLER = "controller-1"
AGENT = "agent-1"
ALL = (Reserve, Attach, Detach, Resize, Release)

# Point, with the passage where it is not the first; whose; use cases that pass it.
POINTS = [
    ("reservation.claimed", CONTROLLER, (Reserve, Resize)),
    ("pg.before-commit", CONTROLLER, (*ALL, PowerOff)),
    ("pg.before-commit@2", CONTROLLER, (Attach, Detach, Release)),
    ("pg.before-commit@3", CONTROLLER, (Attach, Release)),
    ("pg.after-commit", CONTROLLER, (*ALL, PowerOff)),
    ("pg.after-commit@2", CONTROLLER, (Attach, Detach, Release)),
    ("pg.after-commit@3", CONTROLLER, (Attach, Release)),
    ("amqp.published", CONTROLLER, (*ALL, PowerOff)),
    ("fabric.before_connect", CONTROLLER, (Attach,)),
    ("fabric.after_connect", CONTROLLER, (Attach,)),
    ("fabric.before_disconnect", CONTROLLER, (Detach, Release)),
    ("fabric.after_disconnect", CONTROLLER, (Detach, Release)),
    ("fabric.before_scrub", CONTROLLER, (Release,)),
    ("fabric.after_scrub", CONTROLLER, (Release,)),
    ("fabric.before_power", CONTROLLER, (PowerOff,)),
    ("fabric.after_power", CONTROLLER, (PowerOff,)),
    ("synthesizer.before_mark_circuit", CONTROLLER, (Attach, Detach, Release)),
    ("synthesizer.before_send_agent", CONTROLLER, (Attach, Detach, Resize, Release)),
    ("synthesizer.after_send_agent", CONTROLLER, (Attach, Detach, Resize, Release)),
    ("outbox.published", CONTROLLER, ALL),
    ("agent.want_kept", AGENT, (Attach, Detach)),
    ("agent.map", AGENT, (Attach, Resize)),
    ("agent.mapped", AGENT, (Attach, Resize)),
    ("agent.unmap", AGENT, (Detach, Release)),
    ("agent.unmapped", AGENT, (Detach, Release)),
    ("agent.online", AGENT, (AttachHost,)),
    ("agent.onlined", AGENT, (AttachHost,)),
    ("agent.offline", AGENT, (DetachHost,)),
    ("agent.offlined", AGENT, (DetachHost,)),
]

CASES = [pytest.param(daemon, point, action, use_case, id=f"{use_case.__name__}-{point}-{action}")
         for point, daemon, use_cases in POINTS for use_case in use_cases for action in ("crash", "fail")]


def arm(bed, daemon, point, action):
    name, _at, passage = point.partition("@")
    assert bed.arm(daemon, f"{name}={action}@{passage or 1}") == 1


def is_done(reply):
    return reply is not None and reply[0] != "error/1"


@pytest.mark.parametrize("daemon, point, action, use_case", CASES)
def test_one_retry_converges(bed, daemon, point, action, use_case):
    body = {"key": new_key(), **use_case.prepare(bed)}
    bed.settle()
    before = rows()
    arm(bed, daemon, point, action)
    first = ask(bed, daemon, use_case.message, body)
    # Some points come after the reply.
    if action == "crash":
        wait_until(f"the point is passed; {first}", lambda: not bed.is_alive(daemon), 5)
        bed.restart(daemon)
    else:
        wait_until(f"the point is passed; {first}", lambda: bed.n_armed(daemon) == 0, 5)
    second = ask(bed, daemon, use_case.message, body, seconds=30)
    assert second is not None, f"no answer to the retry; the first was {first}; {bed.account(daemon)}"
    if is_done(first):
        assert second == first, "a repeated request gets the same reply"
    after = bed.settle()
    wanted = use_case.after if is_done(second) else {name: before[name] for name in use_case.after}
    assert {name: after[name] for name in wanted} == wanted, second
    bed.check_harmless()
    bed.release_all()
    bed.check_harmless()
