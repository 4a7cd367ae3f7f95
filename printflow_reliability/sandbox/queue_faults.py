"""Faults in the platform's queues: a job that failed, and a job that nobody takes."""

from collections.abc import Callable, Mapping
from uuid import uuid4

import httpx
import redis

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.sandbox import node_pdf_service, postgres
from printflow_reliability.sandbox.home import SandboxHome

KEYS = "bull:print-files"
LIMIT_SECONDS = 30.0
WAITING = "default"
"""A queue that no worker of the sandbox takes jobs from."""
WAIT = """
INSERT INTO jobs (queue, payload, available_at, created_at)
SELECT %s, '{"job": "call"}', at, at FROM (SELECT extract(epoch FROM now())::int - 7200 AS at) AS before"""

Mend = Callable[[], None]


def print_job_failed(home: SandboxHome, order: str, item: str, tenant: str) -> Mend:
    """Let the job fail that makes a print file for an item; it stays among the failed ones of its queue.

    Raises:
        CouldNotTell: the pdf-service does not run here, or does not let the job fail.
    """
    if why := node_pdf_service.missing():
        raise CouldNotTell(f"without the pdf-service no job can fail: {why}")
    job = f"printflow-fault-{uuid4()}"
    node_pdf_service.behave(home, "job_fails", 1)
    answer = httpx.post(
        f"{node_pdf_service.server(home).endpoint}/print-files",
        json={"order": order, "item": item, "tenant": tenant, "version": job},
        headers={"Authorization": f"Bearer {home.secret(f'{node_pdf_service.NAME}.token')}", "Idempotency-Key": job},
        timeout=LIMIT_SECONDS,
        trust_env=False,
    )
    if answer.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
        raise CouldNotTell(f"the pdf-service answered {answer.status_code}, and its job was to fail")

    def mend() -> None:
        with redis.Redis.from_url(home.secret("redis.url")) as queue:
            queue.zrem(f"{KEYS}:failed", job)
            queue.delete(f"{KEYS}:{job}", f"{KEYS}:{job}:logs")

    return mend


def job_waits(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    """Put a job into Laravel's table that could have been taken two hours ago."""
    with postgres.superuser(home, "live_db", "live_db") as connection:
        connection.execute(WAIT, (WAITING,))

    def mend() -> None:
        with postgres.superuser(home, "live_db", "live_db") as connection:
            connection.execute("DELETE FROM jobs WHERE queue = %s", (WAITING,))

    return {"queue": WAITING}, mend
