"""One tenant, one version or one row in trouble on the foreign platform: it is said, and all others are as before."""

from typing import Any

import pytest

from printflow_reliability_tests.stack.foreign.build import BUCKET
from printflow_reliability_tests.stack.foreign.changed import changed
from printflow_reliability_tests.stack.foreign.objects import keys, without
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform

pytestmark = pytest.mark.stack


def version(foreign: ForeignPlatform, status: Any) -> None:
    foreign.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": status})


def test_a_tenant_without_a_base_path_of_its_own_ends_no_command_for_others(foreign: ForeignPlatform) -> None:
    tenants = 'FROM merchants"\ntable'
    odd = "FROM merchants UNION ALL SELECT gen_random_uuid(), 'shops'\"\ntable"
    with changed(foreign, tenants, odd), without(foreign, keys(foreign)[0]):
        reconciled = foreign.run("files", "reconcile", "--json")
        healed = foreign.run("files", "heal", "--apply", "--json")
        swept = foreign.run("pdf", "sweep", "--json")
        held = foreign.run("orders", "held", "--json")
        catalog = foreign.run("files", "catalog", "--json")
    assert reconciled.document["counts"] == {
        **dict.fromkeys(reconciled.document["counts"], 0),
        "missing_restorable": 1,
        "unknown": 1,
    }
    assert (healed.exit_code, healed.document["healed"]) == (0, 1), healed
    for ended in (swept, held, catalog):
        assert ended.exit_code == 0, ended


def test_a_row_that_names_an_unknown_bucket_is_said_by_the_sweep(foreign: ForeignPlatform) -> None:
    columns = "f.bytes AS size, f.sha256,"
    with changed(
        foreign, columns, f"{columns} CASE WHEN f.id = (SELECT min(id) FROM media) THEN 'gone' END AS bucket,"
    ):
        swept = foreign.run("pdf", "sweep", "--json")
    assert swept.exit_code == 2, swept
    assert [(finding["kind"], finding["bucket"]) for finding in swept.document["findings"]] == [("unknown", "gone")]
    assert swept.document["checked"] == len(keys(foreign)) - 1


def test_the_version_null_is_not_overwritten_while_versioning_is_suspended(foreign: ForeignPlatform) -> None:
    key = keys(foreign)[0]
    body = foreign.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    try:
        version(foreign, "Suspended")
        foreign.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        version(foreign, "Enabled")
        foreign.s3.delete_object(Bucket=BUCKET, Key=key)
        version(foreign, "Suspended")
        refused = foreign.run("files", "heal", "--apply", "--json")
        kept = foreign.s3.get_object(Bucket=BUCKET, Key=key, VersionId="null")["Body"].read()
        version(foreign, "Enabled")
        healed = foreign.run("files", "heal", "--apply", "--json")
    finally:
        version(foreign, "Enabled")
        foreign.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    assert (refused.exit_code, refused.document["healed"], refused.document["undecided"]) == (1, 0, 1), refused
    assert "put-bucket-versioning" in refused.document["actions"][0]["detail"]
    assert kept == body
    assert (healed.exit_code, healed.document["healed"]) == (0, 1), healed
