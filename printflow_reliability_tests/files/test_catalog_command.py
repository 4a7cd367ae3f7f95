"""What `files catalog` says: the verdict first in its line, whole values, what to do next."""

import pytest

from printflow_reliability.files.catalog_command import show_catalog
from printflow_reliability.files.catalog_report import CatalogReport, Uncovered, Unread

KEY = "shops/1/" + "long/" * 60 + "a.pdf"


@pytest.mark.parametrize(
    ("report", "exit_code", "said"),
    [
        (
            CatalogReport([], [], columns=1),
            0,
            "OK: every query is valid, and all object paths in 1 column are covered.",
        ),
        (
            CatalogReport([], [Uncovered("live_db", "t", "c", KEY, "files", KEY)]),
            1,
            f"not covered: live_db: t, column c\n    example  {KEY}\nFAIL: 1 column with object paths is not covered.",
        ),
        (
            CatalogReport([], [Uncovered("live_db", "t", "c", "a.pdf", "files", KEY, 3, 1)]),
            1,
            "covered for a part of its rows: live_db: t, column c\n    example  a.pdf\n"
            f'    object   {KEY} in bucket "files"\n    covered  3 of 4 objects',
        ),
        (
            CatalogReport([], [], covered_elsewhere=[Uncovered("live_db", "t", "c", KEY, "files", KEY, 3, 0)]),
            0,
            "note: no query reads live_db: t, column c; its objects are covered as long as other tables name them, too",
        ),
        (
            CatalogReport([], [], [Unread("denied", "live_db", "t", "c"), Unread("denied", "live_db", "t", "d")]),
            2,
            "not looked into: live_db: t.c, live_db: t.d: denied\nCOULD NOT TELL: what is named above",
        ),
    ],
)
def test_each_answer_in_words(
    capsys: pytest.CaptureFixture[str], report: CatalogReport, exit_code: int, said: str
) -> None:
    show_catalog(report)
    assert said in capsys.readouterr().out
    assert report.exit_code == exit_code
    assert report.ok is (exit_code == 0)
