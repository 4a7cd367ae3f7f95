"""docs/backups.md says what the program does: every schedule, default, check and tier on it, and none is left out."""

import re
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.definitions import defs
from printflow_reliability.drills.tiers import EVIDENCE
from printflow_reliability.register import REGISTER
from printflow_reliability.settings import (
    BackupsSettings,
    ConfigBackupSettings,
    DrillsSettings,
    DumpsSettings,
    ObjectiveSettings,
)

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "backups.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and "---" not in line
]
SCHEDULES = {schedule.name: schedule for schedule in defs.get_repository_def().schedule_defs}
SCHEDULED = [tuple(row[1:]) for row in ROWS if len(row) >= 5 and row[2].strip("`") in SCHEDULES]
DEFAULTS = [
    *((row[1].strip("`"), row[2]) for row in ROWS if len(row) == 3 and re.fullmatch(r"`[a-z_.]+`", row[1])),
    *re.findall(r"`([a-z_]+\.[a-z_.]+)` \(([0-9]+)\)", PAGE),
]
SECTIONS = {
    "backups": BackupsSettings,
    "config_backup": ConfigBackupSettings,
    "dumps": DumpsSettings,
    "drills": DrillsSettings,
}


@pytest.mark.parametrize(("asset", "name", "cron"), [(row[0], row[1], row[2]) for row in SCHEDULED])
def test_a_schedule_of_the_page_runs_then_and_makes_that_asset(asset: str, name: str, cron: str) -> None:
    schedule = SCHEDULES[name.strip("`")]
    made = defs.resolve_job_def(schedule.job_name).asset_layer.executable_asset_keys
    assert schedule.cron_schedule == cron.strip("`")
    assert asset.strip("`") in {key.to_user_string() for key in made}


def test_a_schedule_in_a_sentence_runs_then() -> None:
    told = re.findall(r"\(`(\w+)`,\s+`([0-9*, /-]+)`\)", PAGE)
    assert {name for name, _ in told} == {"daily_backup_expiry", "daily_dump_expiry"}
    assert {(name, cron) for name, cron in told if SCHEDULES[name].cron_schedule != cron} == set()


def test_every_schedule_of_the_group_backups_is_on_the_page() -> None:
    graph = defs.resolve_asset_graph()
    of_backups = {key for key in graph.materializable_asset_keys if graph.get(key).group_name == "backups"}
    ours = {
        name
        for name, schedule in SCHEDULES.items()
        if of_backups.intersection(defs.resolve_job_def(schedule.job_name).asset_layer.executable_asset_keys)
    }
    assert {name for name in ours if f"`{name}`" not in PAGE} == set()


@pytest.mark.parametrize(("key", "value"), DEFAULTS)
def test_a_default_of_the_page_is_the_programs(key: str, value: str) -> None:
    first, *rest = key.split(".")
    section: Any = SECTIONS[first]
    for part in rest[:-1]:
        section = section.model_fields[part].annotation
    default = section.model_fields[rest[-1]].default
    assert str(default).lower().removesuffix(".0") == value


def test_the_page_has_defaults_and_schedules_to_compare() -> None:
    assert len(SCHEDULED) >= 10
    assert len(DEFAULTS) >= 12


def test_every_check_on_the_page_is_registered() -> None:
    named = set(re.findall(r"`((?:backup|wal|dump|copies|drill|recovery|files|config)\.[a-z_]+)`", PAGE))
    known = set(REGISTER) | {evidence.check for evidence in EVIDENCE.values()}
    fields = {"drills.rpo_target_seconds", "drills.rto_target_seconds"}
    assert named - fields <= known, named - known
    expected = {name for name in REGISTER if name.startswith(("backup.", "config.", "dump.", "wal."))}
    assert expected <= named


def test_every_tier_of_the_page_is_measured_as_it_says() -> None:
    told = {row[0]: row[1] for row in ROWS if len(row) == 2 and row[0] in EVIDENCE}
    assert set(told) == set(EVIDENCE)
    for tier, words in told.items():
        assert words.startswith(f"`{EVIDENCE[tier].check}`")
        ObjectiveSettings.model_validate({"tier": tier})
