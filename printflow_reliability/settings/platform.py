"""`[platform]`: what people call the platform."""

from pydantic import Field

from printflow_reliability.settings.section import Section


class PlatformSettings(Section):
    """What people call the platform. The names appear in alerts, in the runbook and in Sentry."""

    name: str = Field(description="The platform's name: the title of the runbook and the source of every alert.")
    environment: str = Field(
        default="production",
        description="Which installation this is. Change it wherever alerts and reports of several installations meet.",
    )
