"""One tenant of many: seconds of a pass over its files alone, beside what a scan of all references costs the database.

The references are those of a real shop: uuid tenants on orders, keys on their items, an index on each foreign key.
Only the tenants that are measured have objects; one of them has an orphan, which others' rows must be asked about.
"""

import asyncio
import statistics
import time
import uuid
from collections.abc import Mapping

from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.home import SandboxHome, write
from printflow_reliability.sandbox.up import up
from printflow_reliability.settings import load
from printflow_reliability_tests.benchmarks.reconcile import BUCKET, upload, writable

FILES_EACH = 500
CATALOG = '''
[tenancy]
cluster = "live_db"
tenants = "SELECT id AS tenant, 'tenants/' || id || '/' AS base_path FROM bench_tenants"

[[reference]]
name = "benchmark"
cluster = "live_db"
bucket = "print-files"
kind = "print-ready"
query = """
SELECT o.tenant_id AS tenant, 'order ' || o.id AS owner, i.key
FROM bench_items i JOIN bench_orders o ON o.id = i.order_id"""

[orders]
cluster = "live_db"
bucket = "print-files"
paid = "SELECT 1 AS order, id AS tenant, now() AS paid_at, NULL AS key FROM bench_tenants WHERE false"
'''
SCHEMA = f"""
DROP TABLE IF EXISTS bench_tenants, bench_orders, bench_items;
CREATE TABLE bench_tenants (n int, id uuid PRIMARY KEY);
CREATE TABLE bench_orders (id bigint PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE TABLE bench_items (order_id bigint NOT NULL, key text);
INSERT INTO bench_orders SELECT n * {FILES_EACH} + i, id FROM bench_tenants, generate_series(0, {FILES_EACH - 1}) i;
INSERT INTO bench_items 
SELECT id, 'tenants/' || tenant_id || '/orders/' || id || '/print-ready.pdf' FROM bench_orders;
CREATE INDEX ON bench_orders (tenant_id);
CREATE INDEX ON bench_items (order_id);
ANALYZE bench_tenants, bench_orders, bench_items
"""
SCAN = "SELECT count(*) FROM bench_items i JOIN bench_orders o ON o.id = i.order_id WHERE starts_with(key, 'x')"


def run(tenants: int, rounds: int) -> Mapping[str, float]:
    """Fill the sandbox, measure, print and return the medians in seconds."""
    home = SandboxHome.locate()
    up(home)
    ids = [str(uuid.uuid5(uuid.NAMESPACE_DNS, str(n))) for n in range(tenants)]
    create, *rest = SCHEMA.partition("INSERT INTO bench_orders")
    with postgres.superuser(home, "live_db", "live_db") as connection:
        connection.execute(create.encode())
        with connection.cursor().copy("COPY bench_tenants FROM STDIN") as copy:
            for n, tenant in enumerate(ids):
                copy.write_row((n, tenant))
        connection.execute("".join(rest).encode())
    healthy, with_orphan = ids[tenants // 3], ids[tenants // 2]
    keys = [
        f"tenants/{ids[n]}/orders/{n * FILES_EACH + i}/print-ready.pdf"
        for n in (tenants // 3, tenants // 2)
        for i in range(FILES_EACH)
    ]
    asyncio.run(upload(writable(home), [*keys, f"tenants/{with_orphan}/orphan.pdf"]))
    config = home.path("bench.toml")
    write(config, home.config.read_text(encoding="utf-8").partition("\n[tenancy]")[0] + CATALOG, mode=0o600)
    settings = load(config)
    files = settings.files.model_copy(update={"orphan_grace_seconds": 0.0})
    settings = settings.model_copy(update={"files": files})
    time.sleep(1.1)  # S3 dates objects to the second
    seconds: dict[str, list[float]] = {"healthy": [], "orphan": [], "scan": []}
    for _ in range(rounds):
        for name, tenant in (("healthy", healthy), ("orphan", with_orphan)):
            report = reconcile(settings, tenants=[tenant], buckets=[BUCKET])
            if (report.references, report.counts["orphan"]) != (FILES_EACH, int(name == "orphan")):
                raise AssertionError([check.detail for check in report.checks])
            seconds[name].append(report.seconds)
        began = time.perf_counter()
        with postgres.superuser(home, "live_db", "live_db") as connection:
            connection.execute(SCAN.encode())
        seconds["scan"].append(time.perf_counter() - began)
    medians = {name: statistics.median(measured) for name, measured in seconds.items()}
    print(f"{tenants:,} tenants, {tenants * FILES_EACH:,} references, median of {rounds}: {medians}", flush=True)
    return medians | {"ratio": medians["healthy"] / medians["scan"]}
