"""A wrong configuration or a system that refuses: exit code 2, one message naming the key, never a traceback."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.wrong_configuration import configured, output_of

pytestmark = pytest.mark.stack

RECONCILE = ("files", "reconcile")
DRILL = ("drill", "run")
LIVE_DB = 'url = "file:secrets/live_db.url"'
HEARTBEAT = 'heartbeat = "SELECT max(at) FROM heartbeats"'
FIRST_QUERY = "SELECT o.tenant_id AS tenant, 'order ' || o.id AS owner, i.print_ready_file AS key, i.print_ready_size"
PRINT_FILES = 'name = "print-files"\nbucket = "print-files"'
SECRET_KEY = 'secret_access_key = "file:secrets/s3-printflow.secret"'


@pytest.mark.parametrize(
    ("old", "new", "command", "what", "next_step"),
    [
        (
            "orphan_grace_seconds =",
            "orphan_grace =",
            RECONCILE,
            "files.orphan_grace: unknown key",
            'did you mean "orphan_grace_seconds"?',
        ),
        (
            LIVE_DB,
            'url = "env:NO_SUCH_SECRET"',
            DRILL,
            "cluster[0].url: the environment variable NO_SUCH_SECRET is not set",
            "export NO_SUCH_SECRET=",
        ),
        (
            LIVE_DB,
            'url = "file:secrets/none.url"',
            RECONCILE,
            "cluster[0].url: the secret file",
            "create it with mode 0600",
        ),
        (FIRST_QUERY, "SELEC", RECONCILE, "reference[0].query: the database refused it: syntax error", ""),
        ("FROM tenants", "FROM no_tenants", RECONCILE, "tenancy.tenants", 'relation "no_tenants" does not exist'),
        (HEARTBEAT, 'heartbeat = "SELECT 1"', DRILL, "cluster[0].heartbeat", "must return one timestamptz"),
        (
            PRINT_FILES,
            'name = "print-files"\nbucket = "no-such-bucket"',
            RECONCILE,
            "bucket print-files (no-such-bucket) answered",
            # The key may not read it, so that the server does not even say that there is none.
            'the access key and `bucket` of bucket "print-files" in printflow.toml',
        ),
        (
            SECRET_KEY,
            'secret_access_key = "not the secret"',
            RECONCILE,
            "bucket print-files answered",
            'the access key and `bucket` of bucket "print-files"',
        ),
        (
            'ca_file = "certs/ca.pem"',
            'ca_file = "certs/none.pem"',
            RECONCILE,
            'ca_file of bucket "print-files": there is no file',
            "",
        ),
        (
            'url = "file:secrets/records.url"',
            'url = "postgresql://nobody:wrong@127.0.0.1:1/records"',
            DRILL,
            "the records database cannot be reached",
            "is records.url right?",
        ),
        (
            'directory = "drills"',
            'directory = "printflow.toml"',
            DRILL,
            "printflow.toml cannot be made",
            "drills.directory",
        ),
        (
            'directory = "drills"',
            'directory = "/proc/drills"',
            DRILL,
            "/proc/drills cannot be made",
            "drills.directory",
        ),
        ("", "", (*RECONCILE, "--tenant", "nobody"), 'there is no tenant "nobody"', ""),
        ("", "", (*RECONCILE, "--bucket", "nowhere"), 'there is no bucket named "nowhere"', "print-files"),
        ("", "", ("drill", "show", "99999"), "there is no drill 99999", "printflow drill list"),
        ("", "", (*DRILL, "--target", "soon"), '"soon" is no target', "write 2026-11-02T14:05:00Z"),
        ("", "", ("recover", "--to", "latest", "--into", "/"), "/ exists already", "name another directory"),
        ("", "", ("recover", "--to", "random", "--into", "none"), "--to:", "--to latest, a time, or point:NAME"),
        ("", "", ("recover", "--to", "point:none", "--into", "none"), 'know no restore point "none"', "give a time"),
        ("", "", ("backup", "before-migrate", "--name", "it's"), "--name:", "up to 63 letters"),
        ("", "", ("backup", "expire", "--repo", "7"), "has no repository 7", "it has 1, 2"),
        ("", "", ("backup", "window", "nobody"), 'there is no cluster named "nobody"', "live_db"),
        ("", "", ("runbook", "sunshine"), 'there is no scenario "sunshine"', "cluster-lost"),
        ("", "", (*DRILL, "--repo", "7"), "--repo: every cluster must have the repository", "they share 1, 2"),
    ],
)
def test_a_mistake_is_named_by_its_key_with_what_to_do(
    sandbox: StackSandbox,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    command: Sequence[str],
    what: str,
    next_step: str,
) -> None:
    with configured(sandbox, old, new) as wrong:
        text = output_of(wrong, command, capsys)
    assert text.count(what) == 1, text
    assert next_step in text


@pytest.mark.parametrize("command", [RECONCILE, DRILL, ("orders", "check", "1"), ("files", "catalog")])
def test_a_database_that_refuses_the_password_is_not_told_as_a_finding(
    sandbox: StackSandbox, capsys: pytest.CaptureFixture[str], command: Sequence[str]
) -> None:
    right = sandbox.settings.cluster_named("live_db").url
    password = str(conninfo_to_dict(right)["password"])
    with configured(sandbox, LIVE_DB, f'url = "{right.replace(password, "wrong")}"') as wrong:
        text = output_of(wrong, command, capsys)
    assert 'cluster live_db refuses the password of role "printflow"' in text
    assert 'correct the password in the url of cluster "live_db"' in text
    assert password not in text


def test_a_findings_file_that_cannot_be_written_is_said_before_the_work(
    sandbox: StackSandbox, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = output_of(sandbox.config, [*RECONCILE, "--findings", str(tmp_path / "no folder" / "findings")], capsys)
    assert "no folder" in text
