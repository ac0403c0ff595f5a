"""The testbed as its users meet it: started, killed, started twice, and never a trace left."""

import json
import os
import pathlib
import signal
import stat
import subprocess
import time

import pika
import psycopg2
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTBED = ROOT / "deploy/testbed"
PARTS = "postgres,rabbitmq"


def run(command, directory, *arguments, check=True, **options):
    return subprocess.run([TESTBED, *command.split(), "--dir", directory, *arguments], check=check, text=True,
                          capture_output=True, timeout=200, **options)


def up(directory, **options):
    return run("up", directory, "--only", PARTS, **options)


def environment(directory):
    """What a client's shell gets."""
    command = f'source <("{TESTBED}" env --dir "{directory}") && env -0'
    output = subprocess.run(["bash", "-c", command], check=True, capture_output=True).stdout.decode()
    return dict(line.split("=", 1) for line in output.split("\0") if "=" in line)


def marked_processes(directory):
    """Command lines of live processes that belong to this testbed."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if f"SDM_TESTBED_CHILD={directory}\0" in (folder / "environ").read_text():
                found.append((folder / "cmdline").read_text())
        except OSError:
            continue
    return found


def traces(directory):
    """Whatever of the testbed is still on the machine."""
    commands = subprocess.run(["ps", "-eo", "stat,args"], check=True, text=True, capture_output=True).stdout
    running = [line for line in commands.splitlines()
               if f"{directory}/" in line and not line.startswith("Z") and "pytest" not in line]
    mounts = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if f" {directory}/" in line]
    claims = [path.name for path in pathlib.Path("/tmp/.sdm-ports").glob("*")
              if path.read_text().strip() == str(directory)]
    left = [path.name for path in pathlib.Path(directory).glob("*") if path.name not in ("log", "lock")]
    return marked_processes(directory) + running + mounts + claims + left


@pytest.fixture
def folder(tmp_path_factory):
    made = []

    def make():
        # Short and passable by other users, unlike pytest's own folders.
        path = pathlib.Path(f"/tmp/sdm-tb-{os.getpid()}-{len(made)}")
        made.append(path)
        return path

    yield make
    for path in made:
        run("down", path, check=False)
        subprocess.run(["rm", "-rf", path], check=True)


def assert_serves(directory):
    values = environment(directory)
    with psycopg2.connect(values["SDM_DATABASE"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('fsync')")
        assert cursor.fetchone() == ("sdm", "on")
    connection = pika.BlockingConnection(pika.URLParameters(values["SDM_BROKER"]))
    connection.channel().queue_declare("q", durable=True, arguments={"x-queue-type": "quorum"})
    connection.close()
    return values


def test_two_at_once_and_each_twice(folder):
    first, second = folder(), folder()
    starts = [subprocess.Popen([TESTBED, "up", "--dir", path, "--only", PARTS], stderr=subprocess.DEVNULL)
              for path in (first, second)]
    assert [start.wait(200) for start in starts] == [0, 0]
    assert assert_serves(first)["SDM_BROKER"] != assert_serves(second)["SDM_BROKER"]
    run("down", first)
    assert traces(first) == []
    assert_serves(second)
    up(first)
    assert_serves(first)
    up(first)  # already up: nothing changes
    assert_serves(first)


def test_secrets_are_kept(folder):
    path = folder()
    up(path)
    password = environment(path)["SDM_BROKER"].split(":")[2].split("@")[0]
    secrets = [password, *(line.rsplit(":", 1)[1] for line in (path / "postgres/pgpass").read_text().split())]
    commands = subprocess.run(["ps", "-eo", "args"], check=True, text=True, capture_output=True).stdout
    assert not [secret for secret in secrets if secret in commands]
    holders = subprocess.run(["grep", "-rlF", *[word for secret in secrets for word in ("-e", secret)], path],
                             text=True, capture_output=True).stdout.split()
    assert holders
    open_to_others = [name for name in holders if stat.S_IMODE(os.stat(name).st_mode) & 0o077]
    assert open_to_others == []


def test_without_guests_nothing_is_made_for_them(folder, tmp_path):
    path = folder()
    run("up", path, "--only", "guest", "--guests", "0", "--build", tmp_path)
    assert json.loads(pathlib.Path(environment(path)["SDM_GUESTS"]).read_text()) == []
    assert not (tmp_path / "guest-image").exists()


@pytest.mark.parametrize("seconds", [0.2, 1.0, 3.0])
def test_killed_half_way(folder, seconds):
    path = folder()
    start = subprocess.Popen([TESTBED, "up", "--dir", path, "--only", PARTS], stderr=subprocess.DEVNULL,
                             start_new_session=True)
    time.sleep(seconds)
    start.send_signal(signal.SIGKILL)
    start.wait()
    run("down", path)
    assert traces(path) == []


def test_a_recycled_pid_is_left_alone(folder):
    path = folder()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (path / "pids").mkdir(parents=True)
        (path / "pids/postgres").write_text(f"{stranger.pid} 12345\n")
        run("down", path)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_part_that_fails_says_why_and_leaves_nothing(folder, tmp_path):
    path = folder()
    broken = tmp_path / "epmd"
    broken.write_text("#!/bin/sh\necho no such luck\nexit 3\n")
    broken.chmod(0o755)
    tmp_path.chmod(0o755)
    done = up(path, check=False, env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 1
    assert "epmd: ended before it was ready" in done.stderr
    assert traces(path) == []


@pytest.mark.parametrize("arguments, reason", [
    (["fly"], "unknown command"),
    (["up", "--colour", "red"], "unknown option"),
    (["up", "--only", "postgres,moon"], "no part 'moon'"),
    (["up", "--guests", "many"], "is not a number"),
    (["env", "--dir", "/tmp/sdm-tb-none"], "no testbed is up"),
    (["up", "--dir", "/tmp/" + "x" * 80], "longer than 60"),
])
def test_bad_usage(arguments, reason):
    done = subprocess.run([TESTBED, *arguments], text=True, capture_output=True)
    assert done.returncode != 0
    assert reason in done.stderr
