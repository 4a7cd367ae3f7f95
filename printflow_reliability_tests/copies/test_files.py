"""The rule for print files: each digit with its fault planted in stores that are told what to answer."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.copies import files
from printflow_reliability.copies.files import FileCopies, file_copies, files_answer, reconciled, replicas
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.records.check_results import Answer
from printflow_reliability.settings import AcknowledgedSettings, BucketSettings, Settings
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.storage.single_keys import Found
from printflow_reliability_tests.minimal_settings import minimal_settings

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
PASS, WARN, FAIL, UNKNOWN = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.UNKNOWN
KEYS = tuple(f"t/{number}.pdf" for number in range(20))
RECIPIENT = "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm"
HELD = (PASS, "the store refused")
HERE = BucketSettings(name="print-files", bucket="files", region="eu-west-1", replica="far")
FAR = BucketSettings(name="far", bucket="files", region="eu-central-1", replica="farther")
FARTHER = BucketSettings(name="farther", bucket="files", region="eu-north-1", replica="print-files")
SAFE = BucketSettings(name="safe", bucket="safe", region="eu-central-1")


@dataclass
class Stores:
    """What the buckets hold and answer, by their names, and what the records say."""

    objects: dict[str, dict[str, Found]]
    locked: dict[str, datetime | CouldNotTell | None] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    referenced: tuple[str, ...] = KEYS
    before_the_second_look: Callable[[], None] = lambda: None
    answers: Mapping[str, tuple[Outcome, timedelta]] = field(
        default_factory=lambda: dict.fromkeys(files.RECONCILED, (PASS, timedelta(hours=1)))
    )


class Catalog:
    """References to every key."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        reference = type("Settings", (), {"kind": "print-ready"})
        derived = type("Settings", (), {"kind": "derived"})
        self.entries = (
            type("Entry", (), {"settings": reference, "buckets": ("print-files",)}),
            type("Entry", (), {"settings": derived, "buckets": ("thumbnails",)}),
        )

    def sample(self, bucket: str, most: int, *, but: tuple[str, ...]) -> list[Reference]:
        assert (bucket, but) == ("print-files", ("derived",))
        return [Reference(key, 0, None, None, bucket, 5, None, False) for key in KEYS][:most]

    def look_up(self, bucket: str, keys: list[str]) -> Iterator[Reference]:
        self._stores.before_the_second_look()
        for key in keys:
            if key in self._stores.referenced:
                yield Reference(key, 0, None, None, bucket, 5, None, False)


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Stores:
    """Three buckets in as many regions that hold the same; the farthest is locked, on a server whose lock held."""
    made = Stores(
        {name: {key: ObjectHead("v", "a" * 32, 5, NOW - timedelta(days=2)) for key in KEYS} for name in BUCKETS},
        dict.fromkeys(BUCKETS),
    )
    made.locked["far"] = NOW + timedelta(days=1)

    def look_up(bucket: BucketSettings, keys: Any, by: Any) -> Mapping[str, Found]:
        if bucket.name in made.away:
            raise CouldNotTell(f"bucket {bucket.name} does not answer")
        return {key: made.objects[bucket.name][key] for key in keys}

    class Store:
        def __init__(self, bucket: BucketSettings, _client: object) -> None:
            self.said = made.locked[bucket.name]

        def can_lock(self) -> bool:
            if isinstance(self.said, CouldNotTell):
                raise self.said
            return self.said is not None

        def locked_until(self, _key: str, _version_id: str) -> Any:
            return self.said

    @contextmanager
    def opened(_: object) -> Iterator[None]:
        yield

    def newest(_: object) -> list[Answer]:
        return [
            Answer(CheckResult(check, outcome, "4 lost"), NOW - age) for check, (outcome, age) in made.answers.items()
        ]

    monkeypatch.setattr(files, "look_up", look_up)
    monkeypatch.setattr(files, "LockedStore", Store)
    monkeypatch.setattr(files, "s3_client", lambda _: None)
    monkeypatch.setattr(files, "open_catalog", lambda _, **__: Catalog(made))
    monkeypatch.setattr(files, "open_records", opened)
    monkeypatch.setattr("printflow_reliability.records.check_results.newest", newest)
    return made


BUCKETS = ("print-files", "far", "farther")


def settings(*buckets: BucketSettings, accepted: tuple[str, ...] = ()) -> Settings:
    dumps = f'[dumps]\nbucket = "safe"\nrecipients = ["{RECIPIENT}"]\n'
    acknowledged = tuple(
        AcknowledgedSettings(check="copies.files", about=f"print-files: {digit}", reason="we know")
        for digit in accepted
    )
    made = minimal_settings(f'[[bucket]]\nname = "safe"\nbucket = "safe"\n{dumps}')
    return made.model_copy(update={"bucket": (*buckets, SAFE), "acknowledged": acknowledged})


THREE = settings(HERE, FAR, FARTHER)
TWO = settings(HERE, FAR.model_copy(update={"replica": None}))
ALONE = settings(HERE.model_copy(update={"replica": None}))


def digits_of(found: FileCopies) -> dict[str, Outcome]:
    return {digit.name: digit.outcome for digit in found.digits}


def judged(of: Settings, lock: tuple[Outcome, str] = HELD) -> tuple[FileCopies, CheckResult]:
    (found,) = file_copies(of, lock, NOW)
    return found, files_answer((found,), of)


HOLDS = {"copies": PASS, "media": FAIL, "offsite": PASS, "immutable": PASS, "errors": PASS}
"""Print files are in object storage alone: that is for a person to accept."""


def test_three_buckets_in_as_many_regions_hold_but_for_the_kinds_of_media(stores: Stores) -> None:
    found, answer = judged(THREE)
    assert digits_of(found) == HOLDS, found
    assert [copy.name for copy in found.copies] == ["the bucket itself", 'replica "far"', 'replica "farther"']
    assert [copy.locked for copy in found.copies] == [False, True, False]
    assert (answer.outcome, answer.about) == (WARN, ("print-files: media",))
    assert answer.numbers == {"verified_file_copies": 3}
    accepted = files_answer((found,), settings(HERE, FAR, FARTHER, accepted=("media",)))
    assert (accepted.outcome, "we know" in accepted.detail) == (PASS, True)


def test_two_copies_are_a_warning_and_one_is_a_failure_that_nobody_can_accept(stores: Stores) -> None:
    found, answer = judged(TWO)
    assert digits_of(found) == HOLDS | {"copies": FAIL}
    assert (answer.outcome, answer.about) == (WARN, ("print-files: copies", "print-files: media"))
    found, answer = judged(ALONE)
    assert digits_of(found) == HOLDS | {"copies": FAIL, "offsite": FAIL, "immutable": FAIL}
    assert answer.outcome is FAIL
    everything = settings(
        HERE.model_copy(update={"replica": None}), accepted=("copies", "media", "offsite", "immutable", "errors")
    )
    assert files_answer((found,), everything).outcome is FAIL


def lost(name: str) -> Callable[[Stores], None]:
    return lambda stores: stores.objects[name].update({KEYS[3]: None})


def away(name: str) -> Callable[[Stores], None]:
    return lambda stores: stores.away.add(name)


def lock(name: str, until: datetime | CouldNotTell | None) -> Callable[[Stores], None]:
    return lambda stores: stores.locked.update({name: until})


def answered(outcome: Outcome, age: timedelta = timedelta(0)) -> Callable[[Stores], None]:
    def plant(stores: Stores) -> None:
        stores.answers = {**stores.answers, "files.missing": (outcome, age)}

    return plant


@pytest.mark.parametrize(
    ("of", "plant", "differs", "outcome"),
    [
        (THREE, lost("farther"), {"copies": FAIL}, FAIL),
        (THREE, lost("print-files"), {"copies": FAIL}, FAIL),
        (TWO, lost("far"), {"copies": FAIL, "offsite": FAIL, "immutable": FAIL}, FAIL),
        (THREE, away("farther"), {"copies": UNKNOWN}, UNKNOWN),
        (TWO, away("far"), {"copies": FAIL, "offsite": UNKNOWN, "immutable": UNKNOWN}, UNKNOWN),
        (THREE, away("print-files"), {"copies": UNKNOWN, "offsite": UNKNOWN, "immutable": UNKNOWN}, UNKNOWN),
        (THREE, lock("far", None), {"immutable": FAIL}, WARN),
        (THREE, lock("far", NOW - timedelta(days=1)), {"immutable": FAIL}, WARN),
        (THREE, lock("far", CouldNotTell("403")), {"immutable": UNKNOWN}, UNKNOWN),
        (THREE, answered(FAIL), {"errors": FAIL}, FAIL),
        (THREE, answered(UNKNOWN), {"errors": UNKNOWN}, UNKNOWN),
        (THREE, answered(PASS, timedelta(days=3)), {"errors": UNKNOWN}, UNKNOWN),
    ],
    ids=[
        *("third copy lacks one", "bucket lacks one", "replica lacks one"),
        *("third copy away", "replica away", "bucket away"),
        *("not locked", "lock has ended", "lock not told"),
        *("files missing", "reconciliation unknown", "reconciled long ago"),
    ],
)
def test_each_digit_by_a_planted_fault(
    stores: Stores, of: Settings, plant: Callable[[Stores], None], differs: dict[str, Outcome], outcome: Outcome
) -> None:
    plant(stores)
    found, answer = judged(of)
    expected = HOLDS | ({"copies": FAIL} if of is TWO else {})
    assert digits_of(found) == expected | differs, found.digits
    assert answer.outcome is outcome, answer


def test_a_lock_counts_only_where_a_lock_of_that_server_was_tried(stores: Stores) -> None:
    tried = judged(THREE, lock=(FAIL, "it could be deleted"))[0]
    assert digits_of(tried)["immutable"] is FAIL
    stores.locked |= {"far": None, "farther": NOW + timedelta(days=1)}
    found, answer = judged(THREE)
    assert digits_of(found)["immutable"] is UNKNOWN
    assert "was not tried" in answer.detail


def test_another_region_is_another_than_the_buckets_own(stores: Stores) -> None:
    near = FAR.model_copy(update={"region": HERE.region, "replica": None})
    assert digits_of(judged(settings(HERE, near))[0])["offsite"] is FAIL


def test_what_nothing_refers_to_any_more_was_rightly_deleted(stores: Stores) -> None:
    for name in BUCKETS:
        stores.objects[name][KEYS[3]] = None
    stores.referenced = tuple(key for key in KEYS if key != KEYS[3])
    assert digits_of(judged(THREE)[0]) == HOLDS


@pytest.mark.parametrize("name", BUCKETS)
@pytest.mark.parametrize("size", [5, 6])
def test_what_was_replaced_between_two_looks_is_looked_at_again(stores: Stores, name: str, size: int) -> None:
    whole = stores.objects[name][KEYS[3]]
    stores.objects[name][KEYS[3]] = ObjectHead("v", "b" * 32, size, NOW - timedelta(days=2))
    assert digits_of(judged(THREE)[0]) != HOLDS
    stores.before_the_second_look = lambda: stores.objects[name].update({KEYS[3]: whole})
    assert digits_of(judged(THREE)[0]) == HOLDS


def test_what_is_broken_is_said_first(stores: Stores) -> None:
    stores.objects["farther"][KEYS[3]] = None
    answer = judged(THREE)[1]
    assert answer.detail.startswith('print files of bucket "print-files": replica "farther" does not count: of 20'), (
        answer
    )


def test_without_the_records_or_a_reconciliation_errors_are_unknown(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.answers = {}
    assert {outcome for outcome, _ in reconciled(THREE, NOW)} == {UNKNOWN}

    def gone(_: object) -> None:
        raise CouldNotTell("the records database does not answer")

    monkeypatch.setattr(files, "open_records", gone)
    assert {outcome for outcome, _ in reconciled(THREE, NOW)} == {UNKNOWN}


def test_replicas_that_name_each_other_are_each_taken_once() -> None:
    assert [bucket.name for bucket in replicas(THREE, HERE)] == ["far", "farther"]
    assert replicas(ALONE, ALONE.bucket[0]) == []


def test_where_everything_could_be_made_anew_there_is_nothing_to_copy() -> None:
    assert files_answer((), THREE).outcome is PASS
