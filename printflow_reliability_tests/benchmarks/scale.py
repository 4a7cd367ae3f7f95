"""Time and cost of one pass at up to 10^9 objects, computed from rates that this run measures.

What is measured here is the client's CPU a key. What a store far away takes for a page, what it charges, and how long a
pass may take are inputs, with where they are from; the table says of each way from how many objects on it no longer
serves. See docs/scale.md.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from printflow_reliability.console import say, table
from printflow_reliability.storage.listing import MOST_RUNS, RUN_OBJECTS
from printflow_reliability.storage.pages import PAGE_KEYS
from printflow_reliability_tests.benchmarks import offline, reconcile

SIZES = (10**6, 10**7, 10**8, 10**9)
PRICES_FROM = "prices of S3 Standard in us-east-1 as of June 2025 (https://aws.amazon.com/s3/pricing: see today's)"
DAYS_A_MONTH = 30


@dataclass(frozen=True)
class Inputs:
    """What cannot be measured here.

    Attributes:
        page_seconds: that the store takes for a page of 1,000 keys, or for a HEAD.
        requests: side by side; `listing_requests` of the bucket.
        window_seconds: that a pass may take.
        list_dollars: a thousand LIST requests.
        head_dollars: a thousand HEAD requests.
        inventory_dollars: a million objects in an inventory.
    """

    page_seconds: float = 0.1
    requests: int = 8
    window_seconds: float = 8 * 3600.0
    list_dollars: float = 0.005
    head_dollars: float = 0.0004
    inventory_dollars: float = 0.0025


@dataclass(frozen=True)
class Way:
    """One way to read a bucket, by what a key costs.

    Attributes:
        cpu_seconds: of the client, a key; Python uses one core for them.
        wire_seconds: that a key waits for the store, with all requests side by side.
        dollars: a key.
        spill_seconds: of the client, for each time that a key is written to a file and read again to be sorted.
    """

    name: str
    cpu_seconds: float
    wire_seconds: float
    dollars: float
    spill_seconds: float = 0.0

    def seconds(self, objects: float) -> float:
        """A pass over that many; what waits and what computes overlap, so that the longer one counts."""
        return objects * max(self.cpu_seconds + self.spill_seconds * written(objects), self.wire_seconds)

    def serves_up_to(self, window_seconds: float) -> float:
        """The number of objects from which on a pass takes longer than its window."""
        enough, too_many = 0.0, window_seconds / max(self.cpu_seconds, self.wire_seconds)
        while too_many - enough > 1:
            middle = (enough + too_many) / 2
            enough, too_many = (middle, too_many) if self.seconds(middle) <= window_seconds else (enough, middle)
        return enough


def written(objects: float) -> int:
    """How often each object of an unordered source is written to be sorted, as `listing.in_order` does it."""
    runs = objects / RUN_OBJECTS
    return 0 if runs < 1 else 1 + int(math.log(runs, MOST_RUNS))


def ways(found: Mapping[str, float], inputs: Inputs) -> Sequence[Way]:
    """The ways, from what `reconcile.run` measured."""
    page = inputs.page_seconds / PAGE_KEYS
    listed = found["reconcile_cpu_us"] / 1e6
    return (
        Way("LIST, one request at a time", listed, page, inputs.list_dollars / 1000 / PAGE_KEYS),
        Way(
            f"LIST, {inputs.requests} side by side",
            listed,
            page / inputs.requests,
            inputs.list_dollars / 1000 / PAGE_KEYS,
        ),
        Way(
            "Inventory",
            found["inventory_cpu_us"] / 1e6,
            0.0,
            inputs.inventory_dollars / 1e6,
            found["spill_cpu_us"] / 1e6,
        ),
        Way(
            f"HEAD for each key, {inputs.requests} side by side",
            found["head_cpu_us"] / 1e6,
            inputs.page_seconds / inputs.requests,
            inputs.head_dollars / 1000,
        ),
    )


def run(objects: int, rounds: int, inputs: Inputs) -> dict[str, float]:
    """Measure, print both tables, return what was measured."""
    found = reconcile.run(objects, rounds, ("list", "reconcile", "inventory", "head"))
    found["spill_cpu_us"] = offline.measured_alone("spill", offline.MILLION)["cpu_us"]
    show(ways(found, inputs), inputs, objects)
    return found


def show(found: Sequence[Way], inputs: Inputs, objects: int) -> None:
    """The inputs, and the table."""
    say(f"\nClient CPU a key was measured at {objects:,} objects; sorting an inventory costs more, by a million keys.")
    say(f"Inputs: {inputs.page_seconds * 1000:.0f} ms a request, {inputs.requests} side by side, {PRICES_FROM}.")
    say(f"A pass may take {hours(inputs.window_seconds)}.")
    rows = []
    for way in found:
        passes = [f"{hours(way.seconds(size))}, ${way.dollars * size:,.2f}" for size in SIZES]
        most = way.serves_up_to(inputs.window_seconds)
        monthly = f"${way.dollars * SIZES[-1] * DAYS_A_MONTH:,.0f}"
        rows.append((way.name, f"{way.cpu_seconds * 1e6:.1f} us", *passes, monthly, f"{most:.1e} objects"))
    sizes = (f"{size:,}" for size in SIZES)
    table(("a pass by", "CPU a key", *sizes, f"a month at {SIZES[-1]:,}, nightly", "in the window up to"), rows)


def hours(seconds: float) -> str:
    """A duration in the unit that suits it."""
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"
