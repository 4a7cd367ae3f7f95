"""The first look of a reconciliation: all references of a bucket beside all its objects, each read once, in order."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.files.known_content import KnownContent, read_ledger
from printflow_reliability.files.presence import Presence
from printflow_reliability.files.scan import Candidates, Scope, scan
from printflow_reliability.platform.catalog import Catalog
from printflow_reliability.platform.tenancy import BasePaths, Tenant
from printflow_reliability.progress import Advance
from printflow_reliability.storage.listing import read_in_order
from printflow_reliability.storage.pages import StoredObject
from printflow_reliability.storage.sources import Source

CLOCKS = timedelta(seconds=5)
"""How far the clocks of a bucket and a database may be apart without an overwritten object being overlooked."""


@dataclass(frozen=True)
class FirstLook:
    """What a bucket is first looked at with.

    Attributes:
        catalog: the reference queries.
        tenants: all that the platform names.
        records: hold the checksums that are known; None where they are away.
        as_of: the moment that the databases stand at, if that is not now.
    """

    catalog: Catalog
    tenants: Sequence[Tenant]
    records: psycopg.Connection[TupleRow] | None
    as_of: datetime | None

    def at(self, present: Presence, source: Source, scope: Scope, advance: Advance | None) -> Candidates:
        """What is suspicious in a bucket, or in one tenant's part of it."""
        only = [tenant for tenant in self.tenants if tenant.id == scope.tenant] if scope.tenant is not None else None
        paths, settled = BasePaths(self.tenants), _settled(self.as_of)

        def read(objects: Iterator[StoredObject]) -> Candidates:
            with ExitStack() as stack:
                known = None
                if self.records is not None and self.catalog.knows_checksums:
                    ledger = stack.enter_context(closing(read_ledger(self.records, present.bucket.name)))
                    known = KnownContent(ledger)
                references = stack.enter_context(closing(self.catalog.references(present.bucket.name, only)))
                return scan(references, objects, paths, present.bucket.bucket, scope, known, advance, settled)

        return read_in_order(source, "", read)


def _settled(as_of: datetime | None) -> datetime | None:
    """A little before the moment: buckets date objects to the second, and by another clock than the databases'."""
    return None if as_of is None else as_of - CLOCKS
