"""The verdict of backup.window on one repository: open gaps, and bytes that nobody read for too long."""

from collections.abc import Sequence
from datetime import datetime

from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.backups.verification import Verification
from printflow_reliability.backups.window.intervals import Interval, State
from printflow_reliability.checks import Outcome
from printflow_reliability.moments import is_ahead
from printflow_reliability.text import moment, seconds


def verdict_on_window(
    cluster: str,
    repository: int,
    found: Sequence[Interval],
    verification: Verification | None,
    now: datetime,
    max_unverified_seconds: float,
) -> ClusterVerdict:
    """The verdict on a window.

    Args:
        cluster, repository: whose.
        found: its intervals, in order.
        verification: the newest of the repository; None if there was none.
        now: the moment that ages are counted from.
        max_unverified_seconds: how long ago it may be. What was stored after it is unknown until then, and that is all
            right; what was there before and is unknown all the same is not.
    """
    where = f"{cluster} repo{repository}"
    full, verify = f"printflow backup run {cluster} --type full", f"printflow backup verify {cluster}"
    gaps = [interval for interval in found if interval.state is State.GAP and not interval.accepted]
    if gaps:
        more = f" and {len(gaps) - 1} more such gaps" if len(gaps) > 1 else ""
        lost = f"nothing between {moment(gaps[-1].begin)} and {moment(gaps[-1].end)} can be restored"
        accept = f"what nobody can repair is accepted by: printflow wal acknowledge {cluster} FIRST LAST --reason TEXT"
        return ClusterVerdict(Outcome.FAIL, f"{where}: {lost}: {gaps[-1].detail}{more}; {full}; {accept}")
    if not found:
        return ClusterVerdict(Outcome.FAIL, f"{where}: no moment can be restored; {full}")
    if verification is None:
        return ClusterVerdict(Outcome.UNKNOWN, f"{where}: its bytes were never verified; {verify}")
    if is_ahead(verification.began_at, now):
        sentence = (
            f"{where}: its verification is dated {moment(verification.began_at)}, in the future: a clock was wrong"
        )
        return ClusterVerdict(Outcome.UNKNOWN, f"{sentence}; {verify}")
    age = (now - verification.began_at).total_seconds()
    if age > max_unverified_seconds:
        allowed = f"allowed are {seconds(max_unverified_seconds)}"
        sentence = f"{where}: its bytes were verified {seconds(age)} ago, {allowed}; {verify}"
        return ClusterVerdict(Outcome.UNKNOWN, sentence)
    unread = [
        interval
        for interval in found
        if interval.state is State.UNKNOWN and interval.begin < verification.began_at >= interval.end
    ]
    if unread:
        return ClusterVerdict(
            Outcome.UNKNOWN,
            f"{where}: whether {moment(unread[0].begin)} to {moment(unread[0].end)} can be restored is not known: "
            f"{unread[0].detail}; {verify}",
        )
    return ClusterVerdict(Outcome.PASS, f"{where}: {_summary(found)}")


def _summary(found: Sequence[Interval]) -> str:
    parts = []
    for state in State:
        length = sum(interval.seconds for interval in found if interval.state is state)
        if length:
            parts.append(f"{seconds(length)} {state}")
    return f"{moment(found[0].begin)} to {moment(found[-1].end)}: {', '.join(parts) or 'a single moment'}"
