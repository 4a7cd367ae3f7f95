"""Judging versions of files by the bytes of each, whatever the ledger knows of them: what a drill does."""

from collections.abc import Iterator, Mapping, Sequence

from printflow_reliability.pdf.inspection import Inspection
from printflow_reliability.pdf.ledger import Content
from printflow_reliability.pdf.verify import Pace, PdfVerification, PdfVerifier
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.objects import ObjectHead


class _NoLedger:
    """Nothing is believed, and nothing is kept: whoever reads decides what the ledger hears of."""

    def known(self, keys: Sequence[str]) -> Mapping[Content, Inspection]:
        """Nothing."""
        del keys
        return {}

    def remember(self, key: str, head: ObjectHead, inspection: Inspection) -> None:
        """Forget it."""


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
