"""Copies of the configuration on the foreign platform, by a plain user: a superuser with an odd name, no Redis."""

from pathlib import Path

import pytest

from printflow_reliability_tests.stack.foreign.graph import materialize
from printflow_reliability_tests.stack.foreign.platform import SUPERUSER, Ended, ForeignPlatform

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def copied(foreign: ForeignPlatform) -> Ended:
    """How copying the configuration went, which nobody changed since the copy before."""
    foreign.run("config", "backup")
    return foreign.run("config", "backup", "--json")


def test_configuration_secrets_roles_and_records_are_copied(foreign: ForeignPlatform, copied: Ended) -> None:
    assert copied.exit_code == 0, copied
    (copy,) = copied.document["copies"]
    assert copy["not_copied"] == []
    assert list(copy["dumps"]) == ["printflow-records/postgres"]
    listed = foreign.run("config", "list", "--json")
    assert listed.exit_code == 0, listed
    assert copy["key"] in {found["key"] for found in listed.document["copies"]}


def test_a_copy_is_verified_and_comes_back_with_everything(foreign: ForeignPlatform, copied: Ended) -> None:
    verified = foreign.run("config", "verify", "--json")
    assert (verified.exit_code, verified.document["outcome"]) == (0, "pass"), verified
    assert [check["outcome"] for check in verified.document["checks"]] == ["pass"], verified

    into = foreign.root / "restored dumps" / "configuration"
    planned = foreign.run("config", "restore", "--into", str(into), "--json")
    assert (planned.exit_code, into.exists()) == (0, False), planned
    done = foreign.run("config", "restore", "--into", str(into), "--apply", "--json")

    assert done.exit_code == 0, done
    files = {
        name: into / f"files{foreign.root}" / name for name in ("printflow.toml", "etc/backup/shop.ini", "keys/admin")
    }
    for name, file in files.items():
        assert file.read_bytes() == (foreign.root / name).read_bytes()
    assert (into / f"files{foreign.root}" / "shop settings").read_text() == "APP_KEY=base64:c2hvcA==\n"
    cluster = into / "clusters" / "shop"
    assert f'CREATE ROLE "{SUPERUSER}"' in (cluster / "roles.sql").read_text(encoding="utf-8")
    assert "PASSWORD 'SCRAM-SHA-256" in (cluster / "roles.sql").read_text(encoding="utf-8")
    assert "archive_command" in Path(f"{cluster}/files{foreign.root}/pg data/postgresql.conf").read_text()
    assert "search_path=shop, public" in (cluster / "role_settings.json").read_text()


def test_nothing_of_it_is_to_be_deleted_yet(foreign: ForeignPlatform, copied: Ended) -> None:
    ended = foreign.run("config", "expire", "--json")
    assert (ended.exit_code, ended.document["bytes"]) == (0, 0), ended


def test_the_graph_copies_and_verifies_it(foreign: ForeignPlatform, copied: Ended) -> None:
    answer = materialize(foreign, "config_backup", "config_verification", by=foreign.owner)
    assert answer == {
        "config_backup": {"success": True, "checks": {"config__recent": True, "config__changes": True}},
        "config_verification": {"success": True, "checks": {"config__content": True}},
    }
