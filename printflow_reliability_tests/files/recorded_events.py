"""Events as AWS documents them for S3 (SeaweedFS sends none), with the names of this project's buckets and keys."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

AT = datetime(2026, 11, 2, 3, 0, 11, tzinfo=UTC)
USER = "AWS:AIDAJDPLRKLG7UEXAMPLE"


def notification(bucket: str, key: str, name: str = "ObjectRemoved:DeleteMarkerCreated", by: str = USER) -> str:
    """A message of S3's own notifications, version 2.2."""
    record = {
        "eventVersion": "2.2",
        "eventSource": "aws:s3",
        "awsRegion": "us-west-2",
        "eventTime": f"{AT:%Y-%m-%dT%H:%M:%S}.000Z",
        "eventName": name,
        "userIdentity": {"principalId": by},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "testConfigRule",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": {
                "key": quote_plus(key, safe="/"),
                "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }
    return json.dumps({"Records": [record]})


def bridged(bucket: str, key: str, kind: str = "Delete Marker Created", reason: str = "DeleteObject") -> str:
    """An event of EventBridge."""
    detail = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {
            "key": key,
            "etag": "d41d8cd98f00b204e9800998ecf8427e",
            "version-id": "1QW9g1Z99LUNbvaaYVpW9xDlOLU.qxgF",
            "sequencer": "617f0837b476e463",
        },
        "request-id": "0BH729840619AG5K",
        "requester": "123456789012" if reason == "DeleteObject" else "s3.amazonaws.com",
        "source-ip-address": "1.2.3.4",
        "reason": reason,
        "deletion-type": kind,
    }
    return json.dumps(
        {
            "version": "0",
            "id": "2ee9cc15-d022-99ea-1fb8-1b1bac4850f9",
            "detail-type": "Object Deleted",
            "source": "aws.s3",
            "account": "111122223333",
            "time": f"{AT:%Y-%m-%dT%H:%M:%SZ}",
            "region": "ca-central-1",
            "resources": [f"arn:aws:s3:::{bucket}"],
            "detail": detail,
        }
    )


def recorded(bucket: str, key: str, kind: str = "DELETE", **columns: Any) -> dict[str, Any]:
    """A row of the journal table of S3 Metadata: as given, a delete marker of a user."""
    row = {
        "bucket": bucket,
        "key": key,
        "sequence_number": "80e737d8b4e39f1dbdffffffffffffffff006737d8b4e39f1dbd00000000",
        "record_type": kind,
        "record_timestamp": f"{AT:%Y-%m-%d %H:%M:%S}.000",
        "version_id": "yJaUoSUGiMD9TPGOHMUXXLZTWZ8MXKsx",
        "is_delete_marker": kind == "DELETE",
        "size": None,
        "requester": "111122223333",
        "source_ip_address": "192.0.2.1",
        "request_id": "CVK8FWYRW0M9JW65",
    }
    return {**row, **columns}


DELETED_FOR_GOOD: dict[str, Any] = dict.fromkeys(("is_delete_marker", "requester", "source_ip_address", "request_id"))
"""What a row of the journal table does not tell of a version that is gone."""


TEST_EVENT = json.dumps(
    {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-02T02:00:00.000Z", "Bucket": "files"}
)
"""What S3 sends once, when notifications are configured."""


def table_of(*rows: Mapping[str, Any]) -> str:
    """A query that returns these rows of the journal table, with the types that it has."""
    return f"""
SELECT n AS number, now() - interval '1 minute' AS at, r.* FROM jsonb_array_elements($rows${json.dumps(rows)}$rows$)
WITH ORDINALITY AS a (event, n), jsonb_to_record(event) AS r (bucket text, key text, sequence_number text,
record_type text, record_timestamp timestamp, version_id text, is_delete_marker boolean, size bigint, requester text,
source_ip_address text, request_id text)"""


def journal_of(*events: str, age: str = "1 minute", kind: str = "text") -> str:
    """A query that returns these events, the last of this age; `kind` is the type of their column."""
    rows = ", ".join(
        f"({number}, now() - interval '{age}', $event${event}$event$)" for number, event in enumerate(events)
    )
    return f"SELECT number::bigint, at, event::{kind} FROM (VALUES {rows}) AS journal (number, at, event)"
