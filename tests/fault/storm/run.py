"""One campaign from start to verdict."""

import collections
import json
import os
import subprocess
import time

from . import audit
from .checker import Checker
from .clients import Traffic
from .fleet import ROOT, Fleet
from .gateway import Ask, Gateway
from .nemesis import Nemesis
from .sabotage import SABOTAGES
from .stamps import Stamps

CONVERGE_S = 60.0


class Campaign:
    """Processes, clients, nemesis and checker, in the order in which they come up."""

    ROOT = ROOT

    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.sabotage = SABOTAGES.get(options.sabotage)
        self.started = time.monotonic()
        self.fleet = Fleet(folder, options.build, sabotage=options.sabotage or "", clock=getattr(options, "clock", True))
        self.checker = self.gateway = self.traffic = self.stamps = self.nemesis = None
        self.n_audited = self.n_quota_refusals = 0

    def say(self, text):
        print(f"{time.monotonic() - self.started:6.1f} s  {text}", flush=True)

    # --- Up and down.

    def up(self):
        self.fleet.up()
        self.say(f"{len(self.fleet.controllers)} controllers, {len(self.fleet.agents)} agents, seed {self.options.seed}")
        self.open()

    def open(self):
        """Clients and checker on a fresh system."""
        self.checker = Checker(self.fleet, os.environ["SDM_EMURACK_CONTROL"], os.environ["SDM_DATABASE_ADMIN"])
        self.checker.prepare()
        self.gateway = Gateway(os.environ["SDM_BROKER"], self.fleet.tokens, self.options.seed, self.checker.on_event,
                               self.checker.violation)
        self.gateway.start()
        self.traffic = Traffic(self.gateway, self.fleet, self.options.seed, self.checker.violation)
        self.nemesis = Nemesis(self.fleet, self.traffic, self.checker, self.options.seed)
        self.checker.is_cut_asked = self.traffic.is_cut_asked
        self.traffic.hold_down, self.traffic.let_go = self.nemesis.hold_down, self.nemesis.let_go
        self.nemesis.start(())
        self._register()
        self.stamps = Stamps(self.fleet, os.environ["SDM_EMURACK_STATE"], os.environ["SDM_EMURACK_BYTES"],
                             os.environ["SDM_DATABASE_ADMIN"], self.checker.violation)
        self.traffic.stamps = self.stamps
        if self.sabotage is not None:
            self.traffic.modes = self.sabotage.modes
            if self.sabotage.traffic:
                self.traffic.kinds = dict(self.sabotage.traffic)

    def _ask(self, type_, body, key=None):
        answer = self.gateway.call(Ask(type_, body, "admin", key))
        if not answer:
            raise RuntimeError(f"{type_}: {answer.type} {answer.body}")
        return answer.body

    def _register(self):
        topology = {part: self.fleet.rack[part] for part in ("racks", "trays", "bricks", "switches", "links")}
        self._ask("s11.register", {"topology": topology, "segment_unit_bytes": self.fleet.unit}, "register")
        deadline = time.monotonic() + 30
        self.fleet.start_guests()
        while True:
            agents = self._ask("s11.agents", {})["agents"]
            if all(agent["connected"] for agent in agents) and sum(agent["n_vms"] for agent in agents) == len(self.fleet.vms):
                break
            if time.monotonic() > deadline:
                raise RuntimeError(f"agents do not report: {agents}")
            time.sleep(0.1)
        for guest in self.fleet.vms:
            self._ask("s11.vm.bind", {"vm": guest["vm"], "project": guest["project"]}, f"bind-{guest['vm']}"[:64])

    def close(self):
        """Ends clients and stampers."""
        if self.nemesis is not None:
            self.nemesis.stop()
        if self.gateway is not None:
            self.gateway.stop()
        if self.stamps is not None:
            self.stamps.stop()

    def keep_evidence(self):
        """What was found wrong is looked into afterwards: the database, and every request with its answers."""
        with open(self.fleet.log / "database.sql", "wb") as file:
            subprocess.run(["pg_dump", os.environ["SDM_DATABASE_ADMIN"]], stdout=file, timeout=120, check=False)
        with open(self.fleet.log / "requests", "w", encoding="utf-8") as file:
            for record in self.gateway.history:
                done = record.done
                json.dump({"first": record.first, "done": record.done_at, "project": record.ask.project, "type": record.ask.type,
                           "body": record.ask.body, "n_sent": record.n_sent, "reply_type": done.type if done is not None else None,
                           "reply": done.body if done is not None else None}, file)
                file.write("\n")

    def down(self):
        try:
            self.close()
            if self.checker is not None and self.checker.violations and not self.sabotage:
                self.keep_evidence()
        finally:
            self.fleet.down()

    # --- Several runs on one system.

    def keep_copy(self):
        """Of the empty database, before anything is registered."""
        self.fleet.stop_daemons()
        self.fleet.copy_database("sdm", "sdm_empty")

    def start_anew(self, sabotage):
        """Everything as it was at first, with this mistake planted."""
        self.close()
        self.fleet.stop_daemons()
        self.fleet.reset()
        self.sabotage = SABOTAGES.get(sabotage)
        self.fleet.plant(sabotage or "")
        self.fleet.start_daemons()
        self.started = time.monotonic()
        self.open()

    def run_until_caught(self, seconds):
        """Violations; none when nothing was caught while there was traffic, nor by the judgement behind it."""
        self.checker.start()
        self.traffic.start(self.options.clients)
        self.nemesis.kinds = self.nemesis.kinds_of(self.kinds_of_faults())
        self._storm(seconds, stop_at_violation=True, judge_on_the_way=True)
        self.checker.stop()
        return list(self.checker.violations)

    # --- The run.

    def kinds_of_faults(self):
        if self.sabotage is not None and not getattr(self.options, "only", None):
            return self.sabotage.nemesis
        if self.options.calm:
            return ()
        return tuple(self.options.only.split(",")) if self.options.only else None

    def run(self):
        self.checker.start()
        self.traffic.start(self.options.clients)
        self.nemesis.kinds = self.nemesis.kinds_of(self.kinds_of_faults())
        planted = self.sabotage is not None
        self._storm(self.options.minutes * 60, stop_at_violation=planted, judge_on_the_way=planted)
        caught_s = self.checker.violations[0]["at_s"] if self.checker.violations else None
        converge_s = None
        if self.sabotage is None or caught_s is None:
            converge_s = self._judge()
        self.checker.stop()
        return self.result(converge_s, caught_s)

    def _storm(self, seconds, stop_at_violation=False, judge_on_the_way=False):
        end = time.monotonic() + seconds
        told = judged = time.monotonic()
        while time.monotonic() < end and not (stop_at_violation and self.checker.violations):
            time.sleep(0.1)
            if time.monotonic() - told > 5:
                told = time.monotonic()
                self.progress()
            if judge_on_the_way and time.monotonic() - judged > 2:
                self.checker.judge_history(self.traffic)
                audit.judge_entries(self.checker.database, self.checker.violation)
                judged = time.monotonic()
            self._check_clients()

    def _check_clients(self):
        if self.gateway.errors or not self.gateway.is_alive():
            raise RuntimeError(f"a client ended by a mistake of its own: {self.gateway.errors}")

    def progress(self):
        history = self.gateway.history
        n_open = sum(1 for record in history[-2000:] if record.done is None)
        self.say(f"{len(history)} requests, {n_open} open, {len(self.traffic.holds)} reservations, {self.stamps.n_windows} windows,"
                 f" {self.stamps.n_checks} stamps checked, {sum(self.nemesis.counts.values())} faults,"
                 f" {sum(self.checker.counts.values())} violations")

    def _rest(self, bound_s, what, condition):
        """Waits for it; what does not come is a violation of I4."""
        end = time.monotonic() + bound_s
        while not condition():
            self._check_clients()
            if time.monotonic() > end:
                open_ = [f"{record.ask.type} {record.ask.body}" for record in self.gateway.history if record.done is None]
                self.checker.violation("I4", f"{what}: not within {bound_s} s; open: {open_[:5]}")
                return False
            time.sleep(0.1)
        return True

    def _judge(self):
        """Heals, waits, judges; then has everything given back, and judges what is left."""
        self.nemesis.heal_all()
        self.say("healed; clients come to rest")
        self.traffic.is_over = True
        healed = time.monotonic()
        self._rest(CONVERGE_S, "clients come to rest", self.gateway.is_at_rest)
        converged = self.checker.converge(CONVERGE_S)
        took = time.monotonic() - healed if converged is not None else None
        self.say(f"converged after {took:.1f} s" if took is not None else "NOT converged")
        n = self.checker.judge_promises(self.traffic)
        n_scrubs = self.checker.judge_scrubs(self.traffic)
        self.say(f"{n} promises and {n_scrubs} scrub records judged")
        self.traffic.release_all = True
        self.gateway.wake()
        self._rest(CONVERGE_S, "clients give everything back", lambda: self.gateway.n_running == 0)
        self._release_rest()
        self.checker.converge(CONVERGE_S)
        self.checker.judge_scrubs(self.traffic)
        self.checker.judge_epochs()
        self.checker.judge_events()
        self.checker.judge_leftovers(CONVERGE_S)
        self.n_quota_refusals = self.checker.quotas.judge(self.gateway.history)
        self.n_audited = audit.judge(self.fleet, self.checker.database, os.environ["SDM_DATABASE_ADMIN"], self.checker.violation)
        return took

    def _release_rest(self):
        """What was left to its lease, or whose owner was not answered."""
        rows = self.checker.database.rows("SELECT reservation::text, project, group_id, accelerator_no FROM sdm.reservation"
                                          " WHERE state NOT IN ('releasing', 'released', 'failed')", timeout=10)
        for number, (reservation, project, group, _accelerator) in enumerate(rows):
            if group is not None:
                members = self.checker.database.rows("SELECT d.id FROM sdm.attachment a JOIN sdm.device d"
                                                     " ON d.device_no = a.compute_no WHERE a.reservation = %s", (reservation,), 10)
                for k, (compute,) in enumerate(members):
                    self.gateway.call(Ask("s10.group.leave", {"group": group, "compute_brick": compute, "wait": "fabric"}, project,
                                          f"end-{number}-{k}"))
            self.gateway.call(Ask("s10.release", {"reservation": reservation}, project, f"end-{number}"))

    # --- The verdict.

    def result(self, converge_s, caught_s):
        requests = collections.Counter()
        for record in self.gateway.history:
            outcome = "unanswered" if record.done is None or record.done.type is None else record.done.code or "done"
            requests[record.ask.type, outcome] += 1
        for finding in self.fleet.findings()[:10]:
            self.checker.violation("process", finding)
        by_type = collections.defaultdict(dict)
        for (type_, outcome), n in sorted(requests.items()):
            by_type[type_][outcome] = n
        return {"seed": self.options.seed, "minutes": self.options.minutes, "sabotage": self.options.sabotage,
                "requests": by_type, "n_requests": len(self.gateway.history), "n_doubled": self.gateway.n_doubled,
                "n_late": self.gateway.n_late, "faults": dict(sorted(self.nemesis.counts.items())),
                "n_faults": sum(self.nemesis.counts.values()), "n_stamps_checked": self.stamps.n_checks,
                "n_events": self.checker.n_events, "n_audited": self.n_audited, "n_quota_refusals": self.n_quota_refusals, "violations": sum(self.checker.counts.values()),
                "by_invariant": dict(self.checker.counts), "found": self.checker.violations, "caught_s": caught_s,
                "unresolved": requests_unanswered(requests), "converge_s": converge_s,
                "n_deadlocks": self.fleet.n_deadlocks(), "longest_gap_s": longest_gap(self.gateway.history), "mistakes": self.nemesis.errors,
                "seconds": round(time.monotonic() - self.started, 1)}

    def report(self, result):
        print("\nrequest                   done  refused (by code)")
        for type_, outcomes in result["requests"].items():
            codes = ", ".join(f"{code} {n}" for code, n in outcomes.items() if code != "done")
            print(f"{type_:24} {outcomes.get('done', 0):6}  {codes}")
        print("\nfaults: " + (", ".join(f"{kind} {n}" for kind, n in result["faults"].items()) or "none"))
        print(f"{result['n_requests']} requests, {result['n_doubled']} doubled, {result['n_late']} came late, {result['unresolved']}"
              f" unanswered; {result['n_events']} events; {result['n_stamps_checked']} stamps checked; {result['n_audited']} audit entries verified;"
              f" {result['n_quota_refusals']} refusals for quotas judged;"
              f" {result['n_deadlocks']} deadlocks; converged {result['converge_s']} s after healing; longest time without an answer {result['longest_gap_s']} s")
        print(f"violations: {result['violations']} {result['by_invariant'] or ''}")
        if self.options.json:
            with open(self.options.json, "w", encoding="utf-8") as file:
                json.dump(result, file, indent=1)
        if result["violations"]:
            print(f"logs, and what the nemesis did: {self.folder}/log")


def longest_gap(history):
    """The longest time in which no writing request was answered."""
    ends = sorted(record.done_at for record in history if record.ask.key and record.done_at)
    return round(max((after - before for before, after in zip(ends, ends[1:])), default=0.0), 2)


def requests_unanswered(requests):
    return sum(n for (_type, outcome), n in requests.items() if outcome == "unanswered")
