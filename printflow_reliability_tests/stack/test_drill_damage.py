"""Drills of a platform whose data are damaged: a restore brings the damage back, and the check that is for it rings."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.fences.nightly import record_fence
from printflow_reliability.drills.validation.page_checksums import check_pages
from printflow_reliability.records.database import open_records
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.faults import planted
from printflow_reliability.settings import SmokeSettings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.drilling import (
    detail,
    outcomes,
)

pytestmark = pytest.mark.stack


Record = Callable[[str, object], None]
PREPARE = """
CREATE TABLE shrinks AS SELECT generate_series(1, 200) AS id;
CREATE TABLE behind (id serial PRIMARY KEY);
CREATE TABLE twins (id integer NOT NULL, name text NOT NULL);
CREATE UNIQUE INDEX ON twins (id);
SELECT lo_from_bytea(0, 'artwork')
"""
DAMAGE = """
DELETE FROM shrinks WHERE id > 50;
INSERT INTO behind VALUES (9);
SELECT setval('behind_id_seq', 3);
UPDATE pg_index SET indisready = false WHERE indexrelid = 'twins_id_idx'::regclass;
INSERT INTO twins VALUES (1, 'one');
INSERT INTO twins VALUES (1, 'one');
UPDATE pg_index SET indisready = true WHERE indexrelid = 'twins_id_idx'::regclass;
UPDATE pg_attribute SET attnotnull = false WHERE attrelid = 'twins'::regclass AND attname = 'name';
INSERT INTO twins VALUES (2, NULL);
UPDATE pg_attribute SET attnotnull = true WHERE attrelid = 'twins'::regclass AND attname = 'name';
DELETE FROM pg_largeobject_metadata
"""
UNDO = "DROP TABLE IF EXISTS shrinks, behind, twins; DELETE FROM pg_largeobject"


@pytest.mark.alarm("drill.foreign_keys", "ring")
@pytest.mark.alarm("drill.indexes", "ring")
@pytest.mark.alarm("drill.files", "ring")
@pytest.mark.alarm("drill.objectives", "ring")
@pytest.mark.alarm("drill.links", "ring")
def test_damage_that_a_restore_faithfully_restores_is_found_in_the_clone(
    backed_up: StackSandbox, record_property: Record
) -> None:
    hasty = backed_up.settings.drills.model_copy(update={"rto_target_seconds": 0.1})
    with ExitStack() as stack:
        for fault in ("foreign_key_violated", "index_missing_rows", "object_gone"):
            stack.enter_context(planted(backed_up.home, fault))
        stack.enter_context(_audit_row_of_nobody(backed_up))
        began = time.monotonic()
        report = run_drill(backed_up.settings.model_copy(update={"drills": hasty}))
        record_property("seconds_to_ring", time.monotonic() - began)
    found = outcomes(report)
    for name in ("drill.foreign_keys", "drill.indexes", "drill.files", "drill.objectives", "drill.links"):
        assert found[name] is Outcome.FAIL, detail(report, name)
    assert found["drill.recovery"] is Outcome.PASS
    assert found["drill.isolation"] is Outcome.PASS
    assert "lost" in detail(report, "drill.files")
    assert "RTO" in detail(report, "drill.objectives")
    assert '1 value names a row that is not there: "tenant of an audit row"' in detail(report, "drill.links")
    assert not report.passed


@pytest.mark.alarm("drill.fence", "ring")
def test_rows_that_the_backup_lacks_are_named_table_by_table(backed_up: StackSandbox, record_property: Record) -> None:
    with planted(backed_up.home, "heap_truncated") as fault:
        began = time.monotonic()
        report = run_drill(backed_up.settings)
        record_property("seconds_to_ring", time.monotonic() - began)
    assert outcomes(report)["drill.fence"] is Outcome.FAIL
    assert report.matched is False
    assert fault.where["table"] in detail(report, "drill.fence")


@pytest.mark.alarm("drill.constraints", "ring")
@pytest.mark.alarm("drill.sequences", "ring")
@pytest.mark.alarm("drill.smoke", "ring")
@pytest.mark.alarm("drill.inventory", "ring")
@pytest.mark.alarm("drill.shrinkage", "ring")
def test_what_production_has_been_made_to_hold_wrongly_is_found_in_the_clone(
    backed_up: StackSandbox, record_property: Record
) -> None:
    smoke = SmokeSettings(name="nobody", cluster="live_db", query="SELECT 1 WHERE false")
    with ExitStack() as stack:
        connection = stack.enter_context(postgres.superuser(backed_up.home, "live_db", "live_db"))
        stack.callback(connection.execute, UNDO)
        connection.execute(PREPARE)
        baseline = record_fence(backed_up.settings).fences[0].name
        stack.callback(_forget_drills_of, backed_up, baseline)
        _passed_drill(backed_up, baseline)
        connection.execute(DAMAGE)
        # A night later the tables are as small as they are now; that is no reason to find them well.
        record_fence(backed_up.settings)
        began = time.monotonic()
        report = run_drill(
            backed_up.settings.model_copy(update={"smoke": (*backed_up.settings.smoke, smoke)}),
        )
        record_property("seconds_to_ring", time.monotonic() - began)
    said = {check.check: check.detail for check in report.checks if check.outcome is Outcome.FAIL}
    assert said["drill.constraints"].count("public.twins") == 2, said
    assert "1 value of the unique index twins_id_idx more than once" in said["drill.constraints"]
    assert "1 row without name, which must not be null" in said["drill.constraints"]
    assert "public.behind_id_seq is behind public.behind.id" in said["drill.sequences"]
    assert '"nobody" returned 0 rows' in said["drill.smoke"]
    assert "live_db.public.shrinks went from 200 to 50 rows" in said["drill.shrinkage"]
    assert "live_db live_db: 1 page of large objects without their large object" in said["drill.inventory"]


@pytest.mark.alarm("drill.checksums", "ring")
def test_a_page_that_changed_on_disk_is_named(
    backed_up: StackSandbox, record_property: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(clones: Sequence[Clone], *, timeout: float, give_up: Callable[[], None]) -> CheckResult:
        _flip_a_byte(backed_up)
        return check_pages(clones, timeout=timeout, give_up=give_up)

    # The clones are stopped there: what they had in memory is written, and no page is written again.
    monkeypatch.setattr("printflow_reliability.drills.world.clones.check_pages", spoiled)
    began = time.monotonic()
    report = run_drill(backed_up.settings)
    record_property("seconds_to_ring", time.monotonic() - began)
    assert outcomes(report)["drill.checksums"] is Outcome.FAIL
    assert "1 page is damaged: live_db base/" in detail(report, "drill.checksums")


@contextmanager
def _audit_row_of_nobody(sandbox: StackSandbox) -> Iterator[None]:
    """A row of one cluster names a tenant whom the other cluster does not have."""
    with postgres.superuser(sandbox.home, "admin_db", "admin_db") as connection:
        connection.execute("INSERT INTO audit_logs (tenant_id, action) VALUES (md5('nobody')::uuid, 'test')")
        try:
            yield
        finally:
            connection.execute("DELETE FROM audit_logs WHERE tenant_id = md5('nobody')::uuid")


def _flip_a_byte(sandbox: StackSandbox) -> None:
    """Change a byte of a table of the clone on disk, as its disk might."""
    with postgres.superuser(sandbox.home, "live_db", "live_db") as production:
        ((path,),) = production.execute("SELECT pg_relation_filepath('public.product_images')").fetchall()
    for data in sandbox.settings.drills.directory.glob("*/live_db/data"):
        with (data / path).open("r+b") as file:
            file.seek(4000)
            byte = file.read(1)
            file.seek(4000)
            file.write(bytes([byte[0] ^ 0xFF]))


PASSED = """
INSERT INTO drills (started_at, finished_at, target, repository, outcome, document)
VALUES (now(), now(), 'latest', 1, 'pass',
        jsonb_build_object('newest_fence', %s::text,
                           'checks', '[{"name": "drill.shrinkage", "outcome": "pass"}]'::jsonb))
"""


def _passed_drill(sandbox: StackSandbox, fence: str) -> None:
    """What a drill leaves in the records whose newest fence was this one, and that found no table shrunken."""
    with open_records(sandbox.settings.records) as records:
        records.execute(PASSED, (fence,))


def _forget_drills_of(sandbox: StackSandbox, fence: str) -> None:
    with open_records(sandbox.settings.records) as records:
        records.execute("DELETE FROM drills WHERE document ->> 'newest_fence' = %s", (fence,))
