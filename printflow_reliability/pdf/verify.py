"""Judging objects: what the ledger knows is believed for the same content; everything else is fetched and inspected."""

import math
import random
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from printflow_reliability.pdf.inspection import Inspection, Problem, Verdict, concluded
from printflow_reliability.pdf.ledger import Verdicts
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_errors
from printflow_reliability.storage.lookup import UNVERSIONED, By, look_up
from printflow_reliability.storage.objects import NOT_THERE, ObjectHead
from printflow_reliability.storage.silence import receive
from printflow_reliability.storage.single_keys import Refusal, SingleKeys
from printflow_reliability.storage.workers import Workers
from printflow_reliability.text import storable

BATCH = 2_000
"""Keys that are looked up together: the more, the more of them lie in one folder."""
INSPECTIONS_AT_ONCE = 4
"""Files that are fetched and inspected at a time: what bounds the disk that a sweep takes."""


@dataclass(frozen=True)
class PdfVerification:
    """One object, what is known of it, and whether it had to be fetched for that.

    Attributes:
        key: the key that was asked for.
        head: None where no object is there, or nothing could be told of it.
        inspection: None where it was not judged: not there, put off, or refused.
        fetched: whether its bytes were read for it.
        refused: why the store gives nothing of this one key; empty where it does.
    """

    key: str
    head: ObjectHead | None
    inspection: Inspection | None = None
    fetched: bool = False
    refused: str = ""


@dataclass(frozen=True)
class Pace:
    """How much time there is for files that must be fetched.

    Attributes:
        until: the moment of the monotonic clock after which none is begun.
        stop: the moment at which what was begun is given up.
        patience: seconds that the inspection of a file may take before it is put off until after the others.
    """

    until: float = math.inf
    stop: float = math.inf
    patience: float = math.inf


class _OtherBytesError(Exception):
    """What is sent is not what was seen."""


class PdfVerifier:
    """Judges the objects of one bucket."""

    def __init__(self, bucket: BucketSettings, ledger: Verdicts, worker: InspectionWorker) -> None:
        """Args: the bucket, the ledger of its files, the worker for what that does not know."""
        self._bucket = bucket
        self._single = SingleKeys(bucket)
        self._client = self._single.client
        self._worker = worker
        self._ledger = ledger

    def verify(self, keys: Iterable[str], *, everything: bool = False) -> Iterator[PdfVerification]:
        """Judge each of these keys once, in no order.

        Args:
            keys: exact keys; any number, only some are held at a time.
            everything: fetch also what the ledger knows.

        Raises:
            CouldNotTell: the bucket does not answer; nothing is concluded from that.
        """
        with self._files() as directory:
            remaining = iter(keys)
            while batch := tuple(islice(remaining, BATCH)):
                unknown = []
                for judged in self._look(batch, everything=everything):
                    if judged.head is None or judged.inspection is not None:
                        yield judged
                    else:
                        unknown.append(judged)
                yield from self._fetch_and_inspect(unknown, directory, Pace())

    def verify_within(self, keys: Sequence[str], pace: Pace, by: By) -> Iterator[PdfVerification]:
        """Judge each of these keys once as far as the time goes: where it ends, a file is not judged yet.

        Files new to the ledger come in random order, so that none has to wait behind the same others at each look;
        those that once took too long come last, with all the time that is left.

        Args:
            keys: exact keys.
            pace: how much time there is.
            by: how it is found out which objects are there.

        Raises:
            CouldNotTell: the bucket does not answer; nothing is concluded from that.
        """
        new, slow = [], []
        with self._files() as directory:
            for judged in self._look(keys, by=by):
                if judged.head is None:
                    yield judged
                elif judged.inspection is None:
                    new.append(judged)
                elif judged.inspection.verdict is Verdict.UNKNOWN:
                    slow.append(judged)
                else:
                    yield judged
            for files, pace_of_these in ((new, pace), (slow, replace(pace, patience=math.inf))):
                random.shuffle(files)
                yield from self._fetch_and_inspect(files, directory, pace_of_these)

    @contextmanager
    def _files(self) -> Iterator[Path]:
        """A directory for files while they are judged; threads that nobody waits for may still write to it."""
        with (
            tempfile.TemporaryDirectory(prefix="printflow-pdf-", ignore_cleanup_errors=True) as directory,
            s3_errors(self._bucket),
        ):
            yield Path(directory)

    def _look(self, keys: Sequence[str], *, everything: bool = False, by: By = By.SURE) -> Iterator[PdfVerification]:
        found = look_up(self._bucket, keys, by, single=self._single)
        known = {} if everything else self._ledger.known(keys)
        for key in keys:
            there = found[key]
            if isinstance(there, Refusal):
                yield PdfVerification(key, None, refused=there.reason)
            elif there is None:
                yield PdfVerification(key, None)
            else:
                yield PdfVerification(key, there, known.get((storable(key), there.etag, there.size)))

    def _fetch_and_inspect(
        self, wanted: Sequence[PdfVerification], directory: Path, pace: Pace
    ) -> Iterator[PdfVerification]:
        """Fetch and inspect some files side by side; only this thread writes to the ledger."""
        waiting: deque[Future[PdfVerification]] = deque()
        with Workers(INSPECTIONS_AT_ONCE) as pool:
            for number, judged in enumerate(wanted):
                if time.monotonic() > pace.until:
                    yield judged
                    continue
                waiting.append(pool.submit(partial(self._fetched_and_inspected, judged, directory / str(number), pace)))
                if len(waiting) >= INSPECTIONS_AT_ONCE:
                    yield self._remembered(waiting.popleft())
            while waiting:
                yield self._remembered(waiting.popleft())

    def _remembered(self, future: "Future[PdfVerification]") -> PdfVerification:
        judged = future.result()
        if judged.head is not None and judged.inspection is not None:
            self._ledger.remember(judged.key, judged.head, judged.inspection)
        return judged

    def _fetched_and_inspected(self, judged: PdfVerification, path: Path, pace: Pace) -> PdfVerification:
        """Fetch exactly what was seen, and inspect it."""
        head = judged.head
        assert head is not None  # noqa: S101 - only what is there is fetched
        limit = self._worker.rules.max_bytes
        if head.size > limit:
            large = Problem("too_large", f"it has {head.size:,} bytes, the limit is {limit:,}")
            return PdfVerification(judged.key, head, concluded([large]))
        try:
            fetched = self._fetch(judged.key, head, path, pace.stop)
            if fetched is None:
                return judged  # it is too large for the time that is left
            inspection = self._worker.inspect(path, patience=pace.patience, until=pace.stop)
            return PdfVerification(judged.key, fetched, inspection, fetched=True)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "?")
            if code in (*NOT_THERE, "NoSuchVersion"):
                return PdfVerification(judged.key, None)
            if code in ("412", "PreconditionFailed"):
                return judged  # it was replaced meanwhile; the next look sees what by
            refused = self._single.refusal(judged.key, error, reading=True)
            return PdfVerification(judged.key, None, refused=f"{refused.reason} when it is read")
        except (ReadTimeoutError, ConnectTimeoutError):
            # Should the store hang for every object, the next request says so.
            return PdfVerification(judged.key, None, refused="the store does not send it in time")
        except _OtherBytesError:
            return PdfVerification(judged.key, None, refused="the store sends something else than it tells of")
        finally:
            path.unlink(missing_ok=True)

    def _fetch(self, key: str, head: ObjectHead, path: Path, stop: float) -> ObjectHead | None:
        """Fetch a version, or what a listing told of if it is still that; what was fetched, with its version.

        None where it took too long.
        """
        bucket = self._bucket.bucket
        if head.version_id in (UNVERSIONED, "null") and not head.prior:
            answer = self._client.get_object(Bucket=bucket, Key=key, IfMatch=f'"{head.etag}"')
        else:
            answer = self._client.get_object(Bucket=bucket, Key=key, VersionId=head.version_id)
        with path.open("wb") as file:
            if not receive(self._bucket, answer["Body"], file, until=stop):
                return None
            size = file.tell()
        if size != head.size or answer.get("ETag", head.etag).strip('"') != head.etag:
            raise _OtherBytesError  # a proxy's page, with 200: no verdict on the file may come of that
        return ObjectHead(answer.get("VersionId", "null"), head.etag, head.size, head.modified_at)
