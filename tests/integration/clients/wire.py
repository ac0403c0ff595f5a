"""Everything on the wire: the broker's own tracing tells of each message that anybody publishes, and each one is held
against schemas/."""

import json
import threading
import uuid

import jsonschema
import pika

from wire_schemas import Schemas

TRACE = "amq.rabbitmq.trace"
MARK = "test.mark/1"


class Traced:
    """One message as it was published."""

    def __init__(self, exchange, routing_key, properties, body):
        self.exchange = exchange
        self.routing_key = routing_key
        self.type = properties.get("type")
        self.correlation_id = properties.get("correlation_id")
        self.headers = properties.get("headers", {})
        self.body = body

    def __str__(self):
        return f"{self.type} to '{self.exchange}' key '{self.routing_key}': {self.body[:2000]!r}"


class Wire:
    """Listens in a thread of its own from start() to stop()."""

    def __init__(self, broker):
        self._connection = pika.BlockingConnection(pika.URLParameters(broker))
        self._schemas = Schemas()
        self._lock = threading.Condition()
        self._oslo_calls = {}
        # What must not be: texts.
        self.wrong = []
        # Requests that are not as their schema says: why, by correlation id.
        self._bad_requests = {}
        self._marks = set()
        self.seen = {}
        self.events = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        channel = self._connection.channel()
        self._queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(self._queue, TRACE, "publish.#")
        channel.basic_consume(self._queue, self._on_trace, auto_ack=True)
        self._channel = channel
        self._thread.start()
        return self

    def stop(self):
        self._connection.add_callback_threadsafe(self._channel.stop_consuming)
        self._thread.join(10)
        self._connection.close()

    def _run(self):
        self._channel.start_consuming()

    def _on_trace(self, _channel, _method, properties, body):
        headers = properties.headers
        message = Traced(headers["exchange_name"], headers["routing_keys"][0], headers["properties"], body)
        with self._lock:
            try:
                self._take(message)
            except (jsonschema.ValidationError, KeyError, ValueError) as error:
                self.wrong.append(f"{message}\n{type(error).__name__}: {error}")
            self._lock.notify_all()

    def _take(self, message):
        if message.exchange in ("sdm", "sdm_transient"):
            self._take_request(message)
        elif message.exchange == "sdm.dead":
            self._take_letter(message)
        elif message.type == MARK:
            self._marks.add(message.correlation_id)
        elif b"oslo.version" in message.body[:40]:
            self._take_oslo_reply(message)
        else:
            self._take_body(message.type, json.loads(message.body))

    def _take_letter(self, message):
        """What nobody can read is sent here on purpose; nothing else comes to be a dead letter."""
        if message.headers.get("sdm-code") not in ("MALFORMED", "UNKNOWN_MESSAGE"):
            self.wrong.append(f"a dead letter: {message}")

    def _take_body(self, type_, body):
        self._schemas.check(type_, body)
        self.seen[type_] = self.seen.get(type_, 0) + 1
        if type_.startswith("event."):
            self.events.append((type_, body))

    def _take_request(self, message):
        if b"oslo.version" in message.body[:40]:
            self._take_oslo_call(message)
            return
        try:
            self._take_body(message.type, json.loads(message.body))
        except (jsonschema.ValidationError, KeyError, ValueError) as error:
            self._bad_requests[message.correlation_id] = str(error)

    def _take_oslo_call(self, message):
        call = json.loads(json.loads(message.body)["oslo.message"])
        method = call["method"]
        type_ = (method if "." in method else f"{message.routing_key}.{method}") + "/1"
        self._oslo_calls[call["_msg_id"]] = type_
        try:
            self._take_body(type_, call["args"])
        except (jsonschema.ValidationError, KeyError) as error:
            self._bad_requests[call["_msg_id"]] = str(error)

    def _take_oslo_reply(self, message):
        reply = json.loads(json.loads(message.body)["oslo.message"])
        type_ = self._oslo_calls[reply["_msg_id"]]
        if reply["failure"] is None:
            self._take_body(self._schemas.reply_type(type_), reply["result"])
        else:
            failure = json.loads(reply["failure"])
            self._take_body("error/1", {"code": failure["class"], "text": failure["message"]})

    def _await(self, what, found, timeout):
        with self._lock:
            if not self._lock.wait_for(found, timeout):
                raise AssertionError(f"not seen on the wire within {timeout} s: {what}")
            return found()

    def catch_up(self, client):
        """Until all that was published before is held against its schema."""
        mark = str(uuid.uuid4())
        client.mark(MARK, mark)
        self._await("mark", lambda: mark in self._marks, 20)

    def bad_request(self, correlation_id):
        """Why the schema refuses a request that was sent to be refused; None when it does not."""
        with self._lock:
            return self._bad_requests.pop(correlation_id, None)

    def forget_bad_requests(self):
        """What is left was sent by mistake: texts."""
        with self._lock:
            left = [f"request {key}: {text}" for key, text in self._bad_requests.items()]
            self._bad_requests.clear()
            return left

    def await_event(self, type_, timeout=20, **members):
        """The first event since the start that has these members."""
        def found():
            return next((body for kind, body in self.events
                         if kind == type_ and all(body.get(name) == value for name, value in members.items())), None)

        return self._await(f"{type_} {members}", found, timeout)

    def n_seen(self, type_):
        with self._lock:
            return self.seen.get(type_, 0)
