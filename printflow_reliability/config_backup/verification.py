"""Verifying a copy of the configuration: read whole, and compared with what its manifest says of each file.

It needs the identity, which the machine that makes copies does not have. What is found is kept in the records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyrage

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.config_backup.archive import Opened, opened
from printflow_reliability.config_backup.content import KnownContent, content_answer, content_verdict
from printflow_reliability.config_backup.manifest import Copies, Manifest
from printflow_reliability.config_backup.members import Fingerprints, permissions
from printflow_reliability.config_backup.store import NEWEST, chosen, open_store, required, stored_in, whole
from printflow_reliability.config_backup.verifications import newest, remember
from printflow_reliability.dumps.dump import Clock, utc_now
from printflow_reliability.dumps.identity import identities
from printflow_reliability.dumps.workplace import workplace
from printflow_reliability.locked_objects.decryption import DamagedObject
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import DumpsSettings, Settings
from printflow_reliability.text import counted, printable, storable


@dataclass(frozen=True)
class ConfigVerification:
    """What was found of one copy."""

    manifest: Manifest
    outcome: Outcome
    detail: str

    def as_json(self) -> dict[str, Any]:
        """As `config verify --json` shows it."""
        return {
            "ok": self.outcome is Outcome.PASS,
            "key": self.manifest.key,
            "taken_at": self.manifest.taken_at.isoformat(),
            "outcome": self.outcome,
            "detail": self.detail,
            "files": self.manifest.files,
        }


@dataclass(frozen=True)
class VerificationReport:
    """What was found of the copy that was read, and the answer of config.content."""

    verified: ConfigVerification
    checks: tuple[CheckResult, ...]

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """The figures of the copy, and of the check."""
        manifest = self.verified.manifest
        return {"verified_files": manifest.files, "verified_bytes": manifest.bytes, **self.checks[0].numbers}

    def as_json(self) -> dict[str, Any]:
        """The document of `config verify --json`."""
        return {**self.verified.as_json(), "checks": [check.as_json() for check in self.checks]}


@operation("verification of the configuration's copy")
def verify_config(settings: Settings, *, key: str = NEWEST, clock: Clock = utc_now) -> VerificationReport:
    """Read a copy whole, compare it with its manifest, and keep what was found.

    Args:
        settings: the whole configuration, of the machine that has the identity.
        key: which copy; the newest by default.
        clock: the time that ages are counted from.

    Raises:
        ConfigError: no copies are configured, there is no such copy, no identity here, or its key does not fit.
        CouldNotTell: the bucket does not answer.
    """
    section, dumps = required(settings)
    keys = identities(dumps)
    store = open_store(settings)
    copies = stored_in(store, section.name)
    reader = _Reader(store, dumps, keys, Fingerprints(section.fingerprint_secret))
    verified = _verified(reader, chosen(copies, key))
    return VerificationReport(verified, (_kept(settings, copies, verified, clock),))


def _kept(settings: Settings, copies: Copies, verified: ConfigVerification, clock: Clock) -> CheckResult:
    """The answer of config.content, once what was found is in the records."""
    section, _ = required(settings)
    manifest = verified.manifest
    named = manifest.key in verified.detail
    found = [ClusterVerdict(verified.outcome, verified.detail if named else f"{manifest.key}: {verified.detail}")]
    certain = verified.outcome is not Outcome.UNKNOWN
    try:
        if certain:
            with open_records(settings.records) as records:
                good = verified.outcome is Outcome.PASS
                remember(records, section.name, manifest, good=good, detail=found[0].sentence)
        known = KnownContent(section, copies, newest(settings, section.name), clock())
    except TROUBLE as away:
        lost = f"what was found could not be kept: {away.sentence}"
        return content_answer([*found, ClusterVerdict(Outcome.UNKNOWN, lost)], None)
    if certain and manifest == whole(copies)[-1]:
        found = []  # the verdict is on this very copy
    return content_answer([*found, content_verdict(known)], known)


@dataclass(frozen=True)
class _Reader:
    """What reading a copy needs."""

    store: LockedStore
    dumps: DumpsSettings
    keys: Sequence[pyrage.x25519.Identity]
    fingerprints: Fingerprints


def _verified(reader: _Reader, manifest: Manifest) -> ConfigVerification:
    fingerprints = reader.fingerprints
    try:
        with (
            workplace(reader.dumps.directory) as place,
            opened(reader.store, manifest, reader.keys, place) as copy,
        ):
            found = _found(copy, fingerprints)
    except DamagedObject as damaged:
        return ConfigVerification(manifest, Outcome.FAIL, damaged.sentence)
    expected = {entry.path: (entry.fingerprint, entry.mode) for entry in manifest.entries}
    if fingerprints.secret_id != manifest.secret_id:
        return _other_secret(manifest, set(expected), set(found))
    wrong = [path for path in {**expected, **found} if _differs(expected.get(path), found.get(path))]
    if wrong:
        named = ", ".join(map(printable, wrong[:3]))
        return ConfigVerification(
            manifest, Outcome.FAIL, f"{counted(len(wrong), 'path')} not as the manifest says, such as {named}"
        )
    return ConfigVerification(
        manifest, Outcome.PASS, f"{counted(manifest.files, 'file')}, all as when they were copied"
    )


def _found(copy: Opened, fingerprints: Fingerprints) -> Mapping[str, tuple[str, str]]:
    return {storable(member.path): (fingerprints.of(member), permissions(member.mode)) for member in copy.members()}


def _differs(expected: tuple[str | None, str] | None, found: tuple[str, str] | None) -> bool:
    if expected is None or found is None:
        return True
    return expected[1] != found[1] or expected[0] not in (None, found[0])


def _other_secret(manifest: Manifest, expected: set[str], found: set[str]) -> ConfigVerification:
    """Without the secret contents cannot be compared; what is missing is missing all the same."""
    if expected != found:
        detail = f"the archive holds {counted(len(found), 'path')}, and the manifest names {len(expected):,}"
        return ConfigVerification(manifest, Outcome.FAIL, detail)
    return ConfigVerification(
        manifest,
        Outcome.UNKNOWN,
        "it can be read, and nothing is missing; whether contents are the same cannot be told, since "
        "config_backup.fingerprint_secret is another here",
    )
