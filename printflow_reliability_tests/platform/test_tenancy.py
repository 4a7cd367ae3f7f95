"""Whose a key is, by the tenants' base paths."""

import pytest

from printflow_reliability.platform.tenancy import BasePaths, Tenant


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
