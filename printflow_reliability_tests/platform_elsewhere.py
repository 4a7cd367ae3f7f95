"""A configuration that is right in itself, whose servers are wherever a test says, and what commands say with it."""

from pathlib import Path

import pytest

from printflow_reliability.cli import run
from printflow_reliability_tests.commands import ARGUMENTS

ESCAPED = "hunter2%40%2F%25zz"
SECRET_KEY = "wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY"
GOOD = """
[platform]
name = "Print-Flow-360"
[records]
url = "{database}/records"
[[cluster]]
name = "live_db"
url = "{database}/live_db"
pgbackrest_config = "pgbackrest.conf"
[[bucket]]
name = "print-files"
bucket = "printflow360"
endpoint_url = "{s3}"
access_key_id = "key"
secret_access_key = "file:secret.key"
[tenancy]
cluster = "live_db"
tenants = "SELECT 1"
[[reference]]
name = "order item"
cluster = "live_db"
bucket = "print-files"
kind = "print-ready"
query = "SELECT 1"
[orders]
cluster = "live_db"
bucket = "print-files"
paid = "SELECT 1"
[drills]
directory = "drills"
reports_bucket = "print-files"
[[alert_route]]
name = "on call"
url = "{s3}/alerts"
token = "{secret}"
"""


def configured(folder: Path, port: int = 1) -> Path:
    """A configuration that is right in itself, with every server at that port."""
    (folder / "secret.key").write_text(SECRET_KEY + "\n")
    (folder / "pgbackrest.conf").write_text("[live_db]\npg1-path=/nowhere\n")
    text = GOOD.format(
        database=f"postgresql://printflow:{ESCAPED}@127.0.0.1:{port}", s3=f"https://127.0.0.1:{port}", secret=SECRET_KEY
    )
    path = folder / "printflow.toml"
    path.write_text(text)
    return path


def output_of(config: Path, command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code of a command, and what it says; never a traceback, a secret or that it is a defect."""
    code = run(["--config", str(config), *command.split(), *ARGUMENTS.get(command, ())])
    streams = capsys.readouterr()
    text = streams.out + streams.err
    for never in ("Traceback", "defect", "hunter2", SECRET_KEY):
        assert never not in text, text
    return code, text
