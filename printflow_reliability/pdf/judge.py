"""Judging objects: what the ledger knows is believed for the same version; everything else is fetched and inspected."""

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import psycopg
from botocore.exceptions import ClientError
from psycopg.rows import TupleRow

from printflow_reliability.pdf.inspection import Inspection, Problem, concluded
from printflow_reliability.pdf.ledger import Ledger
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.objects import NOT_THERE, ObjectHead, head

BATCH = 256
LOOKS_AT_ONCE = 16
FETCHES_AT_ONCE = 4
WAITING_FILES = 8
"""Fetched files that wait for the worker: what bounds the disk that a sweep takes."""
CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Judged:
    """One object: its version, what is known of it, and whether it had to be fetched for that.

    `head` is None where no object is there; `inspection` is None where it was not judged (not there, or put off).
    """

    key: str
    head: ObjectHead | None
    inspection: Inspection | None = None
    fetched: bool = False


class Judge:
    """Judges the objects of one bucket."""

    def __init__(self, bucket: BucketSettings, records: psycopg.Connection[TupleRow], worker: InspectionWorker) -> None:
        """Args: the bucket, an open connection to the records for the ledger, the worker for what it does not know."""
        self._bucket = bucket
        self._client = s3_client(bucket)
        self._worker = worker
        self._ledger = Ledger(records, bucket.name, worker.rules.fingerprint)

    def judge(
        self, keys: Iterable[str], *, everything: bool = False, most_fetched: int | None = None
    ) -> Iterator[Judged]:
        """Judge each of these keys once, in no order.

        Args:
            keys: exact keys; any number, only some are held at a time.
            everything: fetch also what the ledger knows.
            most_fetched: put off what would have to be fetched beyond this many.

        Raises:
            CouldNotTell: the bucket does not answer; nothing is concluded from that.
        """
        left = most_fetched
        with tempfile.TemporaryDirectory(prefix="printflow-pdf-") as directory, s3_errors(self._bucket):
            remaining = iter(keys)
            while batch := tuple(islice(remaining, BATCH)):
                unknown = []
                for judged in self._look(batch, everything):
                    if judged.head is None or judged.inspection is not None:
                        yield judged
                    else:
                        unknown.append(judged)
                now = unknown if left is None else unknown[:left]
                yield from self._fetch_and_inspect(now, Path(directory))
                if left is not None:
                    left -= len(now)
                    yield from unknown[len(now) :]

    def _look(self, keys: Sequence[str], everything: bool) -> Iterator[Judged]:
        with ThreadPoolExecutor(max_workers=LOOKS_AT_ONCE) as pool:
            heads = list(pool.map(partial(head, self._client, self._bucket.bucket), keys))
        known = {} if everything else self._ledger.known(keys)
        for key, there in zip(keys, heads, strict=True):
            inspection = known.get((key, there.version_id, there.etag)) if there else None
            yield Judged(key, there, inspection)

    def _fetch_and_inspect(self, wanted: Sequence[Judged], directory: Path) -> Iterator[Judged]:
        """Fetch some files ahead while the worker inspects."""
        waiting: deque[tuple[Judged, Future[Path | None]]] = deque()
        with ThreadPoolExecutor(max_workers=FETCHES_AT_ONCE) as pool:
            try:
                for number, judged in enumerate(wanted):
                    waiting.append((judged, pool.submit(self._fetch, judged, directory / str(number))))
                    if len(waiting) >= WAITING_FILES:
                        yield self._inspect(*waiting.popleft())
                while waiting:
                    yield self._inspect(*waiting.popleft())
            finally:
                for _, future in waiting:
                    future.cancel()

    def _fetch(self, judged: Judged, path: Path) -> Path | None:
        """Fetch exactly the version that HEAD told of; None if it is gone by now, or too large to fetch."""
        assert judged.head is not None  # noqa: S101 - only what is there is fetched
        if judged.head.size > self._worker.rules.max_bytes:
            return None
        version = {} if judged.head.version_id == "null" else {"VersionId": judged.head.version_id}
        try:
            answer = self._client.get_object(Bucket=self._bucket.bucket, Key=judged.key, **version)  # type: ignore[arg-type]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in (*NOT_THERE, "NoSuchVersion"):
                return None
            raise
        with path.open("wb") as file:
            for chunk in answer["Body"].iter_chunks(CHUNK):
                file.write(chunk)
        return path

    def _inspect(self, judged: Judged, fetched: "Future[Path | None]") -> Judged:
        path = fetched.result()
        assert judged.head is not None  # noqa: S101 - only what is there is fetched
        if path is None and judged.head.size <= self._worker.rules.max_bytes:
            return Judged(judged.key, None)
        if path is None:
            limit = self._worker.rules.max_bytes
            large = Problem("too_large", f"it has {judged.head.size} bytes, the limit is {limit}")
            return Judged(judged.key, judged.head, concluded([large]))
        inspection = self._worker.inspect(path)
        path.unlink()
        self._ledger.remember(judged.key, judged.head, inspection)
        return Judged(judged.key, judged.head, inspection, fetched=True)
