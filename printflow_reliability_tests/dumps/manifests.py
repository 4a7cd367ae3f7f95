"""Manifests of dumps for tests that need no server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from printflow_reliability.dumps.manifest import Content, Manifest, new_key

NOW = datetime(2026, 11, 18, 2, 30, tzinfo=UTC)
CONTENT = Content({"public.orders": 3}, {}, 0, 8_000_000, 150014, "UTF8", "C.UTF-8", "C.UTF-8")


def manifest(
    taken_at: datetime = NOW, *, cluster: str = "live_db", database: str = "live_db", **changes: Any
) -> Manifest:
    made = Manifest(
        cluster=cluster,
        database=database,
        key=new_key(cluster, database, taken_at, "daily"),
        version_id="v1",
        bytes=1000,
        sha256="0" * 64,
        archive_bytes=5000,
        taken_at=taken_at,
        retention="daily",
        locked_until=taken_at + timedelta(days=14),
        recipients=("age1x",),
        seconds=1.5,
        content=CONTENT,
    )
    return replace(made, **changes)
