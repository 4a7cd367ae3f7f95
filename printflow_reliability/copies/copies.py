"""3-2-1-1-0 for each cluster and for print files, each digit from evidence that is gathered now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.backup_list import list_backups
from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict, answer, chosen
from printflow_reliability.backups.window.window import WindowReport, recoverable_window
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.copies.evidence import Dumps, copies_of, dumps_of, home_of, store_of
from printflow_reliability.copies.files import CHECK as FILES
from printflow_reliability.copies.files import FileCopies, file_copies, files_answer
from printflow_reliability.copies.lock_trial import try_lock
from printflow_reliability.copies.rules import Copy, Digit, digits
from printflow_reliability.drills.history import list_drills_of_backups
from printflow_reliability.dumps.store import NO_SECTION
from printflow_reliability.errors import PrintflowError
from printflow_reliability.settings import Settings
from printflow_reliability.text import seconds

DIGITS = {"copies": 3, "media": 2, "offsite": 1, "immutable": 1, "errors": 0}
"""Each digit's name, in the rule's order."""
OK = {Outcome.PASS: True, Outcome.UNKNOWN: None}
SHOWN = 3


@dataclass(frozen=True)
class CopiesReport:
    """The copies of the clusters asked for, the digits of each, those of print files, and the answers of the checks."""

    copies: tuple[Copy, ...]
    digits: tuple[Digit, ...]
    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float]
    files: tuple[FileCopies, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `copies` shows it."""
        answers = {check.check.removeprefix("copies."): check for check in self.checks}
        return {
            "ok": all(check.outcome is Outcome.PASS for check in self.checks),
            "rules": [
                {
                    "digit": digit,
                    "name": name,
                    "ok": OK.get(answers[name].outcome, False),
                    "evidence": answers[name].detail,
                }
                for name, digit in DIGITS.items()
            ],
            "copies": [{"cluster": copy.cluster, **_document(copy)} for copy in self.copies],
            "files": [
                {
                    "bucket": found.bucket,
                    "rules": [
                        {
                            "digit": DIGITS[digit.name],
                            "name": digit.name,
                            "ok": OK.get(digit.outcome, False),
                            "evidence": digit.evidence,
                        }
                        for digit in found.digits
                    ],
                    "copies": [_document(copy) for copy in found.copies],
                }
                for found in self.files
            ],
        }


@operation("copies")
def check_copies(settings: Settings, *, clusters: Sequence[str] | None = None) -> CopiesReport:
    """Judge 3-2-1-1-0 for each cluster; where none is named, for print files too.

    Raises:
        ConfigError: there is no such cluster.
    """
    selected = chosen(settings, clusters)
    listing, window = list_backups(settings, clusters=clusters), recoverable_window(settings, clusters=clusters)
    now = datetime.now(UTC)
    dumps = dumps_of(settings, now)
    lock, drill, home = _lock(settings, dumps), _last_drill(settings, now), home_of(settings)
    copies: list[Copy] = []
    found: list[Digit] = []
    for cluster in selected:
        own = [*copies_of(settings, cluster, listing, window, dumps)]
        copies += own
        found += digits(cluster.name, own, home, lock, [*_errors(cluster.name, window), drill])
    numbers: dict[str, int | float] = {
        "verified_copies": min(
            sum(copy.cluster == cluster.name and copy.state is Outcome.PASS for copy in copies) for cluster in selected
        )
    }
    checks = tuple(
        answer(
            f"copies.{name}",
            (_verdict(digit) for digit in found if digit.name == name),
            numbers if name == "copies" else {},
            nothing_wrong="; ".join(_verdict(digit).sentence for digit in found if digit.name == name),
            clusters=clusters,
        )
        for name in DIGITS
    )
    if clusters is not None:
        return CopiesReport(tuple(copies), tuple(found), checks, numbers)
    files, of_files = _of_files(settings, lock, now)
    return CopiesReport(tuple(copies), tuple(found), (*checks, of_files), {**numbers, **of_files.numbers}, files)


def _of_files(
    settings: Settings, lock: tuple[Outcome, str], now: datetime
) -> tuple[tuple[FileCopies, ...], CheckResult]:
    try:
        files = file_copies(settings, lock, now)
    except TROUBLE as trouble:
        return (), CheckResult(FILES, Outcome.UNKNOWN, trouble.sentence)
    return files, files_answer(files, settings)


def _document(copy: Copy) -> dict[str, Any]:
    return {
        "name": copy.name,
        "medium": copy.place.medium,
        "endpoint": copy.place.endpoint,
        "region": copy.place.region,
        "state": copy.state,
        "locked": copy.locked,
        "evidence": copy.evidence,
    }


def _verdict(digit: Digit) -> ClusterVerdict:
    return ClusterVerdict(digit.outcome, f"{digit.cluster}: {digit.evidence}")


def _lock(settings: Settings, dumps: Dumps | PrintflowError | None) -> tuple[Outcome, str]:
    """What came of trying the lock of the bucket of dumps."""
    if dumps is None:
        return Outcome.FAIL, NO_SECTION
    store = store_of(dumps)
    if store is None:
        return Outcome.UNKNOWN, dumps.what if isinstance(dumps, PrintflowError) else ""
    now = datetime.now(UTC)
    try:
        store.require_lock(now)
        return try_lock(store, settings.copies.probe_key, now)
    except TROUBLE as failed:
        return Outcome.UNKNOWN, f"the lock could not be tried: {failed.sentence}"


def _errors(cluster: str, window: WindowReport) -> list[tuple[Outcome, str]]:
    """What verification and continuity say of each repository.

    A damaged backup, or WAL that two clusters wrote, is an error even where every moment can be restored without it.
    """
    said = []
    for found in window.repositories:
        if found.cluster != cluster:
            continue
        if found.errors and found.verdict.outcome is not Outcome.FAIL:
            more = f" and {len(found.errors) - SHOWN} more" if len(found.errors) > SHOWN else ""
            errors = f"{cluster} repo{found.repository}: {'; '.join(found.errors[:SHOWN])}{more}"
            said.append((Outcome.FAIL, f"{errors}; printflow wal verify {cluster}, printflow backup verify {cluster}"))
        else:
            outcome = Outcome.PASS if found.verdict.outcome is Outcome.WARN else found.verdict.outcome
            said.append((outcome, found.verdict.sentence))
    return said


def _last_drill(settings: Settings, now: datetime) -> tuple[Outcome, str]:
    try:
        drills = list_drills_of_backups(settings)
    except TROUBLE as away:
        return Outcome.UNKNOWN, f"whether the last drill passed is not known: {away.what}"
    ended = next((drill for drill in drills if drill["outcome"] is not None), None)
    if ended is None:
        return Outcome.UNKNOWN, "no drill has shown yet that anything can be restored: printflow drill run"
    outcome = Outcome(ended["outcome"])
    if outcome in (Outcome.PASS, Outcome.WARN):
        age = (now - datetime.fromisoformat(ended["finished_at"])).total_seconds()
        if age > settings.drills.max_age_seconds:
            return Outcome.UNKNOWN, f"the last drill passed {seconds(age)} ago, and none since: printflow drill run"
        return Outcome.PASS, f"drill {ended['id']} passed"
    return outcome, f"the last drill did not pass: printflow drill show {ended['id']}"
