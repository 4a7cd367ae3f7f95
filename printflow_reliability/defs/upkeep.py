"""What keeps the house tidy: copies of production that killed drills left, and runs that nobody needs any more."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from printflow_reliability.alerts.sentry.monitors import Occasion
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.reporting import as_dagster_failure
from printflow_reliability.defs.schedules import HARMLESS, SHORT_LIVED
from printflow_reliability.defs.ticks import HEARTBEATS
from printflow_reliability.dumps.workplace import abandoned
from printflow_reliability.dumps.workplace import reap as reap_dumps
from printflow_reliability.errors import LockHeld
from printflow_reliability.restore.reaper import drills_in, reap_killed
from printflow_reliability.text import counted

EVERY_TEN_MINUTES = "*/10 * * * *"
MOST_RUNS = 5_000
"""How many runs one pruning looks at, a month's worth; the next one goes on."""
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dg.op(description="Remove the clones of drills that were killed, unless a drill or a recovery is running; and dumps.")
def reap_drills(context: dg.OpExecutionContext, configuration: Configuration) -> None:
    """Remove decrypted dumps that nobody reads any more, then take the drills' lock and remove what is left."""
    with as_dagster_failure():
        settings = configuration.settings()
        if settings.dumps is not None:
            reap_dumps(settings.dumps.directory)
        try:
            removed = reap_killed(settings)
        except LockHeld as running:
            context.log.info(f"{running.what}: it removed what was left as it began")
            return
    context.log.info(f"{counted(len(removed), 'drill')} removed: {', '.join(map(str, removed)) or 'none'}")


@dg.job(
    description="Remove what killed drills left. Red: a copy of production may still be on this machine's disk; the "
    "error says where, and what to do.",
    tags=HARMLESS | SHORT_LIVED,
)
def remove_killed_drills() -> None:
    """End the processes of killed drills and remove their directories."""
    reap_drills()


@dg.schedule(
    job=remove_killed_drills,
    cron_schedule=EVERY_TEN_MINUTES,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every ten minutes, if the drills' directory holds a clone, or the dumps' a decrypted dump: what was "
    "killed in its midst left a copy of production on this machine's disk.",
)
def killed_drills(configuration: Configuration) -> dg.RunRequest | dg.SkipReason:
    """Start a run only where there is something to remove."""
    with as_dagster_failure():
        settings = configuration.settings()
        left = [*drills_in(settings.drills.directory), *(abandoned(settings.dumps.directory) if settings.dumps else ())]
    if not left:
        nothing_to_do = "the drills' directory holds no clone"
        HEARTBEATS.done(settings, "killed_drills", nothing_to_do, Occasion(EVERY_TEN_MINUTES))
        return dg.SkipReason(nothing_to_do)
    return dg.RunRequest()


@dg.op(description="Delete runs, their events and their output that are older than dagster.keep_runs_days.")
def prune_runs(context: dg.OpExecutionContext, configuration: Configuration) -> None:
    """Delete old runs that carry the tag of short-lived ones; the newest of each asset stays."""
    with as_dagster_failure():
        days = configuration.settings().dagster.keep_runs_days
    deleted = 0
    for run in _old_runs(context.instance, datetime.now(UTC) - timedelta(days=days)):
        if not _holds_newest(context.instance, run):
            context.instance.compute_log_manager.delete_logs(prefix=[run.run_id])
            context.instance.delete_run(run.run_id)
            deleted += 1
    context.log.info(f"{counted(deleted, 'run')} of more than {counted(days, 'day')} ago deleted")


@dg.job(
    description="Delete old runs of assets that are looked at again and again. Red: Dagster's database grows; nothing "
    "else is wrong.",
    tags=HARMLESS | SHORT_LIVED,
)
def prune_history() -> None:
    """Keep Dagster's database as small as the settings say."""
    prune_runs()


def _old_runs(instance: dg.DagsterInstance, before: datetime) -> Sequence[dg.DagsterRun]:
    """Ended short-lived runs that were launched before that time, oldest first."""
    wanted = dg.RunsFilter(statuses=ENDED, tags=SHORT_LIVED, created_before=before)
    return [record.dagster_run for record in instance.get_run_records(wanted, limit=MOST_RUNS, ascending=True)]


def _holds_newest(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether an asset would have no materialization left, or an older one, without this run."""
    planned = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    ).records
    keys = {
        event.asset_key for record in planned if (event := record.event_log_entry.dagster_event) and event.asset_key
    }
    newest = (instance.get_latest_materialization_event(key) for key in keys)
    return any(entry is not None and entry.run_id == run.run_id for entry in newest)


definitions = dg.Definitions(
    jobs=[remove_killed_drills, prune_history],
    schedules=[
        killed_drills,
        dg.ScheduleDefinition(
            name="daily_pruning",
            job=prune_history,
            cron_schedule="45 5 * * *",
            execution_timezone="UTC",
            description="Delete runs that nobody needs any more, with their events and their output.",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
    ],
)
