"""A testbed whose database has a small disk of its own, with a proxy before database and broker; and clients that ask again
until they are answered."""

import contextlib
import os
import pathlib
import subprocess
import sys
import urllib.request

import bed as beds
import pika
from bed import new_key, query, wait_until
from dead_bed import SIZE
from sdm_client import Client, NoReply
from servers import Server
import tcp_proxy

sys.path.insert(0, str(beds.ROOT / "tests/fixtures"))
from healthz import Health  # noqa: E402  (ours, found by the path above)

CLIENT = "controller-1"
REQUEST = {"compute_bricks": ["cb0"], "size_bytes": SIZE, "latency_class": "inter-rack", "mode": "device"}
# Room for a fresh cluster, the schema, and a few segments of its write-ahead log.
DISK_MIB = 192
HEARTBEAT_S = 3


class Disk:
    """A file system of its own, which takes root to mount."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._ballast = self.folder / "ballast"

    def mount(self):
        self.folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0700,uid=postgres,gid=postgres", "sdm-test",
                        self.folder], check=True, timeout=20)

    def unmount(self):
        """Who still uses it goes on."""
        if os.path.ismount(self.folder):
            subprocess.run(["umount", "-l", self.folder], check=True, timeout=20)

    def fill(self):
        """To the last byte."""
        with open(self._ballast, "ab", buffering=0) as ballast:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        ballast.write(b"x" * size)
                except OSError as error:
                    assert error.errno == 28, error

    def free(self):
        self._ballast.unlink(missing_ok=True)


class Link:
    """A daemon's way to one server."""

    def __init__(self, name, client=CLIENT):
        self.name = f"{name}.{client}"

    def ask(self, command, **arguments):
        return tcp_proxy.ask(os.environ["SDM_PROXY_CONTROL"], command, arguments)

    def state(self):
        return next(link for link in self.ask("links")["links"] if link["link"] == self.name)

    def n_bytes(self, direction):
        return self.state()[direction]["bytes"]

    def cut(self, direction, after):
        self.ask("cut", link=self.name, direction=direction, after=str(after))

    def heal(self):
        self.ask("heal", link=self.name)


class OutageBed(beds.Bed):
    """The database's data folder is a disk that is soon full; daemons reach broker and database through the proxy, we do not."""

    def __init__(self, folder, build):
        super().__init__(folder, build)
        # What a full queue refuses is soon dropped.
        self.environment["SDM_OUTBOX_PATIENCE_MS"] = "3000"
        self.environment["SDM_BROKER_HEARTBEAT_S"] = str(HEARTBEAT_S)
        os.makedirs(f"{folder}/postgres", mode=0o711)
        self.disk = Disk(f"{folder}/postgres/data")

    def testbed(self, command, *options):
        if command == "up":
            build, only = options[1], options[3]
            options = ("--build", build, "--proxy", "--only", f"proxy,{only}")
        return super().testbed(command, *options)

    def up(self):
        self.disk.mount()
        super().up()
        self.health = Health(int(os.environ["SDM_CONTROLLER_METRICS"].rsplit(":", 1)[1].split("/")[0]))

    def down(self):
        self.disk.unmount()
        super().down()

    def server(self, name):
        return Server(self.folder, name)

    def metric(self, line):
        """The value of a line of the controller's metrics."""
        with urllib.request.urlopen(os.environ["SDM_CONTROLLER_METRICS"], timeout=10) as answer:
            for text in answer.read().decode().splitlines():
                if text.startswith(line + " "):
                    return float(text.rsplit(" ", 1)[1])
        raise AssertionError(f"no metric {line}")

    def logged(self, *words):
        return any(all(word in line for word in words) for line in (self.log / CLIENT).read_text(errors="replace").splitlines())


class Asking:
    """Requests with keys, each asked again until it is answered; a connection that ends is made anew."""

    def __init__(self):
        self._client = None
        self._sent = {}  # correlation to key
        self.asked = {}  # key to message and body
        self.answers = {}  # key to all answers that came

    def _connected(self):
        if self._client is None:
            self._client = Client.of("demo")
        return self._client

    def _lost(self):
        self._client = None
        self._sent.clear()

    def ask(self, message, **body):
        key = new_key()
        self.asked[key] = (message, {"key": key, **body})
        self.repeat(key)
        return key

    def repeat(self, key):
        try:
            self._sent[self._connected().send(*self.asked[key])] = key
        except (pika.exceptions.AMQPError, OSError):
            self._lost()

    def collect(self, seconds=0.1):
        """Takes what has come."""
        try:
            for correlation in list(self._sent):
                try:
                    answer = self._connected().reply(correlation, seconds)[:2]
                except NoReply:
                    seconds = 0.0
                    continue
                self.answers.setdefault(self._sent.pop(correlation), []).append(answer)
        except (pika.exceptions.AMQPError, OSError):
            self._lost()

    def open(self):
        return [key for key in self.asked if key not in self.answers]

    def insist(self, seconds=60):
        """Until all are answered, by asking again now and then."""
        turns = [0]

        def answered():
            self.collect()
            turns[0] += 1
            if turns[0] % 20 == 0:
                for key in self.open():
                    self.repeat(key)
            return not self.open()

        wait_until("all are answered", answered, seconds)

    def check(self):
        """All answers to one key are the same, also to one that is asked once more; what was confirmed is there."""
        for key in self.asked:
            self.repeat(key)
        n_answers = {key: len(answers) for key, answers in self.answers.items()}
        wait_until("all are answered again", lambda: self.collect() or not self._missing(n_answers), 60)
        differing = {key: answers for key, answers in self.answers.items() if any(answer != answers[0] for answer in answers)}
        assert not differing, differing
        return self.promised()

    def promised(self):
        """The reservations that replies have confirmed: each is in the database, and nobody else's."""
        reservations = [answers[0][1]["reservation"]["reservation"] for key, answers in self.answers.items()
                        if answers[0][0] == "s10.reply/1" and self.asked[key][0] == "s10.reserve"]
        made = {name for (name,) in query("SELECT reservation FROM sdm.reservation")}
        assert set(reservations) <= made, "a reply confirmed what is not there"
        assert len(set(reservations)) == len(reservations), "two keys have one reservation"
        return set(reservations)

    def _missing(self, n_answers):
        missing = [key for key, n in n_answers.items() if len(self.answers[key]) <= n]
        for key in missing:
            if key not in self._sent.values():
                self.repeat(key)
        return missing

    def close(self):
        if self._client is not None:
            with contextlib.suppress(pika.exceptions.AMQPError):
                self._client.close()
