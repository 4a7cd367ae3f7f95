"""Faults for the sandbox: each really breaks something, and says what must be found because of it.

`planted` mends what it broke, so that tests can share one sandbox.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.sandbox import database_faults, postgres, queue_faults, repository_faults, seaweedfs
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.seed import BUCKETS

VICTIMS = """
SELECT DISTINCT ON (o.id) i.id, o.id, o.tenant_id::text, i.print_ready_file
FROM order_items i JOIN orders o ON o.id = i.order_id
WHERE o.status = 'paid' AND o.deleted_at IS NULL
ORDER BY o.id, i.id OFFSET %s LIMIT 1"""

Mend = repository_faults.Mend


@dataclass(frozen=True)
class FaultTarget:
    """The order item that a fault is planted in: of a paid order, and of another one for each fault."""

    item: int
    order: int
    tenant: str
    key: str


@dataclass(frozen=True)
class Planted:
    """A fault that is now there: which check must ring, what it must say, and where."""

    fault: str
    check: str
    kind: str
    expected: str
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """A fault that can be planted. `kind` is the finding's kind that must be found, empty where it is a check alone."""

    name: str
    check: str
    kind: str
    expected: str
    plant: Callable[[SandboxHome], tuple[Mapping[str, str], Mend]]


def plant(home: SandboxHome, name: str) -> Planted:
    """Plant a fault for good."""
    return _plant(home, name)[0]


@contextmanager
def planted(home: SandboxHome, name: str) -> Iterator[Planted]:
    """Plant a fault for the block, and mend it afterwards."""
    fault, mend = _plant(home, name)
    try:
        yield fault
    finally:
        mend()


def _plant(home: SandboxHome, name: str) -> tuple[Planted, Mend]:
    fault = FAULTS[name]
    where, mend = fault.plant(home)
    return Planted(fault.name, fault.check, fault.kind, fault.expected, where), mend


def _target(home: SandboxHome, number: int) -> FaultTarget:
    with postgres.superuser(home, "live_db", "live_db") as connection:
        row = connection.execute(VICTIMS, (number,)).fetchone()
    if row is None:
        raise CouldNotTell("the sandbox has too few orders for this fault", "printflow sandbox up --orders 60")
    if row[3] is None:
        raise ConfigError(f"order {row[1]} has lost its print-ready file already: this fault is planted")
    return FaultTarget(*row)


def _where(target: FaultTarget, key: str | None = None) -> Mapping[str, str]:
    return {"order": str(target.order), "tenant": target.tenant, "bucket": "print-files", "key": key or target.key}


def _link(home: SandboxHome, target: FaultTarget, key: str | None) -> None:
    with postgres.superuser(home, "live_db", "live_db") as connection:
        connection.execute("UPDATE order_items SET print_ready_file = %s WHERE id = %s", (key, target.item))


def _body(home: SandboxHome, key: str) -> bytes:
    client = seaweedfs.client(home, "print-files")
    return client.get_object(Bucket="print-files", Key=key)["Body"].read()


def _put(home: SandboxHome, key: str, body: bytes, buckets: tuple[str, ...] = BUCKETS) -> None:
    for bucket in buckets:
        seaweedfs.client(home, bucket).put_object(Bucket=bucket, Key=key, Body=body)


def _erase(home: SandboxHome, key: str) -> None:
    """Remove every version and delete marker of a key, from the bucket and its replica."""
    for bucket in BUCKETS:
        client = seaweedfs.client(home, bucket)
        listed = client.list_object_versions(Bucket=bucket, Prefix=key)
        for version in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
            if version["Key"] == key:
                client.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])


def _link_lost(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    target = _target(home, 0)
    _link(home, target, None)
    return _where(target), lambda: _link(home, target, target.key)


def _object_deleted(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    target = _target(home, 1)
    body = _body(home, target.key)
    seaweedfs.client(home, "print-files").delete_object(Bucket="print-files", Key=target.key)
    return _where(target), lambda: _put(home, target.key, body, ("print-files",))


def _object_gone(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    target = _target(home, 2)
    body = _body(home, target.key)
    _erase(home, target.key)
    return _where(target), lambda: _put(home, target.key, body)


def _overwritten(
    number: int, change: Callable[[bytes], bytes]
) -> Callable[[SandboxHome], tuple[Mapping[str, str], Mend]]:
    def plant(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
        target = _target(home, number)
        body = _body(home, target.key)
        _put(home, target.key, change(body), ("print-files",))
        return _where(target), lambda: _put(home, target.key, body, ("print-files",))

    return plant


def _error_page(body: bytes) -> bytes:
    page = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
    return page + b"\n" * (len(body) - len(page))


def _wrong_tenant(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    target = _target(home, 5)
    with postgres.superuser(home, "live_db", "live_db") as connection:
        row = connection.execute(
            "SELECT i.print_ready_file FROM order_items i JOIN orders o ON o.id = i.order_id"
            " WHERE o.tenant_id <> %s AND o.deleted_at IS NULL ORDER BY i.id DESC LIMIT 1",
            (target.tenant,),
        ).fetchone()
    if row is None:
        raise CouldNotTell("the sandbox has one tenant only", "printflow sandbox up --tenants 3")
    _link(home, target, row[0])
    return _where(target, row[0]), lambda: _link(home, target, target.key)


def _near_miss(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    target = _target(home, 6)
    folder, _, name = target.key.rpartition("/")
    nearly = f"{folder}/{name.upper()}"
    _link(home, target, nearly)
    return _where(target, nearly), lambda: _link(home, target, target.key)


def _orphans(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    target = _target(home, 7)
    key = f"{target.key.removesuffix('.pdf')}-regenerated.pdf"
    _put(home, key, _body(home, target.key))
    return _where(target, key), lambda: _erase(home, key)


def _generation_failed(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    target = _target(home, 8)
    failed = queue_faults.print_job_failed(home, str(target.order), str(target.item), target.tenant)
    _link(home, target, None)

    def mend() -> None:
        _link(home, target, target.key)
        failed()

    return _where(target), mend


FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(
            "print_ready_link_lost",
            "orders.artwork",
            "",
            "the paid order is held: its print-ready file was never linked",
            _link_lost,
        ),
        Fault(
            "object_deleted",
            "files.missing",
            "missing_restorable",
            "the file is missing and a prior version or the replica has it",
            _object_deleted,
        ),
        Fault(
            "object_gone", "files.missing", "missing_lost", "the file is lost: nothing has it any more", _object_gone
        ),
        Fault(
            "pdf_truncated",
            "pdf.integrity",
            "unusable",
            "the print file is cut off",
            _overwritten(3, lambda body: body[: len(body) // 2]),
        ),
        Fault(
            "pdf_html_error",
            "pdf.integrity",
            "unusable",
            "the print file is an HTML page",
            _overwritten(4, _error_page),
        ),
        Fault(
            "wrong_tenant_path",
            "files.tenancy",
            "wrong_tenant",
            "the order's file lies under another tenant",
            _wrong_tenant,
        ),
        Fault(
            "key_near_miss",
            "files.missing",
            "near_miss",
            "the file exists under a key that differs in case",
            _near_miss,
        ),
        Fault(
            "orphaned_regenerations", "files.orphans", "orphan", "a regenerated file that nothing refers to", _orphans
        ),
        Fault(
            "foreign_key_violated",
            "drill.foreign_keys",
            "",
            "the drill finds an invoice of an order that does not exist",
            database_faults.foreign_key,
        ),
        Fault(
            "index_missing_rows",
            "drill.indexes",
            "",
            "the drill's amcheck finds an index that lacks rows",
            database_faults.index_missing_rows,
        ),
        Fault(
            "heap_truncated",
            "drill.fence",
            "",
            "the clone holds rows of audit_logs that production has lost",
            database_faults.heap_truncated,
        ),
        Fault(
            "wal_segment_missing",
            "wal.continuity",
            "",
            "a gap in live_db's archive, named by its segment",
            repository_faults.segment_missing,
        ),
        Fault(
            "backup_byte_flipped",
            "backup.integrity",
            "",
            "a damaged file in a backup of live_db, named by its backup",
            repository_faults.byte_flipped,
        ),
        Fault(
            "generation_failed",
            "orders.artwork",
            "",
            "the paid order is held: the job that makes its print file failed",
            _generation_failed,
        ),
        Fault(
            "job_waits",
            "queues.age",
            "",
            "a job waits for longer than it may: no worker takes it",
            queue_faults.job_waits,
        ),
        Fault("archiving_broken", "wal.lag", "", "WAL is no longer archived", database_faults.archiving_broken),
    )
}
