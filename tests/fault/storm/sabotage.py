"""The mistakes that can be planted (SDM_SABOTAGE, lib/base/fault.h): what each is, which invariant it breaks, and the
traffic and faults that bring it to light soonest."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Sabotage:
    text: str
    invariants: tuple
    traffic: dict = dataclasses.field(default_factory=dict)  # Traffic.kinds
    nemesis: tuple = ()  # kinds of faults; none: no nemesis
    modes: tuple = ("device", "device", "vm")


LIFE = {"life": 1}

SABOTAGES = {
    "no-epoch-check": Sabotage("a superseded leader writes on", ("I7",), LIFE, ("stop-leader",)),
    "no-scrub": Sabotage("bytes are recorded as scrubbed and are not", ("I6",), LIFE),
    "freed-too-early": Sabotage("a window is forgotten before its brick has let go of it", ("I1", "I5"), LIFE, ("slow-unmap",)),
    "lost-outbox-row": Sabotage("every seventh row of the outbox goes without being published", ("I2",), LIFE),
    "lost-audit-entry": Sabotage("requests are carried out without being told to the audit log", ("audit",), LIFE),
    "netport-entry-twice": Sabotage("a window is wired into two NetPort entries", ("I1",), LIFE),
    "key-ignored": Sabotage("a repeated request is carried out again", ("I3",), LIFE),
    "foreign-vm": Sabotage("memory may go into another tenant's guest", ("I9",), {"life": 1, "stranger": 6}),
    "reply-before-commit": Sabotage("clients are told before the commit", ("I2", "I3", "I6"), LIFE, ("fail-commit",)),
    "circuit-cut-under-live": Sabotage("a circuit is cut while windows behind it live", ("I5",), LIFE, ("slow-unmap",)),
    "lease-of-attached-expires": Sabotage("a lease ends although the memory is in use", ("I2",), {"leased": 1}),
    "quota-ignored": Sabotage("what a quota does not allow is handed out uncharged", ("quota",), {"life": 3, "quota": 1}),
    "window-overlap": Sabotage("a second window leads to a part of another's bytes", ("I1",), LIFE),
    "stale-agent-epoch": Sabotage("an agent obeys a leader that was superseded", ("I7", "I1"), LIFE, ("kill-leader", "late-want")),
}
