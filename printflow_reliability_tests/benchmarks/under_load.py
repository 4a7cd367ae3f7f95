"""Drills in a row while production is busy: 500 transactions a second, and DDL that changes tables under the fence.

No time is compared here. What counts is that no drill raises a false alarm, and how many tables it could not tell.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.taken import BackupRequest
from printflow_reliability.checks import Outcome
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.up import fill, up

RATE = 500
"""Transactions a second in all."""
WRITERS = 4
SCHEMA = """
CREATE SCHEMA load;
CREATE TABLE load.accounts (id int PRIMARY KEY, balance int NOT NULL);
INSERT INTO load.accounts SELECT n, 0 FROM generate_series(1, 1000) AS n;
CREATE TABLE load.journal (
    id bigserial PRIMARY KEY, account int NOT NULL REFERENCES load.accounts, amount int NOT NULL
);
CREATE TABLE load.rewritten (id int PRIMARY KEY, filling text);
INSERT INTO load.rewritten SELECT n, md5(n::text) FROM generate_series(1, 20000) AS n;
CREATE MATERIALIZED VIEW load.summary AS SELECT account, sum(amount) FROM load.journal GROUP BY account
"""
TRANSACTION = """
WITH paid AS (UPDATE load.accounts SET balance = balance + 1 WHERE id = 1 + floor(random() * 1000) RETURNING id)
INSERT INTO load.journal (account, amount) SELECT id, 1 FROM paid
"""
DDL = (
    "CREATE TABLE load.passing (id int PRIMARY KEY)",
    "INSERT INTO load.passing SELECT generate_series(1, 100)",
    "TRUNCATE load.passing",
    "REFRESH MATERIALIZED VIEW load.summary",
    "ALTER TABLE load.rewritten ALTER COLUMN id TYPE bigint",
    "ALTER TABLE load.rewritten ALTER COLUMN id TYPE int",
    "ALTER TABLE load.passing RENAME TO passed",
    "DROP TABLE load.passed",
)
MAINTENANCE = (
    "VACUUM FULL load.rewritten",
    "CREATE INDEX CONCURRENTLY by_filling ON load.rewritten (filling)",
    "DROP INDEX CONCURRENTLY load.by_filling",
)
SKIPPED_BEFORE = (psycopg.errors.DuplicateTable, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedObject)
"""What a statement meets if the one before it could not get its lock."""
CLUSTER = "live_db"


def run(drills: int) -> dict[str, float]:
    """Run so many drills under load, print what each said, and return how many raised an alarm that is false."""
    home = SandboxHome.locate()
    up(home)
    fill(home, tenants=3, orders=24, seed=1)
    settings = home.settings()
    with postgres.superuser(home, CLUSTER, CLUSTER) as connection:
        connection.execute(SCHEMA)
        connection.execute(
            "GRANT USAGE ON SCHEMA load TO printflow; GRANT SELECT ON ALL TABLES IN SCHEMA load TO printflow"
        )
    take_base_backups(settings, BackupRequest(type="full"))
    false = 0
    with _load(home) as committed:
        for _ in range(drills):
            before, began = committed(), time.monotonic()
            report = run_drill(settings)
            rate = (committed() - before) / (time.monotonic() - began)
            alarms = [f"{check.check}: {check.detail}" for check in report.checks if check.outcome is Outcome.FAIL]
            unknown = [f"{check.check}: {check.detail}" for check in report.checks if check.outcome is Outcome.UNKNOWN]
            false += bool(alarms)
            print(f"drill {report.id} at {rate:,.0f} transactions/s: {report.outcome}", flush=True)
            for line in (*alarms, *unknown):
                print(f"  {line}", flush=True)
    print(f"{drills} drills, {false} with a false alarm")
    return {"drills": drills, "false_alarms": false}


@contextmanager
def _load(home: SandboxHome) -> Iterator[Callable[[], int]]:
    """Keep the cluster busy for the block; how many transactions were committed so far."""
    over = threading.Event()
    counts = [0] * WRITERS

    def write(number: int) -> None:
        with postgres.superuser(home, CLUSTER, CLUSTER) as connection:
            due = time.monotonic()
            while not over.is_set():
                connection.execute(TRANSACTION)
                counts[number] += 1
                due += WRITERS / RATE
                over.wait(max(0.0, due - time.monotonic()))

    def repeat(statements: tuple[str, ...]) -> None:
        with postgres.superuser(home, CLUSTER, CLUSTER) as connection:
            connection.execute("SET lock_timeout = '2s'")
            while not over.is_set():
                for statement in statements:
                    try:
                        connection.execute(statement.encode())
                    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                        continue
                    except (
                        psycopg.errors.DuplicateTable,
                        psycopg.errors.UndefinedTable,
                        psycopg.errors.UndefinedObject,
                    ):
                        continue

    threads = [
        *(threading.Thread(target=write, args=(number,), daemon=True) for number in range(WRITERS)),
        *(threading.Thread(target=repeat, args=(statements,), daemon=True) for statements in (DDL, MAINTENANCE)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield lambda: sum(counts)
    finally:
        over.set()
        for thread in threads:
            thread.join()
