"""Settings of a platform that is no more than the plain cluster."""

from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.plain import PlainCluster

HEARTBEAT = "SELECT max(at) FROM heartbeats"


def settings_of(cluster: PlainCluster, records: str = "records", **drills: object) -> Settings:
    document = {
        "platform": {"name": "shop"},
        "records": {"url": f"host={cluster.home} user=postgres dbname={records}"},
        "cluster": [cluster.settings.model_dump() | {"heartbeat": HEARTBEAT}],
        "bucket": [{"name": "print-files", "bucket": "print-files"}],
        "tenancy": {"cluster": "plain", "tenants": "SELECT 1"},
        "reference": [{"name": "r", "cluster": "plain", "bucket": "print-files", "kind": "proof", "query": "SELECT 1"}],
        "orders": {"cluster": "plain", "bucket": "print-files", "paid": "SELECT 1"},
        "drills": drills,
    }
    return Settings.model_validate(document)
