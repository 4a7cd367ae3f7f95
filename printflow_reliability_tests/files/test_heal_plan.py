"""What can be brought back is planned for the buckets that answer; the others are named."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.files import heal_plan
from printflow_reliability.files.heal_plan import plan
from printflow_reliability.records.erasures import Erasures

SETTINGS: Any = None
AWAY = "bucket archive answered 403"


def platform_of(buckets: Sequence[str], away: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Buckets in which nothing is missing, some of which do not answer; `empty` looks like a misconfiguration."""

    def reconcile(_: Any, *, findings_file: Path, buckets: Sequence[str] = buckets, **__: Any) -> SimpleNamespace:
        if [*buckets] == ["empty"]:
            raise Refused("bucket empty is empty")
        reasons = [AWAY for bucket in buckets if bucket in away]
        if not reasons:
            findings_file.touch()
        return SimpleNamespace(findings_file=None if reasons else findings_file, incomplete=reasons)

    monkeypatch.setattr(heal_plan, "reconcile", reconcile)
    monkeypatch.setattr(heal_plan, "open_catalog", lambda *_, **__: SimpleNamespace(buckets=buckets))


@pytest.mark.parametrize(
    ("buckets", "away", "unknown"),
    [
        (["files"], [], ""),
        (["archive", "files"], ["archive"], AWAY),
        (["archive", "empty", "files"], ["archive"], f"{AWAY}; bucket empty is empty"),
    ],
)
def test_a_bucket_that_does_not_answer_is_named_and_keeps_no_other_from_being_healed(
    buckets: list[str], away: list[str], unknown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform_of(buckets, away, monkeypatch)
    assert plan(SETTINGS, None, None, Erasures()).unknown == unknown


@pytest.mark.parametrize("buckets", [["archive"], ["archive", "vault"]])
def test_where_no_bucket_answers_nothing_is_known_to_be_whole(
    buckets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform_of(buckets, buckets, monkeypatch)
    with pytest.raises(CouldNotTell, match="what is missing cannot be told"):
        plan(SETTINGS, None, None, Erasures())
