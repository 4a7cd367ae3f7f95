"""The sandbox's configuration with a mistake in it, and what commands say of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from printflow_reliability.cli import run
from printflow_reliability_tests.stack.conftest import StackSandbox


@contextmanager
def configured(sandbox: StackSandbox, old: str, new: str) -> Iterator[Path]:
    """The sandbox's configuration with one mistake in it, beside the right one, where its paths mean the same."""
    text = sandbox.config.read_text(encoding="utf-8")
    assert old in text
    wrong = sandbox.config.with_name("wrong.toml")
    wrong.write_text(text.replace(old, new, 1), encoding="utf-8")
    try:
        yield wrong
    finally:
        wrong.unlink()


def output_of(config: Path, command: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command that must end with 2 says, on whichever stream; nobody gets to see a traceback or a secret."""
    assert run(["--config", str(config), *command]) == 2
    streams = capsys.readouterr()
    text = streams.out + streams.err
    assert "Traceback" not in text
    for name in ("live_db.url", "records.url", "s3-printflow.secret"):
        secret = config.with_name("secrets").joinpath(name).read_text(encoding="utf-8").strip()
        password = conninfo_to_dict(secret)["password"] if name.endswith(".url") else secret
        assert str(password) not in text
    return text
