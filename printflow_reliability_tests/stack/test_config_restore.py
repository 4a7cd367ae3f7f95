"""Copies of the configuration come back whole or not at all, and only to who has a key."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.config_backup.content import judge_content
from printflow_reliability.config_backup.manifest import Manifest
from printflow_reliability.config_backup.verification import verify_config
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability.settings import RecordsSettings
from printflow_reliability_tests.stack.configured import changed, copy_of, forged
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.dumped import BUCKET, verifying

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def copied(sandbox: StackSandbox) -> Manifest:
    """The newest copy."""
    return copy_of(sandbox).made[0]


@pytest.fixture
def printflow(sandbox: StackSandbox, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """A command on the machine that has the identity; its exit code, and all that it says."""

    def called(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = run(["--config", str(sandbox.home.verification_config), "config", *arguments])
        streams = capsys.readouterr()
        return code, streams.out + streams.err

    return called


Printflow = Callable[..., tuple[int, str]]


def test_a_restore_is_planned_first_then_whole_and_closed_to_others(
    sandbox: StackSandbox, copied: Manifest, printflow: Printflow, tmp_path: Path
) -> None:
    into = tmp_path / "back"
    code, planned = printflow("restore", "--into", str(into), "--json")
    assert (code, into.exists()) == (0, False), planned
    assert {entry["path"] for entry in json.loads(planned)["plan"]} == {entry.path for entry in copied.entries}

    code, said = printflow("restore", copied.key, "--into", str(into), "--apply", "--json")

    # Also for a plain user: every file of the sandbox belongs to who runs it.
    assert code == 0, said
    assert json.loads(said)["restored"] == copied.files
    assert into.stat().st_mode & 0o777 == 0o700
    config = sandbox.home.config
    assert (into / f"files{config}").read_bytes() == config.read_bytes()
    if os.geteuid() == 0:
        theirs = sandbox.home.path("pgbackrest", "pgbackrest.conf")
        assert (into / f"files{theirs}").owner() == theirs.owner()
    assert [path.name for path in tmp_path.iterdir()] == ["back"]


def test_what_is_in_a_directory_is_never_replaced(copied: Manifest, printflow: Printflow, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    code, said = printflow("restore", "--into", str(tmp_path), "--apply")
    assert (code, "is not empty" in said) == (2, True), said
    code, said = printflow("restore", "--into", str(tmp_path), "--add", "--apply")
    assert "written into" in said
    assert (tmp_path / "notes").read_text() == "mine"
    code, said = printflow("restore", "--into", str(tmp_path), "--add", "--apply")
    assert (code, "already, and nothing there is replaced" in said) == (2, True), said
    code, said = printflow("restore", "--into", str(tmp_path / "notes"), "--apply")
    assert (code, "is no directory" in said) == (2, True), said


def test_a_key_that_does_not_fit_and_one_that_is_not_there_are_named(
    copied: Manifest, printflow: Printflow, tmp_path: Path
) -> None:
    other = tmp_path / "identity"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    into = tmp_path / "back"
    code, said = printflow("restore", "--into", str(into), "--identity", str(other), "--apply")
    assert (code, "does not fit" in said) == (2, True), said
    code, said = printflow("restore", "--into", str(into), "--identity", str(tmp_path / "nowhere"), "--apply")
    assert (code, "cannot be read" in said) == (2, True), said
    code, said = printflow("restore", "config/nothing", "--into", str(into), "--apply")
    assert (code, "there is no whole copy config/nothing" in said) == (2, True), said
    assert [path.name for path in tmp_path.iterdir()] == ["identity"]


@pytest.mark.parametrize("place", [0.3, 0.99], ids=["header", "end"])
def test_nothing_of_a_copy_that_was_tampered_with_is_written(
    sandbox: StackSandbox, copied: Manifest, printflow: Printflow, tmp_path: Path, place: float
) -> None:
    def flip(body: bytes) -> bytes:
        at = int(200 * place) if place < 0.5 else int(len(body) * place)
        return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]

    with forged(sandbox, copied, flip) as tampered:
        code, said = printflow("restore", tampered.key, "--into", str(tmp_path / "back"), "--apply")
        verified, found = printflow("verify", tampered.key)
    assert code == 2, said
    assert "was changed or cut off since it was sent" in said
    assert list(tmp_path.iterdir()) == []
    assert (verified, "FAIL" in found) == (1, True), found


@pytest.mark.alarm("config.content", "silent")
@pytest.mark.alarm("config.content", "ring")
def test_a_copy_is_verified_by_who_has_the_identity_and_the_records_know(
    sandbox: StackSandbox, copied: Manifest, printflow: Printflow
) -> None:
    code, said = printflow("verify")
    assert (code, "all as when they were copied" in said) == (0, True), said
    # The machine that makes copies cannot read them, and knows from the records that they are good.
    assert judge_content(sandbox.settings).checks[0].outcome is Outcome.PASS
    late = judge_content(sandbox.settings, clock=lambda: datetime.now(UTC) + timedelta(days=2)).checks[0]
    assert (late.outcome, "were last verified" in late.detail) == (Outcome.FAIL, True)
    later = datetime.now(UTC)
    with forged(sandbox, copied, lambda body: body[:-50], taken_at=later) as damaged:
        code, said = printflow("verify", "--json")
        assert (code, json.loads(said)["key"]) == (1, damaged.key), said
        rung = judge_content(sandbox.settings).checks[0]
        assert (rung.outcome, damaged.key in rung.detail) == (Outcome.FAIL, True), rung
    with forged(sandbox, copied, entries=copied.entries[1:]) as lacking:
        code, said = printflow("verify", lacking.key)
    assert (code, "not as the manifest says" in said) == (1, True), said
    with forged(sandbox, copied, secret_id="another") as other:
        code, said = printflow("verify", other.key)
    assert (code, "COULD NOT TELL" in said) == (2, True), said


@pytest.mark.alarm("config.content", "unknown")
def test_without_the_records_or_any_verification_the_content_is_unknown(
    sandbox: StackSandbox, copied: Manifest
) -> None:
    away = {"records": RecordsSettings(url="host=/nowhere dbname=records")}
    (check,) = judge_content(sandbox.settings.model_copy(update=away)).checks
    assert (check.outcome, "the records database" in check.detail) == (Outcome.UNKNOWN, True), check
    report = verify_config(verifying(sandbox).model_copy(update=away))
    assert report.verified.outcome is Outcome.PASS
    assert [check.outcome for check in report.checks] == [Outcome.UNKNOWN], report.checks
    unverified = changed(sandbox.settings, name="unverified")
    copy_of(sandbox, unverified)
    (check,) = judge_content(unverified).checks
    assert (check.outcome, "has been verified yet" in check.detail) == (Outcome.UNKNOWN, True), check


def test_who_has_no_identity_reads_nothing(sandbox: StackSandbox, copied: Manifest, tmp_path: Path) -> None:
    for command in (["verify"], ["restore", "--into", str(tmp_path / "back"), "--apply"]):
        assert run(["--config", str(sandbox.config), "config", *command]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_is_read_without_a_configuration(
    sandbox: StackSandbox,
    copied: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = sandbox.home
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", home.secret("s3-recovery.key"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", home.secret("s3-recovery.secret"))
    where = ["--bucket", BUCKET, "--endpoint", seaweedfs.endpoint(home, "offsite"), "--region", "eu-central-1"]
    where += ["--ca-file", str(home.path("certs", "ca.pem"))]
    into = ["--into", str(tmp_path / "back")]
    assert run(["config", "restore", *where, *into]) == 2
    assert "--identity FILE" in capsys.readouterr().err
    key = ["--identity", str(home.path("secrets", "dumps.identity"))]
    assert run(["config", "restore", *where, *into, *key, "--apply"]) == 0
    assert (tmp_path / "back" / f"files{sandbox.config}").exists()
