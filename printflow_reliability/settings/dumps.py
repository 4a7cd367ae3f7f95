"""`[dumps]`: encrypted logical dumps, where they go, who can read them, and how long nobody can delete them."""

from pathlib import Path
from typing import Annotated

import pyrage
from pydantic import AfterValidator, Field

from printflow_reliability.settings.section import Section

DAY = 86400
SECRET_KEY = "AGE-SECRET-KEY-"  # noqa: S105 - how every identity of age begins
NO_RECIPIENT = "is not a public key of age; write age1..., as age-keygen prints it"
NO_PUBLIC_KEY = "is a secret key of age; write the public key that belongs to it (age-keygen -y FILE)"


def age_recipient(text: str) -> str:
    """The text, if it is a public key of age. No message holds any part of it: it may be the secret one.

    Raises:
        ValueError: it is not.
    """
    if text.strip().upper().startswith(SECRET_KEY):
        raise ValueError(NO_PUBLIC_KEY)
    try:
        pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise ValueError(NO_RECIPIENT) from None
    return text


AgeRecipient = Annotated[str, AfterValidator(age_recipient)]


class DumpsSettings(Section):
    """Encrypted logical dumps of every database. Without this section there are none.

    A dump is a custom-format archive of pg_dump, compressed by zstd and encrypted with age, in a bucket under Object
    Lock. `age --decrypt | zstd --decompress | pg_restore` reads it without this program.
    """

    bucket: str = Field(
        description="The `name` of the [[bucket]] that dumps go to: in another region than the clusters, made with "
        "Object Lock. Its key must be able to write and to set and read retention; to delete only for `dump expire`."
    )
    recipients: tuple[AgeRecipient, ...] = Field(
        min_length=1,
        description="Public keys of age (age1...). Each of their owners can read every dump; name at least two, kept "
        "by different people. The machine that makes dumps needs no secret key.",
    )
    identity_file: Path | None = Field(
        default=None,
        description="File with a secret key of age (AGE-SECRET-KEY-...) that belongs to one of the recipients. Only on "
        "the machine that verifies and restores dumps; without it their content is unknown there.",
    )
    directory: Path = Field(
        default=Path("dumps"),
        description="Directory that dumps are decrypted in, to be verified or restored. It needs room for the largest "
        "dump, and for a restored database; what is put there is removed at the end.",
    )
    daily_days: float = Field(default=14, gt=0, description="Days for which a daily dump cannot be deleted.")
    weekly_days: float = Field(
        default=56, gt=0, description="Days for which the first dump of a week cannot be deleted."
    )
    monthly_days: float = Field(
        default=366, gt=0, description="Days for which the first dump of a month cannot be deleted."
    )
    max_lock_days: float = Field(
        default=400,
        gt=0,
        description="Days that no lock lasts longer than, whatever the three keys above say: under Object Lock in "
        "COMPLIANCE mode nobody can delete a dump, nor end what it costs, before its time.",
    )
    max_age_seconds: float = Field(
        default=26 * 3600,
        gt=0,
        description="How old the newest dump of a database may be: dump.recent. The default fits a nightly dump with "
        "two hours to spare.",
    )
    max_verification_age_seconds: float = Field(
        default=26 * 3600,
        gt=0,
        description="How long ago the newest dump of a database may have been read whole and compared: dump.content. "
        "The default fits a daily verification.",
    )
    max_restore_age_seconds: float = Field(
        default=8 * DAY,
        gt=0,
        description="How long ago a dump of a database may last have been restored for a trial: dump.content. The "
        "default fits a weekly restore.",
    )
    apply_expiry: bool = Field(
        default=False,
        description="Whether Dagster deletes every day what `dump expire` would. Off: it only plans, and a person runs "
        "`printflow dump expire --apply`. On: the bucket's key must be able to delete versions.",
    )
    overdue_days: float = Field(
        default=14,
        gt=0,
        description="For how many days after its lock has ended a dump that `dump expire` would delete may still lie "
        "there: dump.retention.",
    )
    timeout_seconds: float = Field(
        default=6 * 3600, gt=0, description="How long dumping, verifying or restoring one database may take."
    )
