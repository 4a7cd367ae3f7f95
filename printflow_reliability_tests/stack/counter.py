"""A shop's counter for tests of the guard: paid orders and tenants that exist in printflow.toml's queries alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from printflow_reliability.alerts.outbox import recorded_alerts
from printflow_reliability.orders.guard import GuardReport, check_paid_orders
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox import pdfs
from printflow_reliability.settings import Settings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability_tests.stack.conftest import StackSandbox

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TENANTS = ("guard-a", "guard-b")
LONG_AGO = "2026-01-05 10:00+00"
PDF = pdfs.print_pdf(1)
BUCKET = "print-files"
CUSTOMER_KEY = b"a key that the customer keeps..."
FAILING = {
    "division": "(1 / (length(key) - 8))::text",
    "cast": "(key::int)::text",
    "two rows": "(SELECT key FROM generate_series(1, length(key)))",
    "no date": "to_date(key, 'YYYY-MM-DD')::text",
}
"""By key: an expression that the database fails at, once it is asked for that row."""
TABLES = ("holds", "alerts", "known_orders", "order_overrides", "print_files", "accepted_files")


class Row(NamedTuple):
    """A row of orders.paid; the payment as PostgreSQL writes times."""

    order: str | None
    tenant: str | None = TENANTS[0]
    key: str | None = None
    paid_at: str | None = LONG_AGO


@dataclass
class Counter:
    """The paid orders as the database would return them, and what the platform says of those that it does not.

    `changes` are other settings of orders, `also` other sections of the file.
    """

    sandbox: StackSandbox
    rows: list[Row] = field(default_factory=list)
    tenants: Sequence[str] = TENANTS
    odd_paths: Sequence[tuple[str | None, str | None]] = ()
    statuses: Mapping[str, str] | None = field(default_factory=dict)
    changes: dict[str, object] = field(default_factory=dict)
    also: dict[str, object] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The sandbox's settings with these orders, tenants and statuses; `statuses` None is no lookup at all.

        What is paid is also what the catalog refers to.
        """
        lookup = None if self.statuses is None else _values("order", "status", rows=[*self.statuses.items()])
        orders = {
            "paid": _values("order", "tenant", "key", "paid_at", rows=self.rows).replace(
                "*", f'"order", tenant, {self._key}, paid_at::timestamptz', 1
            ),
            "lookup": lookup and f'{lookup.replace("%", "%%")} WHERE "order" = %(order)s',
            "grace_seconds": 300.0,
            **self.changes,
        }
        paths = [*((tenant, f"guard/{tenant}/") for tenant in self.tenants), *self.odd_paths]
        settings = self.sandbox.settings
        catalog = {
            "cluster": settings.orders.cluster,
            "database": None,
            "bucket": BUCKET,
            "query": f"SELECT tenant, 'order ' || \"order\" AS owner, key FROM ({orders['paid']}) AS paid",
        }
        return settings.model_copy(
            update={
                "reference": (settings.reference[0].model_copy(update=catalog),),
                "orders": settings.orders.model_copy(update=orders),
                "tenancy": settings.tenancy.model_copy(update={"tenants": _values("tenant", "base_path", rows=paths)}),
                **self.also,
            }
        )

    @property
    def _key(self) -> str:
        cases = " ".join(f"WHEN '{key}' THEN {expression}" for key, expression in FAILING.items())
        return f"CASE key {cases} ELSE key END AS key"

    @property
    def s3(self) -> "S3Client":
        """What the platform writes with."""
        secrets = {
            f"{name}_key{suffix}": self.sandbox.home.secret(f"s3-app.{kind}")
            for name, suffix, kind in (("access", "_id", "key"), ("secret_access", "", "secret"))
        }
        return s3_client(self.sandbox.settings.bucket_named(BUCKET).model_copy(update=secrets))

    def look(self) -> GuardReport:
        """One look of the guard."""
        return check_paid_orders(self.settings)

    def put(self, name: str, body: bytes = PDF, tenant: str = TENANTS[0]) -> str:
        """Write an object below a tenant's base path; its key."""
        self.s3.put_object(Bucket=BUCKET, Key=f"guard/{tenant}/{name}", Body=body)
        return f"guard/{tenant}/{name}"

    def put_sealed(self, name: str) -> str:
        """Write an object that only its customer's own key opens: the store answers 400 to everybody else."""
        key = f"guard/{TENANTS[0]}/{name}"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=PDF, SSECustomerAlgorithm="AES256", SSECustomerKey=CUSTOMER_KEY)
        return key

    def sell(self, order: str, name: str | None = None) -> str:
        """A paid order whose artwork is as it should be; its key."""
        key = self.put(name or f"orders/{order}/print-ready.pdf")
        self.rows.append(Row(order, TENANTS[0], key))
        return key

    def open_alerts(self) -> set[str]:
        """The keys of the alerts that are open."""
        with open_records(self.settings.records) as records:
            return {alert.dedup_key for alert in recorded_alerts(records) if alert.resolved_at is None}


@contextmanager
def counter_of(sandbox: StackSandbox) -> Iterator[Counter]:
    """A counter whose records are empty before and after, and whose objects are gone after."""
    counter = Counter(sandbox)
    _forget(counter.settings)
    try:
        yield counter
    finally:
        for page in counter.s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET, Prefix="guard/"):
            for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                counter.s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
        _forget(counter.settings)


def _forget(settings: Settings) -> None:
    with open_records(settings.records) as records:
        for table in TABLES:
            records.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


def _values(*columns: str, rows: Sequence[Sequence[str | None]]) -> str:
    """A query that returns these rows."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    types = sql.SQL(", ").join(sql.SQL("NULL::text") for _ in columns)
    values = sql.SQL(", ").join(
        sql.SQL("({})").format(sql.SQL(", ").join(sql.SQL("{}::text").format(value) for value in row)) for row in rows
    )
    query = (
        sql.SQL("SELECT * FROM (VALUES {}) AS given ({})").format(values, names)
        if rows
        else sql.SQL("SELECT * FROM (SELECT {} LIMIT 0) AS given ({})").format(types, names)
    )
    return query.as_string(None)
