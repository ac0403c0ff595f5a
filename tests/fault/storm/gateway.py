"""Hundreds of clients over one connection: each is a generator that yields an Ask and is resumed with the answer, or seconds
to sleep, or REST to sleep until all are woken.

The gateway does what a careful client does: it repeats with the same key what was not answered, until it is.  And what
a careless network does: some requests go out twice, and copies of old ones come again much later."""

import heapq
import json
import random
import threading
import time
import uuid

import pika

REPEAT_S = 4.0
GIVE_UP_S = 150.0
UNKNOWN = ("INTERNAL", "UNAVAILABLE")
REST = object()


class Ask:
    """One request.  'key' makes it one that writes."""

    def __init__(self, type_, body, project, key=None):
        self.type, self.project, self.key = type_, project, key
        self.body = {**body, "key": key} if key else body


class Answer:
    """What came of it: the reply's type and body; type None when nobody answered."""

    def __init__(self, type_, body):
        self.type, self.body = type_, body

    def __bool__(self):
        return self.type not in (None, "error/1")

    @property
    def code(self):
        return self.body["code"] if self.type == "error/1" else None


class Record:
    """A request's history."""

    __slots__ = ("ask", "first", "answers", "n_sent", "done", "done_at")

    def __init__(self, ask):
        self.ask, self.first, self.answers, self.n_sent, self.done = ask, time.time(), [], 0, None
        self.done_at = None


class Gateway(threading.Thread):
    """Runs the generators; 'history' holds a Record each request."""

    def __init__(self, uri, tokens, seed, on_event, on_violation):
        super().__init__(daemon=True)
        self.uri, self.tokens, self.rng = uri, tokens, random.Random(f"gateway {seed}")
        self.on_event, self.on_violation = on_event, on_violation
        self.history, self.by_key = [], {}
        self.twice, self.late = 0.06, 0.05  # shares of requests that are doubled, and that come again later
        self.n_doubled = self.n_late = self.n_reconnects = 0
        self.n_running = 0
        self.errors = []
        self._timers, self._count = [], 0
        self._resting = []
        self._waiting = {}  # correlation id to (record, generator or None)
        self._inbox, self._lock = [], threading.Lock()
        self._ends = False
        self._connection = self._channel = self._queue = None

    # --- From other threads.

    def add(self, generator, delay=0.0):
        with self._lock:
            self._inbox.append((generator, delay))
            self.n_running += 1

    def call(self, ask, timeout=60.0):
        """An Ask from another thread; its Answer."""
        done, result = threading.Event(), []

        def once():
            result.append((yield ask))
            done.set()

        self.add(once())
        return result[0] if done.wait(timeout) else Answer(None, None)

    def is_at_rest(self):
        """Nobody asks, waits or sleeps: what clients were promised does not change."""
        with self._lock:
            return self.n_running == len(self._resting)

    def wake(self):
        """Resumes who rests."""
        with self._lock:
            self._inbox += [(generator, 0.0) for generator in self._resting]
            self._resting = []

    def stop(self):
        self._ends = True
        self.join(20)

    # --- The thread.

    def run(self):
        while not self._ends:
            try:
                self._connect()
                while not self._ends:
                    self._turn()
            except (pika.exceptions.AMQPError, OSError):
                self._connection = None
                self.n_reconnects += 1
                time.sleep(0.2)
            except Exception as error:  # a bug of ours must not pass for silence
                self.errors.append(repr(error))
                raise
        if self._connection is not None:
            try:
                self._connection.close()
            except (pika.exceptions.AMQPError, OSError):
                pass

    def _connect(self):
        parameters = pika.URLParameters(self.uri)
        parameters.heartbeat, parameters.socket_timeout, parameters.blocked_connection_timeout = 10, 5, 10
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_declare("campaign.events", durable=True, arguments={"x-queue-type": "quorum"})
        self._channel.exchange_declare("sdm.events", "topic", durable=True, passive=False)
        self._channel.queue_bind("campaign.events", "sdm.events", "#")
        self._channel.basic_consume(self._queue, self._on_reply, auto_ack=True)
        self._channel.basic_consume("campaign.events", self._on_event)
        # What was asked before is asked again, for its reply queue is gone.
        waiting, self._waiting = self._waiting, {}
        for record, generator in waiting.values():
            if generator is not None and record.done is None:
                self._publish(record, generator)

    def _turn(self):
        with self._lock:
            inbox, self._inbox = self._inbox, []
        for generator, delay in inbox:
            self._at(delay, self._resume, generator, None)
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _when, _count, function, arguments = heapq.heappop(self._timers)
            function(*arguments)
        limit = min(self._timers[0][0] - now, 0.1) if self._timers else 0.1
        self._connection.process_data_events(time_limit=max(limit, 0.001))

    def _at(self, delay, function, *arguments):
        self._count += 1
        heapq.heappush(self._timers, (time.monotonic() + delay, self._count, function, arguments))

    def _resume(self, generator, value):
        try:
            wish = generator.send(value)
        except StopIteration:
            self.n_running -= 1
            return
        except Exception as error:
            self.n_running -= 1
            self.errors.append(repr(error))
            raise
        if isinstance(wish, Ask):
            record = Record(wish)
            self.history.append(record)
            if wish.key:
                self.by_key.setdefault((wish.project, wish.key), []).append(record)
            # First: publishing may fail with the connection.
            self._at(REPEAT_S, self._repeat, record, generator)
            self._publish(record, generator)
            if self.rng.random() < self.twice:
                self.n_doubled += 1
                self._publish(record, generator)
        elif wish is REST:
            with self._lock:
                self._resting.append(generator)
        else:
            self._at(float(wish), self._resume, generator, None)

    def _publish(self, record, generator):
        correlation = str(uuid.uuid4())
        self._waiting[correlation] = (record, generator)
        record.n_sent += 1
        token = self.tokens[record.ask.project]
        properties = pika.BasicProperties(type=f"{record.ask.type}/1", reply_to=self._queue, delivery_mode=2,
                                          content_type="application/json", correlation_id=correlation,
                                          headers={"sdm-token": token})
        self._channel.basic_publish("sdm", record.ask.type.split(".", 1)[0], json.dumps(record.ask.body).encode(), properties)

    def _repeat(self, record, generator):
        if record.done is not None:
            return
        if time.time() - record.first > GIVE_UP_S:
            record.done = Answer(None, None)
            self._resume(generator, record.done)
            return
        self._at(REPEAT_S, self._repeat, record, generator)
        self._publish(record, generator)

    def _echo(self, record):
        """A copy of an old request comes late."""
        self.n_late += 1
        self._publish(record, None)

    def _on_event(self, channel, method, properties, body):
        self.on_event(properties.type, json.loads(body))
        channel.basic_ack(method.delivery_tag)

    def _on_reply(self, _channel, _method, properties, body):
        found = self._waiting.pop(properties.correlation_id, None)
        if found is None:
            return
        record, generator = found
        answer = Answer(properties.type, json.loads(body))
        if answer.code in UNKNOWN:
            if generator is not None and record.done is None:
                self._at(0.3, self._repeat_once, record, generator)
            return
        self._compare(record, properties.type, body)
        if record.done is None and generator is not None:
            record.done, record.done_at = answer, time.time()
            self._at(0, self._resume, generator, answer)
            if record.ask.key and self.rng.random() < self.late:
                self._at(self.rng.uniform(0.5, 12.0), self._echo, record)

    def _repeat_once(self, record, generator):
        if record.done is None:
            self._publish(record, generator)

    def _compare(self, record, type_, body):
        """I3: one key, one answer, byte for byte."""
        if not record.ask.key or type_ == "error/1" and json.loads(body)["code"] in ("UNAUTHENTICATED", "KEY_REUSED"):
            return
        if record.answers and record.answers[0] != (type_, body):
            self.on_violation("I3", f"{record.ask.type} key {record.ask.key} of {record.ask.project}: answered"
                              f" {record.answers[0][0]} {record.answers[0][1][:300]!r}, then {type_} {body[:300]!r}")
        if not record.answers:
            record.answers.append((type_, body))
