"""Database and broker of a testbed as processes that end and start again, with their own words."""

import contextlib
import os
import pathlib
import signal
import subprocess

from testbed_view import NotInTime, wait_until

SETPRIV = {name: ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups"] for name in ("postgres", "rabbitmq")}


def _exists(pid):
    """Also one that has ended, and that nobody has reaped: PostgreSQL does not start beside it."""
    with contextlib.suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)
    return os.path.exists(f"/proc/{pid}")


def is_alive(pid):
    if not _exists(pid):
        return False
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _children(pid):
    found = []
    for child in subprocess.run(["pgrep", "-P", str(pid)], text=True, capture_output=True, check=False).stdout.split():
        found += [int(child), *_children(int(child))]
    return found


class Server:
    """postgres or rabbitmq of the testbed in 'folder', which runs."""

    def __init__(self, folder, name):
        self._name = name
        self._log = pathlib.Path(folder) / "log" / name
        self._record = pathlib.Path(folder) / "pids" / name
        self._pid = int(self._record.read_text().split()[0])
        words = pathlib.Path(f"/proc/{self._pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        values = pathlib.Path(f"/proc/{self._pid}/environ").read_bytes().rstrip(b"\0").split(b"\0")
        self._process = None  # held: Python reaps those that nobody holds
        self._words = [os.fsdecode(word) for word in words]
        self._environment = {os.fsdecode(name): os.fsdecode(value)
                             for name, _equals, value in (v.partition(b"=") for v in values)}

    def is_alive(self):
        return is_alive(self._pid)

    def signal(self, number):
        """To all its processes: Erlang's machine is a child of a script."""
        for member in (self._pid, *_children(self._pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, number)

    def end(self, number):
        group = [self._pid, *_children(self._pid)]
        self.signal(number)
        with contextlib.suppress(NotInTime):
            wait_until("it has ended", lambda: not any(_exists(member) for member in group), 10)
            return
        for member in (self._pid, *_children(self._pid), *group):  # one that is starting does not listen
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        wait_until("it has ended", lambda: not any(is_alive(member) for member in group), 10)

    def start(self):
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen([*SETPRIV[self._name], *self._words], env=self._environment,
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self._pid = self._process.pid
        # One that ends at once is gone when it is reaped.
        with contextlib.suppress(OSError):
            stat = pathlib.Path(f"/proc/{self._pid}/stat").read_text()
            self._record.write_text(f"{self._pid} {stat.rpartition(')')[2].split()[19]}\n")
