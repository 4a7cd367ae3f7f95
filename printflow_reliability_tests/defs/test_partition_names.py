"""Names of partitions: whatever an identifier holds, Dagster takes its name, and the name leads back to it."""

import dagster as dg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from printflow_reliability.defs.partition_names import identifier_of, partition_of

identifiers = st.text(min_size=1)


@given(st.lists(identifiers, unique=True, min_size=1))
@example(["a\nb", "1...2", "....", ".......", "50%", "%2E", "a\tb", "\x7f", "Größe 7", "..%2E"])
def test_each_identifier_has_a_name_of_its_own_that_dagster_takes(found: list[str]) -> None:
    names = [partition_of(identifier) for identifier in found]
    dg.DynamicPartitionsDefinition(name="any").build_add_request(names)  # refuses what cannot be a key, and duplicates
    assert [identifier_of(name) for name in names] == found


@pytest.mark.parametrize("identifier", ["7", "A-2026/11", "0b2f0a52-93a0-4c37-9d4e-7f9d5b8b6a11", "1..2", "Größe 7"])
def test_an_ordinary_identifier_is_its_own_name(identifier: str) -> None:
    assert partition_of(identifier) == identifier
