"""Base backups as Dagster starts them: every cluster by schedule, and whatever a person chooses, with who asked."""

from typing import Any

import dagster as dg
import pytest

from printflow_reliability.backups import base_backup
from printflow_reliability.backups.base_backup import BaseBackupReport
from printflow_reliability.backups.taken import BackupRequest
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.definitions import defs
from printflow_reliability.defs import backups
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import placeholder

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

RECENT = CheckResult("backup.recent", Outcome.PASS, "each is recent")


def scheduled(name: str) -> dg.RunRequest:
    found = defs.get_repository_def().get_schedule_def(name).evaluate_tick(dg.build_schedule_context())
    (request,) = found.run_requests or ()
    return request


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [("weekly_full_backup", "full", "weekly"), ("daily_incremental_backup", "incr", "daily")],
)
def test_a_schedule_backs_every_cluster_up_in_one_run_and_says_why(name: str, kind: str, reason: str) -> None:
    request = scheduled(name)
    assert request.run_config == {"ops": {"base_backup": {"config": {"type": kind, "reason": reason}}}}
    assert {"dagster/asset_partition_range_start", "dagster/asset_partition_range_end"} <= set(request.tags)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[BackupRequest]:
    requests: list[BackupRequest] = []

    def record(_settings: object, request: BackupRequest, **_options: Any) -> BaseBackupReport:
        requests.append(request)
        return BaseBackupReport((), (RECENT,), {"backups_taken": 0})

    monkeypatch.setattr(base_backup, "take_base_backups", record)
    monkeypatch.setattr(Configuration, "settings", lambda _: None)
    return requests


def run(config: dict[str, Any], tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
    asset = backups.base_backup_of(placeholder("there is none"))
    return dg.materialize(
        [asset],
        resources={"configuration": Configuration()},
        partition_key=asset.partitions_def.get_partition_keys()[0] if asset.partitions_def else None,
        run_config={"ops": {"base_backup": {"config": config}}},
        tags=tags,
    )


def test_a_person_chooses_one_repository_and_one_type_and_is_named(asked: list[BackupRequest]) -> None:
    assert run({"type": "diff", "repository": 2, "by": "mona", "reason": "before a move"}).success
    assert asked == [BackupRequest(None, 2, "diff", "mona", "before a move")]


def test_a_schedule_is_named_where_no_person_is(asked: list[BackupRequest]) -> None:
    run({}, {"dagster/schedule_name": "daily_incremental_backup"})
    run({})
    assert [request.by for request in asked] == ["schedule daily_incremental_backup", "Dagster"]


def test_the_run_tells_what_was_taken_and_who_asked(asked: list[BackupRequest]) -> None:
    (made,) = run({"type": "full", "by": "mona"}).get_asset_materialization_events()
    metadata = made.materialization.metadata
    assert metadata["requested_by"].value == "mona"
    assert str(metadata["backups"].value).startswith("| cluster | repo | label | type |")
