"""A repository that somebody wiped comes back from its versioned bucket, and a restore from it works."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from printflow_reliability.backups.integrity import verify_repositories
from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability.sandbox.home import programs
from printflow_reliability.sandbox.pgbackrest import REPOSITORIES
from printflow_reliability.settings import load
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.repairs import BIN

pytestmark = pytest.mark.stack
OFFSITE = REPOSITORIES[2]
CLUSTER = "admin_db"
Printflow = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def printflow(backed_up: StackSandbox, capsys: pytest.CaptureFixture[str]) -> Printflow:
    def called(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = run(["--config", str(backed_up.config), *arguments, "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else {"said": err}

    return called


def pgbackrest(sandbox: StackSandbox, command: str) -> None:
    config = f"--config={sandbox.home.path('pgbackrest', 'pgbackrest.conf')}"
    programs().run(["pgbackrest", config, f"--stanza={CLUSTER}", command], timeout=60)


@contextmanager
def stopped(sandbox: StackSandbox) -> Iterator[None]:
    """Nobody archives or expires for the block."""
    pgbackrest(sandbox, "stop")
    try:
        yield
    finally:
        pgbackrest(sandbox, "start")


def listing(sandbox: StackSandbox) -> dict[str, str]:
    """The ETags of the stanza's files in the offsite repository."""
    pages = seaweedfs.client(sandbox.home, OFFSITE).get_paginator("list_objects_v2").paginate(Bucket=OFFSITE)
    found = {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", ())}
    return {key: etag for key, etag in found.items() if f"/{CLUSTER}/" in key}


def archived(sandbox: StackSandbox) -> str:
    """Production's newest segment, once it is in the archive."""
    with postgres.superuser(sandbox.home, CLUSTER, CLUSTER) as connection:
        connection.execute("SELECT pg_logical_emit_message(true, 'test', 'newer')")
        row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
    assert row is not None
    for _ in range(300):
        if any(row[0] in key for key in listing(sandbox)):
            return str(row[0])
        time.sleep(0.1)
    raise AssertionError(f"{row[0]} was not archived")


def a_second_later() -> str:
    """A moment of which S3, which knows whole seconds, tells what came before and what after."""
    time.sleep(1.1)
    moment = datetime.now(UTC).replace(microsecond=0)
    time.sleep(1.1)
    return moment.isoformat()


def test_a_wiped_repository_comes_back_as_it_was(backed_up: StackSandbox, printflow: Printflow) -> None:
    sandbox = backed_up
    archived(sandbox)
    then, before = listing(sandbox), a_second_later()
    newer = archived(sandbox)
    code, plan = printflow("backup", "undelete", CLUSTER, "--before", before, "--repo", "2")
    assert (code, plan["plan"][0]["files"], plan["plan"][0]["newer"] >= 1) == (0, 0, True), plan

    # Somebody has the credentials that backups are made with.
    intruder = seaweedfs.client(sandbox.home, OFFSITE, "backup")
    new_key = next(key for key in listing(sandbox) if newer in key)
    overwritten = [key for key in sorted(then) if key.endswith(("archive.info", "backup.info.copy", ".zst"))][:4]
    with stopped(sandbox):
        for key in listing(sandbox):
            if key in overwritten:
                intruder.put_object(Bucket=OFFSITE, Key=key, Body=b"garbage " * 9)
            elif key != new_key:
                intruder.delete_object(Bucket=OFFSITE, Key=key)
        assert verify_repositories(sandbox.settings, clusters=[CLUSTER], repository=2).checks[0].outcome is Outcome.FAIL

        code, plan = printflow("backup", "undelete", CLUSTER, "--before", before, "--repo", "2")
        (planned,) = plan["plan"]
        assert (code, plan["done"], planned["files"]) == (1, [], len(then)), plan
        assert planned["versions_to_copy"] >= len(overwritten) - 1
        assert listing(sandbox).keys() == {*overwritten, new_key}

        code, done = printflow("backup", "undelete", CLUSTER, "--before", before, "--repo", "2", "--apply")
        assert (code, done["done"][0]["outcome"], done["done"][0]["failed"]) == (0, "pass", []), done
        assert done["done"][0]["meanwhile"] == []
        now = listing(sandbox)
        assert now.keys() == {*then, new_key}
        assert [key for key in then if now[key] != then[key] and ".info" not in key] == []

        code, again = printflow("backup", "undelete", CLUSTER, "--before", before, "--repo", "2", "--apply")
        assert (code, again["plan"][0]["files"], again["done"][0]["outcome"]) == (0, 0, "pass")

    report = run_drill(sandbox.settings, repository=2)
    assert {check.check: check.detail for check in report.checks if check.outcome is Outcome.FAIL} == {}


def test_nothing_is_written_while_pgbackrest_could_write(backed_up: StackSandbox, printflow: Printflow) -> None:
    before = datetime.now(UTC).isoformat()
    code, said = printflow("backup", "undelete", CLUSTER, "--before", before, "--repo", "2", "--apply")
    assert code == 2
    assert f"--stanza={CLUSTER} stop" in said["error"]["next"]


@pytest.mark.parametrize(
    ("changes", "apply", "said"),
    [
        ({}, True, "backups.break_glass has no credentials for repository 2"),
        ({"access_key_id": "s3-backup.key", "secret_access_key": "s3-backup.secret"}, False, "the daily access key"),
        ({"access_key_id": "s3-app.key", "secret_access_key": "s3-app.secret"}, False, "backups.break_glass list"),
    ],
)
def test_credentials_that_are_missing_daily_or_wrong_are_named(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str], changes: dict[str, str], apply: bool, said: str
) -> None:
    home = backed_up.home
    text = home.config.read_text(encoding="utf-8")
    begin = text.index("[[backups.break_glass]]")
    section = "".join(f'{name} = "file:secrets/{value}"\n' for name, value in changes.items())
    section = f"[[backups.break_glass]]\nrepository = 2\n{section}" if changes else ""
    other = home.config.with_name("break-glass.toml")
    other.write_text(text[:begin] + section + text[text.index("\n\n", begin) :], encoding="utf-8")
    try:
        load(other)
        with stopped(backed_up):
            before = datetime.now(UTC).isoformat()
            options = ["--before", before, "--repo", "2", *(["--apply"] if apply else [])]
            code = run(["--config", str(other), "backup", "undelete", CLUSTER, *options])
    finally:
        other.unlink()
    out, err = capsys.readouterr()
    assert code == 2
    assert said in " ".join(err.split())
    assert "Traceback" not in err + out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--before", "2026-11-02"], "has no time zone"),
        (["--before", "yesterday"], "is no time"),
        (["--before", "2999-01-01T00:00:00Z", "--repo", "2"], "has not come yet"),
        (["--before", "2026-11-02T14:05:00Z", "--repo", "1"], "was never enabled"),
        (["--before", "2026-11-02T14:05:00Z", "--repo", "9"], "has no repository 9"),
        ([], "--before"),
    ],
)
def test_what_cannot_be_asked_is_said(
    backed_up: StackSandbox, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    code = run(["--config", str(backed_up.config), "backup", "undelete", CLUSTER, *options])
    assert code == 2
    assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_a_repository_without_versions_takes_nothing_from_the_other(
    backed_up: StackSandbox, printflow: Printflow
) -> None:
    code, plan = printflow("backup", "undelete", "--before", datetime.now(UTC).isoformat())
    cannot = {(each["cluster"], each["repo"]): each["cannot"] for each in plan["plan"]}
    assert code == 0
    assert [repo for (_, repo), why in cannot.items() if why] == [1, 1]


def test_a_kill_in_the_middle_is_gone_on_from(backed_up: StackSandbox, printflow: Printflow) -> None:
    sandbox = backed_up
    then, before = listing(sandbox), a_second_later()
    intruder = seaweedfs.client(sandbox.home, OFFSITE, "backup")
    with stopped(sandbox):
        for key in then:
            intruder.delete_object(Bucket=OFFSITE, Key=key)
        argv = ["backup", "undelete", CLUSTER, "--before", before, "--repo", "2", "--apply"]
        program = [BIN, "--config", str(sandbox.config), *argv]
        working = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while working.poll() is None and not listing(sandbox):
            time.sleep(0.02)
        working.kill()
        working.wait()
        code, _ = printflow(*argv)
        assert code == 0
    assert listing(sandbox) == then
