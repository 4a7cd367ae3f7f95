"""Judging paid orders: each kind of problem, and one odd row never changes what is said of the others."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.orders.holds import files_of
from printflow_reliability.orders.judgement import Override, check_items, keys_in_place
from printflow_reliability.orders.problems import Kind, check_command, last_resort, next_step
from printflow_reliability.pdf.inspection import Problem as PdfProblem
from printflow_reliability.pdf.inspection import concluded
from printflow_reliability.pdf.verify import PdfVerification
from printflow_reliability.platform.paid_orders import PaidItem
from printflow_reliability.platform.tenancy import BasePaths, Tenant
from printflow_reliability.storage.objects import ObjectHead

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
PATHS = BasePaths([Tenant("tenant", "tenants/tenant/"), Tenant("other", "tenants/other/"), Tenant("all", "tenants/")])
HEAD = ObjectHead("v1", "etag", 100, LONG_AGO)
GOOD = "tenants/tenant/good.pdf"
FILES = {
    GOOD: PdfVerification(GOOD, HEAD, concluded([])),
    "tenants/tenant/warned.pdf": PdfVerification(
        "", HEAD, concluded([PdfProblem("repaired", "it opens only with repair")])
    ),
    "tenants/tenant/missing.pdf": PdfVerification("", None),
    "tenants/tenant/cut.pdf": PdfVerification("", HEAD, concluded([PdfProblem("cut_off", "it is cut off")])),
    "tenants/tenant/coarse.pdf": PdfVerification("", HEAD, concluded([PdfProblem("low_resolution", "72 dpi")])),
    "tenants/tenant/new.pdf": PdfVerification("", HEAD, None),
    "tenants/tenant/busy.pdf": PdfVerification(
        "", HEAD, concluded([PdfProblem("not_judged", "this machine is too busy")])
    ),
    "tenants/tenant/sealed.pdf": PdfVerification("", None, refused="the store answers 400 for it"),
}


def item(
    key: str | None = GOOD, *, order: str = "7", tenant: str | None = "tenant", paid_at: datetime | None = LONG_AGO
) -> PaidItem:
    return PaidItem(order, tenant, paid_at, key)


def kinds(*items: PaidItem) -> dict[str, list[Kind]]:
    answers = check_items(items, PATHS, FILES, {}, NOW, 300)
    return {answer.order: [problem.kind for problem in answer.problems] for answer in answers}


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (item(), None),
        (item("tenants/tenant/warned.pdf"), None),
        (item(None), Kind.UNLINKED),
        (item(""), Kind.UNLINKED),
        (item("tenants/other/good.pdf"), Kind.MISPLACED),
        (item("tenants/tenant/"), Kind.MISPLACED),
        (item("tenants/tenant/../other/x.pdf"), Kind.MISPLACED),
        (item("tenants/tenant/..\\other\\x.pdf"), Kind.MISPLACED),
        (item(tenant=None), Kind.NO_TENANT),
        (item(tenant="nobody"), Kind.UNKNOWN_TENANT),
        (item(tenant="all"), Kind.MISPLACED),
        (item("tenants/tenant/missing.pdf"), Kind.MISSING),
        (item("tenants/tenant/cut.pdf"), Kind.UNUSABLE),
        (item("tenants/tenant/coarse.pdf"), Kind.UNUSABLE),
        (item("tenants/tenant/new.pdf"), Kind.UNINSPECTED),
        (item("tenants/tenant/busy.pdf"), Kind.UNJUDGED),
        (item("tenants/tenant/sealed.pdf"), Kind.UNREADABLE),
    ],
)
def test_each_kind_of_problem_is_told_and_holds(found: PaidItem, kind: Kind | None) -> None:
    (answer,) = check_items([found], PATHS, FILES, {}, NOW, 300)
    assert [problem.kind for problem in answer.problems] == ([kind] if kind else [])
    assert answer.wrong is bool(kind)
    for problem in answer.problems:
        step = next_step(problem, answer.order, answer.tenant)
        assert "printflow " in step
        assert files_of(answer)[0]["action"] == step


@pytest.mark.parametrize(
    ("paid_at", "waiting"),
    [
        (NOW - timedelta(seconds=200), True),
        (NOW - timedelta(seconds=301), False),
        (NOW + timedelta(seconds=200), True),
        (NOW + timedelta(days=4000), False),
        (None, False),
    ],
)
def test_an_order_waits_for_its_artwork_only_shortly_after_a_payment_that_is_known(
    paid_at: datetime | None, waiting: bool
) -> None:
    for key in (None, "tenants/tenant/new.pdf", "tenants/tenant/busy.pdf", "tenants/tenant/sealed.pdf"):
        (answer,) = check_items([item(key, paid_at=paid_at)], PATHS, FILES, {}, NOW, 300)
        assert (answer.waiting, answer.wrong) == (waiting, not waiting)


def test_a_named_person_lets_an_order_go_on_and_its_problems_stay_known() -> None:
    given_by = Override("Ada", "proof approved by phone", NOW + timedelta(hours=1))
    (answer,) = check_items([item(None)], PATHS, FILES, {"7": given_by}, NOW, 300)
    assert answer.ready
    assert not answer.wrong
    assert answer.as_json()["reasons"] == ["print-ready file was never linked"]


@pytest.mark.parametrize("order", ["7; rm -r /", "it's", "-7", "", "a\nb", "a\x1b[2Jb'c\\d", "Größe 7", "$HOME `id`"])
def test_a_next_step_can_be_copied_whatever_an_order_is_called(order: str) -> None:
    for step in (check_command(order), last_resort(order).partition("should: ")[2]):
        assert step.isprintable()
        echoed = subprocess.run(
            ["/bin/bash", "-c", f"printflow() {{ printf '%s\\0' \"$@\"; }}; {step}"], capture_output=True, check=True
        )
        assert echoed.stdout.decode().split("\0")[-2] == order


hostile = st.builds(
    PaidItem,
    st.text(min_size=1, max_size=5).map(lambda text: f"hostile {text}"),
    st.none() | st.sampled_from(["tenant", "other", "nobody", ""]) | st.text(max_size=4),
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.none()
    | st.text(max_size=20)
    | st.sampled_from([*FILES, "tenants/", "/", "tenants/tenant/", "..", "\\", "a//b"]),
)


@given(rows=st.lists(hostile, max_size=8), place=st.integers(0, 5))
def test_whatever_else_is_paid_the_others_are_judged_as_without_it(rows: list[PaidItem], place: int) -> None:
    healthy = [item(order="good"), item("tenants/tenant/missing.pdf", order="bad"), item(None, order="unlinked")]
    alone = kinds(*healthy)
    mixed = kinds(*healthy[:place], *rows, *healthy[place:])
    assert {order: found for order, found in mixed.items() if order in alone} == alone
    paths = tuple(path for each in PATHS.of.values() for path in each)
    assert all(key.startswith(paths) for key in keys_in_place([*healthy, *rows], PATHS))


def test_artwork_that_a_rollback_made_older_holds_its_order_and_no_other() -> None:
    taken_back = {("7", GOOD): 3}
    answers = {
        answer.order: answer for answer in check_items([item(), item(order="8")], PATHS, FILES, {}, NOW, 0, taken_back)
    }
    (problem,) = answers["7"].problems
    assert problem.kind is Kind.ROLLED_BACK
    assert "files rollback 3" in problem.text
    assert "printflow orders override" in next_step(problem, "7", "tenant")
    assert answers["8"].ready
    assert check_items([item()], PATHS, FILES, {}, NOW, 0, {("7", "tenants/tenant/other.pdf"): 3})[0].ready
