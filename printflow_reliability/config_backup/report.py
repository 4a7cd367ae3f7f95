"""What `config backup` and `config list` found, as they show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.config_backup.judgement import changes
from printflow_reliability.config_backup.manifest import Copies, Manifest
from printflow_reliability.config_backup.store import whole


@dataclass(frozen=True)
class ConfigReport:
    """Copies of the configuration, and what they prove.

    Attributes:
        made: the copy that was made, or all of them.
        checks: the answers of config.recent and config.changes.
        copies: everything in the bucket.
    """

    made: Sequence[Manifest]
    checks: tuple[CheckResult, ...]
    copies: Copies

    @property
    def ok(self) -> bool:
        """Whether every answer is a pass."""
        return worst(check.outcome for check in self.checks) is Outcome.PASS

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """The figures of the newest of these copies, and of both checks."""
        newest = self.made[-1:]
        return {
            "config_files": sum(copy.files for copy in newest),
            "config_bytes": sum(copy.bytes for copy in newest),
            "not_copied": sum(len(copy.troubles) for copy in newest),
            "queue_keys": sum(sum(copy.redis.values()) for copy in newest),
            "config_seconds": round(sum(copy.seconds for copy in newest), 3),
            **{name: number for check in self.checks for name, number in check.numbers.items()},
        }

    def state(self, copy: Manifest) -> str:
        """A copy's state in a word."""
        found = next((stored for stored in self.copies.copies if stored.manifest.key == copy.key), None)
        return "whole" if found is None else "missing" if not found.present else "hidden" if found.hidden else "whole"

    def as_json(self) -> dict[str, Any]:
        """The document of `config backup --json` and `config list --json`."""
        manifests = whole(self.copies)
        comparable = len(manifests) > 1 and manifests[-2].secret_id == manifests[-1].secret_id
        differences = changes(*manifests[-2:]) if comparable else ()
        return {
            "ok": self.ok,
            "copies": [self._copy(copy) for copy in self.made],
            "changes": [change.__dict__ for change in differences],
            "incomplete": [version.key for version in self.copies.incomplete],
            "unreadable": list(self.copies.unreadable),
            "checks": [check.as_json() for check in self.checks],
        }

    def _copy(self, copy: Manifest) -> dict[str, Any]:
        return {
            "key": copy.key,
            "version_id": copy.version_id,
            "bytes": copy.bytes,
            "sha256": copy.sha256,
            "taken_at": copy.taken_at.isoformat(),
            "locked_until": copy.locked_until.isoformat(),
            "name": copy.name,
            "host": copy.host,
            "files": copy.files,
            "redis": dict(copy.redis),
            "dumps": dict(copy.dumps),
            "not_copied": [{"path": trouble.path, "detail": trouble.why} for trouble in copy.troubles],
            "seconds": copy.seconds,
            "state": self.state(copy),
        }
