"""Which objects an erasure is of: its own key, or all below a folder, and nothing beside."""

from datetime import UTC, datetime

import pytest

from printflow_reliability.records.erasures import Erasure, Erasures
from printflow_reliability.text import storable

AT = datetime(2026, 11, 2, tzinfo=UTC)
ERASED = Erasures(
    Erasure(number, "files", key, "t", "asked for", "ada", AT)
    for number, key in enumerate(("shops/1/a.pdf", "shops/2/", storable("shops/3/b\0.pdf")), 1)
)


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ("shops/1/a.pdf", 1),
        ("shops/1/a.pdf.bak", None),
        ("shops/1/A.pdf", None),
        ("shops/1/", None),
        ("shops/2/x/y.pdf", 2),
        ("shops/2/", 2),
        ("shops/2", None),
        ("shops/22/x.pdf", None),
        ("shops/3/b\0.pdf", 3),
    ],
)
def test_a_folder_stands_for_all_below_it_and_a_key_for_itself(key: str, number: int | None) -> None:
    found = ERASED.of("files", key)
    assert (found.id if found else None) == number
    assert ERASED.of("other", key) is None


def test_its_sentence_names_it() -> None:
    said = ERASED.every[0].sentence
    assert said == "it was erased on purpose (erasure 1, ada, 2026-11-02 00:00:00 UTC: asked for)"
