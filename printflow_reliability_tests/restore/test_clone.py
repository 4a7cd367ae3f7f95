"""What a clone is configured to be, and what it refuses to be."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from printflow_reliability.backups.info import Backup
from printflow_reliability.errors import ConfigError, Refused
from printflow_reliability.programs import Programs
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.configuration import RECOVERY_SETTING, at_least, parse_control_floors
from printflow_reliability.restore.clones.connector import connector
from printflow_reliability.restore.clones.fetch import prepare, required_bytes
from printflow_reliability.restore.production import Production
from printflow_reliability.settings import ClusterSettings
from printflow_reliability.text import storable

CONTROL_DATA = """\
wal_level setting:                    replica
wal_log_hints setting:                off
max_connections setting:              100
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           2
max_locks_per_xact setting:           128
track_commit_timestamp setting:       off
"""


def clone_in(place: Path) -> Clone:
    cluster = ClusterSettings(
        name="live_db", url="postgresql://printflow:secret@db.example:5432/shop", pgbackrest_config=Path("/etc/p.conf")
    )
    production = Production(
        "live_db", 7, 1, "admin", "/var/lib/live", 16 * 1024**2, 150018, {}, frozenset(), frozenset()
    )
    return Clone(cluster, production, place, Programs(run_as="postgres", postgres_bin=Path("/nowhere")))


def test_a_clones_url_leads_to_its_socket_and_keeps_nothing_of_productions_but_the_database() -> None:
    parts = conninfo_to_dict(clone_in(Path("/drills/1/live_db")).access.settings.url)
    door = {name: str(parts[name]) for name in ("host", "port", "user", "dbname")}
    assert door == {"host": "/drills/1/live_db/s", "port": "5432", "user": "admin", "dbname": "shop"}
    assert "password" not in parts


@pytest.mark.parametrize("name", [b"a,b", b"caf\xe9"])
def test_a_directory_in_which_no_program_can_name_a_socket_is_refused_at_once(tmp_path: Path, name: bytes) -> None:
    with pytest.raises(ConfigError, match=r"drills\.directory: .* no program can name a socket"):
        prepare(clone_in(tmp_path / os.fsdecode(name)))
    assert list(tmp_path.iterdir()) == []


def test_a_production_whose_directory_is_no_text_can_be_recorded() -> None:
    known = clone_in(Path("/drills/1")).production
    odd = replace(known, data_directory=os.fsdecode(b"/srv/d\xe9p\xf4t"))
    kept = Production.from_json(json.loads(json.dumps(odd.as_json())))
    assert storable(kept.data_directory) == kept.data_directory == storable(odd.data_directory)


def test_a_server_in_recovery_gets_at_least_what_production_and_the_control_file_demand() -> None:
    control = parse_control_floors(CONTROL_DATA)
    assert control["max_prepared_transactions"] == 2
    assert control["max_locks_per_transaction"] == 128
    merged = at_least({"max_connections": 400, "max_wal_senders": 5}, control)
    assert (merged["max_connections"], merged["max_wal_senders"]) == (400, 10)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("restore_command = 'pgbackrest archive-get %f \"%p\"'", True),
        ("recovery_target_lsn = '0/1'", True),
        ("archive_command = 'pgbackrest archive-push %p'", False),
        ("recovery_end_command = 'notify-everybody'", False),
        ("primary_conninfo = 'host=production'", False),
        ("# restore_command = 'an old one'", False),
    ],
)
def test_only_the_settings_of_this_restore_survive_of_productions_own(line: str, kept: bool) -> None:
    assert bool(RECOVERY_SETTING.match(line)) is kept


def test_a_path_too_long_for_a_socket_is_refused_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"drills.directory: .* too long"):
        prepare(clone_in(tmp_path / ("x" * 100)))


def test_a_cluster_without_a_clone_is_never_read_in_production_instead() -> None:
    clone = clone_in(Path("/drills/1/live_db"))
    other = clone.cluster.model_copy(update={"name": "admin_db"})
    with pytest.raises(Refused, match="admin_db has no clone"):
        connector({"live_db": clone})(other, None)


def test_the_space_asked_for_is_more_than_the_backup_itself() -> None:
    at = datetime(2026, 11, 2, tzinfo=UTC)
    backup = Backup("20261102-030000F", "full", 1, "15-1", at, at, 10**9, 10**8, None)
    assert required_bytes(backup, 16 * 1024**2) > 1.1 * 10**9
