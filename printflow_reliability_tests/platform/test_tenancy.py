"""Whose a key is, by the tenants' base paths."""

import pytest

from printflow_reliability.platform.tenancy import BasePaths, Tenant, told_apart


@pytest.mark.parametrize(
    ("key", "owner"),
    [
        ("tenants/1/a.pdf", "1"),
        ("tenants/10/a.pdf", "10"),
        ("tenants/1/shops/2/a.pdf", "2"),
        ("tenants/1/shops/3/a.pdf", "1"),
        ("tenants/1", None),
        ("tenants/1/", "1"),
        ("tenants/11/a.pdf", None),
        ("/tenants/1/a.pdf", None),
        ("", None),
    ],
)
def test_a_key_belongs_to_the_innermost_base_path_above_it(key: str, owner: str | None) -> None:
    paths = BasePaths([Tenant("1", "tenants/1/"), Tenant("10", "tenants/10/"), Tenant("2", "tenants/1/shops/2/")])
    assert paths.owner_of(key) == owner
    assert paths.nested


def test_tenants_beside_each_other_are_not_nested() -> None:
    assert not BasePaths([Tenant("1", "tenants/1/"), Tenant("10", "tenants/10/")]).nested


def test_a_tenant_with_an_odd_base_path_is_odd_alone() -> None:
    rows = [("1", "a/"), ("2", None), ("3", "b"), ("4", "/c/"), ("5", "d/"), ("5", "e/"), ("6", "f/"), ("7", "f/")]
    found = told_apart([*rows, (None, "g/")])
    assert found.tenants == (Tenant("1", "a/"), Tenant("5", "d/", ("e/",)))
    assert set(found.odd) == {"2", "3", "4", "6", "7", "NULL"}
    assert told_apart(rows[:1]).odd == {}


def test_all_tenants_may_be_odd() -> None:
    found = told_apart([("1", "a"), ("2", None)])
    assert found.tenants == ()
    assert set(found.odd) == {"1", "2"}


def test_a_tenant_may_have_several_base_paths() -> None:
    paths = BasePaths([Tenant("1", "a/", ("b/c/",)), Tenant("2", "b/"), Tenant("3")])
    owners = {key: paths.owner_of(key) for key in ("a/x", "b/x", "b/c/x", "c/x")}
    assert owners == {"a/x": "1", "b/x": "2", "b/c/x": "1", "c/x": None}
    assert paths.of == {"1": ("a/", "b/c/"), "2": ("b/",), "3": ()}


def test_a_tenant_without_a_base_path_is_odd_unless_it_may_be() -> None:
    rows = [("1", "a/"), ("2", None), ("3", "")]
    assert set(told_apart(rows).odd) == {"2", "3"}
    assert told_apart(rows, required=False).tenants == (Tenant("1", "a/"), Tenant("2"))


def test_a_base_path_within_anothers_is_said_unless_it_is_meant_so() -> None:
    rows = [("1", "a/"), ("2", "a/b/"), ("1", "a/c/"), ("3", "ab/")]
    assert set(told_apart(rows, nested=False).overlapping) == {"2"}
    assert told_apart(rows, nested=True).overlapping == {}
