"""What tests of dead hardware do to the emulated rack, and where they look."""

import os
import socket

from bed import MIB, query, wait_until
from testbed_view import control

SIZE = 128 * MIB


class Rack:
    """The rack's hardware, and what the database says of it."""

    def __init__(self, bed):
        self.bed = bed
        self.socket = os.environ["SDM_EMURACK_CONTROL"]

    def __getattr__(self, command):
        """die, revive, fault_arm, fault_clear ... of emurackd's control socket."""
        return lambda **arguments: control(self.socket, command.replace("_", "-"), **arguments)

    def heal(self):
        for device in self.bed.hardware.status()["devices"]:
            if device.get("dead"):
                self.revive(device=device["id"])
        self.fault_clear()

    def session(self, device, request, epoch=None):
        """One request in a session of our own, under the leader's epoch."""
        epoch = epoch or query("SELECT epoch FROM sdm.leader")[0][0]
        host, port = self.bed.hardware.status()["listen"].rsplit(":", 1)
        with socket.create_connection((host, int(port)), 10) as connection:
            lines = connection.makefile("rw")
            for line in (f"open {device} {epoch}", request):
                lines.write(line + "\n")
                lines.flush()
                answer = lines.readline()
                assert answer.startswith("ok"), answer

    def device(self, name):
        return next(device for device in self.bed.hardware.status()["devices"] if device["id"] == name)

    def entries(self, brick):
        return self.device(brick)["entries"]

    def reserve(self, brick="cb0", size=SIZE, client=None, **members):
        request = {"compute_bricks": [brick], "size_bytes": size, "latency_class": "tray", "mode": "device", **members}
        return (client or self.bed.demo).write("s10.reserve", request=request)["reservation"]

    def attach(self, brick="cb0", size=SIZE, **members):
        reservation = self.reserve(brick, size, **members)["reservation"]
        return self.bed.demo.write("s10.attach", reservation=reservation, target={"compute_brick": brick}, wait="guest",
                                   timeout_ms=20000)["reservation"]

    def state(self, reservation):
        return self.bed.demo.call("s10.show", reservation=reservation)["reservation"]["state"]

    def quarantine(self):
        return self.bed.admin.call("s11.quarantine.list")["segments"]

    def brick(self, name):
        bricks = [brick for rack in self.bed.admin.call("s11.show")["racks"]
                  for brick in self.bed.admin.call("s11.show", rack=rack["id"])["bricks"]]
        return next(brick for brick in bricks if brick["id"] == name)

    def wait_state(self, reservation, state, seconds=20):
        wait_until(f"{reservation} is {state}", lambda: self.state(reservation) == state, seconds)

    def give_back(self, brick):
        """Fenced, it comes back and serves."""
        self.bed.admin.write("s11.fence", brick=brick, undo=True, wait="fabric", timeout_ms=20000)


def extents_overlap():
    """Pairs of rows that own a byte together; the constraint forbids them."""
    return query("SELECT a.segment, b.segment FROM sdm.segment a JOIN sdm.segment b ON a.brick_no = b.brick_no"
                 " AND a.segment < b.segment AND int8range(a.offset_bytes, a.offset_bytes + a.size_bytes)"
                 " && int8range(b.offset_bytes, b.offset_bytes + b.size_bytes)")


def nobody_owns_twice(bed):
    assert bed.hardware.counters()["overlaps"] == 0, "bytes had two owners"
    assert extents_overlap() == []
