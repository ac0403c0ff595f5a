"""A testbed for the length of a benchmark, and what its processes use."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from testbed_view import ROOT, load_environment

TESTBED = ROOT / "deploy/testbed"
TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def testbed(options, *arguments):
    """Its folder, with its environment in ours: the one of --dir, or a new one, which 'arguments' of `up` describe."""
    if options.dir is not None:
        load_environment(options.dir)
        yield pathlib.Path(options.dir)
        return
    folder = tempfile.mkdtemp(prefix="sdm-bench-", dir="/tmp")
    try:
        subprocess.run([TESTBED, "up", "--dir", folder, "--build", options.build, *arguments], check=True)
        load_environment(folder)
        yield pathlib.Path(folder)
    finally:
        subprocess.run([TESTBED, "down", "--dir", folder], check=True)
    # Logs of a failed run stay.
    shutil.rmtree(folder, ignore_errors=True)


def process(folder, name):
    """Process id of a daemon of the testbed."""
    return int((folder / "pids" / name).read_text().split()[0])


def family(pid):
    """The process and all below it."""
    found = [pid]
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # one that has ended since
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += family(int(child))
    return found


def processor_us(pid):
    """Processor time so far of a process, of all below it, and of those that were."""
    total = 0
    for one in family(pid):
        try:
            fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total * TICK_US
