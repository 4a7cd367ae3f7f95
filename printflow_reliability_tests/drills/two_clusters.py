"""Two clusters as plain objects: their settings, identities, backups and fences, and a check that passed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from printflow_reliability.backups.info import Backup
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.production import Production
from printflow_reliability.settings import Settings

BEGAN = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
"""When the drill begins, by the clusters' own clocks; the machine that drills is ahead of them."""
CLUSTERS = ("live_db", "admin_db")


def settings(**drills: object) -> Settings:
    document: dict[str, Any] = {
        "platform": {"name": "Print-Flow-360"},
        "records": {"url": "postgresql://localhost/records"},
        "cluster": [
            {"name": name, "url": f"postgresql://localhost/{name}", "pgbackrest_config": Path("/etc/p.conf")}
            for name in CLUSTERS
        ],
        "bucket": [{"name": "print-files", "bucket": "print-files"}],
        "tenancy": {"cluster": "live_db", "tenants": "SELECT 1"},
        "reference": [
            {"name": "r", "cluster": "live_db", "bucket": "print-files", "kind": "proof", "query": "SELECT 1"}
        ],
        "orders": {"cluster": "live_db", "bucket": "print-files", "paid": "SELECT 1"},
        "drills": drills,
    }
    return Settings.model_validate(document)


def production(name: str) -> Production:
    identifier = 7 + CLUSTERS.index(name)
    return Production(name, identifier, 1, "postgres", "/var/lib", 16 * 1024**2, 170000, {}, frozenset(), frozenset())


def backup(label: str, finished_at: datetime) -> Backup:
    return Backup(
        label=label,
        type="full",
        repository=1,
        archive_id="17-1",
        started_at=finished_at - timedelta(minutes=1),
        finished_at=finished_at,
        database_bytes=1000,
        repository_bytes=500,
        error=False,
        lsn_start="0/2000000",
        lsn_stop="0/2000100",
    )


def fence(name: str, cluster: str, taken_at: datetime, lsn: str = "0/5000148") -> Fence:
    return Fence(
        cluster=cluster,
        name=name,
        taken_at=taken_at,
        timeline=1,
        lsn=lsn,
        end_lsn="0/5000160",
        segment="000000010000000000000005",
        counts={cluster: {"public.orders": 3, "public.tenants": 2}},
        digests={},
        production=production(cluster),
    )


def fences(name: str, taken_at: datetime, lsn: str = "0/5000148") -> Mapping[str, Fence]:
    return {cluster: fence(name, cluster, taken_at, lsn) for cluster in CLUSTERS}


def passed(check: str) -> CheckResult:
    return CheckResult(check, Outcome.PASS, f"{check} is well")
