"""The manifest of a rollback, in the bucket of reports: for each key the version of then and what was current before.

It is there before the first object is touched: whatever happens afterwards can be undone by it.
"""

import json
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO

from botocore.exceptions import ClientError

from printflow_reliability.errors import ConfigError
from printflow_reliability.files.rollback.plan import Scope, Steps
from printflow_reliability.files.rollback.since import Step
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.silence import chunks

IN_MEMORY = 16 * 1024**2
WITHOUT_PLACE = "drills.reports_bucket: is missing, and a rollback is not begun without a manifest to undo it by"


def key_of(number: int) -> str:
    """Where the manifest of a rollback is."""
    return f"rollbacks/{number}/manifest.jsonl"


def place_of(settings: Settings) -> BucketSettings:
    """The bucket of manifests.

    Raises:
        ConfigError: there is none.
    """
    if settings.drills.reports_bucket is None:
        raise ConfigError(WITHOUT_PLACE, 'reports_bucket = "NAME" in [drills], the name of a [[bucket]]')
    return settings.bucket_named(settings.drills.reports_bucket)


def keep(place: BucketSettings, number: int, scope: Scope, steps: Steps, began: datetime) -> None:
    """Write a manifest.

    Raises:
        CouldNotTell: the bucket does not take it.
    """
    head = {
        "rollback": number,
        "to": scope.moment.isoformat(),
        "tenant": scope.tenant.id if scope.tenant else None,
        "began_at": began.isoformat(),
        "steps": len(steps),
    }
    with SpooledTemporaryFile(max_size=IN_MEMORY) as body, s3_errors(place):
        body.write(json.dumps(head).encode() + b"\n")
        for step in steps:
            body.write(json.dumps(step.as_json()).encode() + b"\n")
        body.seek(0)
        s3_client(place).upload_fileobj(
            body, place.bucket, key_of(number), ExtraArgs={"ContentType": "application/x-ndjson"}
        )


def read(place: BucketSettings, number: int, steps: Steps) -> None:
    """Read the steps of a manifest.

    Raises:
        ConfigError: there is none of that number, or it is not whole.
        CouldNotTell: the bucket does not answer.
    """
    with SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        with s3_errors(place):
            client = s3_client(place)
            try:
                answer = client.get_object(Bucket=place.bucket, Key=key_of(number))
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "NoSuchKey":
                    raise
                raise ConfigError(
                    f"there is no rollback {number}", f"aws s3 ls s3://{place.bucket}/rollbacks/ lists them"
                ) from None
            for chunk in chunks(place, answer["Body"]):
                body.write(chunk)
        body.seek(0)
        _read(body, number, steps)


def _read(body: IO[bytes], number: int, steps: Steps) -> None:
    head = json.loads(body.readline())
    for line in body:
        steps.add(Step.of_json(json.loads(line)))
    if len(steps) != head["steps"]:
        raise ConfigError(f"the manifest of rollback {number} holds {len(steps):,} of {head['steps']:,} steps")
