"""The first look keeps what differs by what a listing tells, and of an object written after the moment nothing else."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

from printflow_reliability.files.scan import Scope, scan
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.platform.tenancy import BasePaths, Tenant
from printflow_reliability.storage.pages import StoredObject

MOMENT = datetime(2026, 11, 2, tzinfo=UTC)
ETAG, OTHER = "0" * 32, "f" * 32
KNOWN: dict[str, dict[str, int | str]] = {
    "a": {"size": 1},
    "b": {"size": 2},
    "c": {"md5": ETAG},
    "d": {"md5": OTHER},
    "e": {"etag": f"{OTHER}-2"},
    "f": {},
    "g": {"size": 2, "etag": OTHER},
}


def candidates(since: datetime | None, written_at: datetime) -> dict[str, list[str] | int]:
    nothing = Reference("", 0, "1", "order 1", "print-files", None, None, False)
    references = iter([nothing._replace(key=f"t/1/{key}", **known) for key, known in KNOWN.items()])  # type: ignore[arg-type]
    objects = iter([StoredObject(f"t/1/{key}", 1, ETAG, written_at) for key in KNOWN])
    paths = BasePaths([Tenant("1", "t/1/")])
    with closing(scan(references, objects, paths, "print-files", Scope(), None, since=since)) as found:
        return {
            **{
                name: [candidate.key.removeprefix("t/1/") for candidate in getattr(found, name)]
                for name in ("missing", "wrong_tenant", "mismatched", "other_etag", "rewritten")
            },
            "not_compared": found.not_compared,
        }


def test_size_and_etag_of_a_listing_tell_what_differs() -> None:
    assert candidates(None, MOMENT) == {
        "missing": [],
        "wrong_tenant": [],
        "mismatched": ["b", "g"],
        "other_etag": ["d"],
        "rewritten": [],
        "not_compared": 1,
    }


def test_an_object_written_after_the_moment_says_nothing_of_the_one_that_was_there_then() -> None:
    later = MOMENT + timedelta(seconds=1)
    assert candidates(MOMENT, MOMENT)["mismatched"] == ["b", "g"]
    found = candidates(MOMENT, later)
    assert found["rewritten"] == [*KNOWN]
    assert found["mismatched"] == found["other_etag"] == []
