"""Verifying a copy of the configuration: read whole, and compared with what its manifest says of each file.

It needs the identity, which the machine that makes copies does not have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.checks import Outcome
from printflow_reliability.config_backup.archive import Opened, opened
from printflow_reliability.config_backup.manifest import Manifest
from printflow_reliability.config_backup.members import Fingerprints, permissions
from printflow_reliability.config_backup.store import NEWEST, chosen, open_store, required, stored_in
from printflow_reliability.dumps.identity import identities
from printflow_reliability.dumps.workplace import workplace
from printflow_reliability.locked_objects.decryption import DamagedObject
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted, printable, storable


@dataclass(frozen=True)
class ConfigVerification:
    """What was found of one copy."""

    manifest: Manifest
    outcome: Outcome
    detail: str

    def as_json(self) -> dict[str, Any]:
        """The document of `config verify --json`."""
        return {
            "ok": self.outcome is Outcome.PASS,
            "key": self.manifest.key,
            "taken_at": self.manifest.taken_at.isoformat(),
            "outcome": self.outcome,
            "detail": self.detail,
            "files": self.manifest.files,
        }


@operation("verification of the configuration's copy")
def verify_config(settings: Settings, *, key: str = NEWEST) -> ConfigVerification:
    """Read a copy whole, and compare it with its manifest.

    Args:
        settings: the whole configuration, of the machine that has the identity.
        key: which copy; the newest by default.

    Raises:
        ConfigError: no copies are configured, there is no such copy, no identity here, or its key does not fit.
        CouldNotTell: the bucket does not answer.
    """
    section, dumps = required(settings)
    keys = identities(dumps)
    store = open_store(settings)
    manifest = chosen(stored_in(store, section.name), key)
    fingerprints = Fingerprints(section.fingerprint_secret)
    try:
        with workplace(dumps.directory) as place, opened(store, manifest, keys, place) as copy:
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
