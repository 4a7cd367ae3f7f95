"""Leases in the records: of several programs that can do the same work, one does it and the others stand by.

A lease ends by the database's clock, so that clocks that differ take nobody's away. Its holder renews it while it
works, for a limited time: whoever hangs loses it as whoever is dead does.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.errors import PrintflowError
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import RecordsSettings
from printflow_reliability.text import seconds, storable

log = logging.getLogger(__name__)

LEASE_SECONDS = 25.0
"""How long a lease lasts: longer than it takes from one tick to the next, and soon over when its holder is dead."""
RENEWED_EVERY_SECONDS = 5.0
RENEWED_FOR_SECONDS = 90.0
"""How long work may take before it is taken to hang; its lease then ends by itself."""
LONGEST_SECONDS = 120.0
"""No lease lasts so long: one that seems to was given while the database's clock was ahead, and has ended."""
TAKE = """
INSERT INTO leases AS held (name, holder, until)
VALUES (%(name)s, %(holder)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until,
    since = CASE WHEN held.holder = excluded.holder AND held.until > clock_timestamp() THEN held.since
                 ELSE clock_timestamp() END
WHERE held.holder = excluded.holder OR held.until <= clock_timestamp()
   OR held.until > clock_timestamp() + make_interval(secs => %(longest)s)
RETURNING holder"""
HOLDER = """
SELECT holder, greatest(extract(epoch FROM until - clock_timestamp()), 0)::float8 FROM leases WHERE name = %s"""
PRESENT = "present:"
"""Before a name: that its holder looks after the work of that name, whoever does it at the time."""
PRESENT_SECONDS = 60.0
ABSENT = """
SELECT other.holder, greatest(extract(epoch FROM clock_timestamp() - other.until), 0)::float8
FROM leases other, leases mine
WHERE starts_with(other.name, %(prefix)s) AND (other.until <= clock_timestamp()
      OR other.until > clock_timestamp() + make_interval(secs => %(longest)s))
  AND mine.name = %(prefix)s || %(holder)s AND mine.until > clock_timestamp()
  AND mine.since <= clock_timestamp() - make_interval(secs => %(seconds)s)
ORDER BY other.holder"""
THERE = """
SELECT holder FROM leases
WHERE starts_with(name, %s) AND until > clock_timestamp() AND until <= clock_timestamp() + make_interval(secs => %s)"""
FORGET = (
    "DELETE FROM leases WHERE starts_with(name, %s) AND until <= clock_timestamp() - interval '1 day' RETURNING holder"
)
RELEASE = "DELETE FROM leases WHERE name = %s AND holder = %s"


@dataclass(frozen=True)
class Lease:
    """Who has a lease.

    Attributes:
        name: of what.
        holder: who has it.
        mine: whether whoever asked for it has it.
        seconds_left: until it ends unless its holder renews it.
    """

    name: str
    holder: str
    mine: bool
    seconds_left: float

    def describe(self) -> str:
        """Who has it, for whoever stands by."""
        return f"{self.holder} has the lease for another {seconds(self.seconds_left)}"


def take(connection: psycopg.Connection[TupleRow], name: str, holder: str, lasting: float = LEASE_SECONDS) -> Lease:
    """Take the lease of that name, or renew it; says who has it where somebody else does."""
    holder = storable(holder)
    asked = {"name": name, "holder": holder, "seconds": lasting, "longest": LONGEST_SECONDS}
    if connection.execute(TAKE, asked).fetchone() is not None:
        return Lease(name, holder, True, lasting)
    found = connection.execute(HOLDER, (name,)).fetchone()
    if found is None:  # given back since: it is anybody's, and ours at the next try
        return Lease(name, "nobody", False, 0.0)
    return Lease(name, found[0], False, found[1])


def release(connection: psycopg.Connection[TupleRow], name: str, holder: str) -> None:
    """Give the lease back, so that nobody waits for its end; that of somebody else stays theirs."""
    connection.execute(RELEASE, (name, storable(holder)))


def announce(connection: psycopg.Connection[TupleRow], name: str, holder: str) -> None:
    """Say that this holder looks after the work of that name, also while another does it."""
    take(connection, f"{PRESENT}{name}:{holder}", holder, PRESENT_SECONDS)


def withdraw(connection: psycopg.Connection[TupleRow], name: str, holder: str) -> None:
    """Say that this holder no longer does, in good order: nobody misses it."""
    release(connection, f"{PRESENT}{name}:{holder}", holder)


def absent(connection: psycopg.Connection[TupleRow], name: str, holder: str) -> dict[str, float]:
    """Who looked after the work of that name and has fallen silent, and for how many seconds.

    Nobody is missed by a holder that has not been there for a while itself: where the records were away, everybody was.
    """
    asked = {
        "prefix": f"{PRESENT}{name}:",
        "holder": storable(holder),
        "seconds": PRESENT_SECONDS,
        "longest": LONGEST_SECONDS,
    }
    return {who: PRESENT_SECONDS + silent for who, silent in connection.execute(ABSENT, asked).fetchall()}


def there(connection: psycopg.Connection[TupleRow], name: str) -> frozenset[str]:
    """Who looks after the work of that name."""
    return frozenset(row[0] for row in connection.execute(THERE, (f"{PRESENT}{name}:", LONGEST_SECONDS)).fetchall())


def forget_absent(connection: psycopg.Connection[TupleRow], name: str) -> list[str]:
    """Forget who has been absent for a day: it was taken away for good."""
    return [row[0] for row in connection.execute(FORGET, (f"{PRESENT}{name}:",)).fetchall()]


@contextmanager
def on_duty(
    records: RecordsSettings, name: str, holder: str, lasting: float = LEASE_SECONDS, *, announced: bool = False
) -> Iterator[Lease]:
    """Take or renew the lease for the block, which sees by `mine` whether there is anything to do.

    The lease is renewed while the block runs and once at its end; given back if the block raises, so that another can
    try. `announced`: others are to miss this holder when it falls silent.

    Raises:
        CouldNotTell: the records are away.
        ConfigError: their tables are of another version than this program's.
    """
    with open_records(records) as connection:
        if announced:
            announce(connection, name, holder)
        lease = take(connection, name, holder, lasting)
    if not lease.mine:
        yield lease
        return
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(records, lease, lasting, ended), daemon=True)
    renewing.start()
    try:
        yield lease
    except BaseException:
        ended.set()
        renewing.join(RENEWED_EVERY_SECONDS)
        give_back(records, name, holder)
        raise
    ended.set()
    _renew_once(records, lease, lasting)


def give_back(records: RecordsSettings, name: str, holder: str, *, for_good: bool = False) -> None:
    """Give the lease back, `for_good` if nobody is to miss the holder; without records it ends by itself."""
    try:
        with open_records(records) as connection:
            release(connection, name, holder)
            if for_good:
                withdraw(connection, name, holder)
    except PrintflowError as away:
        log.info("the lease %s could not be given back: %s", name, away.what)


def _renew(records: RecordsSettings, lease: Lease, lasting: float, ended: threading.Event) -> None:
    for _ in range(int(RENEWED_FOR_SECONDS / RENEWED_EVERY_SECONDS)):
        if ended.wait(RENEWED_EVERY_SECONDS):
            return
        _renew_once(records, lease, lasting)


def _renew_once(records: RecordsSettings, lease: Lease, lasting: float) -> None:
    try:
        with open_records(records) as connection:
            take(connection, lease.name, lease.holder, lasting)
    except PrintflowError as away:  # without records nobody else can take it either
        log.info("the lease %s could not be renewed: %s", lease.name, away.what)
