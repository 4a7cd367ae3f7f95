"""Copies of a configuration for tests that need no bucket: members, and manifests of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from printflow_reliability.config_backup.manifest import Copies, Entry, Manifest, StoredConfig, new_key
from printflow_reliability.config_backup.members import Fingerprints, Kind, Member, permissions
from printflow_reliability.text import storable

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
FINGERPRINTS = Fingerprints("a secret of the tests")
ENV = Member("files/srv/app/.env", Kind.FILE, b"APP_KEY=base64:c2VjcmV0\n", owner="www-data", group="www-data")
NGINX = Member("files/etc/nginx/nginx.conf", Kind.FILE, b"worker_processes auto;\n", mode=0o644)


def entry(member: Member) -> Entry:
    """What a manifest says of a member."""
    fingerprint = FINGERPRINTS.of(member) if member.compared else None
    owner, group = member.owner or str(member.uid), member.group or str(member.gid)
    return Entry(storable(member.path), member.kind, permissions(member.mode), owner, group, fingerprint)


def manifest(*members: Member, age_hours: float = 0, **said: Any) -> Manifest:
    """The manifest of a copy of these members."""
    taken_at = NOON - timedelta(hours=age_hours)
    made = Manifest(
        key=new_key("main", taken_at),
        version_id="1",
        bytes=1000,
        sha256="0" * 64,
        archive_bytes=10_240,
        taken_at=taken_at,
        locked_until=taken_at + timedelta(days=90),
        recipients=("age1...",),
        seconds=1.0,
        name="main",
        host="shop-1",
        config="/etc/printflow.toml",
        secret_id=FINGERPRINTS.secret_id,
        entries=tuple(map(entry, members)),
        troubles=(),
        redis={},
        dumps={},
    )
    return replace(made, **said)


def copies(manifests: Sequence[Manifest]) -> Copies:
    """These as whole copies in a bucket."""
    return Copies(tuple(StoredConfig(made, "1", True, False) for made in manifests), (), ())
