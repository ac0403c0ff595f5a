"""What clients do: lives of reservations, groups, accelerators, batches, plans applied late, strangers' attempts.  Each knows
what it was promised ('Hold'), and says so when a reply tells otherwise."""

import random
import time
import uuid

from .administrator import Administrator
from .fleet import PROJECTS
from .gateway import REST, Ask

MIB = 1 << 20
SHORT_LEASE_S = 3


class Hold:
    """What one reservation was promised to its client."""

    def __init__(self, reply, lease_s):
        view = reply.body["reservation"]
        self.id, self.project, self.mode = view["reservation"], view["project"], view["mode"]
        self.compute, self.size, self.lease_s = view["compute_brick"], view["size_bytes"], lease_s
        self.states = {"held"}  # it may be in one of these
        self.kind = "group" if "group" in view else "accelerator" if "accelerator" in view else "memory"
        self.segments = {}
        self.made_at = self.told_at = time.time()
        self.released = False

    def now(self, *states):
        self.states, self.told_at = set(states), time.time()


class Traffic(Administrator):
    """Makes clients; shares what they know."""

    def __init__(self, gateway, fleet, seed, on_violation):
        self.gateway, self.fleet, self.seed, self.on_violation = gateway, fleet, seed, on_violation
        self.holds = {}
        self.segments = {}  # segment to (brick, offset, size), of every reply
        self.is_over = False  # no new lives; those that are there come to rest
        self.release_all = False
        self.guests_are_whole = True  # false once a fake guest was lost: attachments may end with it
        self.hold_down = self.let_go = None  # the nemesis's
        self.fenced = None  # the compute brick that is being fenced: one at a time
        self.fences = []
        self.stamps = None
        self.kinds = {"life": 60, "late_plan": 8, "group": 7, "accelerator": 6, "batch": 7, "stranger": 8, "admin": 3, "bad": 4, "leased": 5,
                      "fence": 1.5, "quota": 4}
        self.modes = ("device", "device", "host", "vm", "vm")
        self.pause = (0.05, 0.6)

    def start(self, n):
        for number in range(n):
            self.gateway.add(self.client(number, random.Random(f"client {self.seed} {number}")), number * 0.02)

    # --- A client.

    def client(self, number, rng):
        project = PROJECTS[number % len(PROJECTS)]
        names, weights = zip(*self.kinds.items())
        while not self.is_over:
            kind = rng.choices(names, weights)[0]
            yield from getattr(self, f"do_{kind}")(rng, project)
            yield rng.uniform(*self.pause)

    @staticmethod
    def write(rng, type_, project, **body):
        return Ask(type_, body, project, str(uuid.UUID(int=rng.getrandbits(128))))

    def wish(self, rng, mode=None):
        return {"compute_bricks": rng.sample(self.fleet.computes, rng.choice((1, 1, 2))),
                "size_bytes": rng.choice((1, 1, 2, 3)) * self.fleet.unit, "latency_class": rng.choice(("tray", "rack", "inter-rack")),
                "mode": mode or rng.choice(self.modes), "policy": rng.choice(("near", "pack", "spread", "first-fit", "best-fit"))}

    def look(self, answer, project):
        """I9, and the segments that were told."""
        for view in reservations_of(answer):
            if view["project"] != project and project != "admin":
                self.on_violation("I9", f"a reply to project '{project}' shows reservation {view['reservation']} of"
                                  f" '{view['project']}'")
            for segment in view.get("segments", ()):
                self.segments[segment["segment"]] = (segment["memory_brick"], segment["offset_bytes"], segment["size_bytes"])

    def hold(self, answer, lease_s):
        made = Hold(answer, lease_s)
        self.holds[made.id] = made
        return made

    def rest(self):
        """Once the storm is over: until what was promised has been judged."""
        if self.is_over and not self.release_all:
            yield REST

    # --- Lives.

    def do_life(self, rng, project):
        lease_s = rng.choice((SHORT_LEASE_S, 3600, 3600, 3600))
        answer = yield self.write(rng, "s10.reserve", project, request=self.wish(rng), lease_s=lease_s)
        self.look(answer, project)
        if answer:
            yield from self.live(rng, project, self.hold(answer, lease_s))

    def do_late_plan(self, rng, project):
        """Planned, and applied when others have been there."""
        answer = yield Ask("s10.plan", self.wish(rng), project)
        if not answer:
            return
        yield rng.uniform(0.0, 3.0)
        applied = yield self.write(rng, "s10.reserve", project, plan=answer.body["plan"], lease_s=3600)
        self.look(applied, project)
        if applied:
            got = [(s["memory_brick"], s["offset_bytes"], s["size_bytes"]) for s in applied.body["reservation"]["segments"]]
            want = [(s["memory_brick"], s["offset_bytes"], s["size_bytes"]) for s in answer.body["segments"]]
            if sorted(got) != sorted(want):
                self.on_violation("I2", f"plan {answer.body['plan']} promised {want}, applied it gave {got}")
            yield from self.live(rng, project, self.hold(applied, 3600))

    def do_leased(self, rng, project):
        """Attached under a short lease: in use, it outlives it."""
        wish = self.wish(rng, "device")
        answer = yield self.write(rng, "s10.reserve", project, request=wish, lease_s=SHORT_LEASE_S)
        self.look(answer, project)
        if answer:
            hold = self.hold(answer, SHORT_LEASE_S)
            yield from self.step_attach(rng, project, hold)
            yield from self.step_wait(rng, project, hold)
            yield from self.give_back(rng, project, hold)

    def live(self, rng, project, hold):
        """Steps of a reservation's life until it is given back, or left to its lease."""
        for _step in range(rng.randrange(7)):
            yield rng.uniform(*self.pause)
            if self.is_over:
                break
            step = rng.choice(("attach", "attach", "detach", "resize", "renew", "show", "show", "wait"))
            yield from getattr(self, f"step_{step}")(rng, project, hold)
        yield from self.rest()
        if hold.lease_s == SHORT_LEASE_S and hold.states == {"held"} and rng.random() < 0.5:
            hold.now("held", "releasing", "released")
            return
        yield from self.give_back(rng, project, hold)

    def give_back(self, rng, project, hold, type_="s10.release"):
        hold.released = True
        hold.states |= {"releasing", "released"}
        for _attempt in range(3):
            answer = yield self.write(rng, type_, project, reservation=hold.id, wait=rng.choice(("committed", "fabric", "guest")),
                                      timeout_ms=8000)
            self.look(answer, project)
            if answer or answer.code in ("TIMEOUT", "NOT_FOUND", "WRONG_STATE"):
                hold.now("releasing", "released")
                return
            yield 0.5

    def settle(self, hold, answer, reached, otherwise):
        """What is promised after a step: 'reached' when it was done, else either."""
        if answer and answer.body.get("done"):
            hold.now(*reached)
        elif answer or answer.code == "TIMEOUT":
            # On its way; hardware may still refuse it.
            hold.now(*reached, *otherwise)
        elif answer.type is None or answer.code in ("FABRIC_REFUSED", "AGENT_REFUSED", "GUEST_REFUSED"):
            hold.now(*hold.states, *reached, *otherwise)

    def step_attach(self, rng, project, hold):
        target = {"compute_brick": hold.compute}
        if hold.mode == "vm":
            guests = [g for g in self.fleet.vms if g["brick"] == hold.compute and g["project"] == project]
            if not guests:
                return
            target = {"vm": rng.choice(guests)["vm"]}
        before = hold.states
        hold.now(*before, "attaching", "attached", "held", "detaching")
        answer = yield self.write(rng, "s10.attach", project, reservation=hold.id, target=target,
                                  wait=rng.choice(("committed", "fabric", "guest", "guest")), timeout_ms=rng.choice((3000, 15000)))
        self.look(answer, project)
        if answer:
            hold.lease_s = max(hold.lease_s, 0)
            self.settle(hold, answer, ("attached",), ("attaching", "held", "detaching"))
        elif answer.type is not None and answer.code not in ("TIMEOUT", "FABRIC_REFUSED", "AGENT_REFUSED", "GUEST_REFUSED"):
            hold.states = before

    def step_detach(self, rng, project, hold):
        before = hold.states
        hold.now(*before, "detaching", "held")
        answer = yield self.write(rng, "s10.detach", project, reservation=hold.id, wait=rng.choice(("committed", "fabric", "guest")),
                                  timeout_ms=8000)
        self.look(answer, project)
        if answer or answer.code == "TIMEOUT":
            hold.now("detaching", "held")
            if hold.lease_s == SHORT_LEASE_S:
                hold.states |= {"releasing", "released"}
        elif answer.type is not None:
            hold.states = before

    def step_resize(self, rng, project, hold):
        size = rng.choice((1, 2, 3, 4)) * self.fleet.unit
        answer = yield self.write(rng, "s10.resize", project, reservation=hold.id, size_bytes=size,
                                  wait=rng.choice(("committed", "guest")), timeout_ms=8000)
        self.look(answer, project)
        if answer and answer.body.get("done"):
            hold.size = answer.body["reservation"]["size_bytes"]
        elif answer or answer.type is None or answer.code in ("TIMEOUT", "FABRIC_REFUSED", "AGENT_REFUSED", "GUEST_REFUSED"):
            hold.size = None
        if (answer or answer.code == "TIMEOUT") and hold.states <= {"attached"}:
            hold.now("attached", "attaching", "detaching")

    def step_renew(self, rng, project, hold):
        answer = yield self.write(rng, "s10.renew", project, reservation=hold.id, lease_s=3600)
        if answer:
            hold.lease_s = 3600

    def step_show(self, rng, project, hold):
        del rng
        asked = time.time()
        answer = yield Ask("s10.show", {"reservation": hold.id}, project)
        self.look(answer, project)
        self.check_view(hold, answer, asked)

    def step_wait(self, rng, project, hold):
        """Longer than a short lease: what is attached stays."""
        if hold.lease_s == SHORT_LEASE_S:
            yield SHORT_LEASE_S + 1.5
            yield from self.step_show(rng, project, hold)
        else:
            yield rng.uniform(0.1, 1.0)

    def check_view(self, hold, answer, asked):
        """I2: what is shown agrees with what was promised."""
        if not answer:
            if answer.code == "NOT_FOUND":
                self.on_violation("I2", f"reservation {hold.id} of '{hold.project}' was confirmed and is not found")
            return
        view = answer.body["reservation"]
        if view["state"] not in self.allowed(hold, hold.lease_s == SHORT_LEASE_S) and asked > hold.told_at:
            self.on_violation("I2", f"reservation {hold.id} of '{hold.project}' ({hold.mode}, lease {hold.lease_s} s) is"
                              f" {view['state']}, promised {sorted(hold.states)}; history {view.get('history')}")
        if hold.size is not None and view["state"] in ("held", "attached") and view["size_bytes"] != hold.size:
            self.on_violation("I2", f"reservation {hold.id} has {view['size_bytes']} bytes, promised {hold.size}")

    def allowed(self, hold, lease_is_over):
        """The states that it may be in, by what its client was told and what has happened to it."""
        allowed = set(hold.states)
        if lease_is_over and "held" in allowed:
            allowed |= {"releasing", "released"}
        if hold.mode == "vm" and not self.guests_are_whole:
            # Its agent's guests end with it: what they had is attached again, or given up.
            allowed |= {"attaching", "held", "detaching", "releasing", "released"}
        if self.is_lost(hold):
            allowed |= {"releasing", "released", "failed"}
        return allowed

    # --- Others.

    def do_group(self, rng, project):
        name = f"group-{rng.randrange(3)}"
        joined = []
        for compute in rng.sample(self.fleet.computes, rng.choice((1, 2, 3))):
            answer = yield self.write(rng, "s10.group.join", project, group=name, compute_brick=compute, size_bytes=self.fleet.unit,
                                      latency_class="inter-rack", wait=rng.choice(("committed", "guest")), timeout_ms=6000)
            self.look(answer, project)
            if answer or answer.code in ("TIMEOUT", None):
                joined.append(compute)
            yield rng.uniform(0.05, 0.5)
        yield from self.rest()
        for compute in joined:
            for _attempt in range(3):
                answer = yield self.write(rng, "s10.group.leave", project, group=name, compute_brick=compute, wait="fabric",
                                          timeout_ms=8000)
                self.look(answer, project)
                if answer or answer.code in ("TIMEOUT", "NOT_FOUND"):
                    break
                yield 0.5

    def do_accelerator(self, rng, project):
        answer = yield self.write(rng, "s10.accelerator.reserve", project, accelerator_kind="fpga",
                                  compute_brick=rng.choice(self.fleet.computes), wait=rng.choice(("committed", "fabric")),
                                  timeout_ms=8000)
        self.look(answer, project)
        if not answer:
            return
        hold = self.hold(answer, 3600)
        hold.now("attaching", "attached", "releasing", "released")
        hold.size = None
        yield rng.uniform(0.1, 1.5)
        yield from self.give_back(rng, project, hold, "s10.accelerator.release")

    def do_batch(self, rng, project):
        operations = [{"reserve": {"request": self.wish(rng, "device"), "lease_s": 3600}} for _ in range(rng.choice((2, 2, 3)))]
        answer = yield self.write(rng, "s10.batch", project, operations=operations)
        self.look(answer, project)
        if not answer:
            return
        holds = []
        for view in answer.body["reservations"]:
            holds.append(self.hold(type(answer)(answer.type, {"reservation": view}), 3600))
        yield rng.uniform(0.1, 1.0)
        yield from self.rest()
        for hold in holds:
            hold.states |= {"releasing", "released"}
        answer = yield self.write(rng, "s10.batch", project, operations=[{"release": {"reservation": h.id}} for h in holds])
        self.look(answer, project)
        if not answer:
            for hold in holds:
                yield from self.give_back(rng, project, hold)

    def do_stranger(self, rng, project):
        """What is another tenant's is not found, whatever is asked of it."""
        others = [hold for hold in list(self.holds.values())[-60:] if hold.project != project]
        guests = [guest for guest in self.fleet.vms if guest["project"] != project]
        if rng.random() < 0.4 and guests:
            yield from self.take_guest(rng, project, rng.choice(guests))
            return
        if not others:
            return
        victim = rng.choice(others)
        type_, body = rng.choice((("s10.show", {}), ("s10.release", {}), ("s10.detach", {}), ("s10.renew", {"lease_s": 60}),
                                  ("s10.resize", {"size_bytes": self.fleet.unit}),
                                  ("s10.attach", {"target": {"compute_brick": victim.compute}})))
        ask = Ask(type_, {"reservation": victim.id, **body}, project) if type_ == "s10.show" else \
            self.write(rng, type_, project, reservation=victim.id, **body)
        answer = yield ask
        if answer.type is not None and answer.code != "NOT_FOUND":
            self.on_violation("I9", f"{type_} of reservation {victim.id} of '{victim.project}' by '{project}' was answered"
                              f" {answer.type} {str(answer.body)[:200]}")

    def take_guest(self, rng, project, guest):
        wish = {**self.wish(rng, "vm"), "compute_bricks": [guest["brick"]], "latency_class": "inter-rack"}
        answer = yield self.write(rng, "s10.reserve", project, request=wish, lease_s=3600)
        self.look(answer, project)
        if not answer:
            return
        hold = self.hold(answer, 3600)
        hold.now("held", "attaching", "attached", "detaching")
        answer = yield self.write(rng, "s10.attach", project, reservation=hold.id, target={"vm": guest["vm"]}, wait="committed")
        has_ended = answer.code == "WRONG_STATE" and self.is_lost(hold)
        if answer.type is not None and answer.code != "NOT_FOUND" and not has_ended:
            self.on_violation("I9", f"guest {guest['vm']} of '{guest['project']}' was offered to '{project}':"
                              f" {answer.type} {str(answer.body)[:200]}")
        yield from self.give_back(rng, project, hold)

    def do_bad(self, rng, project):
        """Refused, with the code that says why; and a tenant's list holds nothing of others."""
        unit = self.fleet.unit
        wish = self.wish(rng, "device")
        cases = ((None, Ask("s10.list", {"page_size": 50, "live": True}, project)),
                 ("NOT_FOUND", self.write(rng, "s10.reserve", project, request={**wish, "compute_bricks": ["nobody"]})),
                 ("NOT_ALIGNED", self.write(rng, "s10.reserve", project, request={**wish, "size_bytes": unit + 4096})),
                 ("OUT_OF_RANGE", self.write(rng, "s10.reserve", project, request={**wish, "size_bytes": 0})),
                 ("NOT_FOUND", self.write(rng, "s10.release", project, reservation=str(uuid.UUID(int=rng.getrandbits(128))))),
                 ("PLAN_EXPIRED", self.write(rng, "s10.reserve", project, plan=str(uuid.UUID(int=rng.getrandbits(128))))),
                 ("FORBIDDEN", self.write(rng, "s11.power", project, brick="mb0", power="off")))
        code, ask = rng.choice(cases)
        answer = yield ask
        self.look(answer, project)
        is_fenced = answer.code == "WRONG_STATE" and self.fenced is not None
        if answer.type is not None and code is not None and answer.code != code and not is_fenced:
            self.on_violation("I9" if code == "FORBIDDEN" else "I3", f"{ask.type} {ask.body}: want {code}, found {answer.type}"
                              f" {str(answer.body)[:200]}")


def reservations_of(answer):
    """Every reservation that a reply shows."""
    if answer.type is None or answer.type == "error/1":
        return []
    if "reservation" in answer.body and isinstance(answer.body["reservation"], dict):
        return [answer.body["reservation"]]
    return answer.body.get("reservations", [])
