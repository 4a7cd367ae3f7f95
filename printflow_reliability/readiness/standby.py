"""The standby of a cluster: is it production's, how far behind is it, and could it be promoted now.

A standby that is another cluster's, on another timeline or paused is found by everybody on the day it is needed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from printflow_reliability.checks import Outcome
from printflow_reliability.platform.connect import connect
from printflow_reliability.readiness.probe import Probe, Verdict
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.text import printable, seconds, size

STANDBY = "ready.standby"
STATEMENT_SECONDS = 5
SLOT_BYTES = 1024**3
"""What a slot that nobody reads may hold back before somebody is told."""
NOT_LOWER = (
    *("max_connections", "max_worker_processes", "max_wal_senders"),
    *("max_prepared_transactions", "max_locks_per_transaction"),
)
"""Settings that a standby must not have lower than its primary: its replay stops otherwise."""
SETTINGS = "SELECT name, setting::int FROM pg_settings WHERE name = ANY(%s)"
LOOK_PRIMARY = """
SELECT pg_is_in_recovery(), (SELECT system_identifier::text FROM pg_control_system()),
       CASE WHEN NOT pg_is_in_recovery()
            THEN ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
       CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn()::text END"""
SLOTS = """
SELECT slot_name, active, coalesce(wal_status, ''),
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint
FROM pg_replication_slots ORDER BY 1"""
LOOK_STANDBY = """
SELECT pg_is_in_recovery(), (SELECT system_identifier::text FROM pg_control_system()),
       (SELECT received_tli FROM pg_stat_wal_receiver), (SELECT timeline_id FROM pg_control_checkpoint()),
       greatest(pg_wal_lsn_diff(%(primary)s::pg_lsn, pg_last_wal_replay_lsn()), 0)::bigint,
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8,
       CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END,
       EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'), current_setting('archive_mode'),
       (SELECT setting::bigint FROM pg_settings WHERE name = 'recovery_min_apply_delay')"""


@dataclass(frozen=True)
class Slot:
    """A replication slot of the primary; `status` is its wal_status, `held_bytes` the WAL that it keeps."""

    name: str
    active: bool
    status: str
    held_bytes: int


@dataclass(frozen=True)
class Pair:
    """What a primary and its standby said.

    Attributes:
        identifiers: the system identifiers, of the primary and of the standby.
        timelines: their timelines, in the same order; the standby's newest restart point's if it receives nothing.
        receiving: whether the standby tells which timeline it receives.
        recovering: whether each of them is in recovery.
        behind_bytes: WAL that the primary had written and the standby had not replayed; None where it is not told.
        behind_seconds: the age of the newest transaction that was replayed; None if there was none.
        paused: whether replay is paused.
        streaming: whether WAL is being received from a primary.
        archive_mode: of the standby.
        delay_ms: by which the standby replays later on purpose.
        lower: settings that the standby has lower than the primary, as "name: 10, primary 20".
        slots: of the primary.
    """

    identifiers: tuple[str, str]
    timelines: tuple[int, int]
    receiving: bool = True
    recovering: tuple[bool, bool] = (False, True)
    behind_bytes: int | None = 0
    behind_seconds: float | None = 0.0
    paused: bool = False
    streaming: bool = True
    archive_mode: str = "on"
    delay_ms: int = 0
    lower: Sequence[str] = ()
    slots: Sequence[Slot] = field(default_factory=tuple)

    @property
    def lag_seconds(self) -> float:
        """How far behind it is; a primary at rest sends no transactions, and its standby is not behind then."""
        return 0.0 if not self.behind_bytes else max(self.behind_seconds or 0.0, 0.0)


def standby_probes(settings: Settings) -> list[Probe]:
    """A probe of each standby; where printflow.toml names none, what says so."""
    probes = [
        Probe(f'the standby of cluster "{cluster.name}"', (STANDBY,), partial(_ask, settings, cluster))
        for cluster in settings.cluster
        if cluster.standby is not None
    ]
    none = Verdict(STANDBY, Outcome.PASS, "no [[cluster]] names a standby", {"standbys": 0})
    return probes or [Probe("the standbys", (STANDBY,), lambda: [none])]


def _ask(settings: Settings, cluster: ClusterSettings) -> Sequence[Verdict]:
    pair = look(cluster)
    numbers = {
        "standbys": sum(each.standby is not None for each in settings.cluster),
        "standby_lag_bytes": pair.behind_bytes or 0,
        "standby_lag_seconds": round(pair.lag_seconds, 3),
        "slot_held_bytes": max((slot.held_bytes for slot in pair.slots), default=0),
    }
    subject = f'the standby of cluster "{cluster.name}"'
    found = list(judged(pair, settings.drills.rpo_target_seconds))
    if not found:
        how = f"{subject} could be promoted: {size(pair.behind_bytes or 0)} and {seconds(pair.lag_seconds)} behind"
        return [Verdict(STANDBY, Outcome.PASS, f"{how}; how much room its disk has, its own host must tell", numbers)]
    return [Verdict(STANDBY, outcome, f"{subject} {sentence}", numbers) for outcome, sentence in found]


def look(cluster: ClusterSettings) -> Pair:
    """Ask a primary, then its standby: what the standby has replayed is never compared with what came later.

    Raises:
        CouldNotTell: one of the two does not answer, or refuses.
    """
    behind = cluster.of_standby
    assert behind is not None  # noqa: S101 - only such clusters have a probe
    with connect(cluster, statement_seconds=STATEMENT_SECONDS) as primary:
        own_recovery, own, timeline, written = primary.execute(LOOK_PRIMARY).fetchall()[0]
        theirs = _settings(primary.execute(SETTINGS, (list(NOT_LOWER),)).fetchall())
        slots = [] if own_recovery else [Slot(*row) for row in primary.execute(SLOTS).fetchall()]
    with connect(behind, statement_seconds=STATEMENT_SECONDS) as standby:
        row = standby.execute(LOOK_STANDBY, {"primary": written}).fetchall()[0]
        ours = _settings(standby.execute(SETTINGS, (list(NOT_LOWER),)).fetchall())
    recovering, identifier, received, restart, lag_bytes, lag, paused, streaming, archives, delay = row
    lower = [f"{name}: {ours[name]}, primary {theirs[name]}" for name in NOT_LOWER if ours[name] < theirs[name]]
    return Pair(
        identifiers=(own, identifier),
        timelines=(timeline or 0, restart if received is None else received),
        receiving=received is not None,
        recovering=(own_recovery, recovering),
        behind_bytes=lag_bytes,
        behind_seconds=lag,
        paused=paused,
        streaming=streaming,
        archive_mode=archives,
        delay_ms=delay,
        lower=lower,
        slots=slots,
    )


def judged(pair: Pair, most_seconds: float) -> Iterator[tuple[Outcome, str]]:
    """What is not well with a standby, as the end of a sentence about it; nothing where it could be promoted.

    Args:
        pair: what both said.
        most_seconds: how far behind it may be: the recovery point objective.
    """
    if pair.identifiers[0] != pair.identifiers[1]:
        yield Outcome.FAIL, "is of another cluster: its system identifier differs. Next: correct standby in [[cluster]]"
        return
    if pair.recovering[0]:
        yield Outcome.UNKNOWN, "cannot be compared: the url of the cluster leads to a standby itself"
        return
    if not pair.recovering[1]:
        yield Outcome.FAIL, "is no standby: it takes writes of its own, so that two servers go apart. Stop it"
        return
    if pair.timelines[0] != pair.timelines[1] and not pair.receiving:
        # One that is fed by the archive alone tells a new timeline only from its next restart point on.
        yield (
            Outcome.UNKNOWN,
            f"may not follow: its newest restart point is on timeline {pair.timelines[1]}, the primary is on "
            f"{pair.timelines[0]}. Next: CHECKPOINT in the primary, then in the standby, then: printflow ready",
        )
    elif pair.timelines[0] != pair.timelines[1]:
        yield (
            Outcome.FAIL,
            f"follows timeline {pair.timelines[1]}, the primary is on {pair.timelines[0]}: make it anew",
        )
    if pair.behind_bytes is None:
        yield Outcome.UNKNOWN, "has replayed nothing yet: how far behind it is cannot be told"
    elif pair.lag_seconds > most_seconds:
        yield (
            Outcome.FAIL,
            f"is {seconds(pair.lag_seconds)} and {size(pair.behind_bytes)} behind, more than {seconds(most_seconds)}",
        )
    if pair.paused:
        yield Outcome.FAIL, "does not replay: it is paused. Next: SELECT pg_wal_replay_resume()"
    if not pair.streaming and not pair.paused:
        yield Outcome.WARN, "receives no WAL by streaming: it has what the archive has, if it has a restore_command"
    if pair.lower:
        yield Outcome.FAIL, f"cannot go on with what the primary allows ({'; '.join(pair.lower)}): raise it there"
    if pair.archive_mode == "off":
        yield Outcome.WARN, "would archive nothing once it is promoted: set archive_mode there"
    if pair.delay_ms:
        yield Outcome.WARN, f"replays {seconds(pair.delay_ms / 1000)} later on purpose (recovery_min_apply_delay)"
    for slot in pair.slots:
        name = printable(slot.name)
        if slot.status == "lost":
            yield Outcome.FAIL, f"may not catch up: slot {name} of the primary has lost WAL that it needs"
        elif not slot.active and slot.held_bytes >= SLOT_BYTES:
            yield (
                Outcome.WARN,
                f"has a primary whose slot {name} holds {size(slot.held_bytes)} of WAL that nobody reads: drop it",
            )


def _settings(rows: Sequence[tuple[str, int]]) -> Mapping[str, int]:
    return dict(rows)
