"""WAL segment names: 24 hex digits, of which the last 8 roll over earlier the larger the segments are.

A segment is named by timeline, "log" (4 GiB of WAL) and number within that log: 256 of 16 MB, 64 of 64 MB, 4 of 1 GB.
"""

import re
from dataclasses import dataclass

from printflow_reliability.errors import ConfigError

DEFAULT_SEGMENT_BYTES = 16 * 1024**2
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


def known_segment_bytes(names: list[str]) -> int | None:
    """The size of archived segments where only their names can be asked; None if these leave it open.

    Within one log the numbers follow each other at any size, so it does not matter there. Across logs, only the sight
    of the default's last number tells the default from a larger size.
    """
    if len({name[8:16] for name in names}) <= 1 or max(name[16:] for name in names) == "000000FF":
        return DEFAULT_SEGMENT_BYTES
    return None
