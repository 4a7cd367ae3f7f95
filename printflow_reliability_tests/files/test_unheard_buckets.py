"""Buckets that the journal tells nothing of are named, with what helps; others than references point into are not."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.files import deletions
from printflow_reliability.platform.catalog import Catalog
from printflow_reliability.platform.catalog_entry import CatalogEntry
from printflow_reliability.settings import JournalSettings
from printflow_reliability.settings.references import DiskSettings
from printflow_reliability_tests.minimal_settings import minimal_settings

AT = datetime(2026, 11, 2, tzinfo=UTC)
OTHERS = "".join(f'[[bucket]]\nname = "{name}"\nbucket = "{name}"\n' for name in ("archive", "proofs"))
LONG_AGO, LATELY = AT - timedelta(hours=2), AT - timedelta(minutes=1)


def unheard(
    heard: Mapping[str, datetime], *, columns: Sequence[str] = (), buckets: Sequence[str], disks: Sequence[str] = ()
) -> list[str]:
    settings = minimal_settings(OTHERS)
    disk = tuple(DiskSettings(name=name, bucket=name) for name in disks)
    settings = settings.model_copy(update={"reference": (settings.reference[0].model_copy(update={"disk": disk}),)})
    entry = CatalogEntry(0, settings.reference[0], ("tenant", "owner", "key", *columns), tuple(buckets))
    journal = JournalSettings(cluster="live_db", query="SELECT 1")
    read = deletions._Journal({}, AT, (), AT, heard, still=False)
    return list(deletions._unheard(settings, journal, Catalog(settings, (entry,)), read))


@pytest.mark.parametrize(
    ("heard", "said", "helps", "in_vain"),
    [
        ({}, "within 36 h", "raise journal.look_back_seconds (and journal_silence_seconds", "or set"),
        ({"print-files": LONG_AGO}, "since 2026-11-01 22:00", "or set journal_silence_seconds", "raise"),
    ],
)
def test_what_is_advised_of_a_quiet_bucket_helps(
    heard: Mapping[str, datetime], said: str, helps: str, in_vain: str
) -> None:
    (sentence,) = unheard(heard, buckets=["print-files"])
    assert f"no event of bucket print-files {said}" in sentence
    assert helps in sentence
    assert in_vain not in sentence


def test_the_bucket_of_a_query_whose_rows_all_name_another_is_asked_nothing_of() -> None:
    assert unheard({"archive": LATELY}, columns=["bucket"], buckets=["archive"]) == []
    assert unheard({"proofs": LATELY}, columns=["disk"], buckets=["proofs"], disks=["proofs"]) == []


@pytest.mark.parametrize("columns", [(), ("bucket",), ("disk",)])
def test_every_bucket_that_rows_or_disks_point_into_must_be_heard_of(columns: Sequence[str]) -> None:
    told = unheard({"archive": LATELY}, columns=columns, buckets=["archive", "print-files"], disks=["proofs"])
    assert [sentence.split(" within ")[0].split()[-1] for sentence in told] == ["print-files", "proofs"]
