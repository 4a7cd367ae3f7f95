"""The recoverable window as a bar: of characters for a terminal, as SVG for a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from printflow_reliability.backups.window.intervals import Interval, State
from printflow_reliability.text import moment

MARKS: Mapping[State, str] = {State.PROVEN: "#", State.PROVABLE: "=", State.UNKNOWN: "?", State.GAP: "!"}
COLOURS: Mapping[State, str] = {
    State.PROVEN: "#1a7f37",
    State.PROVABLE: "#7cc68d",
    State.UNKNOWN: "#b8bec6",
    State.GAP: "#cf222e",
}
ACCEPTED, ACCEPTED_COLOUR = ".", "#eaeef2"
"""A gap that is meant, or that a person acknowledged."""
WORST_FIRST = (State.GAP, State.UNKNOWN, State.PROVABLE, State.PROVEN)
WIDTH, ROW, LEFT = 800, 34, 170
"""Pixels of the bar, of one repository, and of its name."""


@dataclass(frozen=True)
class Row:
    """One bar: its name and its intervals, in order."""

    name: str
    intervals: Sequence[Interval]


def bar(found: Sequence[Interval], cells: int) -> str:
    """The window in so many characters, each for the worst of its moments: no gap is too short to be seen."""
    if not found:
        return ""
    begin, end = found[0].begin, found[-1].end
    whole = end - begin
    return "".join(
        _cell(found, begin + whole * number / cells, begin + whole * (number + 1) / cells) for number in range(cells)
    )


def legend() -> str:
    """What the characters mean."""
    return "  ".join([*(f"{MARKS[state]} {state}" for state in State), f"{ACCEPTED} accepted gap"])


def svg(rows: Sequence[Row]) -> str:
    """All windows under each other on one axis of time; a mouse over an interval tells what it is."""
    drawn = [row for row in rows if row.intervals]
    height = ROW * (len(rows) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 10}" height="{height}" '
        'font-family="sans-serif" font-size="12">'
    ]
    begin = min((row.intervals[0].begin for row in drawn), default=None)
    end = max((row.intervals[-1].end for row in drawn), default=None)
    for number, row in enumerate(rows):
        top = ROW * number + 6
        parts.append(f'<text x="4" y="{top + 15}">{escape(row.name)}</text>')
        if begin is None or end is None or not row.intervals:
            parts.append(f'<text x="{LEFT}" y="{top + 15}">could not tell</text>')
            continue
        # The worst is drawn last, and never thinner than a line.
        ordered = sorted(row.intervals, key=_rank, reverse=True)
        parts += [_rectangle(interval, begin, end, top) for interval in ordered]
    if begin is not None and end is not None:
        bottom = ROW * len(rows) + 16
        parts.append(f'<text x="{LEFT}" y="{bottom}">{moment(begin)}</text>')
        parts.append(f'<text x="{LEFT + WIDTH}" y="{bottom}" text-anchor="end">{moment(end)}</text>')
    return "".join([*parts, "</svg>"])


def _cell(found: Sequence[Interval], begin: datetime, end: datetime) -> str:
    inside = [
        interval
        for interval in found
        if (interval.begin < end and interval.end > begin) or begin <= interval.begin == interval.end <= end
    ]
    # A cell of less than a microsecond may lie on the border of two.
    return _mark(min(inside or found, key=_rank))


def _rank(interval: Interval) -> int:
    """The worst first; an accepted gap gives way even to a single backup within it."""
    return len(WORST_FIRST) if interval.accepted else WORST_FIRST.index(interval.state)


def _mark(interval: Interval) -> str:
    return ACCEPTED if interval.accepted else MARKS[interval.state]


def _rectangle(interval: Interval, begin: datetime, end: datetime, top: int) -> str:
    whole = (end - begin).total_seconds() or 1.0
    left = LEFT + WIDTH * (interval.begin - begin).total_seconds() / whole
    width = max(WIDTH * interval.seconds / whole, 1.5)
    said = f"{interval.state}: {moment(interval.begin)} to {moment(interval.end)}. {interval.detail}"
    colour = ACCEPTED_COLOUR if interval.accepted else COLOURS[interval.state]
    return (
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="22" fill="{colour}">'
        f"<title>{escape(said)}</title></rect>"
    )
