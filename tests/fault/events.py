"""Events as they come from the broker."""

import json
import os
import time

import pika


class Events:
    """Listens from now on; keeps what came."""

    def __init__(self):
        self.connection = pika.BlockingConnection(pika.URLParameters(os.environ["SDM_BROKER"]))
        self.channel = self.connection.channel()
        queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.queue_bind(queue, "sdm.events", "event.#")
        self.seen = []
        self.channel.basic_consume(queue, self.take, auto_ack=True)

    def take(self, _channel, _method, properties, body):
        self.seen.append((properties.type, json.loads(body)))

    def wait(self, kind, matches, seconds=20):
        end = time.monotonic() + seconds
        while True:
            for found, event in self.seen:
                if found == kind and matches(event):
                    return event
            assert time.monotonic() < end, f"no such {kind} among {[event for found, event in self.seen if found == kind]}"
            self.connection.process_data_events(0.05)

    def close(self):
        self.connection.close()
