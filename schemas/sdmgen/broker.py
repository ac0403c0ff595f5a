"""The broker API: exchanges, queues and what travels over them; one table for both documents."""

EXCHANGES = [
    # name, type, durable, what for
    ("sdm", "topic", True, "Requests"),
    ("sdm_transient", "topic", False,
     "Requests of oslo.messaging clients that declare non-durable exchanges"),
    ("sdm.agents", "direct", True, "Wanted state to agents"),
    ("sdm.reports", "direct", True, "Reports of agents"),
    ("sdm.events", "topic", True, "Events; bind a queue of your own"),
    ("sdm.dead", "fanout", True, "Messages that could not be carried out"),
]

QUEUES = [
    # name, type, bound to, arguments, what for
    ("sdm.s10", "quorum", "sdm and sdm_transient: s10, s10.<pod>",
     "x-delivery-limit, x-dead-letter-exchange=sdm.dead", "Reservations"),
    ("sdm.s11", "quorum", "sdm and sdm_transient: s11, s11.<pod>, s9, s9.<pod>",
     "x-delivery-limit, x-dead-letter-exchange=sdm.dead", "Registration; s9 is an alias"),
    ("sdm.trial", "quorum", "by the default exchange, from the controller",
     "x-delivery-limit, x-dead-letter-exchange=sdm.dead",
     "Requests that came back or failed; tried again one at a time"),
    ("sdm.agent.<brick>", "classic", "sdm.agents: <brick>", "x-max-length=1, x-overflow=drop-head",
     "Wanted state of one compute brick: only the last one matters"),
    ("sdm.reports.<n>", "quorum", "sdm.reports: 0 to n-1", "x-dead-letter-exchange=sdm.dead",
     "Reports, spread over a few queues by brick"),
    ("sdm.dead", "quorum", "sdm.dead", "x-max-length=4096, x-max-length-bytes=268435456",
     "Dead letters, for an operator to look at (`s11.dead.list`); the oldest go"),
]

PROPERTIES = [
    ("type", "The message type with its major version, `s10.reserve/1`"),
    ("correlation_id", "Chosen by the requester; comes back with the reply"),
    ("reply_to", "Queue that the reply goes to, by the default exchange; without it nobody is told"),
    ("header sdm-token", "Keystone token of the requester, or a static token"),
    ("user-id", "Checked by the broker where it is set; agents have to set it"),
    ("content_type", "application/json"),
    ("header sdm-code, sdm-reason, sdm-at", "Of a dead letter: the error's code, what was wanted and found, since when"),
    ("header sdm-queue, sdm-exchange, sdm-routing-key, sdm-user-id, sdm-deliveries",
     "Of a dead letter: where it came from, who sent it, how often it was given out"),
    ("header x-death", "Of a dead letter that the broker gave up: it tells, and there are none of the two above"),
    ("delivery_mode", "2 for requests, replies and reports"),
]

# Channel, exchange, routing key or queue, title, description; and which messages it carries.
CHANNELS = {
    "s10": ("sdm", "s10", "Reservations: plan, reserve, attach, resize, release",
            lambda m: m.group == "s10" and m.closed),
    "s11": ("sdm", "s11", "Registration, power, fencing and status; routing key s9 does the same",
            lambda m: m.group == "s11" and m.closed),
    "replies": ("", "{reply_to}", "The requester's own queue, by the default exchange",
                lambda m: m.name.endswith(".reply") or m.name == "error"),
    "agents": ("sdm.agents", "{brick}", "Wanted state of one compute brick, and before it the request to look",
               lambda m: m.name in ("s7.look", "s7.want")),
    "reports": ("sdm.reports", "{n}", "Found state, and requests for the wanted one",
                lambda m: m.name in ("s7.report", "s7.ask")),
    "events": ("sdm.events", "event.{kind}.{whose}", "What happened",
               lambda m: m.group == "event"),
}
