"""Judges I1 to I9 from outside: own SQL on the database, own reading of what the emulated hardware and the agents say, and
the history of what clients were told.  Nothing here is shared with the controller."""

import collections
import contextlib
import sys
import threading
import time

import psycopg2

from testbed_view import control

from .quotas import Quotas

# Committed by a leader that had been superseded: noted by the database itself, whatever the controller believes.
GUARD = """
CREATE SCHEMA IF NOT EXISTS campaign;
CREATE TABLE IF NOT EXISTS campaign.stale (at timestamptz DEFAULT clock_timestamp(), session text, epoch bigint, leader bigint,
                                           relation text);
CREATE TABLE IF NOT EXISTS campaign.told (outbox_no bigint, type text, body text, at timestamptz DEFAULT clock_timestamp(),
                                          deleted timestamptz);
CREATE OR REPLACE FUNCTION campaign.tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO campaign.told (outbox_no, type, body) VALUES (NEW.outbox_no, NEW.type, NEW.body);
    ELSE
        UPDATE campaign.told SET deleted = clock_timestamp() WHERE outbox_no = OLD.outbox_no;
    END IF;
    RETURN NULL;
END $$;
CREATE INDEX IF NOT EXISTS told ON campaign.told (outbox_no);
CREATE OR REPLACE TRIGGER told AFTER INSERT OR DELETE ON sdm.outbox FOR EACH ROW EXECUTE FUNCTION campaign.tell();
CREATE OR REPLACE FUNCTION campaign.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    session text := current_setting('application_name');
    mine    bigint := substring(session FROM '^sdm-controller epoch=([0-9]+)')::bigint;
    leads   bigint := (SELECT epoch FROM sdm.leader);
BEGIN
    IF mine < leads THEN
        INSERT INTO campaign.stale (session, epoch, leader, relation) VALUES (session, mine, leads, TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END $$;
"""
GUARDED = ("reservation", "segment", "netport_window", "attachment", "circuit", "stored_reply", "outbox", "device", "scrub_record")

# What is not where it is wanted, by name; each row is one thing.
DIVERGED = {
    "window": "SELECT window_id, want, have, offered FROM sdm.netport_window WHERE want <> have",
    "circuit": "SELECT circuit, want_up, have_up FROM sdm.circuit WHERE want_up <> have_up",
    "segment": "SELECT segment, state, want_free FROM sdm.segment WHERE want_free OR state <> 'live'",
    "power": "SELECT id, want_power, have_power FROM sdm.device WHERE want_power <> have_power",
    "generation": "SELECT id, want_generation, have_generation FROM sdm.device WHERE kind = 'compute'"
                  " AND want_generation <> have_generation",
    "reservation": "SELECT reservation, state FROM sdm.reservation WHERE state IN ('attaching', 'detaching', 'releasing')",
    "attachment": "SELECT attachment, want, have, error_code FROM sdm.attachment WHERE want <> have",
    "outbox": "SELECT outbox_no, type FROM sdm.outbox",
    "pending": "SELECT project, key, type FROM sdm.stored_reply WHERE reply IS NULL",
    "brick": "SELECT id, state FROM sdm.device WHERE state <> 'active'",
}

WINDOWS = ("SELECT c.id, w.entry, m.id, w.start_bytes, w.size_bytes, s.offset_bytes, k.compute_port"
           " FROM sdm.netport_window w JOIN sdm.device c ON c.device_no = w.compute_no"
           " JOIN sdm.segment s USING (segment) JOIN sdm.device m ON m.device_no = s.brick_no"
           " JOIN sdm.circuit k ON k.circuit = w.circuit WHERE w.have <> 'absent'")
CROSSINGS = ("SELECT DISTINCT d.id, least(h.port, h.peer_port), greatest(h.port, h.peer_port) FROM sdm.circuit_hop h"
             " JOIN sdm.circuit USING (circuit) JOIN sdm.device d ON d.device_no = h.switch_no WHERE have_up")


class Database:
    """Rows of a statement, over a connection that comes back."""

    def __init__(self, uri):
        self._uri, self._connection, self._lock = uri, None, threading.Lock()

    def rows(self, sql, arguments=None, timeout=0.0):
        """Rows; None while it is away for longer than 'timeout'."""
        deadline = time.monotonic() + timeout
        while True:
            with self._lock:
                try:
                    if self._connection is None:
                        self._connection = psycopg2.connect(self._uri, connect_timeout=3)
                        self._connection.autocommit = True
                    with self._connection.cursor() as cursor:
                        cursor.execute(sql, arguments)
                        return cursor.fetchall() if cursor.description else []
                except (psycopg2.DatabaseError, psycopg2.InterfaceError):
                    self._connection = None
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.1)


class Checker:
    """Collects violations; looks at what is cheap all the time."""

    def __init__(self, fleet, emurack_control, database_uri):
        self.fleet, self._emurack = fleet, emurack_control
        self.database = Database(database_uri)
        self.quotas = Quotas(self.database, self.once)
        self.violations = []
        self.counts = collections.Counter()
        self.events = set()
        self.n_events = 0
        self.n_looks = 0
        self._epochs = {}
        self._seen = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = None
        self._n_stale = 0
        self._n_cuts = 0
        self.is_cut_asked = lambda brick, at: False
        self._started = time.monotonic()

    def violation(self, invariant, text):
        with self._lock:
            self.counts[invariant] += 1
            if self.counts[invariant] <= 20:
                at_s = round(time.monotonic() - self._started, 1)
                self.violations.append({"invariant": invariant, "text": text, "at_s": at_s})
                print(f"{time.strftime('%H:%M:%S')} VIOLATION {invariant} at {at_s} s: {text}", file=sys.stderr, flush=True)

    def once(self, what, invariant, text):
        """The same finding is one violation."""
        if what not in self._seen:
            self._seen.add(what)
            self.violation(invariant, text)

    def on_event(self, type_, body):
        self.n_events += 1
        if type_ == "event.reservation/1":
            self.events.add((body["reservation"], body["state"]))

    def prepare(self):
        self.database.rows(GUARD, timeout=20)
        for table in GUARDED:
            self.database.rows(f"CREATE OR REPLACE TRIGGER campaign AFTER INSERT OR UPDATE OR DELETE ON sdm.{table}"
                               " FOR EACH STATEMENT EXECUTE FUNCTION campaign.note()", timeout=5)
        self.quotas.prepare()

    # --- All the time.

    def start(self):
        self._stop.clear()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join(20)

    def _watch(self):
        while not self._stop.wait(0.25):
            self.look()

    def look(self):
        self.n_looks += 1
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            self._look_at_hardware(control(self._emurack, "status"))
        for brick, agent in self.fleet.agents.items():
            if agent.is_alive():
                self._look_at_agent(brick, agent)
        self._look_at_database()
        self.quotas.look()

    def _grow(self, whose, epoch):
        """I7: an epoch never goes back."""
        if epoch < self._epochs.get(whose, 0):
            self.once(("epoch", whose, epoch), "I7", f"{whose} obeys epoch {epoch} after {self._epochs[whose]}")
        self._epochs[whose] = max(epoch, self._epochs.get(whose, 0))

    def _look_at_hardware(self, status):
        counters = status["counters"]
        for name, invariant in (("overlaps", "I1"), ("unmapped_online", "I5")):
            if counters[name] > 0:
                self.once((name, counters[name]), invariant, f"emurackd counts {name} = {counters[name]}")
        self._look_at_cuts(status["cuts"], counters["cut_under_live"])
        extents = []
        for device in status["devices"]:
            self._grow(f"device {device['id']}", device["epoch"])
            for entry in device.get("entries", ()):
                if not entry.get("file"):  # scrubbed under a brick that was cut off
                    continue
                extents.append((entry["memory_brick"], entry["offset_bytes"], entry["size_bytes"], entry["shared"], device["id"],
                                entry["entry"]))
        extents.sort()
        for before, after in zip(extents, extents[1:]):
            if before[0] == after[0] and after[1] < before[1] + before[2] and not (before[3] and after[3]):
                self.once(("overlap", before, after), "I1", f"NetPort entries share bytes: {before} and {after}")

    def _look_at_cuts(self, cuts, n_counted):
        """I5: of live entries only those of a compute brick that is fenced are cut off, and not by a fence with power."""
        for cut in cuts:
            if cut["number"] > self._n_cuts and not self.is_cut_asked(cut["compute_brick"], cut["wall_us"] / 1e6):
                self.once(("cut", cut["number"]), "I5", f"a circuit was cut under a live entry: {cut}")
        told = {cut["number"] for cut in cuts}
        for number in range(self._n_cuts + 1, n_counted + 1):
            if number not in told:
                self.once(("cut", number), "I5", f"emurackd counts cut {number} under a live entry and does not name it")
        self._n_cuts = max(self._n_cuts, n_counted)

    def _look_at_agent(self, brick, agent):
        with contextlib.suppress(OSError, ValueError, RuntimeError, KeyError):
            self._grow(f"agent {brick}", agent.ask("status")["epoch"])

    def _look_at_database(self):
        rows = self.database.rows("SELECT epoch FROM sdm.leader")
        if rows:
            self._grow("database", rows[0][0])
        rows = self.database.rows("SELECT count(*), min(session), min(leader), min(relation) FROM campaign.stale")
        if rows and rows[0][0] > self._n_stale:
            self._n_stale = rows[0][0]
            self.once("stale", "I7", f"'{rows[0][1]}' committed to {rows[0][3]} under epoch {rows[0][2]}: {rows[0][0]} times")

    # --- After healing.

    def converge(self, bound_s):
        """I4: seconds until wanted equals found everywhere, or None; what is left then is a violation."""
        start = time.monotonic()
        left = ["not looked"]
        while time.monotonic() - start < bound_s:
            left = self.unresolved()
            if left == []:
                return time.monotonic() - start
            time.sleep(0.1)
        for item in left[:12]:
            self.violation("I4", f"not converged after {bound_s} s: {item}")
        return None

    def unresolved(self):
        """What is not as wanted, as text; the database's word first, then hardware against database."""
        left = []
        for name, sql in DIVERGED.items():
            rows = self.database.rows(sql)
            if rows is None:
                return ["the database is away"]
            left += [f"{name} {' '.join(map(str, row))}" for row in rows]
        return left or self._compare_hardware()

    def _compare_hardware(self):
        windows = self.database.rows(WINDOWS)
        crossings = self.database.rows(CROSSINGS)
        powers = self.database.rows("SELECT id, have_power FROM sdm.device WHERE kind NOT IN ('optical', 'electrical')")
        if windows is None or crossings is None or powers is None:
            return ["the database is away"]
        devices = control(self._emurack, "status")["devices"]
        entries = {(device["id"], entry["entry"], entry["memory_brick"], entry["start_bytes"], entry["size_bytes"],
                    entry["offset_bytes"], entry["port"]) for device in devices for entry in device.get("entries", ())}
        connections = {(device["id"], min(pair["a"], pair["b"]), max(pair["a"], pair["b"])) for device in devices
                       for pair in device.get("connections", ())}
        power = {(device["id"], device["power"]) for device in devices if device["id"] in dict(powers)}
        left = []
        for name, found, wanted in (("entry", entries, set(windows)), ("connection", connections, set(crossings)),
                                    ("power", power, set(powers))):
            left += [f"{name} {item}: at the hardware, not in the database" for item in found - wanted]
            left += [f"{name} {item}: in the database, not at the hardware" for item in wanted - found]
        left += [f"entry {entry} of {device['id']} leads nowhere" for device in devices for entry in device.get("entries", ())
                 if not entry["path_up"]]
        return left

    def judge_promises(self, traffic):
        """I2: what clients were promised is in the database."""
        rows = self.database.rows("SELECT r.reservation::text, r.project, r.state::text, r.size_bytes, r.lease_end < clock_timestamp(),"
                                  " (SELECT string_agg(h.text, '; ' ORDER BY h.seq) FROM sdm.reservation_history h"
                                  "  WHERE h.reservation = r.reservation) FROM sdm.reservation r", timeout=10)
        found = {row[0]: row[1:] for row in rows}
        for hold in traffic.holds.values():
            self._judge_promise(traffic, hold, found.get(hold.id))
        return len(traffic.holds)

    def _judge_promise(self, traffic, hold, row):
        if row is None:
            self.violation("I2", f"reservation {hold.id} of '{hold.project}' was confirmed and is not in the database")
            return
        project, state, size, is_over, history = row
        allowed = traffic.allowed(hold, is_over)
        if project != hold.project:
            self.violation("I9", f"reservation {hold.id} of '{hold.project}' belongs to '{project}'")
        if state not in allowed:
            self.violation("I2", f"reservation {hold.id} ({hold.mode}) is {state}, promised {sorted(hold.states)}: {history}")
        if hold.size is not None and state in ("held", "attached") and size != hold.size:
            self.violation("I2", f"reservation {hold.id} has {size} bytes, promised {hold.size}: {history}")

    def judge_scrubs(self, traffic):
        """I6: every segment that clients were told of and that is no more has its record, and hardware did as much."""
        told = list(traffic.segments.items())  # first: what is told of while we read may be in neither
        live = {row[0] for row in self.database.rows("SELECT segment::text FROM sdm.segment", timeout=10)}
        records = {row[0]: row[1:] for row in self.database.rows(
            "SELECT r.segment::text, d.id, r.offset_bytes, r.size_bytes FROM sdm.scrub_record r JOIN sdm.device d"
            " ON d.device_no = r.brick_no", timeout=10)}
        for segment, where in told:
            if segment not in live and records.get(segment) != where:
                self.violation("I6", f"segment {segment} at {where} is free, its scrub record is {records.get(segment)}")
        scrubs = {device["id"]: device.get("n_scrubs", 0) for device in control(self._emurack, "status")["devices"]}
        for brick, n in collections.Counter(where[0] for where in records.values()).items():
            if scrubs[brick] < n:
                self.violation("I6", f"{n} segments of {brick} have a scrub record, it has scrubbed {scrubs[brick]} times")
        return len(records)

    def judge_history(self, traffic):
        """What needs no rest: records of scrubs, and events that are long overdue."""
        self.judge_scrubs(traffic)
        self.judge_events(wait_s=0.0, older_than_s=5)

    def judge_epochs(self):
        """I7 in what was recorded: nothing was scrubbed under an older epoch after a newer one."""
        rows = self.database.rows("SELECT scrub_no, epoch, lag(epoch) OVER (ORDER BY at, scrub_no) FROM sdm.scrub_record", timeout=10)
        for number, epoch, before in rows:
            if before is not None and epoch < before:
                self.violation("I7", f"scrub record {number} is of epoch {epoch}, after one of {before}")

    def judge_events(self, wait_s=5.0, older_than_s=0):
        """What was committed is told: each event that was in the outbox has come."""
        deadline = time.monotonic() + wait_s
        while True:
            rows = self.database.rows("SELECT body::json ->> 'reservation', body::json ->> 'state', outbox_no, at::time::text,"
                                      " deleted::time::text FROM campaign.told WHERE type = 'event.reservation/1'"
                                      " AND deleted < now() - %s * interval '1 second'", (older_than_s,), timeout=10)
            missing = [row for row in rows if row[:2] not in self.events]
            if not missing or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        for reservation, state, number, at, deleted in missing[:10]:
            self.violation("I2", f"reservation {reservation} became {state}: row {number} of the outbox, of {at}, went at {deleted},"
                           f" and nobody was told ({len(missing)} of {len(rows)})")

    def judge_leftovers(self, bound_s):
        """I8: after everything was given back, nothing is left, in the database or at the hardware, within a bounded time."""
        deadline = time.monotonic() + bound_s
        while True:
            left = list(self._leftovers())
            if not left or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        for text in left:
            self.violation("I8", text)

    def _leftovers(self):
        for table in ("segment", "circuit", "circuit_hop", "segment_circuit", "attachment", "netport_window",
                      "outbox WHERE type <> 'event.audit_head/1'"):  # sealing goes on
            (n,), = self.database.rows(f"SELECT count(*) FROM sdm.{table}", timeout=10)
            if n:
                yield f"{n} rows are left in {table}"
        for project, used, n in self.database.rows("SELECT project, used_bytes, n_reservations FROM sdm.project"
                                                   " WHERE used_bytes <> 0 OR n_reservations <> 0", timeout=10):
            yield f"project '{project}' is charged {used} bytes and {n} reservations for nothing"
        for device in control(self._emurack, "status")["devices"]:
            for kind in ("entries", "extents", "connections"):
                for item in device.get(kind, ()):
                    yield f"{device['id']} has left {kind} {item}"
        for brick, agent in self.fleet.agents.items():
            for guest in agent.ask("vms"):
                if guest.get("dimms"):
                    yield f"guest {guest['vm']} on {brick} has left {guest['dimms']}"
