"""The ledger in the records: what is known of each version of each print file, so that nothing is fetched twice."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.pdf.inspection import Inspection, Problem, Verdict
from printflow_reliability.storage.objects import ObjectHead

KNOWN = """
SELECT key, version_id, etag, verdict, pages, problems, sha256 FROM print_files
WHERE bucket = %s AND key = ANY(%s) AND rules = %s"""
REMEMBER = """
INSERT INTO print_files (bucket, key, version_id, etag, size, sha256, verdict, pages, problems, rules, checked_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now())
ON CONFLICT (bucket, key, version_id) DO UPDATE
SET etag = excluded.etag, size = excluded.size, sha256 = excluded.sha256, verdict = excluded.verdict,
    pages = excluded.pages, problems = excluded.problems, rules = excluded.rules, checked_at = now()"""

Version = tuple[str, str, str]
"""Key, version id and etag: what tells one content from another."""


class Ledger:
    """The ledger of one bucket, for verdicts by one set of rules."""

    def __init__(self, connection: psycopg.Connection[TupleRow], bucket: str, rules: str) -> None:
        """Args: an open connection to the records, the bucket's name in printflow.toml, the rules' fingerprint."""
        self._connection = connection
        self._bucket = bucket
        self._rules = rules

    def known(self, keys: Sequence[str]) -> dict[Version, Inspection]:
        """What is known of any version of these keys, judged by the same rules."""
        rows = self._connection.execute(KNOWN, (self._bucket, list(keys), self._rules)).fetchall()
        return {
            (key, version_id, etag): Inspection(
                Verdict(verdict), pages, tuple(Problem(one["code"], one["detail"]) for one in problems), sha256
            )
            for key, version_id, etag, verdict, pages, problems, sha256 in rows
        }

    def remember(self, key: str, head: ObjectHead, inspection: Inspection) -> None:
        """Keep the verdict on a version. One without a checksum was never read to its end, and is not kept."""
        if inspection.sha256 is None:
            return
        problems = json.dumps([asdict(one) for one in inspection.problems])
        self._connection.execute(
            REMEMBER,
            (
                *(self._bucket, key, head.version_id, head.etag, head.size, inspection.sha256),
                *(inspection.verdict, inspection.pages, problems, self._rules),
            ),
        )
