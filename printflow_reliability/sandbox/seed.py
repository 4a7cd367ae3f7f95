"""The sandbox's data: a healthy platform of a few tenants, the same from the same seed, every file where it belongs.

The keys are those that shops really make: spaces, plus signs, umlauts, percent signs.
"""

import hashlib
import json
import random
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path
from typing import Any, LiteralString

import obstore
import psycopg
import psycopg.sql

from printflow_reliability.sandbox import pdfs, postgres, seaweedfs
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.storage.clients import s3_store

BUCKETS = ("print-files", "print-files-replica")
"""SeaweedFS replicates nothing, so that every object is put into both: what the platform's replication would do."""
NAMES = ("card.pdf", "flyer final.pdf", "menü.pdf", "a+b.pdf", "100%25 cotton.pdf", "Wedding (2).pdf")
"""File names that uploads bring along."""
EPOCH = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
NOT_A_HASH = "*"
"""Not the hash of anything: nobody signs in to the sandbox's shops."""
ADMIN = "INSERT INTO subscriptions (tenant_id, plan) VALUES (%s, %s)"


@dataclass
class Platform:
    """Rows by table, and objects by key, as the seed makes them."""

    chance: random.Random
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> int:
        """Add a row and return its id, counted from 1 in each table."""
        rows = self.rows.setdefault(table, [])
        rows.append(row)
        return len(rows)

    def put(self, key: str, body: bytes) -> str:
        """Add an object and return its key."""
        self.objects[key] = body
        return key


def seed(home: SandboxHome, *, tenants: int, orders: int, seed: int) -> None:
    """Make the tables and fill databases and buckets; from the beginning again where an earlier call was killed."""
    platform = generate(tenants=tenants, orders=orders, seed=seed)
    upload(home, platform.objects)
    with postgres.superuser(home, "live_db", "live_db") as connection:
        _empty(connection, "CREATE EXTENSION IF NOT EXISTS citext", "live_db.sql")
        with connection.transaction():
            for table, rows in platform.rows.items():
                _insert(connection, table, rows)
            connection.execute("INSERT INTO heartbeats VALUES (1, now())")
    with postgres.superuser(home, "admin_db", "admin_db") as connection:
        _empty(connection, "SELECT 1", "admin_db.sql")
        for tenant in platform.rows["tenants"]:
            connection.execute(ADMIN, (tenant["id"], "business"))
            connection.execute("INSERT INTO audit_logs (tenant_id, action) VALUES (%s, 'created')", (tenant["id"],))
        connection.execute("INSERT INTO heartbeats VALUES (1, now())")


def generate(*, tenants: int, orders: int, seed: int) -> Platform:
    """The whole data, without any server: the same arguments give the same rows, keys and bytes."""
    platform = Platform(random.Random(seed))  # noqa: S311 - data, not a secret
    shops = [_shop(platform, number) for number in range(1, tenants + 1)]
    for number in range(1, orders + 1):
        _order(platform, shops[number % tenants], number)
    return platform


def upload(home: SandboxHome, objects: dict[str, bytes]) -> None:
    """Put objects into the bucket and its replica, as the application would."""
    for bucket in BUCKETS:
        store = s3_store(seaweedfs.bucket(home, bucket, "app"))
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(obstore.put, repeat(store), objects.keys(), objects.values()))


@dataclass(frozen=True)
class _Shop:
    tenant: str
    customers: Sequence[int]
    products: Sequence[int]


def _shop(platform: Platform, number: int) -> _Shop:
    tenant = str(uuid.UUID(int=platform.chance.getrandbits(128), version=4))
    base = f"tenants/{tenant}"
    platform.add("tenants", id=tenant, name=f"Shop {number}", domain=f"shop{number}.example")
    platform.add("users", tenant_id=tenant, email=f"owner@shop{number}.example", password=NOT_A_HASH)
    customers = [
        platform.add("customers", tenant_id=tenant, email=f"customer{serial}@example.org") for serial in range(1, 5)
    ]
    products = []
    for serial in range(1, 4):
        product = platform.add("products", tenant_id=tenant, sku=f"SKU-{serial}", name=f"Product {serial}")
        path = platform.put(f"{base}/products/{product}/image 1.jpg", pdfs.picture(serial))
        platform.add("product_images", product_id=product, path=path)
        products.append(product)
    proof = platform.put(f"{base}/quotes/{number}/proof.jpg", pdfs.picture(number))
    platform.add(
        "quotes", tenant_id=tenant, customer_id=customers[0], snapshot=json.dumps({"proof": proof, "total": 4200})
    )
    return _Shop(tenant, customers, products)


def _order(platform: Platform, shop: _Shop, number: int) -> None:
    """One order in the state that its number gives it: mostly paid, some pending, fulfilled or deleted."""
    status = {5: "pending", 7: "fulfilled"}.get(number % 10, "paid")
    paid_at = None if status == "pending" else EPOCH + timedelta(hours=number)
    order = platform.add(
        "orders",
        tenant_id=shop.tenant,
        customer_id=platform.chance.choice(shop.customers),
        status=status,
        total_cents=platform.chance.randrange(1000, 90000),
        paid_at=paid_at,
        created_at=EPOCH + timedelta(hours=number, minutes=-5),
        deleted_at=EPOCH + timedelta(days=30) if number % 19 == 0 else None,
    )
    for item in range(1, 2 + number % 2):
        _order_item(platform, shop, order, item)
    if status == "fulfilled":
        invoice = platform.put(f"tenants/{shop.tenant}/invoices/{order}.pdf", pdfs.print_pdf(0))
        platform.add("invoices", order_id=order, snapshot=json.dumps({"pdf": invoice}))


def _order_item(platform: Platform, shop: _Shop, order: int, item: int) -> None:
    base = f"tenants/{shop.tenant}/orders/{order}/{item}"
    body = pdfs.print_pdf(order * 10 + item, pages=2 * pdfs.BOOKLET_PAGES if order % 20 == 11 else 1 + order % 3)
    key = platform.put(f"{base}/{platform.chance.choice(NAMES)}", body)
    document = platform.add("designer_documents", tenant_id=shop.tenant, print_ready_file=key)
    files = {
        "proof": platform.put(f"{base}/proof.jpg", pdfs.picture(order)),
        "thumbnail": platform.put(f"{base}/thumb.jpg", pdfs.picture(order + 1)),
    }
    platform.add(
        "order_items",
        order_id=order,
        product_id=platform.chance.choice(shop.products),
        designer_document_id=document,
        quantity=100,
        print_ready_file=key,
        print_ready_size=len(body),
        print_ready_sha256=hashlib.sha256(body).hexdigest(),
        snapshot=json.dumps({"files": files}),
    )


def _empty(connection: psycopg.Connection, before: LiteralString, schema: str) -> None:
    """Make the tables, owned by the application, dropping what an earlier, killed call had made."""
    connection.execute("DROP OWNED BY platform_app CASCADE")
    connection.execute(before)
    connection.execute("GRANT ALL ON SCHEMA public TO platform_app")
    connection.execute("SET ROLE platform_app")
    text = Path(__file__).with_name(schema).read_text(encoding="utf-8")
    connection.execute(text.encode())
    connection.execute("RESET ROLE")


def _insert(connection: psycopg.Connection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    names = list(rows[0])
    statement = psycopg.sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        psycopg.sql.Identifier(table),
        psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, names)),
        psycopg.sql.SQL(", ").join(psycopg.sql.Placeholder() for _ in names),
    )
    with connection.cursor() as cursor:
        cursor.executemany(statement, [list(row.values()) for row in rows])
