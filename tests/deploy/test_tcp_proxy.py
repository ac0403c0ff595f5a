"""The TCP proxy that stands for outages: what it does to a connection, seen from both its ends."""

import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lib"))
import tcp_proxy  # noqa: E402  (ours, found by the path above)


class Echo:
    """A server that sends back what it gets."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    @staticmethod
    def _serve(client):
        try:
            while data := client.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        client.close()

    def close(self):
        self._listener.close()


@pytest.fixture
def echo():
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo):
    made = tcp_proxy.Proxy()
    made.port = made.add("echo", echo.address)
    yield made
    made.close()


def connect(port):
    client = socket.create_connection(("127.0.0.1", port))
    client.settimeout(0.5)
    return client


def echoed(client, data):
    client.sendall(data)
    got = b""
    while len(got) < len(data) and (more := client.recv(65536)):
        got += more
    return got


def until_reset(client):
    """What still came before the connection was reset."""
    client.settimeout(5)
    got = b""
    with pytest.raises(ConnectionResetError):
        while True:
            more = client.recv(65536)
            assert more, "closed in peace"
            got += more
    return got


@pytest.mark.parametrize("direction", ["both", "up", "down"])
def test_what_waits_while_paused_comes_later(proxy, direction):
    client = connect(proxy.port)
    assert echoed(client, b"before") == b"before"
    proxy.pause("echo", direction=direction)
    client.sendall(b"later")
    with pytest.raises(TimeoutError):
        client.recv(1)
    late = connect(proxy.port)
    late.sendall(b"new")
    with pytest.raises(TimeoutError):
        late.recv(1)
    proxy.heal("echo")
    assert client.recv(10) == b"later"
    assert late.recv(10) == b"new"


def test_what_was_dropped_never_comes(proxy):
    client, other = connect(proxy.port), connect(proxy.port)
    assert echoed(other, b"x") == b"x"
    proxy.drop("echo", direction="up")
    client.sendall(b"lost")
    with pytest.raises(TimeoutError):
        client.recv(1)
    proxy.heal()
    assert until_reset(client) == b""
    assert echoed(other, b"fine") == b"fine"


def test_each_connection_is_cut_behind_so_many_bytes(proxy):
    client = connect(proxy.port)
    assert echoed(client, b"before") == b"before"
    proxy.cut("echo", after=5, direction="down")
    client.sendall(b"0123456789")
    assert until_reset(client) == b"01234"
    again = connect(proxy.port)
    again.sendall(b"0123456789")
    assert until_reset(again) == b"01234"
    assert proxy.links()["echo"]["cuts"] == 2
    proxy.heal()
    assert echoed(connect(proxy.port), b"0123456789") == b"0123456789"


def test_cut_now_and_refused(proxy):
    client, stays = connect(proxy.port), None
    assert echoed(client, b"x") == b"x"
    proxy.cut("echo")
    assert until_reset(client) == b""
    stays = connect(proxy.port)
    assert echoed(stays, b"x") == b"x"
    proxy.refuse("echo")
    with pytest.raises(ConnectionRefusedError):
        connect(proxy.port)
    assert echoed(stays, b"still") == b"still"
    proxy.heal()
    assert echoed(connect(proxy.port), b"x") == b"x"


def test_delayed(proxy):
    client = connect(proxy.port)
    assert echoed(client, b"x") == b"x"
    proxy.delay("echo", ms=200, direction="up")
    start = time.monotonic()
    assert echoed(client, b"y") == b"y"
    assert time.monotonic() - start >= 0.2


def test_the_end_of_either_side_reaches_the_other(proxy):
    client = connect(proxy.port)
    client.sendall(b"all")
    client.shutdown(socket.SHUT_WR)
    assert client.recv(10) == b"all"
    assert client.recv(10) == b""


def test_as_a_program(echo, tmp_path):
    path = str(tmp_path / "control.sock")
    program = str(ROOT / "deploy/lib/tcp_proxy.py")

    def ask(*words):
        return subprocess.run([program, "ask", path, *words], capture_output=True, text=True, check=False)

    server = subprocess.Popen([program, "serve", path])
    try:
        while not pathlib.Path(path).exists():
            time.sleep(0.01)
        port = tcp_proxy.ask(path, "add", {"link": "a.b", "target": echo.address})["port"]
        assert echoed(connect(port), b"x") == b"x"
        assert ask("refuse", "link=a.*").returncode == 0
        with pytest.raises(ConnectionRefusedError):
            connect(port)
        assert ask("heal").returncode == 0
        assert echoed(connect(port), b"x") == b"x"
        assert ask("pause", "link=none").stderr == "no link 'none'\n"
        assert ask("explode", "link=a.b").returncode == 1
    finally:
        server.terminate()
        assert server.wait(10) == 0
    assert not pathlib.Path(path).exists()
