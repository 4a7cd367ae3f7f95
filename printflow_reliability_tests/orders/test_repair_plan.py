"""The plan of a repair: every kind of problem has a way or says who must do what, and nothing is guessed."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.files.kept_copies import KeptCopy
from printflow_reliability.orders.paid_rows import PaidRows
from printflow_reliability.orders.problems import REPAIRED, Kind, Problem, next_step
from printflow_reliability.orders.repair import repair as repairing
from printflow_reliability.orders.repair.plan import Candidate, Choice, Found, Means, Status, Step, Way, plan_step
from printflow_reliability.orders.repair.repair import means_of
from printflow_reliability.platform.paid_orders import PaidItem
from printflow_reliability.platform.tenancy import BasePaths, Tenant
from printflow_reliability.settings import BucketSettings
from printflow_reliability_tests.minimal_settings import minimal_settings

FOLDER = "tenants/t/orders/7/1/"
ITEM = PaidItem("7", "t", None, f"{FOLDER}card.pdf", "", "3", FOLDER)
CARD = Candidate(f"{FOLDER}card.pdf", 10, "aa")
OTHER = Candidate(f"{FOLDER}card-20261128.pdf", 10, "bb")
COPY = KeptCopy(BucketSettings(name="files", bucket="files"), "v1", 10, datetime(2026, 1, 1, tzinfo=UTC), "etag")
EMPTY = Found(folder=FOLDER)
ALL = Means()
NOTHING = Means("no link can be written", "nothing can be stored", "no file can be made", "nobody can be asked")


def problem(kind: Kind, item: PaidItem = ITEM) -> Problem:
    key = None if kind is Kind.UNLINKED else item.key
    return Problem(kind, key, f"it is {kind}", replace(item, key=key))


def planned(kind: Kind, found: Found = EMPTY, means: Means = ALL, choice: Choice | None = None) -> Step:
    return plan_step("7", problem(kind), found, means, choice or Choice())


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("means", [ALL, NOTHING])
def test_every_kind_of_problem_has_a_way_or_says_who_must_do_what(kind: Kind, means: Means) -> None:
    step = planned(kind, means=means)
    assert step.detail
    if kind in REPAIRED and means is ALL:
        assert (step.way, step.status) == (Way.REGENERATE, Status.PLANNED)
    else:
        assert (step.way, step.status) == (Way.PERSON, Status.NEEDS_PERSON)
        assert "printflow " in step.detail or means.generate in step.detail or means.link in step.detail
    assert next_step(problem(kind), "7", "t") == "printflow orders repair 7" or kind not in REPAIRED


@pytest.mark.parametrize("kind", [Kind.QUARANTINED, Kind.SYNTHETIC])
def test_an_order_whose_file_is_not_there_is_let_go_by_no_override(kind: Kind) -> None:
    step = planned(kind)
    assert not any("override" in said for said in (step.detail, *step.options))
    said = "files release" if kind is Kind.QUARANTINED else "printflow checkout cancels it"
    assert said in step.detail
    assert bool(step.options) is (kind is Kind.QUARANTINED)  # of a synthetic order nobody is to give a file


@pytest.mark.parametrize(
    ("kind", "found", "way", "key"),
    [
        (Kind.UNLINKED, Found((CARD,), folder=FOLDER), Way.RELINK, CARD.key),
        (Kind.MISPLACED, Found((CARD,), folder=FOLDER), Way.RELINK, CARD.key),
        (Kind.MISSING, Found((OTHER,), COPY, folder=FOLDER), Way.HEAL, ITEM.key),
        (Kind.MISSING, Found((OTHER,), folder=FOLDER), Way.RELINK, OTHER.key),
        (Kind.UNUSABLE, Found((OTHER,), COPY, folder=FOLDER), Way.HEAL, None),
        (Kind.UNUSABLE, EMPTY, Way.REGENERATE, None),
        # One content under two names is one file; what is proven or spelled alike comes before what lies beside it.
        (Kind.UNLINKED, Found((CARD, replace(OTHER, sha256="aa"))), Way.RELINK, CARD.key),
        (Kind.MISSING, Found((CARD, replace(OTHER, spelled=True))), Way.RELINK, OTHER.key),
        (Kind.MISSING, Found((replace(CARD, spelled=True), replace(OTHER, proven=True))), Way.RELINK, OTHER.key),
        # What must not be linked is no choice.
        (Kind.UNLINKED, Found((CARD, replace(OTHER, trouble="it is HTML")), folder=FOLDER), Way.RELINK, CARD.key),
        (Kind.UNLINKED, Found((replace(CARD, trouble="it is HTML"),), folder=FOLDER), Way.REGENERATE, None),
    ],
)
def test_what_the_item_had_comes_before_its_folder_and_a_new_file_last(
    kind: Kind, found: Found, way: Way, key: str | None
) -> None:
    step = planned(kind, found)
    assert (step.way, step.status, step.key) == (way, Status.PLANNED, key)


@pytest.mark.parametrize("kind", REPAIRED)
def test_two_files_that_may_be_meant_are_a_persons_choice(kind: Kind) -> None:
    step = planned(kind, Found((CARD, OTHER), folder=FOLDER))
    assert step.status is Status.NEEDS_PERSON
    assert [option for option in step.options if "--key=" in option] == [
        f"printflow orders repair --item=3 --key={file.key} --apply 7" for file in (CARD, OTHER)
    ]


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Found((CARD,), unclear="2 items of order 7 have no link"), "2 items of order 7 have no link"),
        (Found(folder_trouble="orders.paid returns no folder"), "orders.paid returns no folder"),
    ],
)
@pytest.mark.parametrize("kind", REPAIRED)
def test_what_cannot_be_told_apart_is_not_repaired_by_guess(kind: Kind, found: Found, says: str) -> None:
    step = planned(kind, found)
    assert step.status is Status.NEEDS_PERSON
    assert says in step.detail
    assert not [option for option in step.options if "--key=" in option or "--file=" in option]


def test_a_missing_file_is_brought_back_where_no_link_can_be_written() -> None:
    step = planned(Kind.MISSING, Found(copy=COPY), replace(NOTHING, store=""))
    assert (step.way, step.status) == (Way.HEAL, Status.PLANNED)
    assert planned(Kind.UNUSABLE, Found(copy=COPY), replace(NOTHING, store="")).status is Status.NEEDS_PERSON


@pytest.mark.parametrize("kind", [Kind.UNREADABLE, Kind.UNJUDGED, *REPAIRED])
def test_a_person_chooses_a_way_and_is_refused_what_must_not_be_printed(kind: Kind) -> None:
    linked = planned(kind, Found(chosen=CARD), choice=Choice(key=CARD.key))
    assert (linked.way, linked.status, linked.key) == (Way.RELINK, Status.PLANNED, CARD.key)
    for trouble in ("it is the artwork of order 8", "it lies outside the tenant's own path"):
        step = planned(kind, Found(chosen=replace(CARD, trouble=trouble)), choice=Choice(key=CARD.key))
        assert (step.status, trouble in step.detail) == (Status.NEEDS_PERSON, True)
    given = Choice(file=Path("card.pdf"))
    good, bad = Candidate("card.pdf"), Candidate("card.pdf", trouble="it is unusable")
    assert planned(kind, Found(chosen=good, folder=FOLDER), choice=given).way is Way.REPLACE
    assert planned(kind, Found(chosen=bad, folder=FOLDER), choice=given).status is Status.NEEDS_PERSON
    assert planned(kind, Found(chosen=good, folder_trouble="none"), choice=given).status is Status.NEEDS_PERSON
    assert planned(kind, EMPTY, choice=Choice(regenerate=True)).way is Way.REGENERATE


@pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.NO_TENANT, Kind.UNKNOWN_TENANT])
@pytest.mark.parametrize("choice", [Choice(key="a.pdf"), Choice(file=Path("a.pdf")), Choice(regenerate=True)])
def test_nothing_is_linked_for_an_order_of_nobody_known(kind: Kind, choice: Choice) -> None:
    assert planned(kind, Found(chosen=CARD), choice=choice).status is Status.NEEDS_PERSON


@pytest.mark.parametrize("kind", Kind)
def test_the_customer_can_be_asked_whatever_is_wrong(kind: Kind) -> None:
    assert planned(kind, choice=Choice(ask=True)).way is Way.ASK
    assert planned(kind, means=NOTHING, choice=Choice(ask=True)).status is Status.NEEDS_PERSON


def test_a_choice_is_for_one_item_that_is_named_where_there_are_several() -> None:
    both = [problem(Kind.UNLINKED), problem(Kind.MISSING, replace(ITEM, item="4"))]
    with pytest.raises(ConfigError, match="2 items with wrong artwork"):
        repairing._chosen("7", both, Choice(key="a.pdf"))
    with pytest.raises(ConfigError, match="no item 5"):
        repairing._chosen("7", both, Choice(item="5"))
    assert repairing._chosen("7", both, Choice(item="4", key="a.pdf")) == both[1:]
    assert repairing._chosen("7", [*both, both[0]], Choice()) == both


def test_nobody_asks_for_another_file_while_the_first_may_be_made() -> None:
    waiting = repairing._patient("7", planned(Kind.UNLINKED))
    assert waiting.status is Status.NEEDS_PERSON
    assert waiting.options[0] == "printflow orders repair --item=3 --regenerate --apply 7"
    relinked = planned(Kind.UNLINKED, Found((CARD,)))
    assert repairing._patient("7", relinked) == relinked


def test_what_an_installation_lacks_is_named_by_its_key() -> None:
    means = means_of(minimal_settings())
    for why, key in (
        (means.link, "[orders.repair]"),
        (means.store, "heal_access_key_id"),
        (means.generate, "[pdf_service]"),
        (means.ask, "ask in [orders.repair]"),
    ):
        assert key in why


PATHS = BasePaths([Tenant("t", "tenants/t/"), Tenant("u", "tenants/u/")])


@pytest.mark.parametrize(
    ("folder", "others", "says"),
    [
        (FOLDER, [], ""),
        (None, [], "returns no folder"),
        ("tenants/t/orders/7/1", [], "lacks its slash"),
        ("tenants/u/orders/7/1/", [], "does not lie within"),
        ("tenants/t/../u/", [], "does not lie within"),
        ("tenants/t/", [], "whole base path"),
        (FOLDER, [("8", "9", FOLDER)], "order 8 has it too"),
        (FOLDER, [("8", "9", "tenants/t/orders/7/")], "order 8 has it too"),
        (FOLDER, [("7", "4", FOLDER)], "another item of the order has it too"),
        (FOLDER, [("7", "3", FOLDER)], ""),
    ],
)
def test_a_folder_counts_only_if_it_is_the_items_own(
    folder: str | None, others: list[tuple[str, str, str]], says: str
) -> None:
    item = replace(ITEM, folder=folder)
    rows = PaidRows([item, *(PaidItem(o, "t", None, None, "", i, f) for o, i, f in others)], PATHS)
    trouble = rows.folder_trouble(item)
    assert says in trouble
    assert bool(trouble) is bool(says)


def test_a_file_of_another_order_or_item_is_taken() -> None:
    other = replace(ITEM, order="8", item="9", key="tenants/t/x.pdf", folder="tenants/t/orders/8/1/")
    rows = PaidRows([ITEM, other, replace(ITEM, item="4", key="tenants/t/y.pdf")], PATHS)
    assert rows.taken(ITEM, "tenants/t/x.pdf") == "it is the artwork of order 8"
    assert rows.taken(ITEM, "tenants/t/orders/8/1/card.pdf") == "it lies in the folder of order 8"
    assert rows.taken(ITEM, "tenants/t/y.pdf") == "it is the artwork of another item of the order"
    assert rows.taken(ITEM, f"{FOLDER}card.pdf") == ""


def test_items_that_nothing_tells_apart_are_said() -> None:
    nameless = replace(ITEM, item=None, key=None)
    assert "no link" in PaidRows([nameless, nameless], PATHS).unclear(nameless)
    assert PaidRows([nameless, replace(nameless, key="a")], PATHS).unclear(nameless) == ""
    assert PaidRows([ITEM, ITEM], PATHS).unclear(ITEM) == ""
