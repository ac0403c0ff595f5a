"""No token, password or key is where another could read it."""

import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile

import pytest

from bed import BUILD, TOKENS, wait_until
from testbed_view import control

NOBODY = 65534


def lines(path):
    return [line for line in path.read_text().splitlines() if line]


@pytest.fixture(scope="module")
def secrets(bed):
    """name: text, of everything that must not be seen."""
    found = {f"token {path.name}": path.read_text().strip() for path in (bed.dir / "tokens").iterdir()}
    found.update({f"token {name}": token for name, (token, _project, _role) in TOKENS.items()})
    found.update({f"broker {line.split()[0]}": line.split()[1] for line in lines(bed.dir / "rabbitmq/passwords")})
    found.update({f"database {line.split(':')[3]}": line.split(":")[4] for line in lines(bed.dir / "postgres/pgpass")})
    found["cookie"] = (bed.dir / "rabbitmq/home/.erlang.cookie").read_text().strip()
    for path in (bed.dir / "tls").glob("*.key"):
        found[f"key {path.name}"] = lines(path)[1]
    assert len(found) >= 15 and all(len(text) >= 16 for text in found.values())
    return found


def assert_clean(secrets, text, where):
    for name, secret in secrets.items():
        assert secret not in text, f"{name} in {where}"


def use_everything(bed):
    """What may be logged has been done: refusals, unknown tokens, broken messages, a reload."""
    bed.demo.code("s10.show", {"reservation": "no uuid"})
    bed.nobody.code("s10.list", {})
    bed.demo.answer("s10.list", None, raw=b"{\"token\": \"\xff")


def test_logs(bed, secrets):
    use_everything(bed)
    logs = [*(bed.dir / "log").iterdir(), *(bed.dir / "rabbitmq/log").iterdir()]
    assert {"controller-1", "agent-1", "emurack", "postgres", "rabbitmq"} <= {path.name for path in logs}
    for path in logs:
        assert_clean(secrets, path.read_text(errors="replace"), path)


def test_processes(bed, secrets):
    """Command lines, which everybody can read; and environments, which the same user can."""
    pids = bed.pids()
    assert {"controller-1", "agent-1", "emurack", "postgres", "rabbitmq"} <= pids.keys()
    for name, pid in pids.items():
        for file in ("cmdline", "environ"):
            text = pathlib.Path(f"/proc/{pid}/{file}").read_bytes().decode(errors="replace")
            assert text
            assert_clean(secrets, text, f"{file} of {name}")


def readable_by_others(top):
    """Regular files below 'top' that somebody else could open."""
    for folder, names, files in os.walk(top):
        names[:] = [name for name in names
                    if stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode) & stat.S_IXOTH]
        for name in files:
            about = os.lstat(os.path.join(folder, name))
            if stat.S_ISREG(about.st_mode) and about.st_mode & stat.S_IROTH:
                yield pathlib.Path(folder) / name


def test_files(bed, secrets):
    found = list(readable_by_others(bed.dir))
    assert bed.ca in found
    for path in found:
        assert_clean(secrets, path.read_text(errors="replace"), path)


def test_folders(bed):
    """Each daemon's data is its user's alone."""
    folders = [bed.dir / name for name in ("controller", "controller/1", "tokens", "emurack", "agent/1",
                                           "agent/1/state", "rabbitmq/home", "rabbitmq/mnesia", "postgres/data")]
    folders.append(pathlib.Path(os.environ["SDM_EMURACK_BYTES"]))
    for folder in folders:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for path in (bed.dir / "tls").glob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((bed.dir / "controller/tokens").stat().st_mode) == 0o600


def test_control_sockets(bed, secrets):
    sockets = [os.environ["SDM_CONTROLLER_CONTROL"], os.environ["SDM_EMURACK_CONTROL"]]
    sockets += [pair.split("=", 1)[1] for pair in os.environ["SDM_AGENT_CONTROLS"].split()]
    for path in sockets:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        for command in ("config", "status", "metrics", "help"):
            assert_clean(secrets, str(control(path, command)), f"{command} of {path}")


def test_metrics(bed, secrets):
    assert re.search("[0-9]", str(bed.metric("sdm_outbox_depth")))
    assert_clean(secrets, str(control(os.environ["SDM_CONTROLLER_CONTROL"], "metrics")), "metrics")


def test_a_controller_without_any_privilege(bed):
    """As its unit runs it: a user of its own, no capability, nothing but its own folder."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sdm-unprivileged-", dir="/tmp"))
    for name in ("broker", "tokens"):
        shutil.copy(bed.dir / ("controller/1" if name == "broker" else "controller") / name, folder / name)
    shutil.copy(bed.dir / "postgres/pgpass", folder / "pgpass")
    for path in (folder, *folder.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    database = re.sub("passfile=[^&]*", f"passfile={folder / 'pgpass'}", os.environ["SDM_DATABASE_CONTROLLER"])
    process = subprocess.Popen(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", "--bounding-set=-all",
         "--inh-caps=-all", BUILD / "services/sdm-controller/sdm-controller", "--name=unprivileged",
         f"--database={database}", f"--broker-file={folder / 'broker'}", f"--broker-ca={bed.ca}",
         f"--tokens={folder / 'tokens'}", f"--control-socket={folder / 'control.sock'}", "--metrics-port=0"],
        env={"PATH": os.environ["PATH"]}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until("it stands by", (folder / "control.sock").exists, 20)
        assert control(str(folder / "control.sock"), "leadership")["role"] == "standby"
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        assert re.search(r"CapBnd:\s+0+$", status, re.MULTILINE) and re.search(r"CapEff:\s+0+$", status, re.MULTILINE)
        os.kill(bed.pid("controller-1"), signal.SIGTERM)
        wait_until("it leads and serves", lambda: control(str(folder / "control.sock"), "status")["serving"], 30)
        wait_until("it answers", lambda: bed.demo.code("s10.list", {}) is None)
    finally:
        process.terminate()
        assert process.wait(20) == 0
        shutil.rmtree(folder)
    bed.testbed("restart", "controller-1")
