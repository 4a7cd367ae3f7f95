"""What may be deleted: never a locked copy, and never the two newest whole ones."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from printflow_reliability.config_backup.expire import plan_expiry
from printflow_reliability.config_backup.manifest import Copies, StoredConfig
from printflow_reliability.locked_objects.versions import StoredVersion
from printflow_reliability_tests.config_backup.copies import ENV, NOON, copies, manifest

DAY = timedelta(days=1)


def test_a_copy_goes_when_its_lock_has_ended_its_manifest_first() -> None:
    made = [manifest(ENV, age_hours=24 * age) for age in (100, 95, 80, 20, 10)]
    plan = plan_expiry(copies(made), lambda: NOON)
    assert [expiry.key for expiry in plan if expiry.versions] == [copy.key for copy in made[:2]]
    assert plan[0].versions == ((made[0].manifest_key, "1"), (made[0].key, "1"))
    later = plan_expiry(copies(made), lambda: NOON + 400 * DAY)
    assert [expiry.key for expiry in later if expiry.versions] == [copy.key for copy in made[:3]]


def test_what_is_no_copy_goes_after_a_day() -> None:
    found = Copies((), (StoredVersion("config/main/x.tar.zst.age", "v", 5, NOON),), ())
    assert plan_expiry(found, lambda: NOON + DAY / 2) == []
    assert [expiry.key for expiry in plan_expiry(found, lambda: NOON + 2 * DAY)] == ["config/main/x.tar.zst.age"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=1, max_size=20), st.integers(0, 500))
def test_nothing_locked_and_no_newest_is_ever_deleted(made: list[tuple[int, bool]], today: int) -> None:
    found = [
        StoredConfig(manifest(ENV, age_hours=24 * (300 - day)), "1", present, False) for day, present in sorted(made)
    ]
    now = NOON + today * DAY
    gone = {expiry.key for expiry in plan_expiry(Copies(tuple(found), (), ()), lambda: now) if expiry.versions}
    newest = [copy.manifest.key for copy in found if copy.present][-2:]
    for copy in found:
        stays = copy.manifest.locked_until > now or copy.manifest.key in newest
        assert (copy.manifest.key in gone) != stays
