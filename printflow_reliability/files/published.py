"""All findings of a pass in the bucket of reports: JSON Lines for programs, Parquet for SQL over many passes.

Parquet comes in parts, each written from batches: a million findings are never in memory together.
"""

import gzip
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from tempfile import TemporaryFile
from typing import IO

from printflow_reliability.files.spool import batches
from printflow_reliability.findings import Finding
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client, s3_errors

COLUMNS = tuple(field.name for field in fields(Finding))
NUMBERS = ("bytes",)
PART_ROWS, BATCH_ROWS = 50_000, 5_000
JSON_LINES = {"ContentType": "application/x-ndjson", "ContentEncoding": "gzip"}
PARQUET = {"ContentType": "application/vnd.apache.parquet"}


def publish(place: BucketSettings, number: int, findings: Iterable[Finding]) -> tuple[str, str]:
    """Write the findings of a pass; the addresses of the JSON Lines and of the folder with the Parquet.

    Args:
        place: the bucket of reports.
        number: of the pass.
        findings: they are read twice.

    Raises:
        CouldNotTell: the bucket refuses, or does not answer.
    """
    lines, folder = f"findings/{number}/findings.jsonl.gz", f"findings/{number}/parquet/"
    with TemporaryFile(prefix="printflow-findings-") as body:
        with gzip.open(body, "wt", encoding="utf-8") as text:
            for finding in findings:
                text.write(json.dumps(finding.as_json()) + "\n")
        _upload(place, lines, body, JSON_LINES)
    coming = iter(findings)
    for part in itertools.count():
        rows = itertools.islice(coming, PART_ROWS)
        first = next(rows, None)
        if first is None and part:
            break
        with TemporaryFile(prefix="printflow-findings-") as body:
            write_parquet_part(body, itertools.chain(() if first is None else (first,), rows))
            _upload(place, f"{folder}part-{part:05}.parquet", body, PARQUET)
    return f"s3://{place.bucket}/{lines}", f"s3://{place.bucket}/{folder}"


def write_parquet_part(target: IO[bytes], findings: Iterable[Finding]) -> None:
    """Write findings as one Parquet file: a column for each field, NULL where a finding has none."""
    from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema  # only who publishes needs it
    from arro3.io import write_parquet

    types = {name: DataType.int64() if name in NUMBERS else DataType.utf8() for name in COLUMNS}
    schema = Schema([Field(name, kind, nullable=True) for name, kind in types.items()])

    def columns(rows: Sequence[Finding]) -> list[Array]:
        documents = [finding.as_json() for finding in rows]
        return [Array([document[name] for document in documents], type=kind) for name, kind in types.items()]

    written = [RecordBatch.from_arrays(columns(rows), schema=schema) for rows in batches(findings, BATCH_ROWS)]
    write_parquet(RecordBatchReader.from_batches(schema, written), target, compression="zstd(3)")


def _upload(place: BucketSettings, key: str, body: IO[bytes], kind: Mapping[str, str]) -> None:
    body.seek(0)
    with s3_errors(place):
        s3_client(place).upload_fileobj(body, place.bucket, key, ExtraArgs=dict(kind))
