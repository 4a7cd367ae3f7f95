"""The sandbox's traffic: a heartbeat every second in both clusters, and orders that keep being placed and paid.

A process of its own, so that what a restore lost is measured against writes that nobody stopped for it.
"""

import hashlib
import json
import signal
import sys
import threading
import time
from itertools import count
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.sandbox import pdfs, postgres, seed
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.services import Server

NAME = "traffic"
BEAT_SECONDS = 1.0
ORDER_EVERY_BEATS = 3
BEAT = "UPDATE heartbeats SET at = clock_timestamp() WHERE id = 1"
AGE = "SELECT extract(epoch FROM clock_timestamp() - max(at)) FROM heartbeats"
CUSTOMERS = """
SELECT c.tenant_id::text, c.id, p.id FROM customers c JOIN products p ON p.tenant_id = c.tenant_id
ORDER BY c.id, p.id"""
ORDER = """
INSERT INTO orders (tenant_id, customer_id, status, total_cents, paid_at) VALUES (%s, %s, 'paid', 4200, now())"""
ITEM = """
INSERT INTO order_items
    (order_id, product_id, quantity, print_ready_file, print_ready_size, print_ready_sha256, snapshot)
VALUES (currval('orders_id_seq'), %s, 100, %s, %s, %s, %s)"""


def server(home: SandboxHome) -> Server:
    """How it is run; ready once both clusters have a fresh heartbeat."""

    def ready() -> None:
        for cluster in postgres.PROTECTED:
            with postgres.superuser(home, cluster, cluster) as connection:
                age = connection.execute(AGE).fetchall()[0][0]
            if age > 3 * BEAT_SECONDS:
                raise CouldNotTell(f"the newest heartbeat of {cluster} is {age:.0f} s old")

    return Server(
        name=NAME,
        endpoint="",
        argv=(sys.executable, "-m", "printflow_reliability.sandbox.traffic", str(home.root)),
        ready=ready,
        own_code=True,
    )


def place_order(home: SandboxHome, connection: psycopg.Connection[TupleRow], number: int) -> None:
    """Place and pay one order, its files first, as the application does."""
    customers = connection.execute(CUSTOMERS).fetchall()
    tenant, customer, product = customers[number % len(customers)]
    base = f"tenants/{tenant}/traffic/{time.time_ns()}"
    body = pdfs.print_pdf(number)
    key, proof = f"{base}/card.pdf", f"{base}/proof.jpg"
    seed.upload(home, {key: body, proof: pdfs.picture(number)})
    with connection.transaction():
        connection.execute(ORDER, (tenant, customer))
        digest = hashlib.sha256(body).hexdigest()
        connection.execute(ITEM, (product, key, len(body), digest, json.dumps({"files": {"proof": proof}})))


def _write_heartbeats(home: SandboxHome, cluster: str, stop: threading.Event) -> None:
    """Write heartbeats until told to stop; a cluster that is away is tried again."""
    while not stop.is_set():
        try:
            with psycopg.connect(postgres.url(home, cluster, "platform_app"), autocommit=True) as connection:
                for number in count():
                    connection.execute(BEAT)
                    if cluster == "live_db" and number % ORDER_EVERY_BEATS == 0:
                        place_order(home, connection, number)
                    if stop.wait(BEAT_SECONDS):
                        return
        except Exception as away:
            print(f"{cluster}: {away}", flush=True)
            stop.wait(BEAT_SECONDS)


def main() -> None:
    """Write until told to stop."""
    home = SandboxHome.at(Path(sys.argv[1]))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    writers = [threading.Thread(target=_write_heartbeats, args=(home, cluster, stop)) for cluster in postgres.PROTECTED]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()


if __name__ == "__main__":
    main()
