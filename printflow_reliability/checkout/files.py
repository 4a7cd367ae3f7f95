"""The print files of a synthetic order, by their bytes: in the bucket, and as the customer gets them."""

from pathlib import Path

from printflow_reliability.checkout.journey import Judged
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.orders.guard_pass import base_paths
from printflow_reliability.orders.judgement import HELD_VERDICTS, in_place, problem_of
from printflow_reliability.orders.problems import Kind
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.pdf.ledger import MemoryLedger
from printflow_reliability.pdf.verify import PdfVerifier
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.paid_orders import PaidItem
from printflow_reliability.platform.synthetic_orders import SyntheticOrder
from printflow_reliability.settings import Settings

UNTOLD = (Kind.UNREADABLE, Kind.UNJUDGED, Kind.UNINSPECTED)


class OrderFiles:
    """Print files of the synthetic tenant's orders; every one is read for this, whatever is known of it."""

    def __init__(self, settings: Settings, tenant: str, worker: InspectionWorker) -> None:
        self._settings, self._tenant, self._worker = settings, tenant, worker
        self._checksums: dict[str, str] = {}

    def judge(self, order: SyntheticOrder) -> Judged:
        """As the guard judges the files of any order.

        Raises:
            CouldNotTell: the bucket or the database does not answer.
            ConfigError: a query is refused.
        """
        paths = base_paths(self._settings)
        keys = [key for key in order.keys if key is not None]
        bucket = self._settings.bucket_named(self._settings.orders.bucket)
        verifier = PdfVerifier(bucket, MemoryLedger(), self._worker)
        placed = [key for key in keys if in_place(key, self._tenant, paths)]
        files = {judged.key: judged for judged in verifier.verify(dict.fromkeys(placed), everything=True)}
        for key in keys:
            if problem := problem_of(PaidItem(order.order, self._tenant, None, key), paths, files):
                outcome = Outcome.UNKNOWN if problem.kind in UNTOLD else Outcome.FAIL
                return Judged(outcome, f"order {order.order}: its {problem.text} ({key})")
        self._checksums = {
            key: judged.inspection.sha256
            for key, judged in files.items()
            if judged.inspection is not None and judged.inspection.sha256 is not None
        }
        return Judged(Outcome.PASS)

    def compare(self, order: SyntheticOrder, download: Path) -> Judged:
        """Whether a download can be printed, and has the bytes of one of the order's own files.

        Raises:
            CouldNotTell: the inspection cannot be started.
        """
        try:
            inspection = self._worker.inspect(download)
        except OSError as unreadable:
            raise CouldNotTell(f"the download of order {order.order} cannot be read: {unreadable.strerror}") from None
        if inspection.verdict in HELD_VERDICTS:
            said = f"the download of order {order.order} is {inspection.verdict}: {inspection.reason}"
            return Judged(Outcome.FAIL, said)
        if inspection.sha256 not in self._checksums.values():
            said = f"the download of order {order.order} is another file than the order's own, by its bytes"
            return Judged(Outcome.FAIL, f"{said} ({', '.join(sorted(self._checksums))}): it may be another customer's")
        if inspection.verdict is Verdict.UNKNOWN:
            return Judged(Outcome.UNKNOWN, f"the download of order {order.order}: {inspection.reason}")
        return Judged(Outcome.PASS)
