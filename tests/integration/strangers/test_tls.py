"""TLS to broker, database and metrics: what is trusted, and what is refused with a text that says why."""

import contextlib
import os
import pathlib
import socket
import ssl
import subprocess
import threading

import pytest

from bed import BUILD, ROOT, request, wait_until

SDMCTL = BUILD / "services/sdmctl/sdmctl"


def sdmctl(*arguments, admin=False, **environment):
    token = os.environ["SDM_ADMIN_TOKEN_FILE" if admin else "SDM_TOKEN_FILE"]
    return subprocess.run([SDMCTL, *arguments], text=True, capture_output=True, timeout=60,
                          env={**os.environ, "SDM_TOKEN_FILE": token, **environment})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Certificates of a stranger's authority, and some of ours that are not as they should be."""
    return tmp_path_factory.mktemp("ca")


def certificate(folder, name, *options):
    subprocess.run([ROOT / "deploy/make-ca", folder, name, *options], check=True)
    return folder / f"{name}.pem", folder / f"{name}.key"


@contextlib.contextmanager
def server(pair, greet=None):
    """Something that speaks TLS with this certificate, and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                if greet is not None:
                    greet(connection)
                with context.wrap_socket(connection, server_side=True) as line:
                    line.recv(4096)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        # Closing alone would not wake accept().
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_a_day_by_tls(bed, held):
    name = held(brick="cb1", mode="host")
    shown = sdmctl("attach", name, "--brick=cb1", "--wait=guest")
    assert shown.returncode == 0, shown.stderr
    assert "attached" in sdmctl("show", name).stdout
    bed.demo.write("s10.detach", reservation=name)
    wait_until("it is detached",
               lambda: bed.demo.call("s10.show", reservation=name)["reservation"]["state"] == "held")


def test_a_client_user_can_ask_and_hear(bed):
    """Whose broker user may not read what others ask, nor answer for the controller."""
    broker = os.environ["SDM_BROKER_CLIENT"]
    assert sdmctl("list", SDM_BROKER=broker).returncode == 0
    listening = subprocess.Popen([SDMCTL, "--verbose", "events", "--follow", "--count=1"], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env={**os.environ, "SDM_BROKER": broker})
    assert "listening" in listening.stderr.readline()
    reply = bed.demo.write("s10.reserve", lease_s=600, request=request())
    assert reply["reservation"]["reservation"] in listening.communicate(timeout=20)[0]
    bed.demo.write("s10.release", reservation=reply["reservation"]["reservation"], wait="fabric")


def test_plain_ports_are_not_there(bed):
    for uri in ("SDM_BROKER", "SDM_BROKER_CLIENT"):
        assert os.environ[uri].startswith("amqps://")
    assert "sslmode=verify-full" in os.environ["SDM_DATABASE_CONTROLLER"]
    plain = sdmctl("--reply-timeout=5s", "list", SDM_BROKER=os.environ["SDM_BROKER"].replace("amqps:", "amqp:", 1))
    assert plain.returncode != 0 and "UNAVAILABLE" in plain.stderr
    database = subprocess.run(
        ["psql", "-X", "-c", "SELECT 1", "-d", os.environ["SDM_DATABASE_CONTROLLER"].replace("verify-full", "disable")],
        text=True, capture_output=True)
    assert database.returncode != 0 and "no encryption" in database.stderr
    page = subprocess.run(["curl", "-fsS", os.environ["SDM_CONTROLLER_METRICS"].replace("https:", "http:")],
                          capture_output=True)
    assert page.returncode != 0
    assert bed.metric("sdm_amqp_connected", connection="sdm-controller") == 1


def test_the_real_broker_and_a_wrong_authority(bed, folder):
    certificate(folder, "stranger")
    refused = sdmctl("list", SDM_BROKER_CA=str(folder / "ca.pem"))
    assert refused.returncode != 0
    assert "self-signed certificate in certificate chain" in refused.stderr
    assert sdmctl("list", SDM_BROKER_CA="/dev/null").returncode != 0
    page = subprocess.run(["curl", "-fsS", "--cacert", folder / "ca.pem", os.environ["SDM_CONTROLLER_METRICS"]],
                          capture_output=True)
    assert page.returncode == 60
    database = subprocess.run(
        ["psql", "-X", "-c", "SELECT 1", "-d",
         os.environ["SDM_DATABASE_CONTROLLER"].split("sslrootcert=")[0] + f"sslrootcert={folder / 'ca.pem'}"],
        text=True, capture_output=True)
    assert database.returncode != 0 and "certificate verify failed" in database.stderr


def test_client_certificates(bed, folder):
    """None is needed; one of a stranger's authority is refused."""
    pair = certificate(folder, "stranger")
    ours = bed.ca.parent / "metrics.pem", bed.ca.parent / "metrics.key"
    assert sdmctl("list", SDM_BROKER_CERT=str(ours[0]), SDM_BROKER_KEY=str(ours[1])).returncode == 0
    assert sdmctl("list", SDM_BROKER_CERT=str(pair[0]), SDM_BROKER_KEY=str(pair[1])).returncode != 0
    alone = sdmctl("list", SDM_BROKER_CERT=str(pair[0]))
    assert alone.returncode != 0 and "has no key" in alone.stderr
    os.chmod(pair[1], 0o640)
    readable = sdmctl("list", SDM_BROKER_CERT=str(pair[0]), SDM_BROKER_KEY=str(pair[1]))
    os.chmod(pair[1], 0o600)
    assert readable.returncode != 0 and "only the owner" in readable.stderr


BAD = {
    "expired": (["--days", "-1"], "certificate has expired", "certificate verify failed"),
    "elsewhere": (["--san", "DNS:elsewhere.example"], "hostname verification failed",
                  "does not match host name \"localhost\""),
}


@pytest.mark.parametrize("name", BAD)
def test_a_broker_that_is_not_who_it_says(bed, folder, name):
    options, said, _by_libpq = BAD[name]
    with server(certificate(folder, name, *options)) as port:
        refused = sdmctl("list", SDM_BROKER=f"amqps://u:secret@localhost:{port}/sdm",
                         SDM_BROKER_CA=str(folder / "ca.pem"))
    assert refused.returncode != 0
    assert said in refused.stderr and "secret" not in refused.stderr


def accept_ssl_request(connection):
    """What PostgreSQL says before TLS begins."""
    connection.recv(8)
    connection.sendall(b"S")


@pytest.mark.parametrize("name", BAD)
def test_a_database_that_is_not_who_it_says(bed, folder, name):
    """The controller stands by and says why; it leads nothing."""
    options, _by_openssl, said = BAD[name]
    controller = BUILD / "services/sdm-controller/sdm-controller"
    log = folder / f"log-{name}"
    with server(certificate(folder, name, *options), accept_ssl_request) as port, open(log, "wb") as sink:
        process = subprocess.Popen(
            [controller, f"--database=postgresql://u:secret@localhost:{port}/sdm?sslmode=verify-full"
             f"&sslrootcert={folder / 'ca.pem'}", f"--tokens={bed.dir / 'controller/tokens'}", "--control-socket=",
             "--metrics-port=0", "--beat-ms=100"], stdout=sink, stderr=sink)
        try:
            wait_until("it says why", lambda: said.replace('"', '\\"') in log.read_text())
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(20)
    assert "secret" not in log.read_text()


def test_files_that_are_no_pair(bed, folder):
    """A daemon that cannot serve as it was told does not serve otherwise."""
    pair = certificate(folder, "stranger")
    other = certificate(folder, "second")
    agent = BUILD / "services/sdm-agent/sdm-agent"
    for cert, keyfile in ((pair[0], other[1]), (pair[0], ""), (pathlib.Path("/dev/null"), pair[1])):
        done = subprocess.run(
            [agent, "--brick=cb9", "--backend=fake", f"--state-dir={folder / 'state'}", "--control-socket=",
             "--metrics-port=39702", f"--metrics-cert={cert}", f"--metrics-key={keyfile}"], text=True,
            capture_output=True, timeout=20)
        assert done.returncode == 1, done.stderr
        assert "certificate" in done.stderr
