"""PostgreSQL's snapshots: when two of them prove that nothing happened between them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Snapshot:
    """PostgreSQL's snapshot in its text form "xmin:xmax:xip_list": all before xmax ended, but those in progress."""

    xmin: int
    xmax: int
    in_progress: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """Read the text form of pg_snapshot."""
        xmin, xmax, running = text.split(":")
        return cls(int(xmin), int(xmax), frozenset(map(int, filter(None, running.split(",")))))

    def __str__(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, sorted(self.in_progress)))}"

    @property
    def quiet(self) -> bool:
        """Whether no transaction is in progress that is older than the newest that ended."""
        return self.xmin == self.xmax and not self.in_progress


def nothing_between(before: Snapshot, after: Sequence[Snapshot]) -> bool:
    """Whether these snapshots, taken one after the other, prove that nothing became visible between them."""
    return all(snapshot == before for snapshot in after)


def whole_id(short: int, near: int) -> int:
    """The 64 bits of a transaction id of which 32 are known, and one not far from it."""
    distance = (short - near) & 0xFFFFFFFF
    return near + distance - (2**32 if distance >= 2**31 else 0)
