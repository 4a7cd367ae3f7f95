"""Events as AWS documents them for S3 (SeaweedFS sends none), with the names of this project's buckets and keys."""

import json
from datetime import UTC, datetime
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


TEST_EVENT = json.dumps(
    {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-02T02:00:00.000Z", "Bucket": "files"}
)
"""What S3 sends once, when notifications are configured."""


def journal_of(*events: str, age: str = "1 minute") -> str:
    """A query that returns these events, the last of this age."""
    rows = ", ".join(
        f"({number}, now() - interval '{age}', $event${event}$event$)" for number, event in enumerate(events)
    )
    return f"SELECT number::bigint, at, event FROM (VALUES {rows}) AS journal (number, at, event)"
