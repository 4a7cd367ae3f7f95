"""`printflow wal ...`: is the archive whole, how far behind is it, and accepting a gap that nobody can repair."""

from datetime import UTC, datetime

import typer

from printflow_reliability.backups.acknowledgements import Acknowledgement, acknowledge
from printflow_reliability.backups.repository_wal import RepositoryWal, gap_words
from printflow_reliability.backups.segment import check_segment_name
from printflow_reliability.backups.wal import ClusterWal, WalReport, verify_wal
from printflow_reliability.checks import Outcome
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import APPLY_OPTION, JSON_OPTION, invocation, print_json, progress, say
from printflow_reliability.errors import ConfigError
from printflow_reliability.records.database import open_records
from printflow_reliability.text import counted, moment, seconds

wal_app = typer.Typer(help="The WAL archive: whether it is whole, and how far behind.", no_args_is_help=True)

_WORDS = {Outcome.PASS: "whole", Outcome.FAIL: "BROKEN", Outcome.UNKNOWN: "UNKNOWN"}


@wal_app.command("verify")
def verify(
    ctx: typer.Context,
    cluster: str | None = typer.Argument(None, metavar="CLUSTER", help="One cluster; all of them by default."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Verify the archived WAL from the oldest backup on, and ask production how far its archiving is."""
    settings = invocation(ctx).settings()
    with progress("walking the WAL archive"):
        report = verify_wal(settings, clusters=None if cluster is None else (cluster,))
    conclude(settings, report, as_json=as_json, show=lambda: _show_all(report))


@wal_app.command("acknowledge")
def acknowledge_gap(
    ctx: typer.Context,
    cluster: str = typer.Argument(metavar="CLUSTER", help="The cluster whose archive has the gap."),
    first: str = typer.Argument(metavar="FIRST", help="The first missing segment, as `wal verify` prints it."),
    last: str = typer.Argument(metavar="LAST", help="The last missing segment."),
    reason: str = typer.Option(..., "--reason", metavar="TEXT", help="Why nobody can repair it; shown from now on."),
    apply: bool = APPLY_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Acknowledge a gap that nobody can repair: it no longer alarms, but is always shown."""
    settings = invocation(ctx).settings()
    name = settings.cluster_named(cluster).name
    accepted = Acknowledgement(name, check_segment_name(first), check_segment_name(last), reason)
    accepted.require_gap()
    with progress("looking whether it is missing"):
        _require_reported(verify_wal(settings, clusters=(name,)).clusters[0], accepted)
    if apply:
        with open_records(settings.records) as connection:
            acknowledge(connection, accepted)
    if as_json:
        gap = {"first": accepted.first, "last": accepted.last, "reason": accepted.reason}
        print_json({"cluster": name, "acknowledged": gap, "applied": apply})
    elif apply:
        say(f"{name}: the gap {accepted.first} .. {accepted.last} is acknowledged: {accepted.reason}")
    else:
        say(f"{name}: would acknowledge the gap {accepted.first} .. {accepted.last}: {accepted.reason}")
        say("Nothing was changed; add --apply to do it.")


def _require_reported(cluster: ClusterWal, accepted: Acknowledgement) -> None:
    """Refuse to accept what is not missing: it would hide a gap of tomorrow.

    Raises:
        ConfigError: no gap of the cluster spans these segments.
        CouldNotTell: no repository with such a gap is known, and one could not be read.
    """
    gaps = [gap for found in cluster.repositories for gap in found.gaps]
    if any(gap.first <= accepted.first and accepted.last <= gap.last for gap in gaps):
        return
    for found in cluster.repositories:
        if found.unknown is not None:
            raise found.unknown
    known = "; ".join(gap_words(gap) for gap in gaps) or "none"
    raise ConfigError(
        f"{accepted.first} .. {accepted.last} is not missing from the archive of {cluster.name}",
        f"name a gap that is there: {known}",
    )


def _show_all(report: WalReport) -> None:
    width = max(len(cluster.name) for cluster in report.clusters)
    for cluster in report.clusters:
        _show(cluster, width)


def _show(cluster: ClusterWal, width: int) -> None:
    """One cluster: a line of its state, then each gap and what it means in time, then the next command."""
    head = f"{cluster.name:<{width}}  {_WORDS.get(cluster.outcome, cluster.outcome.upper()):<7}"
    indent = " " * (width + 2)
    say(f"{head}  {counted(cluster.segments_checked, 'segment')}, {recoverable(cluster, datetime.now(UTC))}")
    for found, verdict in zip(cluster.repositories, cluster.continuity, strict=True):
        if verdict.outcome is not Outcome.PASS and (found.damaged or found.problems or not found.open_gaps):
            say(f"{indent}{verdict.sentence}")
        _show_gaps(cluster, found, indent)
    if cluster.lag.outcome is not Outcome.PASS:
        say(f"{indent}{cluster.lag.sentence}")
    if any(found.open_gaps for found in cluster.repositories):
        say(f"{indent}Next: {_after_a_gap(cluster)}")


def _after_a_gap(cluster: ClusterWal) -> str:
    """What a person does about missing WAL, in the order that works: no backup ends while nothing is archived."""
    full = f"printflow backup run {cluster.name} --type full"
    if cluster.archiver and cluster.archiver.broken:
        return f"make archiving work again, then take a full backup: {full}"
    if cluster.archiver is None:
        return f"bring {cluster.name} back, then take a full backup: {full}"
    return f"take a full backup now ({full}), then find out who removed the segments, or why they were not archived"


def _show_gaps(cluster: ClusterWal, found: RepositoryWal, indent: str) -> None:
    others = [repository for repository in cluster.repositories if repository is not found]
    for gap in found.gaps:
        if gap.acknowledged is not None:
            say(f"{indent}repo{found.repository}: acknowledged gap, {gap_words(gap)} ({gap.acknowledged})")
            continue
        say(f"{indent}repo{found.repository}: {gap_words(gap)} missing")
        before = moment(gap.before) if gap.before else "the first backup"
        if gap.after is not None:
            lost = f"Nothing between {before} and {moment(gap.after)} can be restored from it"
        else:
            lost = f"Nothing after {before} can be restored from it"
        say(f"{indent}{lost}; backups before that cannot reach the present.")
        if whole := [other for other in others if other.verdict is Outcome.PASS]:
            say(f"{indent}repo{whole[0].repository} is whole: restore from there meanwhile.")


def recoverable(cluster: ClusterWal, now: datetime) -> str:
    """What can be restored from which repository; in one phrase where all of them reach as far."""
    if all(repository.recoverable_to and len(repository.windows) == 1 for repository in cluster.repositories):
        firsts = [repository.recoverable_from for repository in cluster.repositories if repository.recoverable_from]
        lasts = [repository.recoverable_to for repository in cluster.repositories if repository.recoverable_to]
        return f"recoverable from {moment(min(firsts))} to {_ago(max(lasts), now)}"
    found = []
    for repository in cluster.repositories:
        parts = [f"from {moment(first)} to {moment(last)}" for first, last in repository.windows]
        if parts and repository.recoverable_to:
            parts[-1] = f"from {moment(repository.windows[-1][0])} to {_ago(repository.recoverable_to, now)}"
        nothing = "not known" if repository.unknown else "at no moment"
        found.append(f"{' and '.join(parts) or nothing} (repo{repository.repository})")
    return f"recoverable {', '.join(found)}"


def _ago(at: datetime, now: datetime) -> str:
    return f"{seconds(max((now - at).total_seconds(), 0))} ago"
