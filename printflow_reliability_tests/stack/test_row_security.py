"""Row-level security never shortens an answer: whoever reads the platform hears which role and table are concerned."""

from collections.abc import Callable, Iterator

import pytest

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.catalog_check import check_catalog
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.platform.catalog import open_catalog
from printflow_reliability.platform.paid_orders import paid_items
from printflow_reliability.platform.tenancy import tenants
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.plain import plain_cluster, settings_with

pytestmark = pytest.mark.stack

FILES = """SELECT tenant, 'file ' || id AS owner, key, tenant AS "order", now() AS paid_at FROM files"""
PLATFORM = """
CREATE TABLE files (id serial, tenant text, key text);
INSERT INTO files (tenant, key) SELECT 'acme', 'acme/' || n FROM generate_series(1, 60) n;
CREATE ROLE reader LOGIN;
CREATE ROLE auditor LOGIN BYPASSRLS;
GRANT SELECT ON files TO reader, auditor;
ALTER TABLE files ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON files FOR SELECT USING (tenant = current_setting('app.tenant', true))
"""


def everything(settings: Settings) -> list[object]:
    catalog = open_catalog(settings)
    return list(catalog.references("files"))


READERS: dict[str, Callable[[Settings], object]] = {
    "references": everything,
    "tenants": tenants,
    "paid": paid_items,
    "catalog": check_catalog,
}


@pytest.fixture(scope="module")
def platform() -> Iterator[Callable[[str], Settings]]:
    """The settings of a platform with a policy, as a role of it reads them."""
    with plain_cluster(archiving=False) as cluster:
        cluster.execute(PLATFORM)

        def read_by(role: str) -> Settings:
            url = cluster.settings.url.replace("user=postgres", f"user={role}")
            settings = settings_with(cluster.settings.model_copy(update={"url": url}))
            reference = settings.reference[0].model_copy(
                update={"query": f"SELECT tenant, owner, key FROM ({FILES}) AS f"}
            )
            tenancy = settings.tenancy.model_copy(
                update={"tenants": "SELECT DISTINCT tenant, tenant || '/' AS base_path FROM files"}
            )
            orders = settings.orders.model_copy(update={"paid": FILES})
            return settings.model_copy(update={"reference": (reference,), "tenancy": tenancy, "orders": orders})

        yield read_by


@pytest.mark.parametrize("what", READERS)
def test_rows_that_a_policy_hides_are_an_error_that_names_role_and_table(
    platform: Callable[[str], Settings], what: str
) -> None:
    with pytest.raises(CouldNotTell) as hidden:
        READERS[what](platform("reader"))
    assert 'role "reader"' in hidden.value.what
    assert '"files"' in hidden.value.what
    assert 'ALTER ROLE "reader" BYPASSRLS' in hidden.value.next_step


@pytest.mark.parametrize("what", READERS)
def test_a_role_that_no_policy_concerns_sees_every_row(platform: Callable[[str], Settings], what: str) -> None:
    READERS[what](platform("auditor"))
    assert len(everything(platform("auditor"))) == 60


def test_a_reconciliation_of_hidden_rows_could_not_tell(platform: Callable[[str], Settings]) -> None:
    report = reconcile(platform("reader"))
    assert {result.outcome.value for result in report.checks} == {"unknown"}
    assert 'role "reader"' in report.checks[0].detail
