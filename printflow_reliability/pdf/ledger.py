"""The ledger in the records: what is known of each version of each print file, so that nothing is fetched twice."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Protocol

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.pdf.inspection import Inspection, Problem, Verdict
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.text import storable

KNOWN = """
SELECT DISTINCT ON (key, etag, size) key, etag, size, verdict, pages, problems, sha256 FROM print_files
WHERE bucket = %s AND key = ANY(%s) AND rules = %s AND (try_again_at IS NULL OR try_again_at > now())
ORDER BY key, etag, size, checked_at DESC"""
REMEMBER = """
INSERT INTO print_files
    (bucket, key, version_id, etag, size, sha256, verdict, pages, problems, rules, checked_at, try_again_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now(), now() + %s)
ON CONFLICT (bucket, key, version_id) DO UPDATE
SET etag = excluded.etag, size = excluded.size, sha256 = excluded.sha256, verdict = excluded.verdict,
    pages = excluded.pages, problems = excluded.problems, rules = excluded.rules, checked_at = now(),
    try_again_at = excluded.try_again_at"""
CHECKSUMS = """
SELECT DISTINCT ON (key, etag, size) key, etag, size, sha256 FROM print_files WHERE bucket = %s AND key = ANY(%s)
ORDER BY key, etag, size, checked_at"""
"""What was read first, so that damage that was read since does not hide itself."""
TRY_AGAIN = {
    "not_judged": timedelta(hours=1),
    **dict.fromkeys(("timed_out", "crashed", "out_of_memory"), timedelta(days=1)),
}
"""Problems that may be the inspection's own: how long their verdict is believed."""

Content = tuple[str, str, int]
"""Key, etag and size: what tells one content from another, also where a listing told of it."""


def checksums(connection: psycopg.Connection[TupleRow], bucket: str, keys: Sequence[str]) -> Mapping[Content, str]:
    """The SHA-256, as lower-case hex, of every content of these keys that was ever read, by whatever rules."""
    rows = connection.execute(CHECKSUMS, (bucket, [storable(key) for key in keys])).fetchall()
    return {(key, etag, size): sha256 for key, etag, size, sha256 in rows}


class Verdicts(Protocol):
    """What is known of the content of files."""

    def known(self, keys: Sequence[str]) -> Mapping[Content, Inspection]:
        """What is known of any content of these keys."""

    def remember(self, key: str, head: ObjectHead, inspection: Inspection) -> None:
        """Keep the verdict on a version."""


class MemoryLedger:
    """A ledger for the time in which the records are away: it lasts as long as its process."""

    def __init__(self) -> None:
        self._known: dict[Content, Inspection] = {}

    def known(self, keys: Sequence[str]) -> Mapping[Content, Inspection]:
        """What is known of any content of any key; the caller asks for its own."""
        del keys
        return self._known

    def remember(self, key: str, head: ObjectHead, inspection: Inspection) -> None:
        """Keep the verdict on a version; one that was never read to its end is not kept."""
        if inspection.sha256 is not None:
            self._known[storable(key), head.etag, head.size] = inspection


class Ledger:
    """The ledger of one bucket, for verdicts by one set of rules."""

    def __init__(self, connection: psycopg.Connection[TupleRow], bucket: str, rules: str) -> None:
        """Args: an open connection to the records, the bucket's name in printflow.toml, the rules' fingerprint."""
        self._connection = connection
        self._bucket = bucket
        self._rules = rules

    def known(self, keys: Sequence[str]) -> dict[Content, Inspection]:
        """What is known of any content of these keys, judged by the same rules."""
        asked = [storable(key) for key in keys]
        rows = self._connection.execute(KNOWN, (self._bucket, asked, self._rules)).fetchall()
        return {
            (key, etag, size): Inspection(
                Verdict(verdict), pages, tuple(Problem(saved["code"], saved["detail"]) for saved in problems), sha256
            )
            for key, etag, size, verdict, pages, problems, sha256 in rows
        }

    def remember(self, key: str, head: ObjectHead, inspection: Inspection) -> None:
        """Keep the verdict on a version; one that was never read to its end has no checksum and is not kept."""
        if inspection.sha256 is None:
            return
        problems = json.dumps([asdict(problem) for problem in inspection.problems])
        again = min((TRY_AGAIN[found.code] for found in inspection.problems if found.code in TRY_AGAIN), default=None)
        self._connection.execute(
            REMEMBER,
            (
                *(self._bucket, storable(key), head.version_id, head.etag, head.size, inspection.sha256),
                *(inspection.verdict, inspection.pages, problems, self._rules, again),
            ),
        )
