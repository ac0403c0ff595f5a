"""Judges quotas: what a project holds by our own sum, at the commit of each grant and all the time; and that who was refused
for a quota, or a quota for what is held, was refused for what was so while it was asked."""

import collections
import re

# What is held stands in reservations that are neither released nor failed; a failed one's bytes are in quarantine, nobody's.
HELD = ("SELECT {project} AS project, coalesce(sum(s.size_bytes), 0)::bigint AS bytes, count(DISTINCT r.reservation)::bigint AS n"
        " FROM sdm.reservation r LEFT JOIN sdm.segment s USING (reservation)"
        " WHERE r.state NOT IN ('released', 'failed')")
# The database's own word: the grants that exceed the quota in force at their commit, and each quota and use that there was.
GUARD = f"""
CREATE INDEX IF NOT EXISTS campaign_held ON sdm.reservation (project) WHERE state NOT IN ('released', 'failed');
CREATE TABLE IF NOT EXISTS campaign.over (at timestamptz DEFAULT clock_timestamp(), project text, bytes bigint, max_bytes bigint, n bigint,
                                          max_reservations bigint);
CREATE TABLE IF NOT EXISTS campaign.quota (seq bigint GENERATED ALWAYS AS IDENTITY, at timestamptz DEFAULT clock_timestamp(),
    transaction xid8 DEFAULT pg_current_xact_id(), project text, used_bytes bigint, n_reservations bigint, max_bytes bigint,
    max_reservations bigint, granted_bytes bigint, n_granted bigint);
CREATE OR REPLACE FUNCTION campaign.weigh(wanted text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
    INSERT INTO campaign.over (project, bytes, max_bytes, n, max_reservations)
    SELECT wanted, h.bytes, p.max_bytes, h.n, p.max_reservations FROM sdm.project p,
           ({HELD.format(project="wanted")} AND r.project = wanted) h
     WHERE p.project = wanted AND (h.bytes > p.max_bytes OR h.n > p.max_reservations)
$$;
CREATE OR REPLACE FUNCTION campaign.granted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM campaign.weigh(r.project) FROM sdm.reservation r WHERE r.reservation = NEW.reservation;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION campaign.charged() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- What this very transaction has granted, a batch of requests perhaps, whatever it gave up besides.
    INSERT INTO campaign.quota (project, used_bytes, n_reservations, max_bytes, max_reservations, granted_bytes, n_granted)
    SELECT NEW.project, NEW.used_bytes, NEW.n_reservations, NEW.max_bytes, NEW.max_reservations, coalesce(sum(s.size_bytes), 0),
           count(DISTINCT r.reservation) FILTER (WHERE r.xmin = pg_current_xact_id()::xid)
      FROM sdm.reservation r LEFT JOIN sdm.segment s ON s.reservation = r.reservation AND s.xmin = pg_current_xact_id()::xid
     WHERE r.project = NEW.project AND r.state NOT IN ('released', 'failed');
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS granted ON sdm.segment;
DROP TRIGGER IF EXISTS granted ON sdm.reservation;
CREATE CONSTRAINT TRIGGER granted AFTER INSERT ON sdm.segment DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION campaign.granted();
CREATE CONSTRAINT TRIGGER granted AFTER INSERT ON sdm.reservation DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION campaign.granted();
CREATE OR REPLACE TRIGGER charged AFTER INSERT OR UPDATE ON sdm.project FOR EACH ROW EXECUTE FUNCTION campaign.charged();
"""
# In one snapshot: what is charged, what is held, what is allowed.
DIFFERENT = (f"WITH h AS ({HELD.format(project='r.project')} GROUP BY r.project)"
             " SELECT p.project, p.used_bytes, coalesce(h.bytes, 0), p.n_reservations, coalesce(h.n, 0)"
             " FROM sdm.project p LEFT JOIN h USING (project)"
             " WHERE p.used_bytes <> coalesce(h.bytes, 0) OR p.n_reservations <> coalesce(h.n, 0)")
EXCEEDED = re.compile(r"may have (-?\d+) (bytes|reservations) and has (-?\d+), (\d+) more wanted")

State = collections.namedtuple("State", "at used_bytes n_reservations max_bytes max_reservations granted_bytes n_granted")


class Quotas:
    """Looks at what is there all the time; judges answers afterwards."""

    def __init__(self, database, once):
        self.database, self.once = database, once
        self._n_over = 0

    def prepare(self):
        self.database.rows(GUARD, timeout=20)

    def look(self):
        for row in self.database.rows("SELECT project, bytes, max_bytes, n, max_reservations, at::time::text FROM campaign.over"
                                      " ORDER BY at OFFSET %s", (self._n_over,)) or ():
            self._n_over += 1
            self.once(("over", row), "quota", f"'{row[0]}' was granted {row[1]} bytes of {row[2]} and {row[3]} reservations of"
                                              f" {row[4]}, at {row[5]}")
        for row in self.database.rows(DIFFERENT) or ():
            self.once(("charged", row[0]), "quota", f"'{row[0]}' is charged {row[1]} bytes and holds {row[2]}, is charged {row[3]}"
                                                    f" reservations and holds {row[4]}")

    # --- Answers.

    def judge(self, history):
        """Each refusal that speaks of a quota was true while it was asked for; how many there were."""
        states = self._states()
        refusals = [record for record in list(history) if record.done is not None
                    and (record.done.code == "QUOTA_EXCEEDED"
                         or record.done.code == "IN_USE" and record.ask.type == "s11.project.set")]
        for record in refusals:
            project = record.ask.body["project"] if record.ask.type.startswith("s11.") else record.ask.project
            seen = list(possible(states[project], record.first, record.done_at))
            if not any(self._explains(record, state) for state in (*seen, *within(seen))):
                self.once(("refused", id(record)), "quota", f"{record.ask.type} {record.ask.body} of '{project}' was refused"
                          f" {record.done.code} ({record.done.body['text']}), while there was {seen[-5:]}")
        return len(refusals)

    def _states(self):
        """Of each project, one State a transaction, in order."""
        states, last = collections.defaultdict(list), {}
        for project, transaction, *state in self.database.rows(
                "SELECT project, transaction::text, extract(epoch FROM at)::float8, used_bytes, n_reservations, max_bytes,"
                " max_reservations, granted_bytes, n_granted FROM campaign.quota ORDER BY seq", timeout=10):
            if last.get(project) == transaction:  # nobody saw what it was between
                state[0] = states[project].pop().at
            states[project].append(State(*state))
            last[project] = transaction
        return states

    @staticmethod
    def _explains(record, state):
        if record.ask.type.startswith("s11."):
            return record.ask.body.get("max_bytes", state.used_bytes) < state.used_bytes \
                or record.ask.body.get("max_reservations", state.n_reservations) < state.n_reservations
        size, n = wanted(record)
        return state.max_bytes is not None and state.used_bytes + size > state.max_bytes \
            or state.max_reservations is not None and state.n_reservations + n > state.max_reservations


def within(states):
    """What one request of a batch may have seen: a quota and use that were read when the batch began, and all that it had granted
    by then, but nothing of what it gives up; others may have committed before it did."""
    for number, before in enumerate(states):
        for after in states[number + 1:]:
            yield before._replace(used_bytes=before.used_bytes + after.granted_bytes,
                                  n_reservations=before.n_reservations + after.n_granted)


def possible(states, first, last):
    """The states that a transaction between these times may have read.  Rows of a project are locked: a state was written after
    'at' and before the next one's, so it was seen at the latest until the next but one began."""
    for number, state in enumerate(states):
        until = states[number + 2].at if number + 2 < len(states) else last
        if state.at <= last and until >= first:
            yield state


def wanted(record):
    """Bytes and reservations that a request would have taken at most, by its own members or by the refusal's text."""
    body, told = record.ask.body, EXCEEDED.search(record.done.body["text"])
    if record.ask.type == "s10.batch":  # what comes first in it counts
        sizes = [operation["reserve"]["request"]["size_bytes"] for operation in body["operations"]]
        return sum(sizes), len(sizes)
    size = body.get("size_bytes") or body.get("request", {}).get("size_bytes")
    if told is not None:
        more = int(told[4])
        if told[2] == "reservations":
            return 0, min(more, 1)
        return (more if size is None else min(more, size)), 0
    return size or 0, 0 if record.ask.type == "s10.resize" else 1
