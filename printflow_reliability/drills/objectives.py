"""What the history of drills says of a real recovery: how long it takes, how much is lost, and how that will grow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from printflow_reliability.acknowledged import acknowledge
from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.drills.fences.unarchived import UnarchivedWal
from printflow_reliability.drills.history import clusters_of_records, list_drills_of_backups
from printflow_reliability.drills.tiers import CHECK as TIERS
from printflow_reliability.drills.tiers import (
    TierObjectives,
    database_objectives,
    tier_objectives,
    tiers_answer,
)
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.records.check_results import newest
from printflow_reliability.records.database import open_records
from printflow_reliability.restore.phases import RECOVERY, Phase
from printflow_reliability.settings import DrillsSettings, Settings
from printflow_reliability.text import agreed, counted

CHECK = "recovery.objectives"
OF_ONE_DRILL = "drill.objectives"
FITTED_DRILLS = 3
HOUSED = (
    "the records live in cluster {cluster}, so a disaster takes drills, fences and holds along: move [records] to a "
    "server of its own"
)
SPREAD = 1.2
"""The largest of the databases drilled must be so many times the smallest before a line through them means anything."""
GROWING = frozenset(RECOVERY - {Phase.FIND, Phase.PROMOTE})
"""The phases that take longer with more data; the others are questions and one write."""


@dataclass(frozen=True)
class Forecast:
    """The recovery time at twice the data, in seconds, and how it was worked out: "fitted" or "scaled"."""

    seconds: float
    method: str


@dataclass(frozen=True)
class ObjectivesReport:
    """The objectives, what was measured against them, and what a person would still have to do.

    Attributes:
        drills: the history, newest first, as documents.
        untimed_steps: how many manual steps nobody has timed yet; with any, times that count them are lower bounds.
        tiers: the objectives of every tier of data, the database's first.
    """

    checks: tuple[CheckResult, ...]
    drills: Sequence[Mapping[str, Any]]
    forecast: Forecast | None
    untimed_steps: int
    numbers: Mapping[str, int | float]
    tiers: Sequence[TierObjectives] = ()

    def as_json(self) -> dict[str, Any]:
        """The document of `drill objectives --json`."""
        return {
            "ok": all(check.outcome is Outcome.PASS for check in self.checks),
            "checks": [check.as_json() for check in self.checks],
            "forecast_method": self.forecast.method if self.forecast else None,
            "untimed_steps": self.untimed_steps,
            "tiers": [tier.as_json() for tier in self.tiers],
            **self.numbers,
        }


def state_objectives(settings: Settings, now: datetime | None = None) -> ObjectivesReport:
    """Read the drills' history and what checks last found, and judge both."""
    try:
        drills, housed = list_drills_of_backups(settings), clusters_of_records(settings)
        with open_records(settings.records) as records:
            answers = newest(records)
    except CouldNotTell as unknown:
        away = tuple(CheckResult(check, Outcome.UNKNOWN, unknown.sentence) for check in (CHECK, TIERS))
        return ObjectivesReport(away, (), None, 0, {})
    moment = now or datetime.now(UTC)
    report = check_objectives(drills, settings.drills, moment, housed)
    checks = tuple(acknowledge(check, settings.acknowledged) for check in report.checks)
    others = tier_objectives(settings.objective, answers, moment)
    database = database_objectives(report.numbers, settings.drills, checks[0].outcome)
    return replace(report, checks=(*checks, tiers_answer(others)), tiers=(database, *others))


def check_objectives(
    drills: Sequence[Mapping[str, Any]], targets: DrillsSettings, now: datetime, housed: Sequence[str] = ()
) -> ObjectivesReport:
    """Judge a history of drills, newest first. What was never measured is absent from the numbers, not zero.

    `housed` are the protected clusters that the records live in: a disaster would take both.
    """
    ended = [drill for drill in drills if drill["finished_at"]]
    passed = [drill for drill in ended if drill["passed"]]
    numbers: dict[str, int | float] = {
        "drills": len(drills),
        "drills_passed": len(passed),
        "rto_target_seconds": targets.rto_target_seconds,
        "rpo_target_seconds": targets.rpo_target_seconds,
    }
    problems: list[str] = []
    for name, target in (("rto_seconds", targets.rto_target_seconds), ("rpo_seconds", targets.rpo_target_seconds)):
        measured = [float(drill[name]) for drill in ended if drill[name] is not None]
        if measured:
            numbers |= {name: measured[0], f"worst_{name}": max(measured)}
            if measured[0] > target:
                word = name.partition("_")[0].upper()
                problems.append(
                    f"the newest drill measured an {word} of {measured[0]:.1f} s, the target is {target:g} s"
                )
    if passed:
        age = (now - datetime.fromisoformat(passed[0]["finished_at"])).total_seconds()
        numbers["last_passed_drill_age_seconds"] = round(age)
        if age > targets.max_age_seconds:
            problems.append(f"no drill passed for {age / 86400:.1f} days, and one should every week")
    else:
        problems.append("no drill ever passed, so nothing proves that a recovery would work")
    untimed = sum(step.seconds is None for step in targets.manual_step)
    numbers["manual_steps_after"] = len(targets.manual_step)
    numbers["manual_steps_seconds"] = sum(step.seconds or 0.0 for step in targets.manual_step)
    if "rto_seconds" in numbers:
        numbers["rto_with_manual_steps_seconds"] = numbers["rto_seconds"] + numbers["manual_steps_seconds"]
    forecast = forecast_rto(passed)
    if forecast is not None:
        numbers["rto_at_twice_the_data_seconds"] = round(forecast.seconds, 3)
    result = _result(problems, housed, forecast, numbers, targets, untimed)
    return ObjectivesReport((result,), drills, forecast, untimed, numbers)


def check_drill_objectives(
    numbers: Mapping[str, int | float], targets: DrillsSettings, unarchived: Sequence[UnarchivedWal], not_known: str
) -> CheckResult:
    """Compare what was measured with what was promised; one objective that is missed is certain by itself.

    A cluster that may keep commits to itself for longer than the RPO's target is a warning, however well it went today.
    """
    if "rto_seconds" not in numbers and "rpo_seconds" not in numbers:
        return CheckResult(OF_ONE_DRILL, Outcome.UNKNOWN, not_known)
    parts, outcomes, late = [], [], []
    for name, target in (("rto_seconds", targets.rto_target_seconds), ("rpo_seconds", targets.rpo_target_seconds)):
        word = name.partition("_")[0].upper()
        if name not in numbers:
            outcomes.append(Outcome.UNKNOWN)
            parts.append(f"{word} not known ({not_known})")
        else:
            met = numbers[name] <= target
            outcomes.append(Outcome.PASS if met else Outcome.FAIL)
            parts.append(f"{word} {numbers[name]:.1f} s, target {target:g} s" + ("" if met else ": missed"))
    for wal in unarchived:
        if not 0 < wal.archive_timeout < targets.rpo_target_seconds:
            outcomes.append(Outcome.WARN)
            late.append(wal.cluster)
            parts.append(
                f"{wal.cluster} may keep commits unarchived for longer than that: archive_timeout is "
                f"{wal.archive_timeout:g} s"
            )
    return CheckResult(OF_ONE_DRILL, worst(outcomes), "; ".join(parts), about=tuple(late))


def forecast_rto(passed: Sequence[Mapping[str, Any]]) -> Forecast | None:
    """The recovery time at twice the newest drill's data: a line through the history, or its growing phases doubled."""
    points = [
        (float(drill["numbers"]["fetched_bytes"]), float(drill["rto_seconds"]))
        for drill in passed
        if drill.get("rto_seconds") is not None and drill.get("numbers", {}).get("fetched_bytes")
    ]
    if not points:
        return None
    newest_bytes, newest_seconds = points[0]
    sizes = [size for size, _ in points]
    if len(points) >= FITTED_DRILLS and max(sizes) >= SPREAD * min(sizes):
        mean_size, mean_seconds = (sum(values) / len(points) for values in zip(*points, strict=True))
        spread = sum((size - mean_size) ** 2 for size in sizes)
        slope = sum((size - mean_size) * (took - mean_seconds) for size, took in points) / spread
        if slope > 0:
            return Forecast(mean_seconds + slope * (2 * newest_bytes - mean_size), "fitted")
    drill = next(drill for drill in passed if drill.get("numbers", {}).get("fetched_bytes"))
    growing = sum(seconds for phase, seconds in drill.get("phases", {}).items() if phase in GROWING)
    return Forecast(newest_seconds + growing, "scaled")


def _result(
    problems: Sequence[str],
    housed: Sequence[str],
    forecast: Forecast | None,
    numbers: Mapping[str, int | float],
    targets: DrillsSettings,
    untimed: int,
) -> CheckResult:
    warnings = [HOUSED.format(cluster=name) for name in housed]
    if problems:
        said = "; ".join([*problems, *warnings])
        return CheckResult(CHECK, Outcome.FAIL, f"{said}. Next: printflow drill run", numbers)
    told = []
    if "rto_seconds" in numbers:
        told.append(f"RTO {numbers['rto_seconds']:.1f} s of {targets.rto_target_seconds:g} s")
    if "rpo_seconds" in numbers:
        told.append(f"RPO {numbers['rpo_seconds']:.1f} s of {targets.rpo_target_seconds:g} s")
    if forecast is not None:
        told.append(f"RTO at twice the data {forecast.seconds:.1f} s ({forecast.method})")
    if targets.manual_step:
        bound = f", {untimed} of them never timed" if untimed else ""
        steps = f"{counted(len(targets.manual_step), 'manual step')} {agreed(len(targets.manual_step), 'adds', 'add')}"
        told.append(f"{steps} {numbers['manual_steps_seconds']:.0f} s{bound}")
    late = forecast is not None and forecast.seconds > targets.rto_target_seconds
    if late or numbers.get("rto_with_manual_steps_seconds", 0) > targets.rto_target_seconds:
        detail = "; ".join([*warnings, "the RTO target will be missed", *told])
        return CheckResult(CHECK, Outcome.WARN, detail, numbers)
    if warnings:
        return CheckResult(CHECK, Outcome.WARN, "; ".join([*warnings, *told]), numbers, tuple(housed))
    return CheckResult(CHECK, Outcome.PASS, "; ".join(told), numbers)
