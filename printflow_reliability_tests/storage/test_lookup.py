"""What a store refuses for a key, or fails at, is that key's trouble, and the bucket's only where nothing answers."""

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.presence import KeyRefused, Presence
from printflow_reliability.storage.lookup import By, look_up
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.storage.single_keys import Found, Refusal, SingleKeys, ambiguous
from printflow_reliability_tests.storage.fake_s3 import HANGS_UP, FakeBucket, serving

STATUSES = (400, 401, 403, 405, 409, 416, 429, 500, 501, 502, 503, 504, HANGS_UP)
PART = st.sampled_from(["a", "b", "c.pdf", "é", "%2F", "a b", "x+y", "0", "~"])
KEY = st.lists(PART, min_size=1, max_size=3).map("/".join)


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("printflow_reliability.storage.clients.ATTEMPTS", 1)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[FakeBucket, SingleKeys]]:
    bucket = FakeBucket()
    with pytest.MonkeyPatch.context() as patch, serving(bucket) as where:
        patch.setattr("printflow_reliability.storage.clients.ATTEMPTS", 1)
        yield bucket, SingleKeys(where)


def content_of(found: Mapping[str, Found]) -> dict[str, object]:
    """What was found, but for the version, which only HEAD tells."""
    return {
        key: (answer.etag, answer.size) if isinstance(answer, ObjectHead) else answer for key, answer in found.items()
    }


@given(
    objects=st.sets(KEY, min_size=1, max_size=12),
    hostile=st.dictionaries(KEY, st.sampled_from(STATUSES), max_size=6),
    there=st.data(),
    by=st.sampled_from(By),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_keys_anywhere_take_no_answer_away_from_others(
    served: tuple[FakeBucket, SingleKeys], objects: set[str], hostile: dict[str, int], there: st.DataObject, by: By
) -> None:
    bucket, single = served
    objects = {*objects, "there"} - hostile.keys()  # whoever answers for nobody at all is no matter of single keys
    bucket.objects = dict.fromkeys(objects, 7)
    bucket.fails = {}
    asked = {*objects, *there.draw(st.sets(KEY, max_size=8)), *hostile}
    without = content_of(look_up(single.bucket, asked - hostile.keys(), by, single=single))
    bucket.objects |= {key: 7 for key in hostile if there.draw(st.booleans())}
    bucket.fails = dict(hostile)
    found = look_up(single.bucket, asked, by, single=single)
    assert content_of({key: answer for key, answer in found.items() if key not in hostile}) == without
    for key in hostile:  # what a listing shows is there, whatever HEAD says of it
        assert isinstance(found[key], Refusal) or key in bucket.objects or by is By.LISTING


@pytest.mark.parametrize("status", STATUSES)
def test_one_key_is_refused_by_whatever_way_it_is_asked_for(status: int) -> None:
    bucket = FakeBucket({"a/good.pdf": 3, "a/odd.pdf": 3}, {"a/odd.pdf": status})
    with serving(bucket) as where:
        answer = SingleKeys(where).ask("a/odd.pdf")
        assert isinstance(answer, Refusal)
        assert "a/odd.pdf" not in answer.reason
        presence = Presence(where)
        with pytest.raises(KeyRefused):
            presence.head("a/odd.pdf")
        assert isinstance(presence.head("a/good.pdf"), ObjectHead)


@pytest.mark.parametrize("status", STATUSES)
def test_a_bucket_that_answers_for_no_object_is_no_key_of_its_own(status: int) -> None:
    bucket = FakeBucket({f"a/{number}.pdf": 3 for number in range(4)}, heads=status)
    with serving(bucket) as where, pytest.raises(CouldNotTell):
        look_up(where, ["a/1.pdf"], By.HEAD)


@pytest.mark.parametrize("status", [403, 500])
def test_a_bucket_that_does_not_list_is_no_key_of_its_own(status: int) -> None:
    bucket = FakeBucket({"a/1.pdf": 3, "a/2.pdf": 3}, {"a/1.pdf": 500}, lists=status)
    with serving(bucket) as where, pytest.raises(CouldNotTell):
        look_up(where, ["a/1.pdf"], By.HEAD)


@pytest.mark.stack
def test_a_whole_folder_that_is_refused_is_no_bucket_that_is_wherever_it_sorts() -> None:
    for folder in ("a", "z"):
        odd = {f"{folder}/{number:04}.pdf": 400 for number in range(1200)}
        bucket = FakeBucket(dict.fromkeys((*odd, "m/fine.pdf"), 3), odd)
        with serving(bucket) as where:
            found = look_up(where, list(odd)[:30], By.HEAD)
        assert {type(answer) for answer in found.values()} == {Refusal}


def test_a_bucket_that_holds_refused_objects_only_is_asked_for_one_that_nobody_has() -> None:
    odd = {"a/1.pdf": 400, "a/2.pdf": 400}
    with serving(FakeBucket(dict.fromkeys(odd, 3), odd)) as where:
        assert {type(answer) for answer in look_up(where, odd, By.HEAD).values()} == {Refusal}


def test_a_folder_is_listed_once_for_all_its_odd_keys() -> None:
    odd = [f"t/1//{number}.pdf" for number in range(40)]
    bucket = FakeBucket({f"t/1/{number}.pdf": 3 for number in range(40)})
    bucket.same_as = {key: key.replace("//", "/") for key in odd}
    with serving(bucket) as where:
        presence = Presence(where)
        assert set(presence.look_up(odd).values()) == {None}
        assert {presence.head(key) for key in odd} == {None}
        assert bucket.requests["LIST t/1/"] == 1
        bucket.objects["t/1//7.pdf"] = 3  # a store that keeps them apart
        bucket.same_as = {}
        single = SingleKeys(where)
        assert look_up(where, ["t/1//7.pdf"], By.HEAD, single=single)["t/1//7.pdf"] is not None
        bucket.objects["t/1/./8.pdf"] = 3
        assert look_up(where, ["t/1/./8.pdf"], By.SURE, single=single)["t/1/./8.pdf"] is None
        assert look_up(where, ["t/1/./8.pdf"], By.HEAD, single=single)["t/1/./8.pdf"] is not None


@pytest.mark.parametrize(
    ("key", "odd"),
    [
        *((key, False) for key in ("a/b", "a/b/", "a/.b", "a/b.")),
        *((key, True) for key in ("a//b", "/a", "a/./b", "a/..", "a\\b", "a//", "/")),
    ],
)
def test_which_keys_a_store_may_take_for_others(key: str, odd: bool) -> None:
    assert ambiguous(key) is odd
