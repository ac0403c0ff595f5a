#!/usr/bin/python3
"""TCP between a client and a server that can be disturbed: outages on loopback, without privileges.

    tcp_proxy.py serve SOCKET             forwards what it is told to, until SIGTERM; commands at SOCKET
    tcp_proxy.py ask SOCKET COMMAND [NAME=VALUE...]

A link is a loopback port that forwards to HOST:PORT; each connection to it is one of its own to there.  SOCKET speaks
the language of the daemons' control sockets, so `sdmctl ctl SOCKET COMMAND` asks it too.

    links                                 each link: what is wrong with it, its connections, bytes each way
    add link=NAME target=HOST:PORT [port=N]
    pause link=NAME [direction=D]         bytes wait and come later: a partition that heals
    drop link=NAME [direction=D]          bytes vanish; healing resets connections that lost some
    delay link=NAME ms=N [direction=D]    each chunk comes later, in order
    refuse link=NAME                      new connections are refused; those that are there stay
    cut link=NAME [after=N] [direction=D] resets every connection: now, or, each, after N more bytes.  The bytes of the
                                          first that gets there are counted, and new connections are counted anew
    heal [link=NAME]                      everything is well again, on one link or on all

D is up (to the server), down (to the client) or both, which is what it is unless told.  A name that ends in '*' means
every link that begins so.

As a library: `Proxy` does the same in a thread of its own, by methods of these names."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import sys
import threading

CHUNK = 65536
DIRECTIONS = ("up", "down")
RESET = struct.pack("ii", 1, 0)


class Mistake(Exception):
    """A command that makes no sense."""


def directions(direction):
    if direction == "both":
        return DIRECTIONS
    if direction not in DIRECTIONS:
        raise Mistake(f"direction: want up, down or both, found '{direction}'")
    return (direction,)


def reset(writer):
    """Closes without a farewell: the peer gets a reset."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, ValueError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


class Connection:
    """One client's, and the one to the server that belongs to it."""

    def __init__(self, link, client, server):
        self.link = link
        self.ends = {"up": (client[0], server[1]), "down": (server[0], client[1])}
        self.writers = (client[1], server[1])
        self.left = dict.fromkeys(DIRECTIONS)  # bytes until it is cut; None for never
        self.has_lost = False

    def reset(self):
        for writer in self.writers:
            reset(writer)

    async def run(self):
        pumps = [asyncio.ensure_future(self.pump(direction)) for direction in DIRECTIONS]
        try:
            await asyncio.gather(*pumps)
        except OSError:
            pass
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.reset()

    async def pump(self, direction):
        reader, writer = self.ends[direction]
        way = self.link.ways[direction]
        while True:
            await way.open.wait()
            data = await reader.read(CHUNK)
            # Paused meanwhile: what was read waits as well.
            await way.open.wait()
            if way.delay_s > 0:
                await asyncio.sleep(way.delay_s)
            if not data:
                break
            if way.drops:
                self.has_lost = True
                continue
            if not await self.forward(direction, writer, data):
                return
        if way.drops:
            self.has_lost = True
        elif writer.can_write_eof():
            writer.write_eof()

    async def forward(self, direction, writer, data):
        """False when the connection was cut behind these bytes."""
        left = self.left[direction]
        is_cut = left is not None and len(data) >= left
        if is_cut:
            data = data[:left]
        elif left is not None:
            self.left[direction] = left - len(data)
        writer.write(data)
        await writer.drain()
        self.link.ways[direction].n_bytes += len(data)
        if is_cut:
            self.link.n_cuts += 1
            self.reset()
        return not is_cut


class Way:
    """One direction of a link."""

    def __init__(self):
        self.open = asyncio.Event()
        self.n_bytes = 0
        self.heal()

    def heal(self):
        self.open.set()
        self.drops = False
        self.delay_s = 0.0
        self.cut_after = None

    def describe(self):
        return {"bytes": self.n_bytes, "paused": not self.open.is_set(), "drops": self.drops,
                "delay_ms": round(self.delay_s * 1000), "cut_after": self.cut_after}


class Link:
    """A port and where it leads."""

    def __init__(self, name, host, port):
        self.name = name
        self.target = (host, port)
        self.ways = {direction: Way() for direction in DIRECTIONS}
        self.connections = set()
        self.n_accepted = 0
        self.n_cuts = 0
        self.port = 0
        self._server = None

    async def listen(self, port):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, *client):
        """A stopped way also holds back what a new connection says first."""
        self.n_accepted += 1
        try:
            server = await asyncio.open_connection(*self.target)
        except OSError:
            reset(client[1])
            return
        connection = Connection(self, client, server)
        for direction, way in self.ways.items():
            connection.left[direction] = way.cut_after
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)

    async def pause(self, direction="both"):
        for name in directions(direction):
            self.ways[name].open.clear()

    async def drop(self, direction="both"):
        for name in directions(direction):
            self.ways[name].drops = True

    async def delay(self, ms, direction="both"):
        for name in directions(direction):
            self.ways[name].delay_s = int(ms) / 1000

    async def refuse(self):
        if self._server is not None:
            self._server.close()
            self._server = None

    async def cut(self, after=None, direction="both"):
        if after is None:
            self.n_cuts += len(self.connections)
            for connection in list(self.connections):
                connection.reset()
            return
        for name in directions(direction):
            self.ways[name].cut_after = max(1, int(after))
            for connection in self.connections:
                connection.left[name] = max(1, int(after))

    async def heal(self):
        for way in self.ways.values():
            way.heal()
        for connection in list(self.connections):
            connection.left = dict.fromkeys(DIRECTIONS)
            if connection.has_lost:
                connection.reset()
        if self._server is None:
            await self.listen(self.port)

    async def close(self):
        await self.refuse()
        for connection in list(self.connections):
            connection.reset()

    def describe(self):
        return {"link": self.name, "port": self.port, "target": f"{self.target[0]}:{self.target[1]}",
                "refuses": self._server is None, "connections": len(self.connections), "accepted": self.n_accepted,
                "cuts": self.n_cuts, **{direction: way.describe() for direction, way in self.ways.items()}}


class Links:
    """All links of a process, and the commands on them.  Lives in one event loop."""

    ON_LINKS = ("pause", "drop", "delay", "refuse", "cut", "heal")

    def __init__(self):
        self._links = {}

    def _find(self, name):
        found = [link for link in self._links.values()
                 if link.name == name or name.endswith("*") and link.name.startswith(name[:-1])]
        if not found:
            raise Mistake(f"no link '{name}'")
        return found

    async def add(self, link, target, port=0):
        """Returns the port that it listens at."""
        if link in self._links:
            raise Mistake(f"link '{link}' is there")
        host, _colon, target_port = target.rpartition(":")
        made = Link(link, host, int(target_port))
        await made.listen(int(port))
        self._links[link] = made
        return made.port

    async def links(self):
        return [link.describe() for link in self._links.values()]

    async def close(self):
        for link in self._links.values():
            await link.close()

    async def command(self, name, arguments):
        if name == "add":
            return {"port": await self.add(**arguments)}
        if name == "links":
            return {"links": await self.links()}
        if name not in self.ON_LINKS:
            raise Mistake(f"no command '{name}'")
        chosen = self._find(arguments.pop("link", "*" if name == "heal" else ""))
        for link in chosen:
            await getattr(link, name)(**arguments)
        return {"links": [link.name for link in chosen]}


class Proxy:
    """Links in a thread of its own: proxy.add("db", "127.0.0.1:5432"), proxy.pause("db"), proxy.heal()."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._links = Links()

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    def add(self, link, target, port=0):
        return self._do(self._links.add(link, target, port))

    def links(self):
        return {link["link"]: link for link in self._do(self._links.links())}

    def close(self):
        self._do(self._links.close())
        self._do(self._cancel_rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @staticmethod
    async def _cancel_rest():
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def __getattr__(self, name):
        if name not in Links.ON_LINKS:
            raise AttributeError(name)
        return lambda link="*", **arguments: self._do(self._links.command(name, {"link": link, **arguments}))


# --- As a program. ---

async def answer(links, line):
    try:
        request = json.loads(line)
        result = await links.command(request["command"], dict(request.get("args") or {}))
    except (Mistake, KeyError, TypeError, ValueError, AttributeError) as error:
        return {"ok": False, "error": {"code": "INVALID_VALUE", "text": f"{error}"}}
    except OSError as error:
        return {"ok": False, "error": {"code": "UNAVAILABLE", "text": f"{error}"}}
    return {"ok": True, "result": result}


async def serve(path):
    links = Links()
    stopped = asyncio.Event()

    async def talk(reader, writer):
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while line := await reader.readline():
                writer.write(json.dumps(await answer(links, line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.umask(0o077)
    server = await asyncio.start_unix_server(talk, path)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    server.close()
    await links.close()
    os.unlink(path)


def ask(path, command, arguments):
    """What the proxy at 'path' says; Mistake when it refuses."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(20)
        line.connect(path)
        line.sendall(json.dumps({"command": command, "args": arguments}).encode() + b"\n")
        reply = json.loads(line.makefile().readline())
    if not reply["ok"]:
        raise Mistake(reply["error"]["text"])
    return reply["result"]


def main(arguments):
    match arguments:
        case ["serve", path]:
            asyncio.run(serve(path))
        case ["ask", path, command, *pairs]:
            try:
                print(json.dumps(ask(path, command, dict(pair.split("=", 1) for pair in pairs))))
            except (Mistake, OSError) as error:
                print(error, file=sys.stderr)
                return 1
        case _:
            print(__doc__)
            return 0 if arguments in (["-h"], ["--help"]) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
