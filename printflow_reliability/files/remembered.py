"""What one reconciliation keeps for the next: the pass with its findings, and how long each finding has lasted.

All findings of a pass are also written into the bucket of reports, for whoever must work through more of them than a
screen holds.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files import kinds
from printflow_reliability.files.published import publish
from printflow_reliability.files.report import Tally
from printflow_reliability.files.spool import FindingsFile
from printflow_reliability.findings import Finding
from printflow_reliability.records import lasting_findings, passes, reference_rows
from printflow_reliability.records.database import open_records
from printflow_reliability.records.lasting_findings import About, Acknowledgement
from printflow_reliability.records.reference_rows import Rows
from printflow_reliability.settings import Settings


def from_before(
    settings: Settings,
    tenants: Sequence[str] | None,
    records: psycopg.Connection[TupleRow] | None,
    accept_empty: Sequence[str],
) -> tuple[Mapping[Rows, int], Mapping[About, Acknowledgement]]:
    """Rows at the last pass, without those of the references that may be empty now; and which findings are known.

    Raises:
        CouldNotTell: the records are away.
    """
    with nullcontext(records) if records is not None else open_records(settings.records) as connection:
        found = reference_rows.known(connection, tenants)
        known_of = lasting_findings.acknowledged(connection)
    return {whose: rows for whose, rows in found.items() if whose.reference not in accept_empty}, known_of


@dataclass
class Remembered:
    """One complete pass.

    Attributes:
        tenants: that it was about; None for all.
        warnings: gets what could not be kept.
        states: how many findings are in each state after it.
        published: where all findings are as JSON Lines, as an s3:// address.
        published_parquet: the folder in which they are as Parquet.
    """

    settings: Settings
    tenants: Sequence[str] | None
    started_at: datetime
    tally: Tally
    findings: FindingsFile
    warnings: list[str]
    states: dict[str, int] = field(default_factory=dict)
    published: str | None = None
    published_parquet: str | None = None

    def keep(self, rows: Mapping[Rows, int], kept: Collection[Rows]) -> int | None:
        """Keep the pass in the records: one over everything, or one for each tenant. Without records, a warning.

        Args:
            rows: of each query.
            kept: of these queries, those from before.
        """
        number = None
        try:
            with open_records(self.settings.records) as connection:
                reference_rows.remember(connection, rows, tenants=self.tenants, kept=kept)
                for tenant in (None,) if self.tenants is None else tuple(dict.fromkeys(self.tenants)):
                    with connection.transaction():
                        number = self._keep(connection, tenant)
        except (CouldNotTell, ConfigError) as away:
            self.warnings.append(f"this pass was not kept in the records: {away.sentence}")
            return None
        return number

    def _keep(self, connection: psycopg.Connection[TupleRow], tenant: str | None) -> int:
        counts = self.tally.counts if tenant is None else self.tally.tenants.get(tenant, Counter())
        finished_at = datetime.now(UTC)
        number = passes.store(
            connection,
            "reconcile",
            tenant=tenant,
            started_at=self.started_at,
            finished_at=finished_at,
            counts={kind: counts.get(kind, 0) for kind in kinds.KINDS},
            findings=self._of(tenant),
        )
        for state, count in lasting_findings.note(connection, number, tenant, finished_at).items():
            self.states[state] = self.states.get(state, 0) + count
        return number

    def publish(self, number: int) -> None:
        """Write all findings into the bucket of reports, if there is one; what it refuses is a warning."""
        name = self.settings.drills.reports_bucket
        if name is None:
            return
        try:
            self.published, self.published_parquet = publish(self.settings.bucket_named(name), number, self.findings)
        except (CouldNotTell, ConfigError) as away:
            self.warnings.append(f"the findings were not written into the bucket of reports: {away.sentence}")

    def _of(self, tenant: str | None) -> Iterator[Finding]:
        """The findings of a pass; what could not be judged of anybody could not of this tenant either."""
        for finding in self.findings:
            if tenant is None or finding.tenant == tenant:
                yield finding
            elif finding.tenant is None and finding.key is None and finding.kind == kinds.UNKNOWN:
                yield replace(finding, tenant=tenant)  # so that the tenant's next pass resolves it
