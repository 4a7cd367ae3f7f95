"""Which rows of the manifest a release takes."""

from typing import Any, cast

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.files.quarantine import run
from printflow_reliability.files.quarantine.run import Chosen
from printflow_reliability.records import quarantine as manifest
from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability_tests.files.quarantine.object_aside import KEY, row
from printflow_reliability_tests.minimal_settings import minimal_settings


def rows_of(monkeypatch: pytest.MonkeyPatch, rows: list[Quarantined], chosen: Chosen) -> list[Quarantined]:
    """What a release takes of these rows."""

    def of(_: Any, keys: Any = (), tenants: Any = (), bucket: str | None = None) -> list[Quarantined]:
        return [
            row
            for row in rows
            if row.key in (keys or (row.key,)) and row.tenant in (tenants or (row.tenant,)) and bucket is None
        ]

    monkeypatch.setattr(manifest, "chosen", of)
    return [*run._rows(minimal_settings(), cast(Any, None), chosen)[0]]


def test_of_one_tenant_nothing_comes_back_that_another_tenants_file_is_newer_than(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older, newer, own = row("v1", tenant="a"), row("v2", tenant="b", id=2), row("v3", tenant="a", id=3, key="own.pdf")
    every = [older, newer, own]
    assert rows_of(monkeypatch, every, Chosen("ada", tenants=["a"])) == [own]
    assert rows_of(monkeypatch, every, Chosen("ada", tenants=["b"])) == [newer]
    with pytest.raises(ConfigError, match="what was moved last under it is of tenant b"):
        rows_of(monkeypatch, every, Chosen("ada", keys=[KEY], tenants=["a"]))
