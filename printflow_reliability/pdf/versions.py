"""Judging versions of files by the bytes of each, whatever the ledger knows of the version: what a drill does."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from printflow_reliability.pdf.inspection import Inspection, Verdict
from printflow_reliability.pdf.ledger import Content
from printflow_reliability.pdf.verify import Pace, PdfVerification, PdfVerifier
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.settings import BucketSettings, PdfSettings
from printflow_reliability.storage.objects import ObjectHead


class _NoLedger:
    """Nothing is believed, and nothing is kept: whoever reads decides what the ledger hears of."""

    def known(self, keys: Sequence[str]) -> Mapping[Content, Inspection]:
        """Nothing."""
        del keys
        return {}

    def remember(self, key: str, head: ObjectHead, inspection: Inspection) -> None:
        """Forget it."""


class ContentWorker(InspectionWorker):
    """Inspects files, but for those whose very bytes were judged by the same rules before: a verdict is of bytes."""

    def __init__(self, settings: PdfSettings) -> None:
        """Args: limits and rules."""
        super().__init__(settings)
        self._judged: Mapping[str, Inspection] = {}

    def believe(self, inspections: Iterable[Inspection]) -> None:
        """Take verdicts by these rules for those of the bytes with their SHA-256."""
        sure = (found for found in inspections if found.sha256 and found.verdict is not Verdict.UNKNOWN)
        self._judged = {found.sha256 or "": found for found in sure}

    def inspect(self, path: Path, *, patience: float = math.inf, until: float = math.inf) -> Inspection:
        """As `InspectionWorker.inspect`.

        Raises:
            CouldNotTell: the worker cannot be started.
            OSError: the file cannot be opened.
        """
        if self._judged:
            with path.open("rb") as file:
                known = self._judged.get(hashlib.file_digest(file, "sha256").hexdigest())
            if known is not None:
                return known
        return super().inspect(path, patience=patience, until=until)


class VersionVerifier(PdfVerifier):
    """Judges given versions of the objects of one bucket."""

    def __init__(self, bucket: BucketSettings, worker: InspectionWorker) -> None:
        """Args: the bucket, and what inspects its files."""
        super().__init__(bucket, _NoLedger(), worker)

    def read(self, versions: Mapping[str, ObjectHead], pace: Pace) -> Iterator[PdfVerification]:
        """Fetch and inspect each of these versions as far as the time goes, in their order.

        Where it ended, `inspection` is None.

        Args:
            versions: by key.
            pace: how much time there is.

        Raises:
            CouldNotTell: the bucket does not answer.
        """
        with self._files() as directory:
            wanted = [PdfVerification(key, head) for key, head in versions.items()]
            yield from self._fetch_and_inspect(wanted, directory, pace)
