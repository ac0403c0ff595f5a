"""A client of S10 and S11 over RabbitMQ, for scenario, benchmarks and tests: plain pika, nothing of SDM's own."""

import json
import os
import pathlib
import ssl
import time
import uuid

import pika


class Refusal(Exception):
    """An error/1 reply: .code, .text and the whole .body."""

    def __init__(self, body):
        super().__init__(f"{body['code']}: {body['text']}")
        self.code = body["code"]
        self.text = body["text"]
        self.body = body


class NoReply(Exception):
    """Nobody answered in time."""


def broker_parameters(uri=None):
    """Of SDM_BROKER, by TLS where it says amqps, with the authority in SDM_BROKER_CA."""
    uri = uri or os.environ["SDM_BROKER"]
    parameters = pika.URLParameters(uri)
    if uri.startswith("amqps:"):
        context = ssl.create_default_context(cafile=os.environ.get("SDM_BROKER_CA") or None)
        parameters.ssl_options = pika.SSLOptions(context, parameters.host)
    return parameters


class Client:
    """One connection with a reply queue of its own, speaking for the holder of a token."""

    def __init__(self, token, broker=None):
        self._token = token
        self._connection = pika.BlockingConnection(broker_parameters(broker))
        self._channel = self._connection.channel()
        self._queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.basic_consume(self._queue, self._on_reply, auto_ack=True)
        self._replies = {}

    @classmethod
    def of(cls, name, broker=None):
        """For a token of the testbed: 'admin', 'demo' or 'other'."""
        return cls((pathlib.Path(os.environ["SDM_TOKENS"]) / name).read_text().strip(), broker)

    def close(self):
        self._connection.close()

    def _on_reply(self, _channel, _method, properties, body):
        self._replies[properties.correlation_id] = (properties.type, body, time.monotonic())

    def send(self, message_type, body, raw=None, routing_key=None):
        """Publishes without waiting; returns the correlation id."""
        correlation_id = str(uuid.uuid4())
        properties = pika.BasicProperties(type=f"{message_type}/1", reply_to=self._queue, delivery_mode=2,
                                          content_type="application/json", correlation_id=correlation_id,
                                          headers={"sdm-token": self._token})
        self._channel.basic_publish("sdm", routing_key or message_type.split(".", 1)[0],
                                    raw if raw is not None else json.dumps(body).encode(), properties)
        return correlation_id

    def depth(self, queue):
        """Messages that wait in a queue."""
        return self._channel.queue_declare(queue, passive=True).method.message_count

    def reply(self, correlation_id, timeout=60.0):
        """(type, body as a dict, monotonic time of arrival)."""
        deadline = time.monotonic() + timeout
        while correlation_id not in self._replies:
            left = deadline - time.monotonic()
            if left <= 0:
                raise NoReply(f"no reply within {timeout} s")
            self._connection.process_data_events(time_limit=min(left, 1.0))
        reply_type, body, when = self._replies.pop(correlation_id)
        return reply_type, json.loads(body), when

    def call(self, message_type, timeout=60.0, **body):
        """Sends and waits; a Refusal is raised."""
        return self.timed_call(message_type, timeout, **body)[0]

    def timed_call(self, message_type, timeout=60.0, **body):
        """(reply, seconds from publishing to the reply)."""
        start = time.monotonic()
        reply_type, reply, when = self.reply(self.send(message_type, body), timeout)
        if reply_type == "error/1":
            raise Refusal(reply)
        return reply, when - start

    def write(self, message_type, timeout=60.0, **body):
        """A request that changes something, with a key of its own."""
        return self.call(message_type, timeout, key=str(uuid.uuid4()), **body)

    def timed_write(self, message_type, timeout=60.0, **body):
        return self.timed_call(message_type, timeout, key=str(uuid.uuid4()), **body)


def register(client, rack):
    """Sends a rack file's content as one registration; small racks only."""
    topology = {part: rack[part] for part in ("racks", "trays", "bricks", "switches", "links")}
    return client.write("s11.register", topology=topology, segment_unit_bytes=rack["segment_unit_bytes"])
