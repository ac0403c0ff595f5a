"""A database that is restored from an older backup, on hardware that has gone on: whatever is mapped is known to somebody
or in quarantine before anything is served, and nobody is disturbed."""

import os
import pathlib
import signal
import subprocess

import pytest
from bed import dump, live_rows, query, register, wait_until
from dead_bed import SIZE, Rack, nobody_owns_twice
from events import Events
from sdm_client import Refusal

CONTROLLER = "controller-1"


@pytest.fixture
def rack(bed):
    made = Rack(bed)
    yield made
    made.heal()
    for segment in made.quarantine():
        if not segment["released"]:
            bed.admin.write("s11.quarantine.release", segment=segment["segment"])
    bed.release_over()
    wait_until("nothing is left", lambda: not live_rows() and not bed.hardware.left_over(), 30)
    nobody_owns_twice(bed)


def stop(bed, daemon):
    pid = int((pathlib.Path(bed.folder) / "pids" / daemon).read_text().split()[0])
    os.kill(pid, signal.SIGTERM)
    wait_until(f"{daemon} has ended", lambda: not bed.is_alive(daemon), 20)


def restore(bed, backup):
    """The database becomes what it was, while nobody works on it; then the controller starts."""
    stop(bed, CONTROLLER)
    server = os.environ["SDM_DATABASE_ADMIN"].replace("/sdm?", "/postgres?")
    subprocess.run(["psql", "-XqAt", server, "-c", "DROP DATABASE sdm WITH (FORCE)"], check=True, timeout=60)
    subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", server], input=backup, check=True, stdout=subprocess.DEVNULL,
                   timeout=60)
    bed.restart(CONTROLLER)


def release(rack, reservation):
    """Given back, scrubbed and free."""
    rack.bed.demo.write("s10.release", reservation=reservation["reservation"])
    rack.wait_state(reservation["reservation"], "released")


def mapped(bed):
    """(memory brick, offset, size, compute brick) of every NetPort entry."""
    return sorted((entry["memory_brick"], entry["offset_bytes"], entry["size_bytes"], device["id"])
                  for device in bed.hardware.status()["devices"] for entry in device.get("entries", []))


def owned():
    """(memory brick, offset, size, compute brick) as the database explains it, and what is in quarantine."""
    live = {tuple([brick, int(offset), int(size), compute]) for brick, offset, size, compute in query(
        "SELECT d.id, s.offset_bytes, s.size_bytes, c.id FROM sdm.segment s JOIN sdm.device d ON d.device_no = s.brick_no"
        " JOIN sdm.netport_window w USING (segment) JOIN sdm.device c ON c.device_no = w.compute_no WHERE s.state = 'live'")}
    held = [(brick, int(offset), int(offset) + int(size)) for brick, offset, size in query(
        "SELECT d.id, s.offset_bytes, s.size_bytes FROM sdm.segment s JOIN sdm.device d ON d.device_no = s.brick_no"
        " WHERE s.state = 'quarantined'")]
    return live, held


def all_is_owned(bed):
    live, held = owned()
    for brick, offset, size, compute in mapped(bed):
        assert (brick, offset, size, compute) in live or any(
            brick == name and begin <= offset and offset + size <= end for name, begin, end in held), \
            f"{compute} maps {brick}@{offset}+{size}, which is nobody's: {live} {held}"


class Stamps:
    """What owners wrote."""

    def __init__(self, bed):
        self.bed, self.written = bed, {}

    def write(self, reservation):
        for segment in reservation["segments"]:
            path = self.bed.hardware.segment_file(segment)
            stamp = reservation["reservation"].encode() * 16
            with open(path, "r+b") as file:
                file.write(stamp)
            self.written[path] = stamp

    def check(self):
        for path, stamp in self.written.items():
            with open(path, "rb") as file:
                assert file.read(len(stamp)) == stamp, f"{path} has changed"


def fill(bed, rack):
    """Takes all that is handed out; the extents."""
    taken = []
    for brick in ("cb0", "cb1", "cb2", "cb3"):
        while True:
            try:
                taken.append(rack.reserve(brick, latency_class="rack"))
            except Refusal as refused:
                assert refused.code in ("NO_CAPACITY", "NO_PATH"), refused
                break
    for reservation in taken:
        release(rack, reservation)
    return [(segment["memory_brick"], segment["offset_bytes"], segment["offset_bytes"] + segment["size_bytes"])
            for reservation in taken for segment in reservation["segments"]]


def nothing_mapped_is_handed_out(bed, rack):
    taken = fill(bed, rack)
    assert taken
    for brick, offset, size, compute in mapped(bed):
        for name, begin, end in taken:
            assert name != brick or end <= offset or offset + size <= begin, f"{name}@{begin} is mapped by {compute}"


def check(bed, rack, stamps, before):
    """As soon as it serves, and as long as nobody decides."""
    assert mapped(bed) == before, "entries have come or gone"
    all_is_owned(bed)
    nothing_mapped_is_handed_out(bed, rack)
    stamps.check()
    assert bed.hardware.counters()["cut_under_live"] == 0
    nobody_owns_twice(bed)


def decide(bed, rack):
    """The administrator lets everything in quarantine go."""
    for row in rack.quarantine():
        bed.admin.write("s11.quarantine.release", segment=row["segment"])
    wait_until("nothing is in quarantine", lambda: not rack.quarantine(), 30)
    assert bed.hardware.counters()["cut_under_live"] == 0
    assert bed.hardware.counters()["unmapped_online"] == 0


def test_what_was_handed_out_since_is_found(bed, rack):
    stamps, events = Stamps(bed), Events()
    kept, gone, held = rack.attach("cb0"), rack.attach("cb0"), rack.reserve("cb1")
    backup = dump()
    # The bytes of one are another's since, on another brick, whose own tray is full; one is used that was only held; and one
    # is new.
    release(rack, gone)
    rack.reserve("cb1", 3 * SIZE)
    since = [rack.attach("cb1", latency_class="rack"), rack.attach("cb2", mode="host")]
    bed.demo.write("s10.attach", reservation=held["reservation"], target={"compute_brick": "cb1"}, wait="guest", timeout_ms=20000)
    assert any((old["memory_brick"], old["offset_bytes"]) == (new["memory_brick"], new["offset_bytes"])
               for old in gone["segments"] for new in since[0]["segments"]), "the test wants bytes that changed hands"
    for reservation in (kept, held, *since):
        stamps.write(reservation)
    before = mapped(bed)
    restore(bed, backup)
    check(bed, rack, stamps, before)
    event = events.wait("event.drift/1", lambda event: event["kind"] == "extent-unknown")
    assert event["action"] == "quarantined"
    assert rack.state(kept["reservation"]) == "attached"
    assert rack.state(gone["reservation"]) == "failed", "its bytes are another's"
    # The rest of the rack works.
    beside = rack.attach("cb3")
    release(rack, beside)
    bed.restart(CONTROLLER)
    check(bed, rack, stamps, before)
    decide(bed, rack)
    assert rack.state(kept["reservation"]) == "attached"
    events.close()


def test_the_same_bytes_on_the_same_brick_are_another_window(bed, rack):
    stamps = Stamps(bed)
    gone = rack.attach("cb0")
    backup = dump()
    release(rack, gone)
    new = rack.attach("cb0")
    assert new["segments"][0]["offset_bytes"] == gone["segments"][0]["offset_bytes"]
    stamps.write(new)
    before = mapped(bed)
    restore(bed, backup)
    check(bed, rack, stamps, before)
    assert rack.state(gone["reservation"]) == "failed"
    decide(bed, rack)


def test_what_was_released_since_comes_back_as_the_database_says(bed, rack):
    gone = rack.attach("cb0")
    backup = dump()
    release(rack, gone)
    restore(bed, backup)
    rack.wait_state(gone["reservation"], "attached")
    assert len(mapped(bed)) == 1, "its agent has mapped it again"
    all_is_owned(bed)


def test_epochs_rise_above_what_the_rack_has_seen(bed, rack):
    backup = dump()
    for _ in range(2):
        bed.restart(CONTROLLER)
    before = int(query("SELECT epoch FROM sdm.leader")[0][0])
    restore(bed, backup)
    assert int(query("SELECT epoch FROM sdm.leader")[0][0]) > before
    assert rack.attach("cb0")["state"] == "attached"


def test_a_rack_that_was_registered_since(bed, rack):
    stamps = Stamps(bed)
    reservations = [rack.attach("cb0"), rack.attach("cb1", mode="host")]
    for reservation in reservations:
        stamps.write(reservation)
    before = mapped(bed)
    restore(bed, bed.unregistered)
    register(bed.admin, bed.rack_file())
    # Its devices have seen epochs of which this leader knows nothing; the next one asks them.
    bed.restart(CONTROLLER)
    check(bed, rack, stamps, before)
    assert len(rack.quarantine()) == 2
    decide(bed, rack)


def test_a_device_that_has_seen_an_epoch_which_no_leader_had(bed, rack):
    """The leader's row says who leads, no device: the leader goes on without it, and the next one rises above it."""
    events = Events()
    epoch = int(query("SELECT epoch FROM sdm.leader")[0][0])
    rack.session("el0", "status", epoch + 5)
    asked = rack.reserve("cb0")
    attach = bed.demo.send("s10.attach", {"key": asked["reservation"], "reservation": asked["reservation"], "wait": "guest",
                                          "target": {"compute_brick": "cb0"}, "timeout_ms": 60000})
    events.wait("event.drift/1", lambda event: event["kind"] == "device-lost" and event["device"] == "el0")
    assert bed.is_alive(CONTROLLER) and int(query("SELECT epoch FROM sdm.leader")[0][0]) == epoch
    assert rack.attach("cb1")["state"] == "attached", "the rest of the rack is served"
    bed.restart(CONTROLLER)
    assert int(query("SELECT epoch FROM sdm.leader")[0][0]) > epoch + 5
    assert bed.demo.reply(attach)[0] == "s10.reply/1"
    rack.wait_state(asked["reservation"], "attached")
    events.close()
