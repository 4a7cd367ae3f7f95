"""Healing and passes while the store or the platform changes under them: nothing is lost or concluded wrongly."""

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from typing import Any

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.files import confirm_missing, heal_write
from printflow_reliability.files.heal import heal
from printflow_reliability.files.heal_report import HealStatus
from printflow_reliability.files.new_objects import put_new
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.platform.connect import connect
from printflow_reliability.platform.queries import Connection
from printflow_reliability.settings import ClusterSettings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.shelf import Shelf, shelf_of
from printflow_reliability_tests.stack.tampering import tampering

pytestmark = pytest.mark.stack

BODY = b"a picture " * 50
ENTRY = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)


@pytest.fixture
def shelf(sandbox: StackSandbox, request: pytest.FixtureRequest) -> Iterator[Shelf]:
    with shelf_of(sandbox, request.function.__name__.replace("_", "-")) as made:
        yield made


def deleted(shelf: Shelf, count: int) -> list[str]:
    keys = [shelf.stock(f"shops/1/{number}.png", BODY, size=len(BODY)) for number in range(count)]
    for key in keys:
        shelf.delete(key)
    shelf.stock("shops/1/there.png", BODY)
    return keys


def body(shelf: Shelf, key: str) -> bytes:
    return shelf.s3.get_object(Bucket=shelf.bucket, Key=key)["Body"].read()


def test_a_tenant_that_is_added_in_mid_pass_is_no_stranger(shelf: Shelf) -> None:
    shelf.stock("shops/1/there.png", BODY)
    shelf.put("shops/new/first.png", BODY)  # uploaded before its tenant's row is committed
    connections = iter(range(100))

    def connect_with(cluster: ClusterSettings, database: str | None) -> AbstractContextManager[Connection]:
        if next(connections) == 3:  # the second look: references and bucket were read by now
            shelf.admit("new", "shops/new/")
            shelf.refer("shops/new/first.png", tenant="new")
        return connect(cluster, database=database)

    settings = shelf.settings
    settings = settings.model_copy(update={"files": settings.files.model_copy(update={"orphan_grace_seconds": 0.0})})
    report = reconcile(settings, connect_with=connect_with)
    assert next(connections) > 4
    assert {check.outcome for check in report.checks} == {Outcome.PASS}, report.checks
    assert sum(reconcile(settings).counts.values()) == 0


@pytest.mark.exhaustive
def test_a_store_that_is_killed_in_mid_heal_loses_nothing_and_the_next_run_finishes(
    sandbox: StackSandbox, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = deleted(shelf, 3)
    with ExitStack() as away:

        def then_killed(*arguments: Any) -> Any:
            written = put_new(*arguments)
            away.enter_context(sandbox.stopped("primary"))
            return written

        monkeypatch.setattr(heal_write, "put_new", then_killed)
        broken = heal(shelf.settings, apply=True)
    monkeypatch.undo()
    done = heal(shelf.settings, apply=True)
    assert {action.deed for action in broken.actions} == {HealStatus.FAILED}
    assert done.count(HealStatus.HEALED) == len(keys) - 1
    assert {body(shelf, key) for key in keys} == {BODY}
    assert heal(shelf.settings, apply=True).actions == []


@pytest.mark.exhaustive
def test_a_store_that_says_slow_down_for_one_key_is_that_keys_trouble(shelf: Shelf) -> None:
    slow, other = deleted(shelf, 2)
    fails: dict[str, int] = {}
    with tampering(shelf.admin, fails) as shelf.endpoint:
        planned = heal(shelf.settings)
        fails[f"PUT {slow}"] = 503
        broken = {action.key: action for action in heal(shelf.settings, apply=True).actions}
        fails.clear()
        done = heal(shelf.settings, apply=True)
    assert planned.count(HealStatus.PLANNED) == 2
    assert (broken[slow].deed, broken[other].deed) == (HealStatus.FAILED, HealStatus.HEALED)
    assert "503" in broken[slow].detail
    assert [(action.deed, action.key) for action in done.actions] == [(HealStatus.HEALED, slow)]


@pytest.mark.exhaustive
def test_pages_that_repeat_or_skip_never_make_a_file_missing_or_an_orphan(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirm_missing, "SETTLED", timedelta(0))  # what is young may have come after the listing
    for number in range(30):
        shelf.stock(f"shops/1/{number:02}.png", BODY)
    time.sleep(1.1)

    def skipping(page: bytes) -> bytes:
        entries = iter(range(1000))
        return ENTRY.sub(lambda entry: b"" if next(entries) % 5 else entry[0], page)

    def repeating(page: bytes) -> bytes:
        return ENTRY.sub(lambda entry: entry[0] * 2, page)

    healthy = reconcile(shelf.settings)
    for change in (skipping, repeating):
        with tampering(shelf.admin, {}, change) as shelf.endpoint:
            report = reconcile(shelf.settings)
        assert {check.outcome for check in report.checks} == {Outcome.UNKNOWN}, (change, report.checks)
        assert "incomplete" in report.checks[0].detail
        assert sum(report.counts.values()) == 0
    assert {check.outcome for check in healthy.checks} == {Outcome.PASS}
