"""What goes wrong, and when: a seeded schedule of kills, pauses, partitions, outages, hardware faults, clock steps, late
messages and fault points.  Every fault knows how it heals."""

import collections
import contextlib
import heapq
import os
import random
import signal
import threading
import time

from testbed_view import control, wait_until

from .postman import Postman

# How often each kind comes, beside the others.
WEIGHTS = {"kill-leader": 5, "kill-standby": 2, "stop-leader": 5, "kill-agent": 5, "stop-agent": 4, "database-restart": 2,
           "broker-restart": 1, "partition": 8, "hardware": 14, "device-dies": 3, "clock-step": 4, "fault-point": 12,
           "late-want": 6, "late-report": 6, "end-sessions": 4, "guest-mood": 5, "guest-restart": 2}
CONTROLLER_POINTS = ("reservation.claimed", "pg.before-commit", "pg.after-commit", "amqp.published", "fabric.before_connect",
                     "fabric.after_connect", "fabric.before_disconnect", "fabric.after_disconnect", "fabric.before_scrub",
                     "fabric.after_scrub", "fabric.before_power", "fabric.after_power", "synthesizer.before_mark_circuit",
                     "synthesizer.before_send_agent", "synthesizer.after_send_agent", "outbox.published")
AGENT_POINTS = ("agent.map", "agent.mapped", "agent.unmap", "agent.unmapped", "agent.online", "agent.onlined", "agent.offline",
                "agent.offlined", "agent.attach", "agent.attached", "agent.detach", "agent.detached", "agent.want_kept", "amqp.published")
RESTART_S = 0.5


class Nemesis:
    """A thread that does harm; heal_all() ends all of it."""

    def __init__(self, fleet, traffic, checker, seed):
        self.fleet, self.traffic, self.checker = fleet, traffic, checker
        self.rng = random.Random(f"nemesis {seed}")
        self.counts = collections.Counter()
        self.postman = Postman(fleet, self.rng)
        self.pause = (0.4, 1.8)
        self.errors = []
        self._heals, self._number = [], 0
        self._busy = set()  # what a fault is at: one at a time
        self._down_since = {}
        self._thread, self._ends = None, threading.Event()
        self._log = open(fleet.log / "nemesis", "a", encoding="utf-8")
        self._emurack = os.environ["SDM_EMURACK_CONTROL"]

    # --- The thread.

    def start(self, kinds):
        """With these kinds of faults: all for None; without any it only starts again what has ended."""
        self._ends.clear()
        self.kinds = self.kinds_of(kinds)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @staticmethod
    def kinds_of(kinds):
        return list(WEIGHTS) if kinds is None else list(kinds)

    def stop(self):
        if self._thread is not None:
            self._ends.set()
            self._thread.join(60)
            self._thread = None
        self.postman.close()

    def heal_all(self):
        """Ends every fault and has every process run."""
        self.stop()
        while self._heals:
            self._heal(heapq.heappop(self._heals))
        self.fleet.link("heal")
        control(self._emurack, "fault-clear")
        for device in control(self._emurack, "status")["devices"]:
            if device["dead"]:
                control(self._emurack, "revive", device=device["id"])
        for daemon in (*self.fleet.controllers, *self.fleet.agents.values()):
            daemon.signal(signal.SIGCONT)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:  # who was superseded ends now
            self._start_dead(0)
            time.sleep(0.1)
        for daemon in (*self.fleet.controllers, *self.fleet.agents.values()):
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                daemon.ask("fault-points", arm="")
        for guest in self.fleet.vms:
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                self.fleet.agents[guest["brick"]].ask("fake-vm", vm=guest["vm"], behaviour="willing")
        wait_until("a controller leads", self.fleet.leader, 60)
        self.start(())

    def _run(self):
        next_at = time.monotonic() + self.rng.uniform(*self.pause)
        collect_at = 0.0
        while not self._ends.wait(0.05):
            now = time.monotonic()
            try:
                while self._heals and self._heals[0][0] <= now:
                    self._heal(heapq.heappop(self._heals))
                self._start_dead(RESTART_S)
                if now > collect_at and {"late-want", "late-report"} & set(self.kinds):
                    collect_at = now + 1.0
                    self.postman.collect()
                if now >= next_at and self.kinds:
                    next_at = now + self.rng.uniform(*self.pause)
                    self._harm()
            except Exception as error:
                self.errors.append(repr(error))
                self._note(f"failed: {error!r}")

    def _note(self, text):
        self._log.write(f"{time.strftime('%H:%M:%S')}.{int(time.time() * 1000) % 1000:03} {text}\n")
        self._log.flush()

    def _harm(self):
        kind = self.rng.choices(self.kinds, [WEIGHTS.get(kind, 5) for kind in self.kinds])[0]
        told = getattr(self, "do_" + kind.replace("-", "_"))()
        if told:
            self.counts[kind] += 1
            self._note(f"{kind} {told}")

    def _later(self, seconds, what, function, *arguments):
        self._number += 1
        self._busy.add(what)
        heapq.heappush(self._heals, (time.monotonic() + seconds, self._number, what, function, arguments))

    def _heal(self, item):
        _when, _number, what, function, arguments = item
        self._busy.discard(what)
        self._note(f"heals {what}")
        function(*arguments)

    def _start_dead(self, after_s):
        """What has ended is started again, as a service manager would."""
        for daemon in (*self.fleet.controllers, *self.fleet.agents.values()):
            if daemon.is_alive():
                continue
            since = self._down_since.setdefault(daemon.name, time.monotonic())
            if time.monotonic() - since >= after_s and daemon.name not in self._busy:
                status = daemon.process.returncode if daemon.process is not None else "killed"
                del self._down_since[daemon.name]
                daemon.reap()
                self._note(f"starts {daemon.name}, which had ended ({status})")
                daemon.start()
                if daemon in self.fleet.agents.values():
                    self.traffic.guests_are_whole = False
                    with contextlib.suppress(OSError, RuntimeError, ValueError):
                        self._greet_agent(daemon)

    def _greet_agent(self, daemon):
        def listens():
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                return daemon.ask("status")
            return None

        wait_until("an agent listens", listens, 10)
        self.fleet.start_guests_of(daemon.name.removeprefix("agent-"))

    def hold_down(self, brick):
        """A compute brick dies: its agent is killed and stays so; False when a fault is at it."""
        daemon = self.fleet.agents[brick]
        if daemon.name in self._busy:
            return False
        self._busy.add(daemon.name)
        self.traffic.guests_are_whole = False
        daemon.signal(signal.SIGKILL)
        self.counts["brick-fenced"] += 1
        self._note(f"{brick} is dead, and fenced")
        return True

    def let_go(self, brick):
        """Its agent may start again."""
        self._note(f"{brick} comes back")
        self._busy.discard(self.fleet.agents[brick].name)

    # --- Processes.

    def _pick_leader(self):
        leader = self.fleet.leader()
        return None if leader is None or leader.name in self._busy else leader

    def _pick(self, daemons):
        free = [daemon for daemon in daemons if daemon.is_alive() and daemon.name not in self._busy]
        return self.rng.choice(free) if free else None

    def _kill(self, daemon):
        if daemon is None:
            return None
        daemon.kill()
        return daemon.name

    def _pause(self, daemon, seconds):
        if daemon is None:
            return None
        daemon.signal(signal.SIGSTOP)
        self._later(seconds, daemon.name, daemon.signal, signal.SIGCONT)
        return f"{daemon.name} for {seconds:.1f} s"

    def do_kill_leader(self):
        return self._kill(self._pick_leader())

    def do_kill_standby(self):
        leader = self.fleet.leader()
        return self._kill(self._pick([daemon for daemon in self.fleet.controllers if daemon is not leader]))

    def do_stop_leader(self):
        return self._pause(self._pick_leader(), self.rng.uniform(1.5, 4.0))

    def do_kill_agent(self):
        return self._kill(self._pick(self.fleet.agents.values()))

    def do_stop_agent(self):
        return self._pause(self._pick(self.fleet.agents.values()), self.rng.uniform(0.5, 6.0))

    # --- Database, broker, network.

    def do_database_restart(self):
        number = self.rng.choice((signal.SIGINT, signal.SIGQUIT))
        self.fleet.respawn("postgres", number, self.rng.uniform(0.0, 1.5))
        return signal.Signals(number).name

    def do_broker_restart(self):
        number = self.rng.choice((signal.SIGTERM, signal.SIGKILL))
        if "broker" in self._busy:
            return None
        self._later(15.0, "broker", lambda: None)
        self.fleet.respawn("rabbitmq", number, self.rng.uniform(0.0, 1.0))
        return signal.Signals(number).name

    def do_end_sessions(self):
        rows = self.checker.database.rows("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'sdm-controller epoch=%'")
        if not rows:
            return None
        pids = [pid for (pid,) in self.rng.sample(rows, min(len(rows), self.rng.randrange(1, 4)))]
        self.checker.database.rows("SELECT pg_terminate_backend(p) FROM unnest(%s) AS p", (pids,))
        return str(len(pids))

    def do_partition(self):
        links = [link["link"] for link in self.fleet.link("links")["links"] if link["link"] not in self._busy]
        name = self.rng.choice(links)
        command, arguments = self.rng.choice((("pause", {}), ("drop", {}), ("drop", {"direction": "down"}), ("drop", {"direction": "up"}),
                                              ("delay", {"ms": self.rng.choice((20, 100, 400))}), ("refuse", {}), ("cut", {}),
                                              ("cut", {"after": self.rng.randrange(1, 4000)})))
        self.fleet.link(command, link=name, **arguments)
        self._later(self.rng.uniform(0.5, 5.0), name, lambda: self.fleet.link("heal", link=name))
        return f"{command} {name} {arguments}"

    def do_late_want(self):
        n = self.postman.deliver("wants", self.rng.randrange(1, 12))
        return str(n) if n else None

    def do_late_report(self):
        n = self.postman.deliver("reports", self.rng.randrange(1, 12))
        return str(n) if n else None

    # --- Hardware.

    def _devices(self):
        rack = self.fleet.rack
        return [item["id"] for item in (*rack["bricks"], *rack["switches"])]

    def do_hardware(self):
        operation = self.rng.choice(("connect", "disconnect", "scrub", "map", "unmap", "list", "open", "online_movable", "offline",
                                     "probe", "remove", "power", "*"))
        action = self.rng.choice(("delay", "delay", "refuse", "silence", "lost-reply", "lost-reply"))
        device = self.rng.choice(("*", *self._devices()))
        arguments = {"device": device, "operation": operation, "action": action, "ms": self.rng.choice((50, 300, 1200)),
                     "count": self.rng.randrange(1, 5)}
        control(self._emurack, "fault-arm", **arguments)
        return f"{action} {operation} at {device} x{arguments['count']}"

    def do_device_dies(self):
        device = self.rng.choice(self._devices())
        if device in self._busy:
            return None
        control(self._emurack, "die", device=device)
        self._later(self.rng.uniform(0.5, 4.0), device, lambda: control(self._emurack, "revive", device=device))
        return device

    def do_slow_unmap(self):
        """For sabotage: bricks take long to let go."""
        if "unmap" in self._busy:
            return None
        control(self._emurack, "fault-arm", device="*", operation="unmap", action="delay", ms=1200, count=30)
        self._later(5.0, "unmap", lambda: control(self._emurack, "fault-clear"))
        return "all"

    # --- Clocks, fault points, guests.

    def do_clock_step(self):
        if not self.fleet.has_clock:
            return None
        daemon = self.rng.choice(self.fleet.controllers)
        step = self.rng.choice((-86400, -600, -5, 0, 5, 600, 86400))
        self.fleet.clock_file(daemon.name).write_text(f"{step:+d}\n")
        return f"{daemon.name} {step:+d} s"

    def _arm(self, daemon, point, action, passage):
        if daemon is None:
            return None
        try:
            daemon.ask("fault-points", arm=f"{point}={action}@{passage}")
        except (OSError, RuntimeError, ValueError):
            return None
        return f"{point}={action}@{passage} in {daemon.name}"

    def do_fault_point(self):
        passage = self.rng.choice((1, 1, 2, 3, 7))
        action = self.rng.choice(("crash", "fail"))
        if self.rng.random() < 0.6:
            return self._arm(self._pick_leader(), self.rng.choice(CONTROLLER_POINTS), action, passage)
        return self._arm(self._pick(self.fleet.agents.values()), self.rng.choice(AGENT_POINTS), action, passage)

    def do_fail_commit(self):
        """For sabotage."""
        return self._arm(self._pick_leader(), "pg.before-commit", "fail", self.rng.randrange(1, 6))

    def do_guest_mood(self):
        guest = self.rng.choice(self.fleet.vms)
        agent = self.fleet.agents[guest["brick"]]
        if guest["vm"] in self._busy or not agent.is_alive() or agent.name in self._busy:
            return None
        mood = self.rng.choice(("busy", "slow", "deaf"))
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            agent.ask("fake-vm", vm=guest["vm"], behaviour=mood)
        self._later(self.rng.uniform(1.0, 4.0), guest["vm"], self._cheer, guest)
        return f"{guest['vm']} {mood}"

    def _cheer(self, guest):
        agent = self.fleet.agents[guest["brick"]]
        if agent.is_alive() and agent.name not in self._busy:
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                agent.ask("fake-vm", vm=guest["vm"], behaviour="willing")

    def do_guest_restart(self):
        guest = self.rng.choice(self.fleet.vms)
        agent = self.fleet.agents[guest["brick"]]
        if not agent.is_alive() or agent.name in self._busy:
            return None
        self.traffic.guests_are_whole = False
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            agent.ask("fake-vm-stop", vm=guest["vm"])
            time.sleep(self.rng.uniform(0.0, 0.5))
            self.fleet.start_guest(guest)
        return guest["vm"]
