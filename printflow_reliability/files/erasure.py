"""Recording that a file was erased on purpose, so that no rollback, healing or restore brings it back.

Nothing is erased by it: the platform does that, and lifecycle rules end the versions.
"""

from printflow_reliability.errors import ConfigError
from printflow_reliability.files.heal import LOCK
from printflow_reliability.platform.catalog import open_catalog
from printflow_reliability.platform.tenancy import BasePaths, Tenant, tenancy
from printflow_reliability.records import erasures
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.records.erasures import Erasure
from printflow_reliability.settings import Settings
from printflow_reliability.storage.single_keys import possible
from printflow_reliability.text import printable, shell_word

LIST = "printflow files erasure list"


def record_erasure(
    settings: Settings, key: str, *, tenant: str | None, bucket: str | None, reason: str, person: str
) -> Erasure:
    """Record an erasure.

    Args:
        settings: the whole file.
        key: exact; one that ends in a slash stands for every object below it.
        tenant: whose it was; None: under whose base path it lies.
        bucket: its bucket, by the name in printflow.toml; None: the only one that references point into.
        reason, person: why, and who says so.

    Raises:
        ConfigError: it is nobody's file, another tenant's, or recorded already; or nobody or no reason is named.
        CouldNotTell: a database does not answer.
        LockHeld: files are being brought back just now.
    """
    if not reason.strip() or not person.strip():
        raise ConfigError("an erasure needs a person and a reason", '--by NAME --reason "asked for by the customer"')
    if not possible(key) or key.startswith("/"):
        raise ConfigError(f"{key!r} is no key of an object", "give the key as it is in the bucket")
    where = _bucket(settings, bucket)
    whose = _owner(settings, key, tenant)
    with open_records(settings.records) as records, exclusive(records, LOCK):
        made = erasures.record(records, where, key, whose, reason, person)
    if made is None:
        raise ConfigError(f"an erasure of {printable(key)} in bucket {where} is recorded already", LIST)
    return made


def withdraw_erasure(settings: Settings, number: int, *, person: str) -> Erasure:
    """Have an erasure count no more, as it was recorded by mistake.

    Raises:
        ConfigError: there is none of that number, or it was withdrawn before.
        CouldNotTell: the records do not answer.
    """
    with open_records(settings.records) as records:
        withdrawn = erasures.withdraw(records, number, person)
    if withdrawn is None:
        raise ConfigError(f"there is no erasure {number} that counts", LIST)
    return withdrawn


def _bucket(settings: Settings, name: str | None) -> str:
    known = sorted({*open_catalog(settings).buckets} | {reference.bucket for reference in settings.reference})
    if name is None and len(known) == 1:
        return known[0]
    if name not in known:
        said = "several buckets hold files" if name is None else f"no reference query points into bucket {name}"
        raise ConfigError(said, f"--bucket, one of {', '.join(known)}")
    return name


def _owner(settings: Settings, key: str, tenant: str | None) -> str:
    """Whose file it is. A tenant that was deleted altogether is known no more, and has to be named."""
    found = tenancy(settings).tenants
    owner = BasePaths(found).owner_of(key)
    whose = tenant or owner
    if whose is None:
        raise ConfigError(f"{printable(key)} lies under no tenant's base path", "--tenant ID says whose it was")
    if owner not in (None, whose):
        raise ConfigError(f"{printable(key)} is a file of tenant {owner}", f"--tenant {shell_word(owner or '')}")
    if other := next((each.id for each in found if each.id != whose and _above(key, each)), None):
        raise ConfigError(
            f"{printable(key)} covers files of tenant {other} too", "record an erasure for each tenant's own path"
        )
    return whose


def _above(key: str, tenant: Tenant) -> bool:
    return any(path.startswith(key) for path in tenant.base_paths)
