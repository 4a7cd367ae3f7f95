"""The metrics of everything that the records know, and of whether they answer.

Names follow the field's grammar: base units, `_seconds`, `_bytes`, moments as Unix timestamps. What is not known has no
sample, and the status of a check has a value of its own for it.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from printflow_reliability.backups.wal import CONTINUITY, repository_scope
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import PrintflowError
from printflow_reliability.overview.exposition import Gauge, exposed
from printflow_reliability.overview.facts import Facts, read_facts
from printflow_reliability.recency import recent_within
from printflow_reliability.records.check_results import Answer
from printflow_reliability.records.database import open_records
from printflow_reliability.register import REGISTER
from printflow_reliability.settings import Settings

STATUS = {Outcome.PASS: 0, Outcome.WARN: 1, Outcome.FAIL: 2, Outcome.UNKNOWN: 3}
"""The values of printflow_check_status."""
SANE = re.compile(r"[a-z][a-z0-9_]*")
"""A number of a check that becomes a metric; names of things of the platform may hold anything."""
PREFIX = "printflow_"


def metrics_text(settings: Settings) -> str:
    """The whole of /metrics; where the records are away, that and nothing else."""
    try:
        with open_records(settings.records) as records:
            facts = read_facts(records)
    except PrintflowError:
        return exposed([_records_up(0)])
    return exposed(metrics_of(settings, facts))


def metrics_of(settings: Settings, facts: Facts) -> list[Gauge]:
    """The metrics of these facts."""
    return [
        _records_up(1),
        *_checks(facts.answers),
        *_recoverable(settings, facts),
        *_drills(facts),
        *_holds(facts),
        *_alerts(facts),
        *_watchers(facts),
        *_numbers(facts.answers),
    ]


def _records_up(value: int) -> Gauge:
    gauge = Gauge(f"{PREFIX}records_up", "Whether the records database answers; without it there are no other metrics.")
    gauge.add(value)
    return gauge


def _checks(answers: Sequence[Answer]) -> Iterator[Gauge]:
    status = Gauge(
        f"{PREFIX}check_status",
        "The newest answer of a check: 0 passed, 1 warned, 2 failed, 3 could not tell. The scope is empty for the "
        "whole of what the check watches.",
    )
    answered = Gauge(f"{PREFIX}check_answered_timestamp_seconds", "When a check gave its newest answer.")
    allowed = Gauge(f"{PREFIX}check_recent_within_seconds", "How old the newest answer of a check may be.")
    severity = Gauge(
        f"{PREFIX}check_severity",
        "How bad a failure of the check is: 0 information, 1 a warning, 2 an error, 3 critical.",
    )
    for answer in answers:
        check, scope = answer.result.check, answer.result.scope
        status.add(STATUS[answer.result.outcome], check=check, scope=scope)
        answered.add(answer.answered_at.timestamp(), check=check, scope=scope)
        if not scope:
            allowed.add(recent_within(check).total_seconds(), check=check)
            severity.add(REGISTER[check].severity.rank, check=check)
    yield from (status, answered, allowed, severity)


def _recoverable(settings: Settings, facts: Facts) -> Iterator[Gauge]:
    for name, words in (
        ("recoverable_from_timestamp_seconds", "The earliest moment that a repository can restore, with all after it."),
        ("recoverable_until_timestamp_seconds", "The newest moment that a repository can restore."),
    ):
        gauge = Gauge(PREFIX + name, f"{words} As it was when the archive was last verified.")
        for cluster in settings.cluster:
            for repository in cluster.repositories:
                answer = facts.answer(CONTINUITY, repository_scope(cluster.name, repository))
                if answer is not None and name in answer.result.numbers:
                    gauge.add(answer.result.numbers[name], cluster=cluster.name, repository=str(repository))
        yield gauge


def _drills(facts: Facts) -> Iterator[Gauge]:
    finished = Gauge(f"{PREFIX}drill_finished_timestamp_seconds", "When the newest restore drill ended.")
    status = Gauge(f"{PREFIX}drill_status", "How the newest restore drill ended, in the values of the check status.")
    rto = Gauge(f"{PREFIX}drill_rto_seconds", "The recovery time that the newest restore drill measured.")
    rpo = Gauge(f"{PREFIX}drill_rpo_seconds", "The loss of data that the newest restore drill measured.")
    passed = Gauge(f"{PREFIX}drill_passed_timestamp_seconds", "When a restore drill last passed.")
    if drill := facts.drills.get("newest"):
        finished.add(drill.finished_at.timestamp())
        status.add(STATUS[Outcome(drill.outcome)])
        for gauge, value in ((rto, drill.rto_seconds), (rpo, drill.rpo_seconds)):
            if value is not None:
                gauge.add(value)
    if proof := facts.drills.get("passed"):
        passed.add(proof.finished_at.timestamp())
    yield from (finished, status, rto, rpo, passed)


def _holds(facts: Facts) -> Iterator[Gauge]:
    held = Gauge(f"{PREFIX}held_orders", "Paid orders that must not go to print.")
    held.add(len(facts.holds))
    yield held
    yield _moment(
        "oldest_hold_timestamp_seconds",
        "Since when the order that is held for longest is held.",
        min((hold.since for hold in facts.holds), default=None),
    )


def _alerts(facts: Facts) -> Iterator[Gauge]:
    alerts = Gauge(f"{PREFIX}open_alerts", "Alerts that are not resolved.")
    for severity in ("info", "warning", "error", "critical"):
        alerts.add(facts.open_alerts.get(severity, 0), severity=severity)
    waiting = Gauge(f"{PREFIX}undelivered_alerts", "Deliveries of alerts that wait, those silenced left out.")
    waiting.add(facts.waiting)
    yield from (alerts, waiting)
    yield _moment(
        "oldest_undelivered_alert_timestamp_seconds",
        "When the oldest alert was raised that still waits.",
        facts.waiting_since,
    )


def _watchers(facts: Facts) -> Iterator[Gauge]:
    alive = Gauge(f"{PREFIX}watcher_alive", "Whether a watcher of paid orders came lately.")
    on_duty = Gauge(f"{PREFIX}watcher_on_duty", "Whether it is the one that judges.")
    since = Gauge(f"{PREFIX}watcher_alive_since_timestamp_seconds", "Since when it comes without a break.")
    watchers = Gauge(f"{PREFIX}watchers", "Watchers of paid orders that came lately: Dagster, and printflow watch.")
    watchers.add(sum(watcher.alive for watcher in facts.watchers))
    for watcher in facts.watchers:
        alive.add(int(watcher.alive), holder=watcher.holder)
        on_duty.add(int(watcher.on_duty), holder=watcher.holder)
        if watcher.alive:
            since.add(watcher.since.timestamp(), holder=watcher.holder)
    yield from (watchers, alive, on_duty, since)


def _numbers(answers: Sequence[Answer]) -> Iterator[Gauge]:
    """Each number of each check, as of its newest answer: the number's own name below that of its check."""
    gauges: dict[str, Gauge] = {}
    for answer in answers:
        stem = answer.result.check.replace(".", "_")
        for number, value in answer.result.numbers.items():
            if not SANE.fullmatch(number) or not isinstance(value, int | float):
                continue
            name = f"{PREFIX}{stem}_{number}"
            gauge = gauges.setdefault(name, Gauge(name, f"A number of the check {answer.result.check}."))
            gauge.add(float(value) if isinstance(value, bool) else value, scope=answer.result.scope)
    yield from gauges.values()


def _moment(name: str, words: str, moment: datetime | None) -> Gauge:
    gauge = Gauge(PREFIX + name, words)
    if moment is not None:
        gauge.add(moment.timestamp())
    return gauge
