"""Talks with sdm-stamper: tells it whose an extent is, and takes what it found wrong."""

import contextlib
import subprocess
import threading
import time

import psycopg2

from testbed_view import program

INVARIANTS = {"foreign": "I6", "changed": "I5", "lost": "I5", "twice": "I1", "overlap": "I1"}
OWNER = ("SELECT s.segment::text FROM sdm.segment s JOIN sdm.device d ON d.device_no = s.brick_no"
         " WHERE d.id = %s AND s.offset_bytes = %s AND s.size_bytes = %s")


class Stamps:
    """The owners of memory, as a process of their own."""

    def __init__(self, fleet, state_dir, bytes_dir, database, on_violation):
        self.on_violation, self.database = on_violation, database
        bricks = [*fleet.computes, *(f"{brick['id']}={brick['module']}" for brick in fleet.memories.values())]
        self.process = subprocess.Popen([program(fleet.build, "sdm-stamper"), state_dir, bytes_dir, *bricks], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.n_windows = self.n_stamps = self.n_checks = self.n_unknown = 0
        self.live = {}
        self._connection = None
        self._asked, self._has_asked = [], threading.Condition()
        self._threads = [threading.Thread(target=self._listen, daemon=True), threading.Thread(target=self._answer, daemon=True)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)

    def cut(self, brick):
        """What this compute brick writes arrives nowhere; its entries stay until it is back."""
        self._tell(f"cut {brick}")

    def back(self, brick):
        self._tell(f"back {brick}")

    def _tell(self, line):
        with contextlib.suppress(BrokenPipeError, ValueError):
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    def _listen(self):
        for line in self.process.stdout:
            word, _space, rest = line.strip().partition(" ")
            if word == "new":
                extent, brick, offset, size, compute, entry = rest.split()
                self.live[extent] = (brick, int(offset), int(size), compute, int(entry))
                with self._has_asked:
                    self._asked.append((extent, time.monotonic()))
                    self._has_asked.notify()
            elif word == "gone":
                self.live.pop(rest, None)
            elif word == "bad":
                kind = rest.split()[0]
                self.on_violation(INVARIANTS[kind], f"stamper: {rest}")
            elif word == "count":
                windows, stamps, checks = map(int, rest.split())
                self.n_windows, self.n_stamps, self.n_checks = windows, stamps, checks

    def _answer(self):
        while self.process.poll() is None:
            with self._has_asked:
                if not self._asked:
                    self._has_asked.wait(0.5)
                asked, self._asked = self._asked, []
            for extent, since in asked:
                self._answer_one(extent, since)

    def _answer_one(self, extent, since):
        known = self.live.get(extent)
        if known is None:
            return
        rows = self._query(known[:3])
        if rows:
            self._tell(f"own {extent} {rows[0][0]}")
            return
        if rows is not None and time.monotonic() - since > 3.0:
            # Still mapped, and for long nobody's: the bytes were freed under an entry.
            if extent in self.live:
                self.on_violation("I1", f"{known[3]} entry {known[4]} maps {known[0]} {known[1]}+{known[2]}, which the database"
                                  " says is nobody's")
            return
        time.sleep(0.05)
        with self._has_asked:
            self._asked.append((extent, time.monotonic() if rows is None else since))

    def _query(self, arguments):
        """Rows, or None while the database is away."""
        try:
            if self._connection is None:
                self._connection = psycopg2.connect(self.database)
                self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                cursor.execute(OWNER, arguments)
                return cursor.fetchall()
        except psycopg2.Error:
            self._connection = None
            time.sleep(0.2)
            return None
