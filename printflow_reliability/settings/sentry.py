"""`[sentry]`: where unexpected errors of this system itself are reported, and watched for silence."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from printflow_reliability.addresses import HttpUrl
from printflow_reliability.settings.section import SECRET, Section

NO_DSN = "is not the DSN of a project; write https://KEY@HOST/PROJECT, as Sentry shows it under Client Keys"


def project_dsn(text: str) -> str:
    """The text, if it is a DSN.

    Raises:
        ValueError: it is not; the message does not show it.
    """
    parts = urlsplit(text)
    if not parts.username or not parts.path.rpartition("/")[2].isdigit() or parts.query or parts.fragment:
        raise ValueError(NO_DSN)
    return text


def release_name(text: str) -> str:
    """The text, if Sentry takes it as the name of a release.

    Raises:
        ValueError: it does not.
    """
    if not text.isprintable() or "/" in text or "\\" in text or text.strip() in ("", ".", ".."):
        raise ValueError("is no name of a release for Sentry: it has no slash and no control character")
    return text


class SentrySettings(Section):
    """Where unexpected errors of this system itself are reported, without secrets or rows. Absent: nowhere.

    Sentry hears of defects and of what lasts long, and its cron monitors hear that the guard, the outbox and every
    schedule are alive; the monitors are made by the first check-in, under the names printflow-guard, printflow-outbox
    and printflow-SCHEDULE. The environment is that of [platform]. `printflow alerts test` shows whether Sentry takes an
    event. What is sent, and what never is: docs/decisions/sentry.md.
    """

    dsn: Annotated[HttpUrl, AfterValidator(project_dsn)] = Field(
        json_schema_extra=SECRET, description="The project's DSN. Write env: or file:."
    )
    release: Annotated[str, AfterValidator(release_name)] | None = Field(
        default=None,
        max_length=200,
        description="What Sentry calls this release. Absent: the version of the package, and its revision in git where "
        "pip knows it. Set it where an image is built of a checkout.",
    )
    traces_sample_rate: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of long operations (backups, drills, recoveries, reconciliations, sweeps) of which Sentry "
        "gets the duration. The guard and the outbox, which work every ten seconds, are never traced. Errors are "
        "always sent.",
    )
    monitors: bool = Field(
        default=True,
        description="Whether Sentry's cron monitors hear of the guard, the outbox and every schedule. Turn it off "
        "where each monitor costs too much, and give the parts a [[heartbeat]] instead.",
    )
