"""The merge join says what two sets would say, for any keys, prefixes and repetitions."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.files.merge import merge
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.storage.pages import StoredObject

PART = st.sampled_from(["a", "b", "a-b", "a.pdf", "é", "e\u0301", "", "\n", "..", "%2F", "A", "\U0001f600", "\uffff"])
KEYS = st.lists(PART, min_size=1, max_size=4).map("/".join) | st.text(st.characters(codec="utf-8"), max_size=4)


def reference(key: str, entry: int = 0) -> Reference:
    return Reference(key, entry, "1", f"order {entry}", "print-files", None, None, False)


def stored(key: str) -> StoredObject:
    return StoredObject(key, 1, "etag", datetime(2026, 11, 2, tzinfo=UTC))


@given(st.lists(KEYS, max_size=12), st.lists(KEYS, max_size=12, unique=True))
def test_the_merge_join_agrees_with_the_naive_comparison(named: list[str], keys: list[str]) -> None:
    references = [reference(key, entry) for entry, key in enumerate(sorted(named))]
    objects = [stored(key) for key in sorted(keys)]
    expected = set()
    for referring in references:
        below = [key for key in sorted(keys) if key.startswith(referring.key)] if referring.key.endswith("/") else []
        same = [key for key in keys if key == referring.key]
        first = below[0] if below else same[0] if same else None
        expected.add((referring.key, referring.entry, first))
    prefixes = tuple(key for key in named if key.endswith("/"))
    alone = {key for key in keys if key not in named and not (prefixes and key.startswith(prefixes))}

    pairs = list(merge(references, objects))
    joined = [
        (referring.key, referring.entry, there.key if there else None)
        for referring, there in pairs
        if referring is not None
    ]
    assert len(joined) == len(references), "every reference comes out exactly once"
    assert set(joined) == expected
    assert [there.key for referring, there in pairs if referring is None and there is not None] == sorted(alone)


def test_two_references_to_one_object_both_come_with_it() -> None:
    target = stored("a")
    assert list(merge([reference("a", 0), reference("a", 1)], [target])) == [
        (reference("a", 0), target),
        (reference("a", 1), target),
    ]


def test_nothing_at_all_joins_to_nothing() -> None:
    assert list(merge([], [])) == []


def test_a_folder_marker_fills_no_folder_and_is_no_orphan_of_it() -> None:
    markers = [stored(key)._replace(size=0) for key in ("a/", "a/b/")]
    folder = reference("a/")
    assert list(merge([folder], markers)) == [(folder, None)]
    assert list(merge([folder], [*markers, stored("a/c")])) == [(folder, stored("a/c"))]


def test_a_reference_that_is_too_wide_covers_nothing() -> None:
    wide, named = reference("a/"), reference("a/b")
    objects = [stored("a/"), stored("a/b"), stored("a/c")]
    assert list(merge([wide, named], objects, lambda key: key == "a/")) == [
        (wide, None),
        (named, objects[1]),
        (None, objects[2]),
    ]
