"""A file that is offered for an order, as it is now: judged by the very rules by which the guard judges linked ones."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.orders.acceptance.accepted_files import Records, accepted_elsewhere
from printflow_reliability.orders.guard import MEND_ROWS
from printflow_reliability.orders.guard_pass import base_paths
from printflow_reliability.orders.judgement import UnknownOrder, in_place, problem_of
from printflow_reliability.orders.problems import Kind, Problem, accept_command, next_step
from printflow_reliability.pdf.inspection import Inspection, Verdict
from printflow_reliability.pdf.ledger import Ledger
from printflow_reliability.pdf.verify import Pace, PdfVerification, PdfVerifier
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.paid_orders import PaidItem, PaidItems, paid_items
from printflow_reliability.platform.tenancy import BasePaths
from printflow_reliability.settings import Settings
from printflow_reliability.storage.lookup import By
from printflow_reliability.storage.objects import ObjectHead

MISSING, MISPLACED = "missing", "misplaced"
"""What is said of a file that was not inspected: it is not there, or it is not this order's to print."""
VERDICTS = {Kind.MISSING: MISSING, Kind.MISPLACED: MISPLACED}
LOOKS = 3
"""How often a file is looked at again that was replaced while it was inspected."""


@dataclass(frozen=True)
class OfferedFile:
    """A file as it is now.

    Attributes:
        verdict: of its inspection, or "missing", or "misplaced".
        reason: why it must not be printed; empty where it may.
        head: the object that was inspected; None where none was.
        inspection: of just that object.
    """

    verdict: str
    reason: str = ""
    head: ObjectHead | None = None
    inspection: Inspection | None = None


class FileLook:
    """Looks at files of one order after the other, and remembers what the platform says of paid orders."""

    def __init__(
        self, settings: Settings, records: Records, worker: InspectionWorker, pace: Pace, version: str
    ) -> None:
        """Prepare to look.

        Args:
            settings: the whole file.
            records: an open connection.
            worker: inspects files.
            pace: how much time there is.
            version: what the files are offered for.
        """
        self._settings = settings
        self._version = version
        self._records = records
        ledger = Ledger(records, settings.orders.bucket, worker.rules.fingerprint)
        self._verifier = PdfVerifier(settings.bucket_named(settings.orders.bucket), ledger, worker)
        self._pace = pace

    def tenant_of(self, order: str, named: str | None, accepted: Collection[str]) -> str:
        """Whose order it is: that of `orders.paid`, and of an order that is no longer paid the one it was accepted for.

        Args:
            order: its number; two tenants may count their orders alike.
            named: the tenant that the caller means, if it says so.
            accepted: the tenants for whom a file was accepted for an order of that number.

        Raises:
            UnknownOrder: there is no such order, or none of the tenant that is named.
            CouldNotTell: the database does not answer, or does not say whose order it is.
        """
        items = [item for item in self._paid.items if item.order == order]
        if named is not None and (named in accepted or any(item.tenant == named for item in items)):
            return named
        if refusal := next((item.refusal for item in items if item.refusal), ""):
            raise CouldNotTell(f"whose order {order} is cannot be told: {refusal}", MEND_ROWS)
        if not items and self._paid.unread:
            raise CouldNotTell(f"whether there is a paid order {order} is not known: {self._paid.unread}", MEND_ROWS)
        if any(item.tenant is None for item in items):
            raise CouldNotTell(f"orders.paid does not say whose order {order} is", MEND_ROWS)
        owners = sorted({item.tenant for item in items if item.tenant is not None} or {*accepted})
        if not owners or named is not None:
            of_whom = "waiting for print" if named is None else "of that tenant"
            raise UnknownOrder(f"there is no paid order {order} {of_whom}", "printflow orders held")
        if len(owners) > 1:
            several = f"{len(owners)} tenants have one"
            raise CouldNotTell(f"whose order {order} is cannot be told: {several}", "name the tenant")
        return owners[0]

    def linked(self, order: str) -> frozenset[str | None]:
        """What the items of an order are linked to."""
        return frozenset(item.key for item in self._paid.items if item.order == order)

    def offered(self, order: str, tenant: str, key: str) -> OfferedFile:
        """A file that is offered for an order, as it is now; one that is another order's is none of this order's.

        Raises:
            CouldNotTell: the database or S3 does not answer, or the file cannot be judged.
        """
        if in_place(key, tenant, self._paths) and (other := self._of_another_order(order, key)) is not None:
            return OfferedFile(MISPLACED, f"it is the print-ready file of order {other}")
        return self.now(order, tenant, key)

    def now(self, order: str, tenant: str, key: str) -> OfferedFile:
        """A file of an order as it is now.

        Raises:
            CouldNotTell: the database or S3 does not answer, or the file cannot be judged.
        """
        judged = self._judged(key) if in_place(key, tenant, self._paths) else None
        files = {} if judged is None else {key: judged}
        problem = problem_of(PaidItem(order, tenant, None, key), self._paths, files)
        if problem is None and judged is not None and judged.inspection is not None:
            return OfferedFile(judged.inspection.verdict, "", judged.head, judged.inspection)
        if problem is None or problem.kind not in (*VERDICTS, Kind.UNUSABLE):
            again = accept_command(order, self._version, f"s3://{self._settings.orders.bucket}/{key}")
            raise _untold(problem, order, tenant, again)
        inspection = None if judged is None else judged.inspection
        verdict = VERDICTS.get(problem.kind) or (inspection.verdict if inspection else Verdict.UNUSABLE)
        return OfferedFile(verdict, problem.text)

    def _judged(self, key: str) -> PdfVerification:
        """What is known of one key once a look did not have to fetch it: so that it was not replaced meanwhile.

        Raises:
            CouldNotTell: S3 does not answer, or it was replaced again and again.
        """
        for _ in range(LOOKS):
            (judged,) = self._verifier.verify_within([key], self._pace, By.HEAD)
            unknown = judged.inspection is not None and judged.inspection.verdict is Verdict.UNKNOWN
            if not judged.fetched or unknown:
                return judged
        raise CouldNotTell(f"{key} is replaced again and again", "ask again when nobody writes it any more")

    def _of_another_order(self, order: str, key: str) -> str | None:
        """Another order that this file is for; None where it is linked to this order too, as of an order repeated."""
        if key in self.linked(order):
            return None
        if linked := {item.order for item in self._paid.items if item.key == key}:
            return min(linked)
        return accepted_elsewhere(self._records, self._settings.orders.bucket, key, order)

    @cached_property
    def _paid(self) -> PaidItems:
        return paid_items(self._settings)

    @cached_property
    def _paths(self) -> BasePaths:
        return base_paths(self._settings)


def _untold(problem: Problem | None, order: str, tenant: str, again: str) -> CouldNotTell:
    if problem is None or problem.kind is Kind.UNINSPECTED:
        # Who asks by HTTP has half a minute; the command has no limit, and the ledger answers whoever asks after it.
        what = "the print-ready file could not be judged" if problem is None else problem.text
        return CouldNotTell(what, f"ask again; if the file is too large for the time: {again}")
    return CouldNotTell(problem.text, next_step(problem, order, tenant))
