#!/usr/bin/python3
"""Every switch and brick of a bench at one port: each holds what it was told, bricks are on.

Prints its port and serves until its standard input ends. Beside what devices are asked it takes, each a line:

    holding FILE       a line a device: its id, then A-B of each connection of a switch, or OFFSET:SIZE:USERS:BRICKS of
                       each extent that is mapped of a brick
    asked              how many requests there were, by their first word, as JSON"""

import asyncio
import collections
import json
import pathlib
import sys


class Hardware:
    def __init__(self):
        self.held = {}
        self.n_asked = collections.Counter()

    def holding(self, path):
        lines = pathlib.Path(path).read_text().splitlines()
        self.held = {words[0]: words[1:] for words in map(str.split, lines) if words}
        return "ok"

    def answer(self, device, words):
        if words[0] == "asked":
            return json.dumps(self.n_asked)
        if words[0] == "holding":
            return self.holding(words[1])
        self.n_asked[words[0]] += 1
        if words[0] in ("list", "extents"):
            held = self.held.get(device, [])
            return " ".join(["ok", str(len(held)), *held])
        return "ok power=on" if words[0] == "status" else "ok"

    async def serve(self, reader, writer):
        device = None
        while line := await reader.readline():
            words = line.decode().split() or [""]
            if words[0] == "open":
                device = words[1]
            writer.write(self.answer(device, words).encode() + b"\n")
            await writer.drain()
        writer.close()


async def run():
    server = await asyncio.start_server(Hardware().serve, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(run())
