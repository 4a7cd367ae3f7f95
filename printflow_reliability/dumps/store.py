"""The bucket of dumps."""

from printflow_reliability.errors import ConfigError
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.settings import DumpsSettings, Settings
from printflow_reliability.storage.clients import s3_client

NO_SECTION = "[dumps] is not in printflow.toml, so there are no logical dumps"


def required(settings: Settings) -> DumpsSettings:
    """The section of dumps.

    Raises:
        ConfigError: there is none.
    """
    if settings.dumps is None:
        raise ConfigError(NO_SECTION, 'add it: [dumps] with bucket = "NAME" and recipients = ["age1..."]')
    return settings.dumps


def open_store(settings: Settings) -> LockedStore:
    """The bucket of dumps.

    Raises:
        ConfigError: no dumps are configured.
    """
    bucket = settings.bucket_named(required(settings).bucket)
    return LockedStore(bucket, s3_client(bucket))
