"""What `dump run` and `dump list` found, as they show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.dumps.manifest import Manifest
from printflow_reliability.dumps.stored import StoredDump


@dataclass(frozen=True)
class DumpReport:
    """Dumps, and whether they are recent.

    Attributes:
        dumps: those that were made, or all of them.
        checks: the answer of dump.recent.
        troubles: why databases could not be dumped, by "cluster/database".
        verified: when each dump was last verified and found good, by key.
        incomplete: keys of objects that are no whole dump.
        unreadable: manifests that could not be read, each with the reason.
    """

    dumps: Sequence[Manifest]
    checks: tuple[CheckResult, ...]
    troubles: Mapping[str, str] = field(default_factory=dict)
    verified: Mapping[str, datetime] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    incomplete: Sequence[str] = ()
    unreadable: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        """Whether every answer is a pass."""
        return worst(check.outcome for check in self.checks) is Outcome.PASS

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """The figures of all these dumps together."""
        return {
            "dumps": len(self.dumps),
            "dump_bytes": sum(dump.bytes for dump in self.dumps),
            "archive_bytes": sum(dump.archive_bytes for dump in self.dumps),
            "dumped_rows": sum(dump.content.rows for dump in self.dumps),
            "failed_dumps": len(self.troubles),
            "dump_seconds": round(sum(dump.seconds for dump in self.dumps), 3),
        }

    def as_json(self) -> dict[str, Any]:
        """The document of `dump run --json` and `dump list --json`."""
        return {
            "ok": self.ok,
            "dumps": [self._dump(dump) for dump in self.dumps],
            "not_dumped": [{"database": name, "detail": why} for name, why in self.troubles.items()],
            "incomplete": list(self.incomplete),
            "unreadable": list(self.unreadable),
            "checks": [check.as_json() for check in self.checks],
        }

    def _dump(self, dump: Manifest) -> dict[str, Any]:
        verified = self.verified.get(dump.key)
        return {
            "cluster": dump.cluster,
            "database": dump.database,
            "key": dump.key,
            "version_id": dump.version_id,
            "bytes": dump.bytes,
            "sha256": dump.sha256,
            "taken_at": dump.taken_at.isoformat(),
            "verified_at": verified.isoformat() if verified else None,
            "locked_until": dump.locked_until.isoformat(),
            "retention": dump.retention,
            "tables": len(dump.content.tables),
            "rows": dump.content.rows,
            "seconds": dump.seconds,
            "state": self.states.get(dump.key, "whole"),
        }


def state(dump: StoredDump) -> str:
    """A stored dump's state in a word."""
    return "missing" if not dump.present else "hidden" if dump.hidden else "whole"
