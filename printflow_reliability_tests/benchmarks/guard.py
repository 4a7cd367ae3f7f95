"""One look of the paid-order guard at many open paid orders, of which some are held: seconds of each look.

The first look holds and tells, the second finds everything as it was; both with all files known to the ledger.
"""

import asyncio
import statistics
import time
import uuid
from collections.abc import Sequence

from printflow_reliability.orders.guard import check_paid_orders
from printflow_reliability.pdf.ledger import Ledger
from printflow_reliability.pdf.verify import PdfVerifier
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import pdfs, postgres
from printflow_reliability.sandbox.home import SandboxHome, write
from printflow_reliability.sandbox.up import up
from printflow_reliability.settings import Settings, load
from printflow_reliability_tests.benchmarks.reconcile import BUCKET, upload, writable

TENANTS = 20
HELD_EACH = 10
"""Of this many orders, three are held: one without a key, one whose object is missing, one under a wrong path."""
CONFIGURATION = """
[tenancy]
cluster = "live_db"
tenants = "SELECT DISTINCT tenant, 'tenants/' || tenant || '/' AS base_path FROM bench_orders"

[[reference]]
name = "benchmark"
cluster = "live_db"
bucket = "print-files"
kind = "print-ready"
query = "SELECT tenant, 'order ' || number AS owner, key FROM bench_orders"

[orders]
cluster = "live_db"
bucket = "print-files"
paid = "SELECT number AS order, tenant, now() - interval '1 day' AS paid_at, key FROM bench_orders"
lookup = "SELECT number AS order, 'paid' AS status FROM bench_orders WHERE number = %(order)s"
"""


def run(orders: int, rounds: int) -> dict[str, float]:
    """Fill the sandbox, measure, print and return the medians in seconds."""
    home = SandboxHome.locate()
    up(home)
    rows = [_row(number) for number in range(orders)]
    there = [key for number, (_, key) in enumerate(rows) if key and number % HELD_EACH >= 3]
    asyncio.run(upload(writable(home), there, pdfs.print_pdf(1)))
    _insert(home, rows)
    config = home.path("bench.toml")
    write(config, home.config.read_text(encoding="utf-8").partition("\n[tenancy]")[0] + CONFIGURATION, mode=0o600)
    settings = load(config)
    _inspect(settings, there)
    measured: dict[str, list[float]] = {"first": [], "again": []}
    for _ in range(rounds):
        with open_records(settings.records) as records:
            records.execute("DELETE FROM holds")
            records.execute("DELETE FROM alerts")
        for look, seconds in measured.items():
            began = time.perf_counter()
            report = check_paid_orders(settings)
            seconds.append(time.perf_counter() - began)
            numbers = {name: report.numbers.get(f"{name}_orders") for name in ("paid", "ready", "held")}
            print(f"guard, {look:<6} {seconds[-1]:8.2f} s  {numbers}  {report.checks[0].detail[:80]}", flush=True)
    return {f"{look}_seconds": statistics.median(seconds) for look, seconds in measured.items()}


def _row(number: int) -> tuple[str, str | None]:
    tenant = str(uuid.uuid5(uuid.NAMESPACE_DNS, str(number % TENANTS)))
    key = f"tenants/{tenant}/orders/{number}/print-ready.pdf"
    match number % HELD_EACH:
        case 0:
            return tenant, None
        case 1:
            return tenant, f"nobody/{key}"
    return tenant, key


def _insert(home: SandboxHome, rows: Sequence[tuple[str, str | None]]) -> None:
    with postgres.superuser(home, "live_db", "live_db") as connection:
        connection.execute("DROP TABLE IF EXISTS bench_orders")
        connection.execute("CREATE TABLE bench_orders (number bigint PRIMARY KEY, tenant uuid, key text)")
        with connection.cursor().copy("COPY bench_orders FROM STDIN") as copy:
            for number, row in enumerate(rows):
                copy.write_row((number, *row))
        connection.execute("ANALYZE bench_orders")


def _inspect(settings: Settings, keys: Sequence[str]) -> None:
    """Have the ledger know all files; only the first is inspected, since all have the same bytes."""
    bucket = settings.bucket_named(BUCKET)
    with open_records(settings.records) as records, InspectionWorker(settings.pdf) as worker:
        ledger = Ledger(records, BUCKET, worker.rules.fingerprint)
        (judged,) = PdfVerifier(bucket, ledger, worker).verify(keys[:1])
        for key in keys:
            assert judged.head is not None
            assert judged.inspection is not None
            ledger.remember(key, judged.head, judged.inspection)
