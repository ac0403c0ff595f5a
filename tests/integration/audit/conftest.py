"""Everything of tests/integration/controller, and an auditor."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest

CONTROLLER_TESTS = pathlib.Path(__file__).resolve().parents[1] / "controller"
sys.path.insert(0, str(CONTROLLER_TESTS))
SPEC = importlib.util.spec_from_file_location("controller_fixtures", CONTROLLER_TESTS / "conftest.py")
FIXTURES = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(FIXTURES)
bed, client, rack, start = FIXTURES.bed, FIXTURES.client, FIXTURES.rack, FIXTURES.start

import chain  # noqa: E402  (ours)
import harness  # noqa: E402  (found by the path above)

SDMCTL = os.environ.get("SDM_CTL", str(harness.SOURCE / "build/debug/services/sdmctl/sdmctl"))
FAST = ("--audit-seal-ms=50", "--audit-block-entries=16")


class Auditor:
    """Reads the log of one database with sdmctl, as a role that may read nothing else, and checks it twice."""

    def __init__(self, bed, database, heads):
        self.bed = bed
        self.database = database
        self.heads = heads

    def sdmctl(self, *words):
        done = subprocess.run([SDMCTL, "--json", "audit", *words,
                               f"--database={self.bed.uri(self.database, role='sdm_auditor')}"],
                              capture_output=True, text=True, timeout=60)
        assert "Sanitizer" not in done.stderr, done.stderr
        return done

    def list(self, *words):
        done = self.sdmctl("list", *words)
        assert done.returncode == 0, done
        return [json.loads(line) for line in done.stdout.splitlines()]

    def findings(self, with_heads=True):
        """(kind, block, entry) as both verifiers say, which have to agree."""
        heads = with_heads and os.path.exists(self.heads)
        done = self.sdmctl("verify", *([f"--head={self.heads}"] if heads else []))
        assert done.returncode in (0, 4), done
        said = json.loads(done.stdout)
        found = [(f["kind"], f["block"], f.get("entry")) for f in said["findings"]]
        assert said["ok"] == (found == []) == (done.returncode == 0)
        ours = chain.verify(self.bed.uri(self.database, role="sdm_auditor"),
                            chain.read_heads(self.heads) if heads else ())
        assert sorted(map(str, found)) == sorted(map(str, ours))
        return found

    def sealed(self):
        """Number of blocks, once every entry is in one."""
        def look():
            unsealed, blocks = self.bed.psql(self.database, """
                SELECT count(*) FILTER (WHERE e.id > coalesce((SELECT max(last_id) FROM sdm.audit_block), 0)),
                       (SELECT max(block_no) FROM sdm.audit_block) FROM sdm.audit_entry e""").split("|")
            return int(blocks or 0) if unsealed == "0" else 0
        return harness.eventually(look, 20, "everything sealed")

    def tamper(self, statement):
        """As a superuser who knows what he does."""
        return self.bed.psql(self.database, "SET session_replication_role = replica; " + statement, role="postgres")


@pytest.fixture
def auditor(bed, controller):
    return Auditor(bed, controller.database, controller.heads)


@pytest.fixture(scope="module")
def controller(bed):
    """One for the tests of a module; ends cleanly after them."""
    database = bed.new_database()
    heads = f"{bed.dir}/heads-{database}"
    running = harness.Controller(bed, database, options=(*FAST, f"--audit-head-file={heads}")).wait_serving()
    running.heads = heads
    try:
        yield running
        running.stop()
    finally:
        running.remove()
