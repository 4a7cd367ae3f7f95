"""The findings of a reconciliation in sentences for a person: what is wrong, on what evidence, what to do now."""

from collections.abc import Sequence

from printflow_reliability.errors import Refused
from printflow_reliability.files import kinds
from printflow_reliability.files.content import Difference
from printflow_reliability.files.kept_copies import KeptCopy
from printflow_reliability.files.near_miss import difference
from printflow_reliability.files.regenerations import Named
from printflow_reliability.findings import Finding
from printflow_reliability.platform.catalog import NAME_THE_BUCKET, Reference, unknown_place
from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability.settings import ReferenceSettings
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.text import counted, moment, shell_word, size

TENANTS_NAMED = 3
MAKE_AGAIN = {
    "print-ready": "render it again from its design, or ask the customer for the artwork; hold the order until then",
    "design": "ask the customer for the artwork again",
    "proof": "render the proof again",
    "image": "upload the image again",
    "derived": "derive it again from its source",
}


def restorable_version(reference: Reference, settings: ReferenceSettings, copy: KeptCopy) -> Finding:
    """Missing now, but a version of it is still in its bucket or in the replica."""
    return _finding(
        kinds.MISSING_RESTORABLE,
        reference,
        settings,
        f'{_owner(reference)}: its file is missing; bucket "{copy.bucket.name}" still holds the version of '
        f"{moment(copy.modified_at)} ({size(copy.size)}){_refuted(copy)}",
        _choose(reference)
        if copy.refuted
        else f"bring version {copy.version_id} of bucket {copy.bucket.name} back: {_heal(reference)}",
        version_id=copy.version_id,
    )


def restorable_copy(reference: Reference, settings: ReferenceSettings, copy: KeptCopy) -> Finding:
    """Missing now, but the replica has it."""
    return _finding(
        kinds.MISSING_RESTORABLE,
        reference,
        settings,
        f'{_owner(reference)}: its file is missing with all its versions; bucket "{copy.bucket.name}" holds it '
        f"({size(copy.size)}){_refuted(copy)}",
        _choose(reference) if copy.refuted else f"bring it back from bucket {copy.bucket.name}: {_heal(reference)}",
        version_id=copy.version_id,
    )


def _refuted(copy: KeptCopy) -> str:
    archived = f"; it lies in {copy.archived}, and is restorable after a retrieval" if copy.archived else ""
    return (", which is not what the database knows" if copy.refuted else "") + archived


def _choose(reference: Reference) -> str:
    return f"choose among its versions: printflow files heal --key {shell_word(reference.key)}"


def _heal(reference: Reference) -> str:
    only = f" --tenant {reference.tenant}" if reference.tenant else ""
    return f"printflow files heal{only} --apply"


def in_quarantine(reference: Reference, settings: ReferenceSettings, held: Quarantined) -> Finding:
    """Missing since it was moved aside as an orphan; a row names it again."""
    return _finding(
        kinds.IN_QUARANTINE,
        reference,
        settings,
        f'{_owner(reference)}: its file is {held.sentence}, {size(held.bytes)} in bucket "{held.place}"',
        f"release it: {held.release_command}",
        version_id=held.version_id,
    )


def restorable_folder(reference: Reference, settings: ReferenceSettings, bucket: str) -> Finding:
    """Nothing is below a prefix now, but something was."""
    return _finding(
        kinds.MISSING_RESTORABLE,
        reference,
        settings,
        f'{_owner(reference)}: this folder is empty; bucket "{bucket}" still holds objects or versions below it',
        f"copy what bucket {bucket} has below it to {reference.bucket}",
    )


def lost(reference: Reference, settings: ReferenceSettings, replica: str | None) -> Finding:
    """Missing, and nothing is left of it."""
    nowhere = f'nor in its replica "{replica}"' if replica else "which has no replica"
    return _finding(
        kinds.MISSING_LOST,
        reference,
        settings,
        f'{_owner(reference)}: its file is lost: no version that holds bytes in bucket "{reference.bucket}", {nowhere}',
        MAKE_AGAIN[settings.kind],
    )


def near_miss(reference: Reference, settings: ReferenceSettings, near: str) -> Finding:
    """No such key, but one that a person would call the same."""
    return _finding(
        kinds.NEAR_MISS,
        reference,
        settings,
        f"{_owner(reference)}: there is no such key, but there is {near!r}: {difference(reference.key, near)}",
        f"if {near!r} is the file, correct the key in the row of {_owner(reference)}",
    )


def wrong_tenant(reference: Reference, settings: ReferenceSettings, whose: str | None) -> Finding:
    """A reference that leaves its tenant's base path for another's, or climbs."""
    where = "has a part that climbs out of its folder" if whose is None else f"lies under tenant {whose}"
    of = f" of tenant {reference.tenant}" if reference.tenant is not None else ""
    return _finding(
        kinds.WRONG_TENANT,
        reference,
        settings,
        f"{_owner(reference)}{of} refers to a key that {where}",
        "stop serving it, find out who wrote that key, and correct the row; the object itself is left alone",
    )


def names_nothing(reference: Reference, settings: ReferenceSettings, why: str) -> Finding:
    """A reference whose key no object can have."""
    return _finding(
        kinds.MISSING_LOST,
        reference,
        settings,
        f"{_owner(reference)}: it has no file: {why}",
        f"correct the key in the row of {_owner(reference)}, or the query that builds it",
    )


def unknown(reference: Reference, settings: ReferenceSettings, reason: str) -> Finding:
    """A reference whose object the store does not answer for."""
    return _finding(
        kinds.UNKNOWN,
        reference,
        settings,
        reason,
        "look at this object by hand: it may be encrypted with a customer's key",
    )


def unknown_bucket(reference: Reference, settings: ReferenceSettings) -> Finding:
    """A reference into a bucket that the file does not name."""
    return _finding(
        kinds.UNKNOWN,
        reference,
        settings,
        f"{_owner(reference)}: {unknown_place(reference.bucket)}",
        NAME_THE_BUCKET,
    )


def unknown_object(bucket: str, tenant: str | None, key: str, reason: str) -> Finding:
    """An object that the store lists and does not answer for."""
    return Finding(
        kind=kinds.UNKNOWN,
        severity=kinds.severity_of(kinds.UNKNOWN, "derived"),
        tenant=tenant,
        bucket=bucket,
        key=key,
        detail=reason,
        action="look at this object by hand; nothing is said of it",
    )


def odd_tenant(tenant: str, why: str, bucket: str | None) -> Finding:
    """A tenant whose files cannot be told from others'; with a bucket where they were not compared with it at all."""
    untold = "whether its references stay within it cannot be told"
    if bucket is not None:
        untold = f'its files in bucket "{bucket}" are compared only by a pass over all tenants'
    return Finding(
        kind=kinds.UNKNOWN,
        severity=kinds.severity_of(kinds.UNKNOWN, "derived"),
        tenant=tenant,
        bucket=bucket,
        detail=f"tenant {tenant} {why}: {untold}",
        action="give the tenant a base path of its own that ends in a slash, or have tenancy.tenants leave it out",
    )


def overlapping(tenant: str, why: str) -> Finding:
    """A tenant whose base path lies within another's, which printflow.toml does not say is meant so."""
    return Finding(
        kind=kinds.UNKNOWN,
        severity=kinds.severity_of(kinds.UNKNOWN, "derived"),
        tenant=tenant,
        detail=f"tenant {tenant} {why}: whose the files below it are is not certain",
        action="give each tenant a base path beside the others'; if it is meant so, set nested_base_paths = true in "
        "[tenancy] of printflow.toml",
    )


def unknown_tenants(settings: ReferenceSettings, tenants: Sequence[str]) -> Finding:
    """Rows of tenants that the platform does not name among its tenants."""
    return Finding(
        kind=kinds.UNKNOWN,
        severity=kinds.severity_of(kinds.UNKNOWN, "derived"),
        tenant=tenants[0] if len(tenants) == 1 else None,
        owner=f'reference "{settings.name}"',
        detail=f'reference "{settings.name}" returns rows of {_named(tenants)}, which tenancy.tenants does not return: '
        "whether they stay within their tenant cannot be told",
        action="correct tenancy.tenants, or the tenant that the query returns; a tenant that is gone has no rows",
    )


def without_keys(settings: ReferenceSettings) -> Finding:
    """A query that returns rows, and a key in none of them."""
    return Finding(
        kind=kinds.UNKNOWN,
        severity=kinds.severity_of(kinds.UNKNOWN, settings.kind),
        reference=settings.name,
        detail=f'reference "{settings.name}" returns rows, and its column "key" is NULL in each of them',
        action="correct the expression of its key; if no row has a file yet, have the query leave them out: "
        "WHERE ... IS NOT NULL",
    )


def left_out(tenant: str | None, bucket: str, why: Refused) -> Finding:
    """A tenant, or with None a whole bucket, that was not compared, since it looks like a misconfiguration."""
    return Finding(
        kind=kinds.UNKNOWN,
        severity=kinds.severity_of(kinds.UNKNOWN, "derived"),
        tenant=tenant,
        bucket=bucket,
        detail=why.what,
        action=why.next_step,
    )


def emptied(settings: ReferenceSettings, bucket: str, tenants: Sequence[str], rows: int) -> Finding:
    """A query that returned rows at the last pass and returns none now."""
    return _unread(
        settings,
        bucket,
        tenants,
        f'reference "{settings.name}" returned {counted(rows, "row")} at the last pass and returns none now for '
        f"{_named(tenants)}",
        f"correct the query in printflow.toml; if no such row is left: "
        f"printflow files reconcile --accept-empty {shell_word(settings.name)}",
    )


def mismatch(reference: Reference, settings: ReferenceSettings, there: ObjectHead, other: Difference) -> Finding:
    """The object is there and is not what the database says."""
    written = f"written {moment(there.modified_at)}"
    if other.column == "size":
        detail = f"{_owner(reference)} knows it with {other.known} bytes; the object has {other.found}, {written}"
    else:
        named = "ETag" if other.column == "etag" else other.column
        detail = f"{_owner(reference)} knows it with {named} {other.known}; the object, {written}, has {other.found}"
    return _finding(
        kinds.SIZE_MISMATCH if other.column == "size" else kinds.CHECKSUM_MISMATCH,
        reference,
        settings,
        detail,
        "compare it with its prior versions; hold what is printed from it until it is clear which one is right",
        version_id=there.version_id or None,
    )


def orphan(bucket: str, tenant: str | None, key: str, there: ObjectHead, newer: Named | None = None) -> Finding:
    """An object that nothing refers to; `newer` is the file that took its place."""
    superseded = f"; superseded by {newer.key!r} of {newer.owner or 'something'}" if newer else ""
    return Finding(
        kind=kinds.ORPHAN,
        severity=kinds.severity_of(kinds.ORPHAN, "derived"),
        tenant=tenant,
        bucket=bucket,
        key=key,
        version_id=there.version_id or None,
        detail=f"nothing refers to it; {size(there.size)}, written {moment(there.modified_at)}{superseded}",
        action="if something does need it, a reference query is missing: printflow files catalog; nothing is deleted",
        bytes=there.size,
        written_at=there.modified_at.isoformat(),
        superseded_by=newer.key if newer else None,
    )


def failing(settings: ReferenceSettings, bucket: str, tenants: Sequence[str], why: str) -> Finding:
    """A query that the database fails at for the rows of some tenants."""
    return _unread(
        settings,
        bucket,
        tenants,
        f'reference "{settings.name}" fails on rows of {_named(tenants)}: {why}',
        "correct these rows, or the query in printflow.toml",
    )


def _unread(settings: ReferenceSettings, bucket: str, tenants: Sequence[str], detail: str, action: str) -> Finding:
    """Rows of these tenants that a query does not return."""
    return Finding(
        kind=kinds.UNKNOWN,
        severity=kinds.severity_of(kinds.UNKNOWN, settings.kind),
        tenant=tenants[0] or None if len(tenants) == 1 else None,
        bucket=bucket,
        reference=settings.name,
        detail=detail,
        action=action,
    )


def _named(tenants: Sequence[str]) -> str:
    named = [f"tenant {name}" if name else "no tenant" for name in tenants[:TENANTS_NAMED]]
    more = f" and {len(tenants) - TENANTS_NAMED:,} more" if len(tenants) > TENANTS_NAMED else ""
    return f"{', '.join(named)}{more}"


def _owner(reference: Reference) -> str:
    return reference.owner or "something"


def _finding(
    kind: str,
    reference: Reference,
    settings: ReferenceSettings,
    detail: str,
    action: str,
    *,
    version_id: str | None = None,
) -> Finding:
    deleted = " (which is soft-deleted)" if reference.soft_deleted else ""
    return Finding(
        kind=kind,
        severity=kinds.severity_of(kind, settings.kind, soft_deleted=reference.soft_deleted),
        tenant=reference.tenant,
        bucket=reference.bucket,
        key=reference.key,
        version_id=version_id,
        reference=settings.name,
        owner=reference.owner,
        detail=detail[:1].upper() + detail[1:] + deleted,
        action=action[:1].upper() + action[1:],
    )
