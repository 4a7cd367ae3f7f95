"""What tests of the synthetic checkout share: a sandbox whose synthetic tenant is gone before and after."""

from collections.abc import Iterator

import pytest

from printflow_reliability.sandbox import node_pdf_service, postgres, seaweedfs
from printflow_reliability.settings import CheckoutSettings, Settings
from printflow_reliability_tests.stack.conftest import StackSandbox

FORGET = """
DELETE FROM order_items WHERE order_id IN (SELECT id FROM orders WHERE tenant_id = %(tenant)s);
DELETE FROM orders WHERE tenant_id = %(tenant)s;
DELETE FROM products WHERE tenant_id = %(tenant)s;
DELETE FROM customers WHERE tenant_id = %(tenant)s;
DELETE FROM tenants WHERE id = %(tenant)s"""
PLACES = (("print-files", "tenants/{tenant}/"), ("reports", "checkout/"))
"""Where the objects of a synthetic checkout lie."""


@pytest.fixture(scope="module")
def shop(sandbox: StackSandbox) -> Iterator[StackSandbox]:
    """The sandbox's shop, which goes wrong in no way; what was ordered there is gone afterwards."""
    yield sandbox
    node_pdf_service.misbehave_shop(sandbox.home)
    tenant = checkout_of(sandbox.settings).tenant
    with postgres.superuser(sandbox.home, "live_db", "live_db") as connection:
        for statement in FORGET.split(";"):
            connection.execute(statement.encode(), {"tenant": tenant})
    for bucket, prefix in PLACES:
        s3 = seaweedfs.client(sandbox.home, bucket)
        listed = s3.list_object_versions(Bucket=bucket, Prefix=prefix.format(tenant=tenant))
        for version in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
            s3.delete_object(
                Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"], BypassGovernanceRetention=True
            )


def checkout_of(settings: Settings) -> CheckoutSettings:
    """The [checkout] of these settings."""
    assert settings.checkout is not None
    return settings.checkout


def changed(settings: Settings, **changes: object) -> Settings:
    """The settings with another [checkout]."""
    checkout = checkout_of(settings).model_copy(update=changes)
    return settings.model_copy(update={"checkout": checkout})


def with_limit(settings: Settings, step: str, seconds: float) -> Settings:
    """The settings with another limit of one step: what is to go wrong there need not be waited for in earnest."""
    steps = tuple(
        each.model_copy(update={"limit_seconds": seconds}) if each.name == step else each
        for each in checkout_of(settings).step
    )
    return changed(settings, step=steps)
