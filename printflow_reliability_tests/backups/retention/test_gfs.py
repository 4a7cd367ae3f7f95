"""Retention over random histories, against an oracle that is written down differently; and the cases with a name."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import settings as sampling
from hypothesis import strategies as st

from printflow_reliability.backups.retention.gfs import (
    Decision,
    Policy,
    Retention,
    Soundness,
    StoredBackup,
    decide,
    in_order,
    overdue,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SKEW = timedelta(minutes=5)
SOUND, DAMAGED, UNVERIFIED = Soundness.SOUND, Soundness.DAMAGED, Soundness.UNVERIFIED
MIXED = (SOUND, SOUND, SOUND, SOUND, UNVERIFIED, DAMAGED)


def full(days_ago: float, soundness: Soundness = SOUND, name: str = "") -> StoredBackup:
    at = NOW - timedelta(days=days_ago)
    return StoredBackup(name or f"{at:%Y%m%d-%H%M%S}F", True, at, frozenset(), soundness)


def incremental(on: StoredBackup, days_ago: float, soundness: Soundness = SOUND) -> StoredBackup:
    at = NOW - timedelta(days=days_ago)
    label = f"{on.label[:16]}_{at:%Y%m%d-%H%M%S}I"
    return StoredBackup(label, False, at, frozenset({on.label, *on.needs}), soundness)


@st.composite
def histories(draw: st.DrawFn, kinds: tuple[Soundness, ...] = MIXED) -> list[StoredBackup]:
    """Chains of full and incremental backups at any times, now and then in the future."""
    found: dict[str, StoredBackup] = {}
    minutes = draw(st.lists(st.integers(-60 * 24 * 3, 60 * 24 * 500), unique=True, max_size=40))
    last: StoredBackup | None = None
    for ago in sorted(minutes, reverse=True):
        kind = draw(st.sampled_from(kinds))
        made = full(ago / 1440, kind)
        if last is not None and draw(st.integers(0, 3)):
            made = incremental(last, ago / 1440, kind)
        found[made.label], last = made, made
    return list(found.values())


DAYS = st.one_of(st.none(), st.floats(0.1, 400))
POLICIES = st.builds(Policy, st.integers(0, 20), st.integers(0, 10), st.integers(0, 14), DAYS)


def worst_of_chain(backup: StoredBackup, history: list[StoredBackup]) -> Soundness:
    there = {other.label: other.soundness for other in history}
    chain = {there.get(label, DAMAGED) for label in (backup.label, *backup.needs)}
    return DAMAGED if DAMAGED in chain else UNVERIFIED if UNVERIFIED in chain else SOUND


def sound_of(history: list[StoredBackup]) -> list[StoredBackup]:
    return [b for b in history if worst_of_chain(b, history) is SOUND and b.finished_at <= NOW + SKEW]


def oracle(history: list[StoredBackup], policy: Policy) -> set[str]:
    """The labels to keep, by asking of each backup alone whether anything speaks for it."""
    past = [backup for backup in history if backup.finished_at <= NOW + SKEW]
    good = sound_of(history)
    newest = max((backup.finished_at for backup in good), default=None)

    def fills(backup: StoredBackup, period: Callable[[datetime], object], count: int, prefer: bool) -> bool:
        mine = period(backup.finished_at)
        same = [other for other in good if period(other.finished_at) == mine]
        rivals = [other for other in same if other.full] if prefer and any(other.full for other in same) else same
        later = {period(other.finished_at) for other in good if other.finished_at > backup.finished_at} - {mine}
        return backup in rivals and backup == max(rivals, key=lambda b: b.finished_at) and len(later) < count

    def stays(backup: StoredBackup) -> bool:
        if backup not in past or newest is None or backup.finished_at >= newest:
            return True
        if worst_of_chain(backup, history) is UNVERIFIED:
            return True
        if any(o.finished_at > backup.finished_at and worst_of_chain(o, history) is DAMAGED for o in history):
            return True
        return backup in good and (
            fills(backup, lambda at: at.date(), policy.daily, False)
            or fills(backup, lambda at: at.isocalendar()[:2], policy.weekly, True)
            or fills(backup, lambda at: (at.year, at.month), policy.monthly, True)
        )

    kept = {backup.label for backup in history if stays(backup)}
    if newest and policy.wal_days is not None:
        begin = newest - timedelta(days=policy.wal_days)
        old_enough = [backup for backup in good if backup.finished_at <= begin]
        kept |= {backup.label for backup in old_enough if all(backup.finished_at >= b.finished_at for b in old_enough)}
    needed = {label for backup in history if backup.label in kept for label in backup.needs}
    return kept | (needed & {backup.label for backup in history})


def kept(retention: Retention) -> set[str]:
    return {backup.label for backup in retention.kept}


def decisions_of(history: list[StoredBackup], policy: Policy) -> tuple[Decision, ...]:
    return decide(history, policy, NOW).decisions


@sampling(deadline=None)
@given(histories(), POLICIES)
def test_what_is_kept_is_what_the_oracle_keeps(history: list[StoredBackup], policy: Policy) -> None:
    retention = decide(history, policy, NOW)
    assert len(retention.decisions) == len(history)
    assert kept(retention) == oracle(history, policy)


@sampling(deadline=None)
@given(histories(), POLICIES)
def test_nothing_that_is_kept_loses_what_it_needs_and_the_newest_good_one_stays(
    history: list[StoredBackup], policy: Policy
) -> None:
    decisions = decisions_of(history, policy)
    expired = {decision.backup.label for decision in decisions if not decision.keep}
    assert not any(decision.backup.needs & expired for decision in decisions if decision.keep)
    good = sound_of(history)
    if good:
        assert max(good, key=lambda backup: backup.finished_at).label not in expired
    else:
        assert not expired


@sampling(deadline=None)
@given(histories(), POLICIES, st.randoms())
def test_the_order_of_the_listing_does_not_matter(history: list[StoredBackup], policy: Policy, chance: object) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(shuffled, policy, NOW) == decide(history, policy, NOW)


@sampling(deadline=None)
@given(histories((SOUND, SOUND, UNVERIFIED)), POLICIES, st.data())
def test_an_interrupted_expiry_goes_on_where_it_was(
    history: list[StoredBackup], policy: Policy, data: st.DataObject
) -> None:
    retention = decide(history, policy, NOW)
    gone = in_order(retention.decisions)
    done = {backup.label for backup in gone[: data.draw(st.integers(0, len(gone)))]}
    again = decide([backup for backup in history if backup.label not in done], policy, NOW)
    assert (kept(again), again.wal_from) == (kept(retention), retention.wal_from)


@sampling(deadline=None)
@given(histories(), POLICIES)
def test_each_backup_expires_before_those_that_it_needs(history: list[StoredBackup], policy: Policy) -> None:
    gone = in_order(decisions_of(history, policy))
    for number, backup in enumerate(gone):
        assert not backup.needs & {earlier.label for earlier in gone[:number]}


@sampling(deadline=None)
@given(histories((SOUND,)), POLICIES)
def test_a_backup_more_never_costs_one_of_the_periods_that_are_filled(
    history: list[StoredBackup], policy: Policy
) -> None:
    """A new backup that nobody verified changes nothing of what is kept."""
    unread = full(-0.001, UNVERIFIED, "20261129-120001F")
    before = kept(decide([backup for backup in history if backup.finished_at <= NOW], policy, NOW))
    after = kept(decide([*(backup for backup in history if backup.finished_at <= NOW), unread], policy, NOW))
    assert after == before | {unread.label}


def test_a_year_of_weekly_full_and_daily_incremental_backups() -> None:
    history, last = [], full(400)
    for ago in range(400, -1, -1):
        made = full(ago + 0.01) if ago % 7 == 0 else incremental(last, ago + 0.01)
        history.append(made)
        last = made
    decisions = decisions_of(history, Policy())
    stay = [decision for decision in decisions if decision.keep]
    assert sum(decision.reason.startswith("day ") for decision in stay) == 14
    assert {decision.backup.full for decision in stay if decision.reason.startswith(("week", "month"))} == {True}
    assert 25 < len(stay) < 45
    assert stay[0].backup.finished_at < NOW - timedelta(days=300)


def test_the_backup_of_a_month_lives_for_a_year_although_something_expires_every_day() -> None:
    """What expired yesterday cannot be kept today: a backup must have been a month's since it was the newest."""
    kept_today: list[StoredBackup] = []
    last = full(501)
    for ago in range(500, -1, -1):
        last = full(ago + 0.01) if ago % 7 == 0 else incremental(last, ago + 0.01)
        moment = NOW - timedelta(days=ago)
        retention = decide([*kept_today, last], Policy(), moment)
        kept_today = list(retention.kept)
    months = {backup.finished_at.strftime("%Y-%m") for backup in kept_today if backup.full}
    assert months >= {f"2026-{month:02}" for month in range(1, NOW.month + 1)} - {NOW.strftime("%Y-%m")}
    assert len(months) >= 12
    assert len(kept_today) < 45


def test_what_expires_is_overdue_once_it_would_have_expired_so_long_ago() -> None:
    history = [full(ago) for ago in range(30, 0, -1)]
    policy = Policy(3, 0, 0)
    expiring = {backup.label for backup in history[:-3]}
    assert overdue(history, policy, NOW, 0.001) == expiring
    assert overdue(history, policy, NOW, 7) == {backup.label for backup in history[:-9]}
    assert overdue(history, policy, NOW, 300) == frozenset()


@given(histories((SOUND,)), POLICIES, st.floats(0, 400))
def test_only_what_expires_is_ever_overdue(history: list[StoredBackup], policy: Policy, days: float) -> None:
    keep = kept(decide(history, policy, NOW))
    assert not overdue(history, policy, NOW, days) & keep


def test_while_the_newest_backup_is_damaged_nothing_expires() -> None:
    history = [full(ago) for ago in range(60, 0, -1)]
    assert len(kept(decide(history, Policy(3, 0, 0), NOW))) == 3
    hurt = [*history, full(0.5, DAMAGED)]
    decisions = decisions_of(hurt, Policy(3, 0, 0))
    assert all(decision.keep for decision in decisions)
    assert decisions[0].reason == f"{hurt[-1].label}, which is newer, is damaged"


def test_a_damaged_backup_goes_once_newer_ones_are_sound_and_what_it_held_back_afterwards() -> None:
    history = [full(3), full(2, DAMAGED), full(1)]
    first = decisions_of(history, Policy(1, 0, 0))
    assert [(decision.keep, decision.reason) for decision in first[:2]] == [
        (True, f"{history[1].label}, which is newer, is damaged"),
        (False, "damaged, and newer backups are sound"),
    ]
    assert kept(decide([history[0], history[2]], Policy(1, 0, 0), NOW)) == {history[2].label}


def test_an_incremental_on_a_damaged_full_is_damaged_and_on_one_that_is_gone_too() -> None:
    hurt = full(3, DAMAGED)
    assert decisions_of([hurt, incremental(hurt, 2)], Policy())[1].reason == "no backup here was verified as sound"
    orphan = incremental(full(30), 2)
    decisions = decisions_of([orphan, full(1)], Policy())
    assert [decision.keep for decision in decisions] == [False, True]


def test_backups_of_the_future_fill_no_place_and_stay() -> None:
    """Our clock or the other is wrong: nothing is concluded from such a date."""
    future = full(-400)
    retention = decide([full(2), full(1), future], Policy(1, 0, 0), NOW)
    assert kept(retention) == {full(1).label, future.label}
    assert retention.decisions[-1].reason == "it ends in the future: a clock is wrong"


def test_when_backups_stop_time_alone_expires_nothing() -> None:
    history = [full(ago) for ago in range(10, 0, -1)]
    later = NOW + timedelta(days=2000)
    assert kept(decide(history, Policy(), later)) == kept(decide(history, Policy(), NOW))


def test_days_weeks_and_months_are_those_of_utc_whatever_zone_a_time_is_in() -> None:
    late = full(0)
    evening = replace(late, label="a", finished_at=datetime(2026, 10, 31, 23, 30, tzinfo=UTC))
    elsewhere = replace(evening, finished_at=evening.finished_at.astimezone(timezone(timedelta(hours=9))))
    reasons = [decisions_of([backup, late], Policy(0, 0, 5))[0].reason for backup in (evening, elsewhere)]
    assert reasons == ["month 2026-10", "month 2026-10"]


def test_the_last_week_of_a_year_is_one_week() -> None:
    first, second = (
        replace(full(0), label=label, finished_at=datetime(year, month, day, tzinfo=UTC))
        for label, year, month, day in (("a", 2024, 12, 31), ("b", 2025, 1, 2))
    )
    assert kept(decide([first, second, full(1)], Policy(0, 5, 0), NOW)) == {"b", full(1).label}


def test_with_nothing_to_keep_the_newest_sound_backup_still_stays() -> None:
    assert kept(decide([full(3), full(2)], Policy(0, 0, 0), NOW)) == {full(2).label}


@sampling(deadline=None)
@given(histories((SOUND, SOUND, UNVERIFIED)), POLICIES)
def test_every_moment_of_the_days_stays_restorable(history: list[StoredBackup], policy: Policy) -> None:
    retention = decide(history, policy, NOW)
    sound = sound_of(history)
    if policy.wal_days is None or not sound:
        assert retention.wal_from == (retention.kept[0] if retention.kept else None)
        return
    assert retention.wal_from is not None
    assert retention.wal_from.label in kept(retention)
    begin = max(backup.finished_at for backup in sound) - timedelta(days=policy.wal_days)
    assert retention.wal_from.finished_at <= max(begin, min(b.finished_at for b in retention.kept))


def test_a_clock_that_is_years_ahead_costs_no_wal() -> None:
    history = [full(ago) for ago in range(90, 0, -1)]
    policy = Policy(wal_days=30)
    later = NOW + timedelta(days=4000)
    assert decide(history, policy, later).wal_from == decide(history, policy, NOW).wal_from == history[59]


def test_a_backup_whose_full_is_gone_is_called_damaged_though_its_own_bytes_are_sound() -> None:
    gone, good = full(40), full(1)
    orphan = incremental(gone, 30)
    assert [decision.soundness for decision in decide([orphan, good], Policy(), NOW).decisions] == [DAMAGED, SOUND]


def test_wal_before_a_backup_of_a_timeline_that_was_left_is_kept() -> None:
    """Production went back to the state of 11 days ago: only from before that, WAL leads on to what it wrote since."""
    before, on_it, since = full(12), full(10), [full(2), full(1)]
    left = replace(on_it, leads_on=False)
    assert decide([before, left, *since], Policy(wal_days=8), NOW).wal_from == before
    assert decide([before, on_it, *since], Policy(wal_days=8), NOW).wal_from == on_it


def test_right_after_a_recovery_the_newest_backup_that_leads_to_the_present_stays() -> None:
    leading, newer = full(5.1), [full(4.9), full(4.5), full(3)]
    left = [replace(backup, leads_on=False) for backup in newer]
    assert leading.label in kept(decide([leading, *left], Policy(1, 0, 0), NOW))
    assert leading.label not in kept(decide([leading, *newer], Policy(1, 0, 0), NOW))


def test_while_a_newer_backup_is_damaged_wal_is_kept_too() -> None:
    history = [full(40), full(20), full(10, DAMAGED), full(1)]
    assert decide(history, Policy(wal_days=5), NOW).wal_from == history[0]


def test_a_label_that_is_listed_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        decide([full(1), full(1)], Policy(), NOW)


def test_no_backup_at_all_is_no_decision() -> None:
    assert decide([], Policy(), NOW) == Retention()
