"""Bring missing objects back: from a prior version, or from the replica. Nothing that is there is ever replaced.

What to heal is what a reconciliation finds missing and restorable, asked anew; each object is looked for once more just
before it is written, and read back afterwards. A run that was killed is simply run again.
"""

import hashlib
import json
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psycopg
from botocore.exceptions import ClientError

from printflow_reliability.checks import Outcome
from printflow_reliability.console import Advance
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files import kinds
from printflow_reliability.files.presence import Presence, kept_version
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.platform.tenancy import BasePaths
from printflow_reliability.platform.tenancy import tenants as all_tenants
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_client, s3_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LOCK = "file healing"
IN_MEMORY = 16 * 1024**2
CHUNK = 1024**2
WITHOUT_COPY = (kinds.MISSING_LOST, kinds.NEAR_MISS)
KEPT_HEADERS = ("ContentType", "ContentEncoding", "ContentDisposition", "CacheControl", "Metadata")
CHANGED = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")
AUDIT = """
INSERT INTO file_heals (bucket, key, tenant, source, version_id, new_version_id, bytes, sha256)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""


class Deed(StrEnum):
    """What became of one missing object."""

    PLANNED = "planned"
    HEALED = "healed"
    THERE = "there"
    FAILED = "failed"
    UNHEALABLE = "unhealable"


@dataclass(frozen=True)
class HealAction:
    """One missing object, and what is or was done about it.

    Attributes:
        bucket: its bucket, by the name in printflow.toml.
        source: the bucket that still has it; None if none does.
        version_id: the version there.
        size: bytes; None where there is no copy.
    """

    deed: Deed
    bucket: str
    key: str
    tenant: str | None
    owner: str | None
    detail: str
    source: str | None = None
    version_id: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class HealReport:
    """All missing objects, those that need a person first."""

    applied: bool
    actions: Sequence[HealAction]

    def count(self, *deeds: Deed) -> int:
        """How many objects this became of."""
        return sum(one.deed in deeds for one in self.actions)

    @property
    def exit_code(self) -> int:
        """0 if nothing is left to do, 1 if something is."""
        return 1 if self.count(Deed.PLANNED, Deed.FAILED, Deed.UNHEALABLE) else 0

    def as_json(self) -> dict[str, Any]:
        """The document of `files heal --json`; what failed counts as planned and not healed."""
        return {
            "applied": self.applied,
            "planned": self.count(Deed.PLANNED, Deed.HEALED, Deed.THERE, Deed.FAILED),
            "healed": self.count(Deed.HEALED, Deed.THERE),
            "unhealable": self.count(Deed.UNHEALABLE),
            "actions": [asdict(one) for one in self.actions],
        }


def heal(
    settings: Settings, *, tenants: Sequence[str] | None = None, apply: bool = False, advance: Advance | None = None
) -> HealReport:
    """Find what is missing, and bring back what can be.

    Args:
        settings: the whole file.
        tenants: only these tenants' files, by id; None for all.
        apply: write; otherwise only plan.
        advance: hears how many objects were dealt with.

    Raises:
        ConfigError: a bucket has no credentials that may write.
        LockHeld: somebody else is healing.
        CouldNotTell: a database or a bucket is unreachable.
    """
    if not apply:
        return HealReport(False, _ordered(_plan(settings, tenants)))
    require_healers(settings)
    with open_records(settings.records) as records, exclusive(records, LOCK):
        planned, done = _plan(settings, tenants), []
        # A reference query may name buckets row by row.
        require_healers(settings, {one.bucket for one in planned})
        for number, action in enumerate(planned, 1):
            done.append(_carry_out(settings, records, action) if action.deed is Deed.PLANNED else action)
            if advance is not None:
                advance(number)
    return HealReport(True, _ordered(done))


def require_healers(settings: Settings, buckets: Collection[str] = ()) -> None:
    """Raises:
    ConfigError: one of these buckets, or one that references point into, has no credentials to heal it with.
    """
    used = {*buckets, *(reference.bucket for reference in settings.reference)}
    for index, bucket in enumerate(settings.bucket):
        if bucket.name in used and not (bucket.heal_access_key_id and bucket.heal_secret_access_key):
            raise ConfigError(
                f"bucket[{index}].heal_access_key_id: is missing, and --apply needs a key that may write to "
                f"{bucket.name}",
                'heal_access_key_id = "env:NAME" and heal_secret_access_key = "env:NAME" in its [[bucket]]',
            )


def _plan(settings: Settings, tenants: Sequence[str] | None) -> list[HealAction]:
    """What a reconciliation finds missing now; each object once, however many references name it."""
    with tempfile.TemporaryDirectory(prefix="printflow-heal-") as directory:
        file = Path(directory) / "findings.jsonl"
        report = reconcile(settings, tenants=tenants, findings_file=file)
        for check in report.checks:
            if check.outcome is Outcome.UNKNOWN:
                raise CouldNotTell(f"what is missing cannot be told: {check.detail}")
        paths = BasePaths(all_tenants(settings))
        found: dict[tuple[str | None, str | None], HealAction] = {}
        for finding in _missing(file):
            found.setdefault((finding.bucket, finding.key), _action(settings, paths, finding))
    return list(found.values())


def _missing(file: Path) -> Iterator[Finding]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            finding = Finding(**{**one, "severity": Severity(one["severity"])})
            # What only a deleted row refers to and nobody has is no work for anybody.
            lost = finding.kind in WITHOUT_COPY and finding.severity is not Severity.INFO
            if lost or finding.kind == kinds.MISSING_RESTORABLE:
                yield finding


def _action(settings: Settings, paths: BasePaths, finding: Finding) -> HealAction:
    bucket, key = finding.bucket or "", finding.key or ""
    action = HealAction(Deed.UNHEALABLE, bucket, key, finding.tenant, finding.owner, finding.action)
    if finding.kind in WITHOUT_COPY:
        return action
    if key.endswith("/"):
        return replace(action, detail="a whole folder: which of its objects should be there is not known here")
    base_path = paths.of.get(finding.tenant or "")
    if base_path is None or not key.startswith(base_path):
        return replace(action, detail="it lies outside of its tenant's own path, where nothing is written")
    own = settings.bucket_named(bucket)
    replica = Presence(settings.bucket_named(own.replica)) if own.replica else None
    copy = kept_version(Presence(own), replica, key, finding.version_id or "")
    if copy is None:
        return replace(action, detail="its last copy went away meanwhile")
    return replace(
        action,
        deed=Deed.PLANNED,
        detail=f"copy version {copy.version_id} of bucket {copy.bucket.name} back",
        source=copy.bucket.name,
        version_id=copy.version_id,
        size=copy.size,
    )


def _carry_out(settings: Settings, records: psycopg.Connection, action: HealAction) -> HealAction:
    """Copy one object back; a failure is its own, and others go on."""
    bucket = settings.bucket_named(action.bucket)
    source = settings.bucket_named(action.source or action.bucket)
    try:
        if Presence(bucket).head(action.key) is not None:
            return replace(action, deed=Deed.THERE, detail="it is there again: somebody was faster")
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
            headers, sha256 = _read(source, action, body)
            written = _write(bucket, action.key, body, headers)
        if written is None:
            return replace(action, deed=Deed.THERE, detail="it is there again: somebody was faster")
        if _hash_of(bucket, action.key, written) != sha256:
            removed = _take_back(bucket, action.key, written)
            detail = f"what was written reads back differently; it was {'removed' if removed else 'left there'}"
            return replace(action, deed=Deed.FAILED, detail=detail)
    except CouldNotTell as failed:
        return replace(action, deed=Deed.FAILED, detail=failed.sentence)
    where = (action.bucket, action.key, action.tenant, action.source, action.version_id, written)
    records.execute(AUDIT, (*where, action.size, sha256))
    return replace(action, deed=Deed.HEALED, detail=f"back from version {action.version_id} of bucket {source.name}")


def _read(source: BucketSettings, action: HealAction, body: IO[bytes]) -> tuple[Mapping[str, Any], str]:
    """Fetch the copy, by its version; the headers worth keeping, and the SHA-256 of what was read."""
    digest = hashlib.sha256()
    with s3_errors(source):
        wanted = {"VersionId": action.version_id} if action.version_id not in (None, "null") else {}
        answer = s3_client(source).get_object(Bucket=source.bucket, Key=action.key, **wanted)  # type: ignore[arg-type]
        for chunk in answer["Body"].iter_chunks(CHUNK):
            digest.update(chunk)
            body.write(chunk)
    if body.tell() != action.size:
        raise CouldNotTell(f"{source.name} sent {body.tell()} bytes of {action.key!r}, not {action.size}", "try again")
    body.seek(0)
    return {name: answer[name] for name in KEPT_HEADERS if answer.get(name)}, digest.hexdigest()  # type: ignore[literal-required]


def _write(bucket: BucketSettings, key: str, body: IO[bytes], headers: Mapping[str, Any]) -> str | None:
    """Write the object unless there is one by now; the new version's id, or None if there is."""
    with s3_errors(bucket):
        try:
            answer = _healer(bucket).put_object(Bucket=bucket.bucket, Key=key, Body=body, IfNoneMatch="*", **headers)
        except ClientError as refused:
            if refused.response.get("Error", {}).get("Code") in CHANGED:
                return None
            raise
    return answer.get("VersionId", "null")


def _hash_of(bucket: BucketSettings, key: str, version: str) -> str:
    digest = hashlib.sha256()
    with s3_errors(bucket):
        wanted = {"VersionId": version} if version != "null" else {}
        answer = s3_client(bucket).get_object(Bucket=bucket.bucket, Key=key, **wanted)  # type: ignore[arg-type]
        for chunk in answer["Body"].iter_chunks(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _take_back(bucket: BucketSettings, key: str, version: str) -> bool:
    """Remove the version that was written; without versioning the object may be somebody else's by now, and stays."""
    if version == "null":
        return False
    with s3_errors(bucket):
        _healer(bucket).delete_object(Bucket=bucket.bucket, Key=key, VersionId=version)
    return True


def _healer(bucket: BucketSettings) -> "S3Client":
    writing = {"access_key_id": bucket.heal_access_key_id, "secret_access_key": bucket.heal_secret_access_key}
    return s3_client(bucket.model_copy(update=writing))


def _ordered(actions: Sequence[HealAction]) -> list[HealAction]:
    order = [Deed.FAILED, Deed.UNHEALABLE, Deed.PLANNED, Deed.HEALED, Deed.THERE]
    return sorted(actions, key=lambda one: order.index(one.deed))
