"""One repository's ledger in the records, which may be away: then nothing is known, and all is read."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from printflow_reliability.backups.ledger.entries import LedgerEntry, changed, keep_files, known_files
from printflow_reliability.errors import PrintflowError
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import RecordsSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LedgerStore:
    """The ledger of a cluster's repository."""

    records: RecordsSettings
    cluster: str
    repository: int

    def known(self) -> dict[str, LedgerEntry]:
        """Its entries by name; none where the records are away."""
        try:
            with open_records(self.records) as records:
                return known_files(records, self.cluster, self.repository)
        except PrintflowError as away:
            log.warning("what was read before is not known: %s", away.what)
            return {}

    def keep(self, entries: Mapping[str, LedgerEntry | None]) -> None:
        """Keep changes; None forgets an entry. Where the records are away, what was read now is read again."""
        if not entries:
            return
        try:
            with open_records(self.records) as records:
                keep_files(records, self.cluster, self.repository, entries)
        except PrintflowError as away:
            log.warning("what was read is not remembered: %s", away.what)

    def replace(self, entries: Iterable[LedgerEntry]) -> None:
        """Keep these entries and no others."""
        self.keep(changed(self.known(), entries))
