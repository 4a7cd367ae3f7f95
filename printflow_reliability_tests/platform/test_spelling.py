"""One normal form of keys: what people and programs put around a key changes nothing of what it means."""

import itertools
import unicodedata
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from printflow_reliability.files.scan import out_of_place
from printflow_reliability.files.spellings import Spellings
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.platform.spelling import folded, is_url, plain
from printflow_reliability.platform.tenancy import BasePaths, Tenant

BUCKET = "printflow360"
PATHS = BasePaths([Tenant("1", "tenants/1/"), Tenant("2", "tenants/2/"), Tenant("7", "7/")])
DRESSES: tuple[Callable[[str], str], ...] = (
    lambda key: f"/{key}",
    lambda key: f"storage/{key}",
    lambda key: f"/storage/{key}",
    lambda key: f"storage/app/public/{key}",
    lambda key: f"{BUCKET}/{key}",
    lambda key: f"{key}?v=3",
    lambda key: f"  {key}\n",
    lambda key: key.replace("/", "//"),
    lambda key: key.replace("/", "\\"),
    lambda key: key.replace("/", "/./"),
    quote,
    quote_plus,
    lambda key: quote(quote(key)),
    lambda key: "".join(char.upper() if char.isascii() else char for char in key),
    lambda key: unicodedata.normalize("NFD", key),
    lambda key: f"https://{BUCKET}.s3.example.com/{quote(key)}?X-Amz-Expires=60",
    lambda key: f"https://s3.example.com/{BUCKET}/{quote(key)}",
    lambda key: f"s3://{BUCKET}/{quote(key)}",
    lambda key: f"//cdn.example.com/{quote(key)}#page=2",
)
IN_FRONT: tuple[Callable[[str], str], ...] = (
    lambda key: f"https://cdn.example.com/assets/v2/{quote(key)}",
    lambda key: f"/var/www/platform/storage/app/public/{key}",
    lambda key: f"cdn.example.com/{key}",
)
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N"), include_characters="-_. "), min_size=1, max_size=12)


def reference(key: str, tenant: str | None = "1") -> Reference:
    return Reference(key, 0, tenant, "file", BUCKET, None, None, False)


def meant(key: str, objects: list[str]) -> list[str]:
    spellings = Spellings(PATHS, BUCKET)
    spellings.add(reference(key))
    return [candidate for candidate in objects if spellings.form_of(candidate) is not None]


@settings()
@given(NAMES, st.sampled_from(list(itertools.permutations(DRESSES, 2))))
def test_one_key_in_any_two_dresses_is_one_key(name: str, dresses: tuple[Callable[[str], str], ...]) -> None:
    key = f"tenants/1/orders/{name.strip(' .') or 'a'}.pdf"
    inner, outer = dresses
    for dressed in (inner(key), outer(inner(key)) if not is_url(inner(key)) else inner(key)):
        assert meant(dressed, [key, "tenants/1/orders/another one.pdf"]) == [key], dressed
        assert not out_of_place(reference(dressed), PATHS, BUCKET)
        assert out_of_place(reference(dressed, "2"), PATHS, BUCKET)


@pytest.mark.parametrize("dress", IN_FRONT)
def test_folders_in_front_that_are_none_of_the_buckets(dress: Callable[[str], str]) -> None:
    key = "tenants/1/orders/Über uns.pdf"
    assert meant(dress(key), [key]) == [key]
    assert out_of_place(reference(dress(key), "2"), PATHS, BUCKET)


def test_a_number_in_a_path_is_no_tenant() -> None:
    assert not out_of_place(reference("exports/7/a.pdf"), PATHS, BUCKET)
    assert out_of_place(reference("/7/a.pdf"), PATHS, BUCKET)


def test_of_no_known_tenant_a_key_may_lie_anywhere_but_not_climb() -> None:
    assert not out_of_place(reference("tenants/2/a.pdf", None), PATHS, BUCKET)
    assert out_of_place(reference("tenants/2/../1/a.pdf", None), PATHS, BUCKET)


@pytest.mark.parametrize("key", ["tenants/", "tenants/1/", "/", "//", "/tenants//1/", "storage/tenants/1/", "TENANTS/"])
def test_a_base_path_and_what_is_above_it_is_too_wide(key: str) -> None:
    assert PATHS.too_wide(key, BUCKET)
    assert meant(key, ["tenants/1/a.pdf", "tenants/2/a.pdf"]) == []


@pytest.mark.parametrize("key", ["tenants/1/orders/", "shared/", "tenants/3/"])
def test_a_folder_below_a_base_path_or_beside_all_is_not(key: str) -> None:
    assert not PATHS.too_wide(key, BUCKET)
    assert meant(f"storage/{key}", [f"{key}a.pdf", "tenants/1/b.pdf"]) == [f"{key}a.pdf"]


def test_base_paths_that_begin_like_a_link_are_told_apart_all_the_same() -> None:
    paths = BasePaths([Tenant("1", "public/a/"), Tenant("2", f"{BUCKET}/b/"), Tenant("3", "storage/c/")])
    for tenant, key in (("1", "public/a/x"), ("2", f"{BUCKET}/b/x"), ("3", "storage/c/x")):
        assert paths.owners_meant(f"/{key}?v=3", BUCKET) == {tenant}
        assert not out_of_place(reference(f"/{key}", tenant), paths, BUCKET)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_has_a_form_that_stays_what_it_is(key: str) -> None:
    assert isinstance(folded(key, BUCKET), str)
    assert not plain(key, BUCKET).startswith("//")
    PATHS.readings(key, BUCKET)
    PATHS.too_wide(key, BUCKET)
