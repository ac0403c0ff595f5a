import os
import pathlib
import subprocess

import pytest

import fake

TOKEN = "0123456789abcdef-admin"


class Sdmctl:
    def __init__(self, folder):
        self.program = os.environ["SDMCTL"]
        token = folder / "token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
        self.environment = {**os.environ, "SDM_BROKER": fake.broker(), "SDM_TOKEN_FILE": str(token),
                            "LC_ALL": "C.UTF-8", "COLUMNS": "100", "SDM_REPLY_TIMEOUT": "10s"}

    def __call__(self, line, status=0, **options):
        words = line.split() if isinstance(line, str) else [str(word) for word in line]
        environment = {**self.environment, **options.pop("env", {})}
        result = subprocess.run([self.program, *words], env=environment, text=True, capture_output=True, timeout=60,
                                **options)
        assert result.returncode == status, (line, result)
        return result

    def start(self, line, **options):
        return subprocess.Popen([self.program, *line.split()], env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.fixture
def sdmctl(tmp_path):
    return Sdmctl(tmp_path)


@pytest.fixture
def controller():
    with fake.Controller(fake.broker()) as running:
        yield running


@pytest.fixture
def golden(request):
    """Compares with golden/NAME.txt; SDM_GOLDEN=write writes it instead, to be read by a person."""
    folder = pathlib.Path(__file__).parent / "golden"

    def compare(name, text):
        path = folder / f"{name}.txt"
        if os.environ.get("SDM_GOLDEN") == "write":
            path.write_text(text)
        assert text == path.read_text(), name

    return compare
