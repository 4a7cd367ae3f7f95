"""What can be brought back is planned for the buckets that answer; the others are named."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.files import heal_plan, kinds
from printflow_reliability.files.heal_plan import Chosen, plan
from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.records.erasures import Erasures
from printflow_reliability_tests.minimal_settings import minimal_settings

SETTINGS: Any = None
KEY = "shops/1/a.png"
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


def missing_in(buckets: Sequence[str], monkeypatch: pytest.MonkeyPatch, version: str = "2") -> None:
    """Buckets that miss the key, and what is planned for each."""

    def reconcile(_: Any, *, findings_file: Path, **__: Any) -> SimpleNamespace:
        every = (
            Finding(
                kind=kinds.MISSING_RESTORABLE, severity=Severity.ERROR, detail="", action="", bucket=bucket, key=KEY
            )
            for bucket in buckets
        )
        findings_file.write_text("".join(f"{json.dumps(finding.as_json())}\n" for finding in every))
        return SimpleNamespace(findings_file=findings_file, incomplete=())

    def planned(*asked: Any) -> list[HealAction]:
        return [HealAction(HealStatus.PLANNED, asked[4], KEY, "1", None, "", version_id=version)]

    monkeypatch.setattr(heal_plan, "reconcile", reconcile)
    monkeypatch.setattr(heal_plan, "open_catalog", lambda *_, **__: None)
    monkeypatch.setattr(heal_plan, "tenancy", lambda _: SimpleNamespace(tenants=()))
    monkeypatch.setattr(heal_plan, "_of_one_bucket", planned)


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


@pytest.mark.parametrize(
    ("chosen", "buckets"),
    [
        (Chosen(KEY, "null"), ["files"]),
        (Chosen(KEY, "null", "archive"), ["archive", "files"]),
        (Chosen(KEY), ["archive", "files"]),
        (None, ["archive", "files"]),
    ],
)
def test_a_version_that_a_person_chose_is_of_the_bucket_that_misses_the_key_or_that_was_named(
    chosen: Chosen | None, buckets: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing_in(buckets, monkeypatch)
    assert [action.bucket for action in plan(minimal_settings(), None, chosen, Erasures()).actions] == buckets


def test_a_version_of_a_key_that_several_buckets_miss_needs_the_bucket_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing_in(["archive", "files"], monkeypatch)
    with pytest.raises(ConfigError, match='is missing in buckets "archive" and "files"') as refused:
        plan(minimal_settings(), None, Chosen(KEY, "null"), Erasures())
    assert f"printflow files heal --key {KEY} --version null --source archive" in refused.value.sentence


def test_a_version_of_a_replica_that_buckets_share_is_written_into_the_chosen_bucket_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing_in(["archive", "files"], monkeypatch, version="null")
    with pytest.raises(ConfigError, match='missing in buckets "archive" and "files"') as refused:
        plan(minimal_settings(), None, Chosen(KEY, "null", "replica"), Erasures())
    assert f"--key {KEY} --version null --source replica --bucket archive" in refused.value.next_step
    for chosen in (Chosen(KEY, "null", "replica", "files"), Chosen(KEY, "null", bucket="files")):
        (action,) = plan(minimal_settings(), None, chosen, Erasures()).actions
        assert action.bucket == "files"
