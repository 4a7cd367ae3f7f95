"""What `sandbox up` writes: readable by the product, secret where it must be, one identity for each purpose."""

import json
from configparser import ConfigParser
from pathlib import Path

import pytest

from printflow_reliability.sandbox import config, credentials, pgbackrest, ports, redis, seaweedfs
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.up import PORTS, servers
from printflow_reliability.settings import load


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SandboxHome:
    """A home with everything written and nothing started."""
    monkeypatch.setattr("printflow_reliability.programs.Programs.own", lambda _, __: None)
    home = SandboxHome(tmp_path / "sb", tmp_path / "sb")
    home.create()
    credentials.prepare(home)
    ports.assign(home, PORTS, in_use=())
    config.write_config(home)
    pgbackrest.prepare(home)
    redis.prepare(home)
    seaweedfs.prepare(home)
    return home


def every_secret(home: SandboxHome) -> list[str]:
    return [file.read_text().strip() for file in home.path("secrets").iterdir()]


def test_the_product_reads_the_file_and_finds_both_regions(home: SandboxHome) -> None:
    settings = load(home.config)
    assert [cluster.name for cluster in settings.cluster] == ["live_db", "admin_db"]
    assert settings.bucket_named("print-files").endpoint_url != settings.bucket_named("reports").endpoint_url
    assert settings.bucket_named("print-files").replica == "print-files-replica"
    assert settings.drills.directory == home.path("drills")
    assert all(cluster.drill_pgbackrest_config != cluster.pgbackrest_config for cluster in settings.cluster)


def test_no_secret_is_in_the_file_or_among_any_servers_arguments(home: SandboxHome) -> None:
    shown = home.config.read_text() + " ".join(" ".join(server.argv) for server in servers(home).values())
    assert not [secret for secret in every_secret(home) if secret in shown]


def test_every_file_with_a_secret_is_for_its_owner_alone(home: SandboxHome) -> None:
    secrets = every_secret(home)
    holders = [
        file
        for file in home.root.rglob("*")
        if file.is_file() and file.stat().st_size < 100_000 and any(secret in file.read_text() for secret in secrets)
    ]
    assert len(holders) > len(secrets)
    assert {file.stat().st_mode & 0o777 for file in holders} == {0o600}
    assert home.path("certs", "server.key").stat().st_mode & 0o777 == 0o600


def test_drills_have_credentials_locks_and_spool_of_their_own(home: SandboxHome) -> None:
    own, drill = ConfigParser(interpolation=None), ConfigParser(interpolation=None)
    own.read(home.path("pgbackrest", "pgbackrest.conf"))
    drill.read(home.path("pgbackrest", "drill.conf"))
    differing = {key for key in own["global"] if own["global"][key] != drill["global"][key]}
    keys = {f"repo{number}-s3-key{kind}" for number in (1, 2) for kind in ("", "-secret")}
    assert differing == keys | {"lock-path", "spool-path", "log-path"}
    assert own.sections() == drill.sections() == ["global", "live_db", "admin_db"]


def test_an_identity_is_known_only_where_it_has_something_to_do(home: SandboxHome) -> None:
    primary = json.loads(home.path("seaweedfs", "primary.json").read_text())["identities"]
    allowed = {identity["name"]: identity["actions"] for identity in primary}
    assert {action.partition(":")[2] for action in allowed["app"]} == {"print-files"}
    assert "dagster" in allowed
    assert "dagster" not in home.path("seaweedfs", "offsite.json").read_text()
    assert not [action for action in allowed["drill"] if action.startswith(("Write", "Admin", "Tagging"))]
    assert not [action for action in allowed["printflow"] if action.startswith(("Write", "Admin", "Tagging"))]


def test_the_key_that_reads_the_configuration_can_only_look(home: SandboxHome) -> None:
    (policy,) = json.loads(home.path("seaweedfs", "primary.json").read_text())["policies"]
    (statement,) = json.loads(policy["content"])["Statement"]
    assert statement["Resource"] == ["arn:aws:s3:::print-files", "arn:aws:s3:::print-files/*"]
    assert statement["Action"] == ["s3:Get*", "s3:List*"]


def test_what_was_made_once_is_kept(home: SandboxHome) -> None:
    before = {file.name: file.read_bytes() for name in ("secrets", "certs") for file in home.path(name).iterdir()}
    credentials.prepare(home)
    config.write_config(home)
    after = {file.name: file.read_bytes() for name in ("secrets", "certs") for file in home.path(name).iterdir()}
    assert after == before
