"""The bucket of copies of the configuration, and which copies lie there."""

from pathlib import Path

from printflow_reliability.config_backup.manifest import MANIFEST, Copies, Manifest, folder, parse
from printflow_reliability.errors import ConfigError
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.locked_objects.versions import copies_in
from printflow_reliability.settings import BucketSettings, ConfigBackupSettings, DumpsSettings, Settings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability.text import printable

NO_SECTION = "[config_backup] is not in printflow.toml, so there are no copies of the configuration"
NEWEST = "latest"
"""What stands for the newest copy."""


def required(settings: Settings) -> tuple[ConfigBackupSettings, DumpsSettings]:
    """The section of copies, and that of dumps, from which it takes what it does not say itself.

    Raises:
        ConfigError: there is none.
    """
    if settings.config_backup is None or settings.dumps is None:
        raise ConfigError(NO_SECTION, 'add it: [config_backup] with fingerprint_secret = "env:NAME", beside [dumps]')
    return settings.config_backup, settings.dumps


def open_store(settings: Settings) -> LockedStore:
    """The bucket of copies.

    Raises:
        ConfigError: no copies are configured.
    """
    section, dumps = required(settings)
    bucket = settings.bucket_named(section.bucket or dumps.bucket)
    return LockedStore(bucket, s3_client(bucket), "config_backup.bucket" if section.bucket else "dumps.bucket")


def bucket_of(name: str, endpoint_url: str | None, region: str, ca_file: Path | None) -> BucketSettings:
    """A bucket that no printflow.toml names, as on an empty machine; the SDK's own chain has the credentials."""
    return BucketSettings(name=name, bucket=name, endpoint_url=endpoint_url, region=region, ca_file=ca_file)


def stored_in(store: LockedStore, name: str) -> Copies:
    """Every copy of a machine in the bucket.

    Raises:
        CouldNotTell: it does not answer.
    """
    return copies_in(store, folder(name), MANIFEST, parse)


def whole(copies: Copies) -> tuple[Manifest, ...]:
    """The manifests of the copies whose objects are there, oldest first."""
    return tuple(copy.manifest for copy in copies.copies if copy.present)


def chosen(copies: Copies, key: str) -> Manifest:
    """The copy with this key, or the newest.

    Raises:
        ConfigError: there is no such whole copy.
    """
    for manifest in reversed(whole(copies)):
        if key in (NEWEST, manifest.key):
            return manifest
    what = "no whole copy of the configuration" if key == NEWEST else f"no whole copy {printable(key)}"
    raise ConfigError(f"there is {what} in the bucket", "printflow config list")
