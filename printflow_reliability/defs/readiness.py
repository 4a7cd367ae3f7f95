"""Readiness in the graph, and what Dagster itself sees of its daemons and schedules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import dagster as dg
from dagster._utils.schedules import reverse_cron_string_iterator

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result, shortened
from printflow_reliability.defs.schedules import HARMLESS, SHORT_LIVED, schedule
from printflow_reliability.defs.ticks import KEPT, asked, is_preview, tick_settings
from printflow_reliability.readiness.dagster_seen import DAGSTER, SEEN_BY_ITSELF
from printflow_reliability.ready_checks import READY_CHECKS
from printflow_reliability.records.check_results import remember
from printflow_reliability.records.database import open_records
from printflow_reliability.text import counted, seconds

GROUP = "alerts"
INTERVAL_SECONDS = 60
HEARTBEAT_SECONDS = 600.0
"""A daemon says every half minute that it lives; one that is at work may take some minutes."""
LATE_SECONDS = 300.0
"""How long after a schedule was due its tick may come."""
CHECKS = tuple(check.name for check in READY_CHECKS)
COLUMNS = ("name", "outcome", "seconds", "detail")


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "s3"},
    freshness_policy=words.EVERY_HOUR,
    check_specs=check_specs("readiness", *CHECKS),
    description="Whether everything that the platform's safety depends on answers: clusters, buckets, records, disks, "
    "the pdf-service, the outbox, Dagster, and how old backups and proofs of restore are. Red: something does not. See "
    "printflow ready",
)
def readiness(configuration: Configuration) -> dg.MaterializeResult:
    """Ask every system."""
    from printflow_reliability.readiness.readiness import check_readiness

    with as_dagster_failure():
        report = check_readiness(configuration.settings())
    rows = report.as_json()["checks"]
    return result(report, *CHECKS, tables={"answers": shortened(rows, COLUMNS, len(rows), "printflow ready")})


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Notes every minute in the records that Dagster lives: how old the heartbeats of its daemons are, and "
    "whether every schedule began when it was due. printflow ready and printflow status read the note, and notice its "
    "silence. A failed tick means that they do: its error says whether the records answer.",
)
def daemon_watch(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look at Dagster's own storage, and note what it says."""
    now = datetime.now(UTC)
    crontabs = _crontabs(context)
    seen = asked(context, partial(seen_by_dagster, crontabs=crontabs, now=now))
    note = note_of(seen)
    if is_preview(context):
        return dg.SkipReason(f"preview, nothing is noted: {note.detail}")
    with as_dagster_failure(), KEPT.used(), open_records(tick_settings().records) as records:
        remember(records, [note])
    return dg.SkipReason(note.detail)


@dataclass(frozen=True)
class Seen:
    """What Dagster's storage says.

    Attributes:
        heartbeats: seconds since each daemon said that it lives; None for one that never did.
        ticks: seconds since the last tick of each schedule that runs.
        late: the schedules whose tick is due for long, and has not come.
    """

    heartbeats: Mapping[str, float | None]
    ticks: Mapping[str, float]
    late: tuple[str, ...]


def seen_by_dagster(instance: dg.DagsterInstance, crontabs: Mapping[str, tuple[str, str]], now: datetime) -> Seen:
    """Ask the storage; `crontabs` has the cron expression and the time zone of each schedule."""
    at = now.timestamp()
    beats = instance.get_daemon_heartbeats()
    heartbeats = {kind: at - beats[kind].timestamp if kind in beats else None for kind in _required(instance)}
    ticks: dict[str, float] = {}
    late: list[str] = []
    for state in instance.all_instigator_state():
        name = state.instigator_name
        if state.instigator_type.value != "SCHEDULE" or not state.is_running or name not in crontabs:
            continue
        newest = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        if newest:
            ticks[name] = at - newest[0].timestamp
        due = next(reverse_cron_string_iterator(at - LATE_SECONDS, *crontabs[name])).timestamp()
        began = getattr(state.instigator_data, "start_timestamp", None) or at
        if began < due and (not newest or newest[0].timestamp < due):
            late.append(name)
    return Seen(heartbeats, ticks, tuple(sorted(late)))


def note_of(seen: Seen) -> CheckResult:
    """What is noted: a silent daemon or a late schedule fails, no daemon at all is not known."""
    heard = [age for age in seen.heartbeats.values() if age is not None]
    silent = sorted(kind for kind, age in seen.heartbeats.items() if age is None or age > HEARTBEAT_SECONDS)
    numbers: dict[str, int | float] = {"late_schedules": len(seen.late), "silent_daemons": len(silent)}
    if heard:
        numbers["daemon_heartbeat_age_seconds"] = round(max(heard), 3)
    numbers |= {f"{name}_tick_age_seconds": round(age, 3) for name, age in sorted(seen.ticks.items())}
    wrong = [f"the daemon {kind} is silent" for kind in silent]
    wrong += [f"the schedule {name} did not begin when it was due" for name in seen.late]
    if not heard:
        outcome, said = Outcome.UNKNOWN, "no daemon of Dagster has ever said that it lives"
    elif wrong:
        outcome, said = Outcome.FAIL, f"{'; '.join(wrong)}. Next: look at the log of dagster-daemon"
    else:
        outcome = Outcome.PASS
        said = (
            f"{counted(len(heard), 'daemon')} of Dagster lived {seconds(max(heard))} ago at the latest, and "
            f"{counted(len(seen.ticks), 'schedule')} began when due"
        )
    return CheckResult(DAGSTER, outcome, said, numbers, scope=SEEN_BY_ITSELF)


def _required(instance: dg.DagsterInstance) -> list[str]:
    return sorted(instance.get_required_daemon_types())


def _crontabs(context: dg.SensorEvaluationContext) -> dict[str, tuple[str, str]]:
    """When each schedule of this code location is due."""
    schedules = context.repository_def.schedule_defs if context.repository_def is not None else ()
    return {found.name: (str(found.cron_schedule), found.execution_timezone or "UTC") for found in schedules}


@dg.definitions
def definitions() -> dg.Definitions:
    """Readiness over the systems of printflow.toml."""
    graph = configured()
    return dg.Definitions(
        assets=[graph.place(readiness, [spec.key for spec in graph.systems])],
        schedules=[
            schedule(
                "hourly_readiness",
                "17 * * * *",
                ["readiness"],
                "Ask everything that the platform's safety depends on whether it answers.",
                tags=HARMLESS | SHORT_LIVED,
            )
        ],
        sensors=[daemon_watch],
    )
