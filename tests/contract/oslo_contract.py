#!/usr/bin/python3
"""The oslo envelope against oslo.messaging itself: oslo_contract.py WIRE-CHECK.

What its driver serialises is read, and what we write is what its driver reads; no broker.
"""

import json
import pathlib
import subprocess
import sys
import unittest

import oslo_messaging
from oslo_messaging._drivers import amqp, common

CHECK = ["wire-check"]


def ask(question, text):
    run = subprocess.run([*CHECK, "-"], input=f"{question}\t{text}\n".encode(),
                         stdout=subprocess.PIPE, check=False)
    return run.stdout.decode().rstrip("\n").partition("\t")


def called(method, args, context, topic="s10", **target):
    """A call as RPCClient and the AMQP driver put it together, read by us."""
    message = {"method": method, "args": args, **target}
    amqp.pack_context(message, context)
    message.update({"_msg_id": "msg-1", "_reply_q": "reply_1", "_timeout": None})
    amqp._add_unique_id(message)
    status, _, text = ask(f"call:{topic}", json.dumps(common.serialize_msg(message)))
    assert status == "ok", status
    return json.loads(text)


def replied(message_type, body):
    """Our reply, as the driver reads it."""
    status, _, text = ask(f"reply:{message_type}", json.dumps(body))
    assert status == "ok", status
    return common.deserialize_msg(json.loads(text))


class Calls(unittest.TestCase):
    def test_a_call_of_the_driver_is_read(self):
        args = {"key": "k", "text": "zw\u00f6lf \"quoted\"", "n": 2**60}
        found = called("reserve", args, {"auth_token": "secret", "user": "u"})
        self.assertEqual(found, {"type": "s10.reserve/1", "msg_id": "msg-1", "token": "secret",
                                 "reply_queue": "reply_1", "timeout_ms": 0, "args": args})

    def test_namespace_and_version_name_the_type(self):
        found = called("power", {}, {}, namespace="s11", version="1.0")
        self.assertEqual(found["type"], "s11.power/1")


class Replies(unittest.TestCase):
    def test_a_result_arrives(self):
        message = replied("s10.reply/1", {"done": True, "text": "zw\u00f6lf"})
        self.assertEqual(message["result"], {"done": True, "text": "zw\u00f6lf"})
        self.assertIsNone(message["failure"])
        self.assertTrue(message["ending"])
        self.assertEqual(message["_msg_id"], "msg-1")
        self.assertTrue(message["_unique_id"])

    def test_an_error_is_raised_with_code_and_text(self):
        message = replied("error/1", {"code": "NO_PATH", "text": "no free port on switch sw-1"})
        failure = common.deserialize_remote_exception(message["failure"], [])
        self.assertIsInstance(failure, oslo_messaging.RemoteError)
        self.assertEqual(failure.exc_type, "NO_PATH")
        self.assertEqual(failure.value, "no free port on switch sw-1")


if __name__ == "__main__":
    CHECK = [str(pathlib.Path(sys.argv.pop(1)).resolve())]
    unittest.main()
