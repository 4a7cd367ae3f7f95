"""A whole installation for the benchmarks of alerts: a filled sandbox, Dagster's daemon and `printflow watch`.

Orders are paid with and without artwork, and what reached the person on call is read from the sandbox's receiver.
"""

import json
import os
import re
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg

from printflow_reliability.sandbox import dagster_services, postgres, processes
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.sandbox.graphql import Webserver
from printflow_reliability.sandbox.home import SandboxHome, write
from printflow_reliability.sandbox.services import Server, recorded, start_service, stop_service

STORM = "orders:held-many"
WATCH = "watch"
CODE_SERVER = "code server"
PAY = """
WITH customer AS (SELECT c.tenant_id, c.id FROM customers c ORDER BY c.id LIMIT 1),
bought AS (
    INSERT INTO orders (tenant_id, customer_id, status, total_cents, paid_at)
    SELECT tenant_id, id, 'paid', 4200, clock_timestamp() FROM customer RETURNING id, tenant_id
), item AS (
    INSERT INTO order_items (order_id, product_id, quantity, print_ready_file)
    SELECT b.id, p.id, 100, %(key)s FROM bought b JOIN products p ON p.tenant_id = b.tenant_id ORDER BY p.id LIMIT 1
)
SELECT id::text FROM bought"""
A_GOOD_KEY = """
SELECT i.print_ready_file FROM order_items i JOIN orders o ON o.id = i.order_id
WHERE o.tenant_id = (SELECT tenant_id FROM customers ORDER BY id LIMIT 1) AND i.print_ready_file IS NOT NULL
  AND o.status = 'paid' AND o.deleted_at IS NULL ORDER BY o.id LIMIT 1"""
END = "UPDATE orders SET status = 'refunded' WHERE id::text = ANY (%s)"


class Installation:
    """A running installation; orders have no grace period, so that a page is measured from the payment on."""

    def __init__(self, home: SandboxHome) -> None:
        self.home = home
        lifecycle.up(home)
        lifecycle.fill(home, tenants=3, orders=30, seed=1)
        self.configure(home.config.read_text(encoding="utf-8").replace("grace_seconds = 5", "grace_seconds = 0"))
        dagster_services.prepare(home)
        self.web = Webserver("http://127.0.0.1:9")  # nobody looks at the UI here

    def configure(self, text: str) -> None:
        """Replace printflow.toml; both guards read it anew at each look."""
        write(self.home.config, text, mode=0o600)

    @property
    def configuration(self) -> str:
        """The text of printflow.toml."""
        return self.home.config.read_text(encoding="utf-8")

    def servers(self) -> Mapping[str, Server]:
        """What the installation itself runs, as opposed to the platform."""
        watch = (str(Path(sys.executable).with_name("printflow")), "--config", str(self.home.config), "watch")
        daemon = replace(dagster_services.daemon(self.home, self.web), ready=lambda: None)
        return {
            WATCH: Server(WATCH, "", watch, lambda: None, own_code=True),
            dagster_services.DAEMON: daemon,
        }

    def start(self, name: str) -> None:
        """Start one of the installation's servers, or one of the platform's."""
        if name in self.servers():
            start_service(self.home, self.servers()[name])
        elif name != CODE_SERVER:  # the daemon begins that anew
            lifecycle.start(self.home, name)

    def kill(self, name: str) -> None:
        """SIGKILL it; a code server is killed under its daemon."""
        if name == CODE_SERVER:
            processes.send(self._code_servers(), signal.SIGKILL)
        elif name in self.servers():
            stop_service(self.home, name, with_signal=signal.SIGKILL)
        else:
            lifecycle.stop(self.home, name, with_signal=signal.SIGKILL)

    def stop(self) -> None:
        """End the installation's own servers in good order."""
        for name in self.servers():
            stop_service(self.home, name, grace_seconds=20)

    def pay(self, *, artwork: bool) -> tuple[str, float]:
        """Pay an order, with sound artwork or without any; returns its id and when it was paid, in Unix time."""
        with postgres.superuser(self.home, "live_db", "live_db") as connection:
            key = connection.execute(A_GOOD_KEY).fetchall()[0][0] if artwork else None
            (order,) = connection.execute(PAY, {"key": key}).fetchall()[0]
            return order, connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchall()[0][0]

    def end(self, orders: Sequence[str]) -> None:
        """Refund orders, so that nobody guards them any longer."""
        with postgres.superuser(self.home, "live_db", "live_db") as connection:
            connection.execute(END, (list(orders),))

    def held(self) -> set[str]:
        """The orders that are held, as the records know them; empty while these are away."""
        with suppress(psycopg.Error), postgres.superuser(self.home, "system_db", "records") as connection:
            rows = connection.execute("SELECT order_id FROM holds WHERE lifted_at IS NULL").fetchall()
            return {order for (order,) in rows}
        return set()

    def told(self) -> dict[str, list[tuple[str, float]]]:
        """What arrived at the receiver, by the alert's key: event and Unix time, in the order of arrival."""
        found: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for body, at in self._received():
            found[body["dedup_key"]].append((body["event"], at))
        return found

    def paged_at(self, order: str, since: float) -> float | None:
        """When a person first heard of an order: by its own alert, or by that of a storm after it was paid."""
        told = self.told()
        times = [
            at for key in (f"order:{order}", STORM) for event, at in told[key] if event == "trigger" and at > since
        ]
        return min(times, default=None)

    def _received(self) -> Iterator[tuple[dict[str, str], float]]:
        file = self.home.path("received.jsonl")
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            with suppress(ValueError):  # torn by a kill in mid-write
                kept = json.loads(line)
                yield kept["body"], datetime.fromisoformat(kept["at"]).timestamp()

    def _code_servers(self) -> list[int]:
        daemon = recorded(self.home).get(dagster_services.DAEMON)
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or daemon is None:
                continue
            with suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if b"grpc" in command and processes.descends_from(int(entry.name), {daemon.pid}):
                    found.append(int(entry.name))
        return found


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and all below it, those that ended and were waited for too."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (int(entry.name) == pid or processes.descends_from(int(entry.name), {pid})):
            with suppress(OSError):
                fields = re.sub(r"^.*\) ", "", (entry / "stat").read_text(encoding="utf-8")).split()
                total += sum(map(int, fields[11:15])) / ticks
    return total
