"""`[sentry]`: where unexpected errors of this system itself are reported."""

from pydantic import Field

from printflow_reliability.addresses import HttpUrl
from printflow_reliability.settings.section import Section


class SentrySettings(Section):
    """Where unexpected errors of this system itself are reported, without secrets or rows. Absent: nowhere."""

    dsn: HttpUrl = Field(description="The project's DSN.")
