#!/usr/bin/python3
"""Talks to a test guest over its serial line.

    serial.py SOCKET [--timeout S] [--json] COMMAND...

Sends the command and prints the guest's lines up to its answer, "OK command ..." or "ERR command ...".
Status: 0 after OK, 1 after ERR, 3 when no answer came in time.  With --json, the answer's key=value pairs and
ranges as one object.  As a module: SerialLine."""

import argparse
import json
import re
import select
import socket
import sys
import time


class NoAnswer(Exception):
    """The guest did not answer in time."""


class Refused(Exception):
    """The guest answered ERR."""


class SerialLine:
    """One connection to a guest's serial socket; QEMU serves one client at a time."""

    def __init__(self, path, connect_timeout=10.0):
        self._rest = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(connect_timeout)
        self._socket.connect(path)
        self._socket.setblocking(False)

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_unused):
        self.close()

    def read_line(self, deadline):
        """The next whole line and the monotonic time of its arrival; NoAnswer after the deadline."""
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                raise NoAnswer("the guest said nothing more in time")
            piece = self._socket.recv(65536)
            if not piece:
                raise NoAnswer("the guest's serial line is closed")
            self._rest += piece
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode(errors="replace").strip("\r\0 "), time.monotonic()

    def lines(self, command, timeout=60.0):
        """Sends a command and yields its lines, the answer last."""
        deadline = time.monotonic() + timeout
        verb = command.split()[0]
        self._socket.sendall(command.encode() + b"\n")
        while True:
            line, _when = self.read_line(deadline)
            yield line
            if re.match(rf"(OK|ERR) {re.escape(verb)}\b", line):
                return

    def run(self, command, timeout=60.0):
        """Answer as a dict of its numbers, with "ranges" as [first_pfn, n_pages, zone]; Refused on ERR."""
        answer = {"ranges": []}
        for line in self.lines(command, timeout):
            words = line.split()
            if words[:1] == ["RANGE"]:
                answer["ranges"].append([int(words[1], 16), int(words[2]), words[3]])
        if words[0] == "ERR":
            raise Refused(" ".join(words[2:]))
        for word in words[2:]:
            key, _equals, value = word.partition("=")
            answer[key] = int(value)
        return answer

    def wait_memtotal(self, wanted, timeout=30.0):
        """Waits for a MEMTOTAL line for which wanted(kib) holds; returns (kib, boottime, arrival)."""
        deadline = time.monotonic() + timeout
        while True:
            line, when = self.read_line(deadline)
            words = line.split()
            if words[:1] == ["MEMTOTAL"] and wanted(int(words[1])):
                return int(words[1]), float(words[2]), when


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("socket")
    parser.add_argument("command", nargs="+")
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    command = " ".join(arguments.command)
    try:
        with SerialLine(arguments.socket) as line:
            if arguments.json:
                print(json.dumps(line.run(command, arguments.timeout)))
                return 0
            last = ""
            for last in line.lines(command, arguments.timeout):
                print(last)
            return 0 if last.startswith("OK") else 1
    except Refused as error:
        print(f"serial.py: refused: {error}", file=sys.stderr)
        return 1
    except (NoAnswer, OSError) as error:
        print(f"serial.py: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
