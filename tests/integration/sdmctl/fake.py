"""A controller that answers with the examples of schemas/, or as a test tells it."""

import json
import os
import pathlib
import shlex
import subprocess
import threading

import jsonschema
import pika

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCHEMAS = ROOT / "schemas"


def schema(message_type):
    return json.loads((SCHEMAS / f"{message_type.removesuffix('/1')}.json").read_text())


def example(message_type, name="valid-full"):
    return json.loads((SCHEMAS / "examples" / message_type.removesuffix("/1") / f"{name}.json").read_text())


def validate(message_type, body):
    """Against schemas/, by an implementation that is not ours."""
    store = {document["$id"]: document
             for document in (json.loads(path.read_text()) for path in SCHEMAS.glob("*.json"))}
    own = schema(message_type)
    resolver = jsonschema.RefResolver(own["$id"], own, store=store)
    jsonschema.Draft202012Validator(own, resolver=resolver).validate(body)


def refusal(code, text, **details):
    return "error/1", {"code": code, "text": text, **details}


class Controller:
    """Answers on a thread of its own.  'answers' maps a type to a function of the body that returns
    (type, body), or None for no reply, or raises ConnectionAbortedError to cut every client off."""

    def __init__(self, uri):
        self.parameters = pika.URLParameters(uri)
        self.answers = {}
        self.requests = []
        self.problems = []
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(20)
        return self

    def __exit__(self, *_):
        self.connection.add_callback_threadsafe(self.channel.stop_consuming)
        self.thread.join(10)
        assert not self.problems, self.problems

    def run(self):
        self.connection = pika.BlockingConnection(self.parameters)
        self.channel = self.connection.channel()
        self.channel.exchange_declare("sdm", "topic", durable=True)
        self.channel.exchange_declare("sdm.events", "topic", durable=True)
        self.channel.queue_declare("fake", durable=True)
        self.channel.queue_purge("fake")
        for key in ("s10", "s11"):
            self.channel.queue_bind("fake", "sdm", key)
        self.channel.basic_consume("fake", self.on_request, auto_ack=True)
        self.ready.set()
        self.channel.start_consuming()
        self.channel.queue_delete("fake")
        self.connection.close()

    def on_request(self, channel, method, properties, raw):
        body = json.loads(raw)
        self.requests.append((properties.type, body, properties))
        try:
            validate(properties.type, body)
            assert method.routing_key == properties.type.split(".")[0]
            assert properties.content_type == "application/json"
        except (jsonschema.ValidationError, AssertionError) as problem:
            self.problems.append(f"{properties.type} {raw}: {problem}")
        answer = self.answers.get(properties.type, self.answer_example)(body) \
            if properties.type in self.answers else self.answer_example(properties.type)
        if answer is not None:
            channel.basic_publish("", properties.reply_to, json.dumps(answer[1]).encode(), pika.BasicProperties(
                type=answer[0], correlation_id=properties.correlation_id, content_type="application/json"))

    @staticmethod
    def answer_example(message_type):
        reply = schema(message_type)["x-reply"]
        body = example(reply)
        body.pop("next", None)
        return reply, body

    def publish_event(self, kind, whose, **changes):
        body = {**example(f"event.{kind}"), **changes}
        self.connection.add_callback_threadsafe(lambda: self.channel.basic_publish(
            "sdm.events", f"event.{kind}.{whose}", json.dumps(body).encode(),
            pika.BasicProperties(type=f"event.{kind}/1", content_type="application/json")))
        return body

    def bodies(self, message_type):
        return [body for kind, body, _ in self.requests if kind == message_type]


def broker():
    return os.environ["SDM_BROKER"]


def evaluate(expression):
    """An Erlang expression in the broker's node; white space has to follow its dot."""
    answer = subprocess.run(shlex.split(os.environ["SDM_TEST_BROKER_EVAL"]), input=expression + "\n", text=True,
                            check=True, capture_output=True).stdout
    assert answer.startswith("{ok,"), (expression, answer)
    return answer


def cut_sdmctl_off():
    """The broker closes sdmctl's connections, which are rabbitmq-c's, and keeps the fake's."""
    evaluate('[rabbit_networking:close_connection(P, "test") || P <- rabbit_networking:connections(), '
             '[{client_properties, C}] <- [rabbit_networking:connection_info(P, [client_properties])], '
             'lists:keymember(<<"rabbitmq-c">>, 3, C)].')
