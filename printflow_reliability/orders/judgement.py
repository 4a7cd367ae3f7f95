"""Judging paid orders from what was read: pure, and one order's oddity stays that order's.

What could not be told of a file waits like a file that has not come yet: within the grace period an order is waiting,
and after it the order is held with that reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any

from printflow_reliability.errors import ConfigError
from printflow_reliability.orders.problems import Kind, Problem
from printflow_reliability.orders.rolled_back import RolledBack
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.pdf.verify import PdfVerification
from printflow_reliability.platform.paid_orders import PaidItem
from printflow_reliability.platform.tenancy import BasePaths
from printflow_reliability.records.quarantine import Quarantined

HELD_VERDICTS = (Verdict.UNUSABLE, Verdict.UNPRINTABLE)


class UnknownOrder(ConfigError):
    """No paid order has that number, or none of the tenant that was named."""


@dataclass(frozen=True)
class Override:
    """A named person lets an order go on until a moment, whatever is wrong with it."""

    person: str
    reason: str
    until: datetime


@dataclass(frozen=True)
class OrderAnswer:
    """The guard's answer for one order: ready, waiting within the grace period, or not ready and why."""

    order: str
    tenant: str | None
    paid_at: datetime | None
    problems: tuple[Problem, ...] = ()
    waiting: bool = False
    override: Override | None = None

    @property
    def ready(self) -> bool:
        """Whether the order may go to print."""
        return not self.problems or self.override is not None

    @property
    def wrong(self) -> bool:
        """Whether the order must be held."""
        return not self.ready and not self.waiting

    def as_json(self) -> dict[str, Any]:
        """As `orders check` prints it."""
        document: dict[str, Any] = {
            "order": self.order,
            "ready": self.ready,
            "reasons": [problem.text for problem in self.problems],
        }
        if self.override is not None:
            document["override"] = self.override.__dict__
        return document


def check_items(
    items: Sequence[PaidItem],
    paths: BasePaths,
    files: Mapping[str, PdfVerification],
    overrides: Mapping[str, Override],
    now: datetime,
    grace_seconds: float,
    rolled_back: RolledBack = MappingProxyType({}),
    quarantined: Mapping[str, Quarantined] = MappingProxyType({}),
) -> tuple[OrderAnswer, ...]:
    """The answer for each order of these items, the one paid longest ago first.

    Args:
        items: of every order to be judged.
        paths: the base paths of all tenants.
        files: what is known of each key that lies under its tenant's base path.
        overrides: those in force, by order.
        now: on the clock that payments are dated by.
        grace_seconds: how long after its payment an order may wait for its artwork.
        rolled_back: the rollbacks that took files back under paid orders.
        quarantined: what of the keys without an object was moved aside as an orphan.
    """
    answers = []
    in_order = sorted(items, key=lambda item: (item.order, item.key is None, item.key or ""))
    for order, group in groupby(in_order, key=lambda item: item.order):
        found = list(group)
        paid_at = min((item.paid_at for item in found if item.paid_at is not None), default=None)
        problems = tuple(
            replace(problem, item=item)
            for item in found
            if (problem := _problem(item, paths, files, rolled_back, quarantined)) is not None
        )
        # A payment in the future is a clock that is off by no more than the grace period, or nobody's to wait for.
        young = paid_at is not None and abs((now - paid_at).total_seconds()) < grace_seconds
        answers.append(
            OrderAnswer(order, found[0].tenant, paid_at, problems, bool(problems) and young, overrides.get(order))
        )
    return tuple(sorted(answers, key=lambda answer: (answer.paid_at is not None, answer.paid_at or now, answer.order)))


def _problem(
    item: PaidItem,
    paths: BasePaths,
    files: Mapping[str, PdfVerification],
    rolled_back: RolledBack,
    quarantined: Mapping[str, Quarantined],
) -> Problem | None:
    found = problem_of(item, paths, files) or _taken_back(item, rolled_back)
    held = quarantined.get(item.key or "")
    if found is not None and found.kind is Kind.MISSING and held is not None:
        return Problem(Kind.QUARANTINED, item.key, f"print-ready file is {held.sentence}: {held.release_command}")
    return found


def _taken_back(item: PaidItem, rolled_back: RolledBack) -> Problem | None:
    number = rolled_back.get((item.order, item.key or ""))
    if number is None:
        return None
    said = f"print-ready file was taken back to an older version by files rollback {number}"
    return Problem(Kind.ROLLED_BACK, item.key, said)


def keys_in_place(items: Sequence[PaidItem], paths: BasePaths) -> frozenset[str]:
    """The keys that lie under their tenant's own base path; no other is ever asked for."""
    return frozenset(item.key for item in items if item.key is not None and in_place(item.key, item.tenant, paths))


def in_place(key: str, tenant: str | None, paths: BasePaths) -> bool:
    """Whether a key lies under a tenant's own base path and no other tenant's within it, and is not the path itself.

    A tenant without base paths may have its files anywhere but under another's, whatever the key's spelling.
    """
    own = paths.of.get(tenant) if tenant is not None else None
    if own is None or key in own:
        return False
    if paths.owner_of(key) != tenant and (own or paths.owners_meant(key, "")):
        return False
    return ".." not in key.replace("\\", "/").split("/")


def problem_of(item: PaidItem, paths: BasePaths, files: Mapping[str, PdfVerification]) -> Problem | None:
    """What is wrong with one item's artwork; None where nothing is."""
    if item.refusal:
        return Problem(Kind.REFUSED, item.key, f"orders.paid fails on its rows: {item.refusal}")
    if not item.key:
        return Problem(Kind.UNLINKED, item.key, "print-ready file was never linked")
    if item.tenant is None:
        return Problem(Kind.NO_TENANT, item.key, "whose order it is cannot be told, and so not whose file it may print")
    if item.tenant not in paths.of:
        return Problem(
            Kind.UNKNOWN_TENANT, item.key, f"tenancy.tenants gives its tenant {item.tenant} no base path of its own"
        )
    if not in_place(item.key, item.tenant, paths):  # also where its rightful owner refers to it
        return Problem(Kind.MISPLACED, item.key, "print-ready file lies outside its tenant's own path")
    judged = files.get(item.key)
    if judged is None:
        return Problem(Kind.UNJUDGED, item.key, "print-ready file has not been looked up yet")
    if judged.refused:
        return Problem(Kind.UNREADABLE, item.key, f"print-ready file cannot be read: {judged.refused}")
    if judged.head is None:
        return Problem(Kind.MISSING, item.key, "print-ready file is not in the bucket")
    inspection = judged.inspection
    if inspection is None:
        return Problem(Kind.UNINSPECTED, item.key, "print-ready PDF has not been inspected yet")
    if inspection.verdict is Verdict.UNKNOWN:
        return Problem(Kind.UNJUDGED, item.key, f"print-ready PDF could not be judged: {inspection.reason}")
    if inspection.verdict in HELD_VERDICTS:
        return Problem(Kind.UNUSABLE, item.key, f"print-ready PDF is {inspection.verdict}: {inspection.reason}")
    return None
