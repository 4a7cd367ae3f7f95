"""A database that is lost while the suspicions are asked about again takes the answers away, and never silently."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from printflow_reliability.files import reconcile as reconciliation
from printflow_reliability.files.confirm_orphans import OrphanConfirmation
from printflow_reliability.files.emptied import failing
from printflow_reliability.files.report import Tally
from printflow_reliability.files.scan import Scope
from printflow_reliability.files.spool import FindingsFile
from printflow_reliability.findings import Finding
from printflow_reliability.platform.catalog import Catalog, Reference
from printflow_reliability.platform.catalog_entry import CatalogEntry
from printflow_reliability.platform.tenancy import BasePaths, Tenant
from printflow_reliability.records.reference_rows import Rows
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.storage.pages import StoredObject
from printflow_reliability_tests.minimal_settings import minimal_settings

BUCKET, WRITTEN, NOW = "print-files", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
TENANTS = (Tenant("1", "shops/1/"), Tenant("2", "shops/2/"))


def catalog() -> Catalog:
    settings = minimal_settings()
    return Catalog(settings, (CatalogEntry(0, settings.reference[0], (), (BUCKET,), tenant="1"),))


def lose(over: Catalog) -> None:
    """The database of tenant 1 is away from now on."""
    over.failing.leave_out(over.entries[0].place, "1", "the server ended the connection")


@pytest.mark.parametrize("lost", [False, True])
def test_a_database_lost_during_the_confirmation_is_told_and_the_pass_is_not_sound(
    monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    over = catalog()

    class Confirming:
        def __init__(self, **_: Any) -> None:
            pass

        def findings(self, _: object) -> Iterator[Finding]:
            if lost:
                lose(over)
            yield from ()

    source = SimpleNamespace(as_of=None)
    found = SimpleNamespace(rows={(0, "1"): 5}, close=lambda: None)
    for name, stand_in in {
        "Presence": lambda bucket: SimpleNamespace(bucket=bucket, now=lambda: NOW),
        "source_of": lambda *_, **__: source,
        "FirstLook": lambda *_: SimpleNamespace(at=lambda *_: found),
        "Confirmation": Confirming,
        "require_plausible": lambda *_: None,
        "tenancy": lambda *_, **__: SimpleNamespace(tenants=TENANTS),
        "held_of": lambda *_: None,
    }.items():
        monkeypatch.setattr(reconciliation, name, stand_in)
    tally = Tally()
    monkeypatch.setattr(tally, "count", lambda *_: None)
    whose = Rows(over.settings.reference[0].name, BUCKET, "1")
    run = reconciliation._Run(
        over.settings, over, TENANTS, frozenset("12"), {}, {}, (BUCKET,), (Scope(),), None, None, {whose: 5}, {}
    )
    with FindingsFile(None) as findings:
        run.one_bucket(BUCKET, Scope(), findings, tally, None)
    assert [finding.tenant for finding in run.told] == (["1"] if lost else [])
    assert run.kept == ({whose} if lost else set())


@pytest.mark.parametrize("lost", [False, True])
def test_an_object_whose_rows_are_lost_while_they_are_asked_for_again_is_no_orphan(lost: bool) -> None:
    over = catalog()

    class Losing:
        def look_up(self, *_: object) -> Iterator[Reference]:
            if lost:
                lose(over)
            yield from ()

    present = SimpleNamespace(
        bucket=over.settings.bucket_named(BUCKET),
        look_up=lambda keys: {key: ObjectHead("", "", 3, WRITTEN) for key in keys},
    )
    confirming = OrphanConfirmation(
        cast("Any", present),
        cast("Any", Losing()),
        BasePaths(TENANTS),
        Scope(),
        NOW,
        set(),
        lambda: failing(over, {}, BUCKET, {"1", "2"}, None),
        cast("Any", SimpleNamespace(as_of=None)),
    )
    objects = [StoredObject(f"shops/{tenant}/a.pdf", 3, "", WRITTEN) for tenant in "12"]
    found = [finding.tenant for finding, _ in confirming.findings(objects)]
    assert found == (["2"] if lost else ["1", "2"])
