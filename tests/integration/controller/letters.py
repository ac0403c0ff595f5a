"""Dead letters as tests of them need: what is in their queue, and what metrics say."""

import re
import sys
import urllib.request

from harness import SOURCE, eventually

sys.path.insert(0, str(SOURCE / "tests/fixtures"))
from healthz import free_port  # noqa: E402  (ours, found by the path above)

CRASHED = 70
METRICS_PORT = free_port()
METRICS = f"--metrics-port={METRICS_PORT}"


def take_letters(client, n):
    """Takes n letters out of the queue, once they are there; and there are no more."""
    eventually(lambda: client.depth("sdm.dead") >= n, 30, f"{n} dead letters")
    letters = [client.channel.basic_get("sdm.dead", auto_ack=True)[1:] for _ in range(n)]
    assert client.depth("sdm.dead") == 0
    return letters


def metrics_text():
    return urllib.request.urlopen(f"http://127.0.0.1:{METRICS_PORT}/metrics", timeout=10).read().decode()


def poison_counts():
    found = re.findall(r'^sdm_poison_messages_total\{reason="([a-z]+)"\} (\d+)$', metrics_text(), re.M)
    return {reason: int(n) for reason, n in found}
