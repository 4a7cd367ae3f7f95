"""Templates in a fence. No database can be made of a template while a session is in it, so none stays there.

Each is read before the fence's moment and again after it, briefly: CREATE DATABASE waits 5 s for the sessions in its
template to end. What is the same both times was so at the moment too.
"""

import time
from dataclasses import dataclass

import psycopg

from printflow_reliability.drills.fences.reading import Reading, read_table
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import connect, error_text
from printflow_reliability.restore.counts import logged_tables, prepare
from printflow_reliability.restore.inventory import take_inventory
from printflow_reliability.settings import ClusterSettings

BRIEF_SECONDS = 2.0
"""How long a session may be in a template."""
TEMPLATE = "it is a template, in which no session may stay"


@dataclass(frozen=True)
class TemplateRead:
    """What a template holds; `why_not` says why that is not known."""

    tables: dict[str, Reading]
    inventory: dict[str, str]
    why_not: str = ""


def read_template(cluster: ClusterSettings, database: str, digest_bytes: int) -> TemplateRead:
    """Count every table of a template within BRIEF_SECONDS, and read the content of small ones."""
    deadline = time.monotonic() + BRIEF_SECONDS
    tables: dict[str, Reading] = {}
    try:
        with connect(cluster, database=database, statement_seconds=BRIEF_SECONDS) as session:
            prepare(session)
            inventory = take_inventory(session, cluster=False)
            for table in logged_tables(session):
                left = int((deadline - time.monotonic()) * 1000)
                if left <= 0:
                    return TemplateRead({}, {}, f"{TEMPLATE}, and it takes more than {BRIEF_SECONDS:.0f} s to read")
                session.execute(f"SET statement_timeout = {left}; SET lock_timeout = {left}".encode())
                reading = read_table(session, table, digest_bytes=digest_bytes, snapshot=None)
                if reading.trouble is not None:
                    return TemplateRead({}, {}, f"{TEMPLATE}, and {table.label} cannot be read: {reading.reason}")
                tables[table.label] = reading
    except CouldNotTell as refused:
        return TemplateRead({}, {}, refused.sentence)
    except psycopg.Error as error:
        return TemplateRead({}, {}, f"{TEMPLATE}, and cannot be read: {error_text(error)}")
    return TemplateRead(tables, inventory)


def unchanged(before: TemplateRead, after: TemplateRead) -> TemplateRead:
    """What a template held between two readings, if that can be told."""
    if after.why_not or before.why_not:
        return after if after.why_not else before
    if before != after:
        return TemplateRead({}, {}, f"{TEMPLATE}, and it was changed while the fence was made")
    return after
