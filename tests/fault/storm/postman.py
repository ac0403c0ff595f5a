"""Keeps copies of what goes to agents and comes from them, and delivers some again: doubled, late, out of order."""

import contextlib

import pika

SOURCES = {"wants": "sdm.agents", "reports": "sdm.reports"}


class Postman:
    """Connections of its own: one that listens, and one as each agent, whose name the broker checks."""

    def __init__(self, fleet, rng):
        self.fleet, self.rng = fleet, rng
        self.kept = {"wants": [], "reports": []}
        self._connections = {}

    def close(self):
        for connection in self._connections.values():
            with contextlib.suppress(pika.exceptions.AMQPError, OSError):
                connection.close()
        self._connections = {}

    def _channel(self, user):
        connection = self._connections.get(user)
        if connection is None or not connection.is_open:
            parameters = pika.URLParameters(self.fleet.broker_uri(user))
            parameters.heartbeat, parameters.socket_timeout = 0, 3
            connection = self._connections[user] = pika.BlockingConnection(parameters)
        return connection.channel()

    def collect(self):
        """Takes what has come since the last time; the first time it begins to listen."""
        try:
            channel = self._channel("sdm")
            for kind, exchange in SOURCES.items():
                queue = f"campaign.{kind}"
                channel.queue_declare(queue, arguments={"x-max-length": 1000})
                for key in (*self.fleet.computes, "0"):
                    channel.queue_bind(queue, exchange, key)
                while True:
                    method, properties, body = channel.basic_get(queue, auto_ack=True)
                    if method is None:
                        break
                    self.kept[kind].append((method.routing_key, properties, body))
                self.kept[kind] = self.kept[kind][-600:]
            channel.close()
        except (pika.exceptions.AMQPError, OSError):
            self._connections.pop("sdm", None)

    def deliver(self, kind, n):
        """Copies of 'n' messages of the past; how many went out."""
        self.collect()
        sent = 0
        for _ in range(min(n, len(self.kept[kind]))):
            key, properties, body = self.rng.choice(self.kept[kind])
            user = properties.user_id if kind == "reports" and properties.user_id else "sdm"
            try:
                channel = self._channel(user)
                channel.basic_publish(SOURCES[kind], key, body, properties)
                channel.close()
                sent += 1
            except (pika.exceptions.AMQPError, OSError):
                self._connections.pop(user, None)
        return sent
