"""Accepted print files in the records: which file completed a version of an order, and what took its place since."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.pdf.inspection import Inspection
from printflow_reliability.storage.objects import ObjectHead

NEWEST = """
SELECT number, tenant, bucket, key, version_id, etag, size, sha256, verdict, accepted_at FROM accepted_files
WHERE order_id = %s AND version = %s ORDER BY number DESC LIMIT 1"""
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
    """A file that is to be accepted, as it was inspected; `number` is the one after that of the file before it."""

    number: int
    tenant: str
    bucket: str
    key: str
    head: ObjectHead
    inspection: Inspection


def newest(records: Records, order: str, version: str) -> AcceptedFile | None:
    """The file that counts for a version of an order; None where none was accepted."""
    row = records.execute(NEWEST, (order, version)).fetchone()
    return None if row is None else AcceptedFile(*row)


def add(records: Records, order: str, version: str, file: NewFile) -> AcceptedFile | None:
    """Accept a file; None where another file was accepted under that number meanwhile."""
    head, inspection = file.head, file.inspection
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
