"""Accepted print files in the records: which file completed a version of an order, and what took its place since."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.pdf.inspection import Inspection
from printflow_reliability.storage.objects import ObjectHead

NEWEST = """
SELECT DISTINCT ON (tenant) number, tenant, bucket, key, version_id, etag, size, sha256, verdict, accepted_at
FROM accepted_files WHERE order_id = %s AND version = %s ORDER BY tenant, number DESC"""
# Of those that are for different orders and bring the same file at the same time, one is first.
ONE_BY_ONE = "SELECT pg_advisory_xact_lock(hashtextextended('printflow:accepted file ' || %s || '/' || %s, 0))"
# The primary key lets one of those through that bring the same number at the same time.
ADD = """
INSERT INTO accepted_files (order_id, version, number, tenant, bucket, key, version_id, etag, size, sha256, verdict)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (order_id, version, number) DO NOTHING
RETURNING number, tenant, bucket, key, version_id, etag, size, sha256, verdict, accepted_at"""
OF_ANOTHER_ORDER = "SELECT order_id FROM accepted_files WHERE bucket = %s AND key = %s AND order_id <> %s LIMIT 1"

Records = psycopg.Connection[TupleRow]


@dataclass(frozen=True)
class AcceptedFile:
    """A file as it was inspected and accepted.

    Attributes:
        number: 1 for the file that completed the version; one more for each that took its place.
        tenant: whose order it is for.
        bucket: as printflow.toml names it.
        key: exactly.
        version_id: of the object; "null" without versioning.
        etag: of the object, without quotes.
        size: in bytes.
        sha256: of its bytes, as hex.
        verdict: of the inspection.
        accepted_at: when.
    """

    number: int
    tenant: str
    bucket: str
    key: str
    version_id: str
    etag: str
    size: int
    sha256: str
    verdict: str
    accepted_at: datetime

    def holds(self, head: ObjectHead) -> bool:
        """Whether an object has the content that was accepted; a copy that was brought back has another version id."""
        return (head.etag, head.size) == (self.etag, self.size)


@dataclass(frozen=True)
class NewFile:
    """A file that is to be accepted, as it was inspected.

    Attributes:
        number: the one after that of the file before it, whatever tenant that is for.
        tenant: whose order it is for.
        bucket: as printflow.toml names it.
        key: exactly.
        head: the object that was inspected.
        inspection: of just that object.
        linked: whether the order is linked to it: only then it may be another order's too.
    """

    number: int
    tenant: str
    bucket: str
    key: str
    head: ObjectHead
    inspection: Inspection
    linked: bool


def newest(records: Records, order: str, version: str) -> dict[str, AcceptedFile]:
    """The file that counts for a version of an order, by tenant: two of them may count their orders alike."""
    rows = records.execute(NEWEST, (order, version)).fetchall()
    return {file.tenant: file for file in (AcceptedFile(*row) for row in rows)}


def add(records: Records, order: str, version: str, file: NewFile) -> AcceptedFile | None:
    """Accept a file; None where another one was accepted under that number meanwhile, or this one for another order."""
    head, inspection = file.head, file.inspection
    with records.transaction():
        records.execute(ONE_BY_ONE, (file.bucket, file.key))
        if not file.linked and accepted_elsewhere(records, file.bucket, file.key, order) is not None:
            return None
        row = records.execute(
            ADD,
            (
                *(order, version, file.number, file.tenant, file.bucket, file.key),
                *(head.version_id, head.etag, head.size, inspection.sha256, inspection.verdict),
            ),
        ).fetchone()
    return None if row is None else AcceptedFile(*row)


def accepted_elsewhere(records: Records, bucket: str, key: str, order: str) -> str | None:
    """Another order for which this very file was accepted; None where there is none."""
    row = records.execute(OF_ANOTHER_ORDER, (bucket, key, order)).fetchone()
    return None if row is None else str(row[0])
