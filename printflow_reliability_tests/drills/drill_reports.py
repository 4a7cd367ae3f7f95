"""The report of a drill in which all is well but what a test says, and settings to render it with."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.report import CHECKS, ClusterReport, DrillReport
from printflow_reliability.restore.phases import Phase
from printflow_reliability.settings import Settings

BEGAN = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def settings() -> Settings:
    document: dict[str, Any] = {
        "platform": {"name": "Print & <Flow>"},
        "records": {"url": "postgresql://localhost/records"},
        "cluster": [
            {"name": "live_db", "url": "postgresql://localhost/live", "pgbackrest_config": Path("/etc/p.conf")}
        ],
        "bucket": [{"name": "print-files", "bucket": "print-files"}],
        "tenancy": {"cluster": "live_db", "tenants": "SELECT 1"},
        "reference": [
            {"name": "r", "cluster": "live_db", "bucket": "print-files", "kind": "proof", "query": "SELECT 1"}
        ],
        "orders": {"cluster": "live_db", "bucket": "print-files", "paid": "SELECT 1"},
    }
    return Settings.model_validate(document)


def drill(**outcomes: Outcome) -> DrillReport:
    checks = tuple(
        CheckResult(name, outcomes.get(name.removeprefix("drill."), Outcome.PASS), f"<b>{name}</b>") for name in CHECKS
    )
    return DrillReport(
        id=31,
        target="latest",
        moment=None,
        repository=2,
        started_at=BEGAN,
        finished_at=BEGAN,
        checks=checks,
        numbers={"rto_seconds": 131.0, "rpo_seconds": 2.0, "missing_files": 3},
        phases={Phase.FETCH: 38.0, Phase.FENCE: 2.0},
        clusters=(ClusterReport("live_db", tables=40, rows=1000), ClusterReport("admin_db", tables=1, rows=5)),
        matched=True,
    )
