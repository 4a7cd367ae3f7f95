"""What may be deleted: never a locked dump, never a database's newest, nothing before a newer one was found good."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from printflow_reliability.checks import Outcome
from printflow_reliability.dumps.expire import DumpExpiry, plan_expiry
from printflow_reliability.dumps.manifest import Manifest
from printflow_reliability.dumps.stored import Stored, StoredDump
from printflow_reliability.dumps.verifications import Verification
from printflow_reliability.locked_objects.versions import StoredVersion
from printflow_reliability_tests.dumps.manifests import NOW, manifest

DAY = timedelta(days=1)


def stored(*manifests: Manifest) -> Stored:
    return Stored(tuple(StoredDump(each, "m1", True, False) for each in manifests), (), ())


def verified(of: Manifest, *, good: bool = True) -> dict[tuple[str, str], Verification]:
    found = Verification(of.cluster, of.database, of.key, of.taken_at, of.taken_at + DAY / 4, good, "", None)
    return {(of.cluster, of.database): found}


def deleted(found: Stored, known: dict[tuple[str, str], Verification], now: datetime) -> list[str]:
    return [expiry.key for expiry in plan_expiry(found, known, lambda: now) if expiry.versions]


def test_a_dump_goes_when_its_lock_has_ended_and_a_newer_one_was_found_good() -> None:
    old, new = manifest(NOW), manifest(NOW + 20 * DAY)
    assert deleted(stored(old, new), verified(new), NOW + 13 * DAY) == []
    assert deleted(stored(old, new), verified(new), NOW + 21 * DAY) == [old.key]
    assert deleted(stored(old, new), verified(new), NOW + 400 * DAY) == [old.key]
    assert deleted(stored(old, new), verified(new, good=False), NOW + 21 * DAY) == []
    assert deleted(stored(old, new), verified(old), NOW + 21 * DAY) == []
    assert deleted(stored(old, new), {}, NOW + 21 * DAY) == []


def test_the_manifest_is_deleted_before_its_dump() -> None:
    old, new = manifest(NOW), manifest(NOW + 20 * DAY)
    plan = plan_expiry(stored(old, new), verified(new), lambda: NOW + 30 * DAY)
    assert plan[0].versions == ((old.manifest_key, "m1"), (old.key, "v1"))


def test_what_is_no_dump_goes_after_a_day() -> None:
    left = StoredVersion("dumps/a/b/c.dump.zst.age", "v", 5, NOW)
    found = Stored((), (left,), ())
    assert deleted(found, {}, NOW + DAY / 2) == []
    assert deleted(found, {}, NOW + 2 * DAY) == [left.key]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from(["a", "b"]), st.integers(1, 60)), min_size=1, max_size=30),
    st.integers(0, 500),
    st.booleans(),
)
def test_nothing_locked_and_no_newest_is_ever_deleted(made: list[tuple[int, str, int]], today: int, good: bool) -> None:
    dumps = [
        manifest(NOW + day * DAY, database=name, locked_until=NOW + (day + kept) * DAY)
        for day, name, kept in sorted(made)
    ]
    newest = {dump.database: dump for dump in dumps}
    known = {key: found for dump in newest.values() for key, found in verified(dump, good=good).items()}
    gone = set(deleted(stored(*dumps), known, NOW + today * DAY))
    for dump in dumps:
        if dump.locked_until > NOW + today * DAY or dump.taken_at == newest[dump.database].taken_at or not good:
            assert dump.key not in gone
        else:
            assert dump.key in gone


def judged(found: Stored, known: dict[tuple[str, str], Verification], now: datetime) -> DumpExpiry:
    return DumpExpiry(plan_expiry(found, known, lambda: now), False, "database", now - 14 * DAY)


def test_a_dump_that_nobody_deletes_is_overdue_two_weeks_after_its_lock_has_ended() -> None:
    old, new = manifest(NOW), manifest(NOW + 20 * DAY)
    both = stored(old, new), verified(new)
    soon, late = (judged(*both, NOW + days * DAY).checks[0] for days in (27, 29))
    assert (soon.outcome, soon.detail) == (Outcome.PASS, "1 dump kept; 1 to delete, none of them for long")
    assert late.outcome is Outcome.FAIL
    assert f"1 dump should have been deleted long ago, the first is {old.key}" in late.detail


def test_what_is_deleted_is_not_overdue_and_a_refusal_is_told() -> None:
    old, new = manifest(NOW), manifest(NOW + 20 * DAY)
    report = judged(stored(old, new), verified(new), NOW + 40 * DAY)
    done = replace(report, plan=[replace(each, deleted=True) if each.versions else each for each in report.plan])
    refused = replace(report, plan=[replace(each, deleted=False) if each.versions else each for each in report.plan])
    assert done.checks[0].outcome is Outcome.PASS
    assert refused.checks[0].outcome is Outcome.FAIL
    assert "the bucket refuses to delete 1 dump" in refused.checks[0].detail
