"""Probes of the records: themselves, and what they say of backups, drills, alerts, queues and Dagster."""

from collections.abc import Sequence
from functools import partial

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.route_trouble import troubles
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError
from printflow_reliability.readiness.dagster_seen import DAGSTER, dagster_verdict
from printflow_reliability.readiness.probe import Probe, Verdict
from printflow_reliability.readiness.queues_seen import QUEUES, queues_verdict
from printflow_reliability.recency import recent_within
from printflow_reliability.records.check_results import Answer, newest
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings
from printflow_reliability.text import agreed, counted, seconds

RECORDS, BACKUPS, RESTORES, OUTBOX = "ready.records", "ready.backups", "ready.restores", "ready.outbox"
ALL = (RECORDS, BACKUPS, RESTORES, OUTBOX, QUEUES, DAGSTER)
BACKUP_RECENT = "backup.recent"
LAST_PASSED = """
SELECT id, extract(epoch FROM clock_timestamp() - finished_at)::float8 FROM drills
WHERE finished_at IS NOT NULL AND NOT from_standby AND outcome IN ('pass', 'warn') ORDER BY finished_at DESC LIMIT 1"""
"""Of backups: what a drill takes of a standby proves none."""


def records_probe(settings: Settings) -> Probe:
    """The probe of the records, which answers for all that only they know."""
    return Probe("the records database", ALL, partial(_records, settings))


def _records(settings: Settings) -> Sequence[Verdict]:
    try:
        with open_records(settings.records) as records:
            answers = {(answer.result.check, answer.result.scope): answer for answer in newest(records)}
            return [
                Verdict(RECORDS, Outcome.PASS, "the records database answers"),
                _backups(answers.get((BACKUP_RECENT, ""))),
                _restores(records, settings.drills.max_age_seconds),
                _outbox(records, settings),
                queues_verdict(settings, answers),
                dagster_verdict(settings, answers),
            ]
    except ConfigError as wrong:  # it answers, and what it says is certain
        others = [Verdict(check, Outcome.UNKNOWN, wrong.sentence) for check in ALL if check != RECORDS]
        return [Verdict(RECORDS, Outcome.FAIL, wrong.sentence), *others]


def _backups(answer: Answer | None) -> Verdict:
    if answer is None:
        return Verdict(BACKUPS, Outcome.UNKNOWN, "nobody has looked for backups yet. Next: printflow backup list")
    age, allowed = answer.age_seconds, recent_within(BACKUP_RECENT).total_seconds()
    numbers = {"answer_age_seconds": round(age, 3)}
    said = f"{seconds(max(age, 0))} ago: {answer.result.detail}"
    if answer.result.outcome is Outcome.FAIL:
        return Verdict(BACKUPS, Outcome.FAIL, said, numbers)
    if answer.result.outcome is Outcome.UNKNOWN:
        return Verdict(BACKUPS, Outcome.UNKNOWN, said, numbers)
    if age > allowed:
        sentence = f"nobody has looked for backups for {seconds(age)}. Next: printflow backup list"
        return Verdict(BACKUPS, Outcome.UNKNOWN, sentence, numbers)
    return Verdict(BACKUPS, Outcome.PASS, said, numbers)


def _restores(records: psycopg.Connection[TupleRow], allowed: float) -> Verdict:
    row = records.execute(LAST_PASSED).fetchone()
    if row is None:
        return Verdict(RESTORES, Outcome.FAIL, "no restore was ever proven. Next: printflow drill run")
    drill, age = row
    said, numbers = f"drill {drill} proved a restore {seconds(max(age, 0))} ago", {"proof_age_seconds": round(age, 3)}
    if age > allowed:
        sentence = f"{said}, and one should within {seconds(allowed)}. Next: printflow drill run"
        return Verdict(RESTORES, Outcome.FAIL, sentence, numbers)
    return Verdict(RESTORES, Outcome.PASS, said, numbers)


def _outbox(records: psycopg.Connection[TupleRow], settings: Settings) -> Verdict:
    found = troubles(records)
    waiting = sum(trouble.waiting for trouble in found)
    numbers = {"undelivered_alerts": waiting}
    if any(trouble.lasting for trouble in found):
        routes = ", ".join(f'"{trouble.route}"' for trouble in found)
        routes = f"{agreed(len(found), 'route', 'routes')} {routes}"
        sentence = f"{counted(waiting, 'alert')} did not reach {routes}. Next: printflow alerts test"
        return Verdict(OUTBOX, Outcome.FAIL, sentence, numbers)
    if not settings.alert_route:
        return Verdict(OUTBOX, Outcome.PASS, "no alert waits; there is no [[alert_route]] that one could", numbers)
    return Verdict(OUTBOX, Outcome.PASS, "no alert waits in vain", numbers)
