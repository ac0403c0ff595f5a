"""What an administrator does among the clients: power, bindings, lists, fences, quotas."""

import dataclasses
import time
import uuid

from .fleet import PROJECTS
from .gateway import Ask


@dataclasses.dataclass
class Fence:
    """What was held at the brick is given up; one that may cut does so while entries live, one by power does not."""

    brick: str
    method: str
    since: float
    until: float | None = None

    @property
    def may_cut(self):
        return self.method != "power"


class Administrator:
    """Parts of a client's life that need an administrator's token; for Traffic."""

    def do_admin(self, rng, project):
        del project
        brick = rng.choice(list(self.fleet.memories))
        what = rng.choice(("off-on", "show", "agents", "status", "vms", "list", "bind"))
        if what == "off-on":
            answer = yield self.write(rng, "s11.power", "admin", brick=brick, power="off", wait="fabric", timeout_ms=6000)
            yield rng.uniform(0.2, 1.0)
            yield self.write(rng, "s11.power", "admin", brick=brick, power="on", wait="fabric", timeout_ms=6000)
        elif what == "bind":
            guest = rng.choice(self.fleet.vms)
            yield Ask("s11.vm.bind", {"vm": guest["vm"], "project": guest["project"]}, "admin", str(uuid.UUID(int=rng.getrandbits(128))))
        else:
            type_, body = {"show": ("s11.show", {}), "agents": ("s11.agents", {}), "status": ("s11.status", {}),
                           "vms": ("s11.vm.list", {}), "list": ("s10.list", {"page_size": 20})}[what]
            answer = yield Ask(type_, body, "admin")
            self.look(answer, "admin")

    def do_fence(self, rng, project):
        """A compute brick dies and is fenced, until that is confirmed; then it comes back with new guests."""
        del project
        brick = rng.choice(self.fleet.computes)
        if self.fenced is not None or not self.hold_down(brick):
            return
        self.fenced = brick
        fence = Fence(brick, rng.choice(("power", "power", "cut", "any")), time.time())
        self.fences.append(fence)
        if fence.may_cut:
            self.stamps.cut(brick)
        yield from self.insist(rng, "s11.fence", brick=brick, method=fence.method, wait="fabric", timeout_ms=8000)
        yield rng.uniform(0.0, 2.0)
        self.let_go(brick)
        yield from self.insist(rng, "s11.fence", brick=brick, undo=True, wait="fabric", timeout_ms=8000)
        for guest in self.fleet.vms:
            if guest["brick"] == brick:
                yield from self.insist(rng, "s11.vm.bind", vm=guest["vm"], project=guest["project"])
        fence.until = time.time()
        self.stamps.back(brick)
        self.fenced = None

    def is_lost(self, hold):
        """Its compute brick has been fenced since."""
        return any(fence.brick == hold.compute and (fence.until is None or fence.until > hold.made_at) for fence in self.fences)

    def is_cut_asked(self, brick, at):
        """Whether an administrator wanted the circuits of this compute brick cut at that time, whatever is behind them."""
        return any(fence.brick == brick and fence.may_cut and fence.since <= at and (fence.until is None or at <= fence.until)
                   for fence in self.fences)

    @staticmethod
    def insist(rng, type_, **body):
        """An administrator's request, until it is done."""
        while True:
            answer = yield Ask(type_, body, "admin", str(uuid.UUID(int=rng.getrandbits(128))))
            if answer and answer.body.get("done", True):
                return
            yield 0.5

    def do_quota(self, rng, project):
        """A quota becomes tight, sometimes below what is held, which is refused; a while later it is wide again."""
        if rng.random() < 0.2:
            yield from self.look_at_quotas(rng, project)
            return
        project = rng.choice(PROJECTS)
        shown = yield Ask("s11.project.show", {"project": project}, "admin")
        if not shown:
            return
        now, unit = shown.body["projects"][0], self.fleet.unit
        more = rng.choice((-unit, 0, unit, 2 * unit, 5 * unit))
        yield from self.set_quota(rng, project, max_bytes=max(now["used_bytes"] + more, 0),
                                  max_reservations=max(now["n_reservations"] + rng.choice((-1, 0, 1, 3, 20)), 0))
        yield rng.uniform(0.3, 2.0)
        yield from self.set_quota(rng, project, unlimited=True, **rng.choice(({}, {"max_bytes": 500 * unit}, {"max_reservations": 300})))

    def set_quota(self, rng, project, **quota):
        answer = yield Ask("s11.project.set", {"project": project, **quota}, "admin", str(uuid.UUID(int=rng.getrandbits(128))))
        if answer:
            found = {name: answer.body["projects"][0].get(name) for name in ("max_bytes", "max_reservations")}
            if found != {name: quota.get(name) for name in found}:
                self.on_violation("quota", f"quota {quota} of '{project}' was set, the reply tells {found}")

    def look_at_quotas(self, rng, project):
        """A tenant sees its own, and nobody else's."""
        other = rng.choice([name for name in PROJECTS if name != project])
        answer = yield Ask("s11.project.show", {}, project)
        if answer and [row["project"] for row in answer.body["projects"]] != [project]:
            self.on_violation("I9", f"'{project}' asked for its quota and was told {answer.body}")
        answer = yield Ask("s11.project.show", {"project": other}, project)
        if answer.type is not None and answer.code != "FORBIDDEN":
            self.on_violation("I9", f"'{project}' asked for the quota of '{other}': {answer.type} {answer.body}")
