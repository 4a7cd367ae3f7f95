"""WAL segment names: 24 hex digits, of which the last 8 roll over earlier the larger the segments are.

A segment is named by timeline, "log" (4 GiB of WAL) and number within that log: 256 of 16 MB, 64 of 64 MB, 4 of 1 GB.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from printflow_reliability.errors import ConfigError

DEFAULT_SEGMENT_BYTES = 16 * 1024**2
SEGMENT_SIZES = tuple(2**power * 1024**2 for power in range(11))
"""1 MB to 1 GB: what initdb allows."""
LOG_BYTES = 2**32
"""WAL that the middle 8 digits of a name count."""
SEGMENT_NAME = re.compile(r"[0-9A-F]{24}")


@dataclass(frozen=True, order=True)
class Segment:
    """One WAL segment of a timeline; `number` counts segments from the beginning of all WAL."""

    timeline: int
    number: int

    def name(self, segment_bytes: int) -> str:
        """Its 24-digit name."""
        log, within = divmod(self.number, LOG_BYTES // segment_bytes)
        return f"{self.timeline:08X}{log:08X}{within:08X}"


def parse_segment(name: str, segment_bytes: int) -> Segment:
    """The segment of that name.

    Raises:
        ValueError: it is no name of a segment of this size.
    """
    if not SEGMENT_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a WAL segment's name")
    timeline, log, within = (int(name[start : start + 8], 16) for start in (0, 8, 16))
    if timeline == 0 or within >= LOG_BYTES // segment_bytes:
        raise ValueError(f"{name} cannot be the name of a segment of {segment_bytes} bytes")
    return Segment(timeline, log * (LOG_BYTES // segment_bytes) + within)


def check_segment_name(name: str) -> str:
    """The name as it is written in the archive, for an argument that a person typed.

    Raises:
        ConfigError: it is no segment's name.
    """
    if not SEGMENT_NAME.fullmatch(name.upper()):
        raise ConfigError(
            f'"{name}" is not a WAL segment', "write its 24 hexadecimal digits, as wal verify prints them"
        )
    return name.upper()


def parse_lsn(text: str) -> int:
    """An LSN such as "0/5A000148" as a byte position.

    Raises:
        ValueError: it is not an LSN.
    """
    if not re.fullmatch(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}", text):
        raise ValueError(f"{text!r} is not an LSN")
    high, low = text.split("/")
    return int(high, 16) * LOG_BYTES + int(low, 16)


def known_segment_bytes(named: Iterable[tuple[str, str]], names: Iterable[str] = ()) -> int | None:
    """The size of archived segments where production cannot be asked; None if what is known leaves it open.

    A backup tells the names of segments and positions (LSN) within them: but in the first segment of a log, no other
    size fits both. Names alone only say that a size is too large.

    Args:
        named: names of segments, each with an LSN in it; an LSN at its very end counts as in it.
        names: further names of segments.

    Raises:
        ValueError: a name or an LSN is none.
    """
    places = [(name, parse_lsn(lsn)) for name, lsn in named]
    names = [*names, *(name for name, _ in places)]
    sizes = [size for size in SEGMENT_SIZES if all(_is_name(name, size) for name in names)]
    fitting = [size for size in sizes if all(_holds(name, lsn, size) for name, lsn in places)]
    return fitting[0] if len(fitting) == 1 else None


def _is_name(name: str, segment_bytes: int) -> bool:
    return int(name[16:], 16) < LOG_BYTES // segment_bytes


def _holds(name: str, lsn: int, segment_bytes: int) -> bool:
    number = parse_segment(name, segment_bytes).number
    return number in (lsn // segment_bytes, (lsn - 1) // segment_bytes)
