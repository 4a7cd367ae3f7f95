"""The plain cluster and the databases that these tests share."""

from collections.abc import Iterator

import pytest

from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster
from printflow_reliability_tests.stack.tenants.databases import Databases
from printflow_reliability_tests.stack.tenants.tenant_schema import SCHEMA


@pytest.fixture(scope="session")
def cluster() -> Iterator[PlainCluster]:
    with plain_cluster(archiving=False) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def template(cluster: PlainCluster) -> Databases:
    databases = Databases(cluster)
    databases.make(SCHEMA)
    return databases


@pytest.fixture
def databases(template: Databases) -> Databases:
    copied = Databases(template.cluster)
    copied.copy(template)
    return copied
