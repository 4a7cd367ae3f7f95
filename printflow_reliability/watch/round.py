"""One round of the watch: the guard's turn and the outbox's, and what is said of them on one line."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.alerts.turn import OUTBOX, OutboxTurn, outbox_turn
from printflow_reliability.checks import Outcome, worst
from printflow_reliability.orders.names import GUARD
from printflow_reliability.orders.turn import GuardTurn, guard_turn
from printflow_reliability.queues.turn import QUEUES, QueuesTurn, are_watched, queues_turn
from printflow_reliability.records.leases import Lease, give_back
from printflow_reliability.settings import Settings

INTERVAL_SECONDS = 7.0
LEASE_SECONDS = 10.0
"""Shorter than Dagster's: the watch comes back on time, and Dagster may take some seconds until its next tick."""
AFTER_LEASE_SECONDS = 0.5


@dataclass(frozen=True)
class Round:
    """What one round did.

    Attributes:
        outcome: the worst of what was answered; a pass where another is at work.
        said: on one line, for the log.
        again_in: seconds from the beginning of this round to that of the next.
        document: the same for programs.
    """

    outcome: Outcome
    said: str
    again_in: float
    document: Mapping[str, Any]


def holder(*, once: bool = False) -> str:
    """As whom this process takes its leases: one that is started anew has its own again, one round is nobody's."""
    name = f"printflow watch on {socket.gethostname()}"
    return f"{name}, once (process {os.getpid()})" if once else name


def go_round(settings: Settings, holder: str, heartbeats: Heartbeats, *, once: bool = False) -> Round:
    """Judge, alert and deliver what nobody else does; `once`: look at the queues too, which have their own time else.

    Raises:
        PrintflowError: the records are away or of another version.
    """
    turns: dict[str, GuardTurn | OutboxTurn | QueuesTurn] = {}
    turns[GUARD] = guard = guard_turn(settings, holder, heartbeats, LEASE_SECONDS, announced=not once)
    if once and are_watched(settings):
        turns[QUEUES] = queues_turn(settings, holder, heartbeats)
    turns[OUTBOX] = outbox = outbox_turn(settings, holder, heartbeats, LEASE_SECONDS)
    return Round(
        outcome=worst([*(outcome for turn in turns.values() for outcome in _outcomes(turn)), Outcome.PASS]),
        said="; ".join(f"{name}: {turn.describe()}" for name, turn in turns.items()),
        again_in=min(_again_in(guard.lease), _again_in(outbox.lease)),
        document={name: _document(turn) for name, turn in turns.items()},
    )


def stand_down(settings: Settings, holder: str) -> None:
    """Give back what this process has, so that another begins at once."""
    for name in (GUARD, OUTBOX, QUEUES):
        give_back(settings.records, name, holder, for_good=True)


def _outcomes(turn: GuardTurn | OutboxTurn | QueuesTurn) -> list[Outcome]:
    return [check.outcome for check in turn.report.checks] if turn.report else []


def _again_in(lease: Lease) -> float:
    """Soon after the lease of another ends, where that is sooner than the next round."""
    return INTERVAL_SECONDS if lease.mine else min(INTERVAL_SECONDS, lease.seconds_left + AFTER_LEASE_SECONDS)


def _document(turn: GuardTurn | OutboxTurn | QueuesTurn) -> dict[str, Any]:
    lease = {"holder": turn.lease.holder, "on_duty": turn.lease.mine}
    return {**lease, "checks": [check.as_json() for check in turn.report.checks] if turn.report else []}
