"""What counts as read after pgBackRest has read a repository whole and found damage."""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from printflow_reliability.backups.info import parse_info
from printflow_reliability.backups.ledger.plan import Stored
from printflow_reliability.backups.ledger.whole import WholeRead
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.verification import verification_of
from printflow_reliability.backups.verify_report import parse_verify

RESOURCES = Path(__file__).parents[1] / "resources"
FULL, INCREMENTAL = "20261124-041759F", "20261124-041759F_20261124-041805I"
FLIPPED = f"{FULL}/pg_data/base/5/16385.zst"
OWN = frozenset({FLIPPED, f"{FULL}/pg_data/PG_VERSION.zst"})


def whole(damage: str) -> WholeRead:
    """As pgBackRest 2.45 really reported that damage."""
    said, log = ((RESOURCES / "verify" / f"{damage}.{end}").read_text() for end in ("txt", "log"))
    report = parse_verify(said, log, "lab")
    labels = [backup.label for backup in parse_info((RESOURCES / "info.json").read_text(), "lab").in_repository(1)]
    found = verification_of(report, labels, datetime(2026, 11, 29, 5, tzinfo=UTC))
    return WholeRead(cast(PgBackRest, None), 1, Stored({}, {}), found, report, 0)


def test_in_a_sound_backup_no_file_is_in_doubt() -> None:
    assert whole("healthy").doubtful(FULL, OWN) == frozenset()


def test_of_a_damaged_backup_the_files_that_are_not_named_were_read_and_are_good() -> None:
    assert whole("flipped_file").doubtful(FULL, OWN) == {FLIPPED}
    assert whole("flipped_file").doubtful(INCREMENTAL, frozenset({"another"})) == frozenset()


@pytest.mark.parametrize("damage", ["flipped_bundle", "missing_manifest", "missing_both_manifests", "truncated_bundle"])
def test_where_the_damage_is_no_file_of_its_own_every_file_is_in_doubt(damage: str) -> None:
    own = frozenset({f"{FULL}/bundle/1", f"{FULL}/pg_data/base/5/16385.zst"})
    assert whole(damage).doubtful(FULL, own) == own
