"""What an inspection says of one PDF: the verdict, and the problems that led to it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from printflow_reliability.text import storable

INSPECTOR = 4
"""Counts what inspections look at: verdicts of an earlier one are not believed."""


class Verdict(StrEnum):
    """Whether a PDF can go to print; the order of the members is from good to worst."""

    GOOD = "good"
    REPAIRABLE = "repairable"
    UNPRINTABLE = "unprintable"
    UNKNOWN = "unknown"
    UNUSABLE = "unusable"


VERDICT_OF = {
    "repaired": Verdict.REPAIRABLE,
    "warnings": Verdict.REPAIRABLE,
    "page_count": Verdict.REPAIRABLE,
    "low_resolution": Verdict.UNPRINTABLE,
    "font_not_embedded": Verdict.UNPRINTABLE,
    "trim_box_missing": Verdict.UNPRINTABLE,
    "trim_box_outside": Verdict.UNPRINTABLE,
    "not_judged": Verdict.UNKNOWN,
}
"""What each problem means for the file; one that is not listed makes it unusable."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a PDF: a stable code and a sentence's part for a person."""

    code: str
    detail: str

    def __post_init__(self) -> None:
        # Names and messages of a hostile file: what the ledger or a terminal could not take must not get far.
        object.__setattr__(self, "detail", storable(self.detail))


@dataclass(frozen=True)
class Inspection:
    """The outcome for one file; `pages` and `sha256` are None where the file could not be read that far."""

    verdict: Verdict
    pages: int | None
    problems: tuple[Problem, ...]
    sha256: str | None

    def as_json(self) -> dict[str, Any]:
        """As `pdf inspect` prints it, and as it travels out of the worker."""
        return asdict(self)

    @property
    def reason(self) -> str:
        """What is wrong, worst first, in a few words; empty for a good file."""
        return "; ".join(problem.detail for problem in sorted(self.problems, key=_rank, reverse=True)[:3])


@dataclass(frozen=True)
class Rules:
    """Limits of an inspection (bytes, pages) and what print-ready means (effective dots per inch, fonts, boxes)."""

    max_bytes: int
    max_pages: int
    min_dpi: float
    require_embedded_fonts: bool
    require_trim_box: bool

    @property
    def fingerprint(self) -> str:
        """Changes when a rule does: then what the ledger knows was judged by other rules."""
        rules = json.dumps([INSPECTOR, asdict(self)], sort_keys=True)
        return hashlib.sha256(rules.encode()).hexdigest()[:16]


def concluded(problems: Iterable[Problem], *, pages: int | None = None, sha256: str | None = None) -> Inspection:
    """An inspection whose verdict is that of its worst problem."""
    found = tuple(problems)
    verdict = max(
        (VERDICT_OF.get(problem.code, Verdict.UNUSABLE) for problem in found), key=_order, default=Verdict.GOOD
    )
    return Inspection(verdict, pages, found, sha256)


def from_json(document: Mapping[str, Any]) -> Inspection:
    """The inspection that `as_json` wrote."""
    problems = tuple(Problem(str(problem["code"]), str(problem["detail"])) for problem in document["problems"])
    return Inspection(Verdict(document["verdict"]), document["pages"], problems, document["sha256"])


def _rank(problem: Problem) -> int:
    return _order(VERDICT_OF.get(problem.code, Verdict.UNUSABLE))


def _order(verdict: Verdict) -> int:
    return list(Verdict).index(verdict)
