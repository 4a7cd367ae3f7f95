"""The real systems at the top of the graph: where data starts. Dagster watches them, it does not make them."""

import dagster as dg

from printflow_reliability.defs.vocabulary import OWNERS

GROUP = "platform"

live_db = dg.AssetSpec(
    "live_db",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres"},
    description="The central database: tenants, customers, paid orders and the keys of their print files.",
)
admin_db = dg.AssetSpec(
    "admin_db",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres"},
    description="The administration's database: subscriptions and audit rows that name tenants of live_db.",
)
print_files_bucket = dg.AssetSpec(
    "print_files_bucket",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"s3"},
    deps=["live_db"],
    description="The bucket of print-ready PDFs, proofs and images that the databases refer to.",
)

definitions = dg.Definitions(assets=[live_db, admin_db, print_files_bucket])
