import os
import shutil
import tempfile

import pytest
from bed import ROOT, Bed


@pytest.fixture(scope="session")
def bed():
    folder = tempfile.mkdtemp(prefix="sdm-fault-", dir="/tmp")
    os.chmod(folder, 0o711)
    made = Bed(folder, os.environ.get("SDM_BUILD", str(ROOT / "build/debug")))
    try:
        made.up()
        yield made
        made.down()
        assert not made.findings()
        shutil.rmtree(folder)
    finally:
        made.down()
