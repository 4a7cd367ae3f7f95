"""What a reconciliation costs, and every other way to the same end, in one run and one table.

A single-stream LIST, the reconciliation, `rclone lsf` with sort and comm, a HEAD for each key (a sample, extrapolated);
without a server the merge of 1, 3 and 10 million keys and a million keys out of order; and as many findings at once.
"""

from collections.abc import Mapping

from printflow_reliability.console import say, table
from printflow_reliability_tests.benchmarks import offline, other_ways, reconcile

WAYS = {
    "list": "LIST, one request at a time",
    "reconcile": "reconcile",
    "rclone": "rclone lsf, sort, comm",
    "head": "HEAD for each key",
}
FOUND = {"orphans": "reconcile, orphans", "mismatched": "reconcile, objects of another size"}
Row = tuple[str, ...]


def run(objects: int, findings: int, million: int, rounds: int) -> None:
    """Measure all, and print the table.

    Args:
        objects: and as many references.
        findings: objects, of which nearly all are findings.
        million: keys that the merge takes for a million; fewer only to try the benchmark.
        rounds: of which the median counts; the findings and what needs no server are measured once.
    """
    rows: list[Row] = []
    found = reconcile.run(findings, 1, tuple(FOUND))  # before the bucket holds more than these
    for way, name in FOUND.items():
        said = f"{found[f'{way}_findings']:,.0f} findings, {found[f'{way}_heads']:,.0f} HEADs"
        rows.append(_row(name, findings, found, way, said))
    beside = reconcile.run(objects, rounds, tuple(WAYS))
    for way, name in reversed(WAYS.items()):
        if f"{way}_seconds" in beside:
            rows.insert(0, _row(name, objects, beside, way, _beside(beside, way)))
        else:
            rows.insert(0, (name, f"{objects:,}", "-", "-", "-", "not installed (apt-get install rclone)"))
    for count in offline.MERGED:
        rows.append(_alone("merge", count * million))
    rows.append(_alone("spill", million))
    say()
    table(("", "keys", "seconds", "client CPU a key", "peak memory", ""), rows)


def _beside(found: Mapping[str, float], way: str) -> str:
    """How a way compares with the reconciliation."""
    if way == "head":
        return f"extrapolated from {min(other_ways.SAMPLE, int(found['head_objects'])):,} keys"
    if way == "list":
        return "the floor: one stream, nothing compared"
    if way == "reconcile":
        return f"{found['ratio']:.2f} of the LIST, {found['beyond_us']:.1f} us of CPU a key beyond it"
    return f"reconcile takes {found['reconcile_seconds'] / found[f'{way}_seconds']:.2f} of its time"


def _alone(what: str, count: int) -> Row:
    name = {"merge": "merge alone", "spill": "keys out of order, sorted"}[what]
    measured = offline.measured_alone(what, count)
    say(f"{what:<10} {measured['seconds']:8.2f} s  {count:,} keys")
    said = f"{measured['seconds'] / count * offline.MILLION:.2f} s a million"
    return _row(name, count, {f"{what}_{key}": value for key, value in measured.items()}, what, said)


def _row(name: str, keys: int, found: Mapping[str, float], way: str, said: str) -> Row:
    seconds, cpu = f"{found[f'{way}_seconds']:.2f} s", f"{found[f'{way}_cpu_us']:.1f} us"
    return name, f"{keys:,}", seconds, cpu, f"{found[f'{way}_rss_mb']:.0f} MB", said
