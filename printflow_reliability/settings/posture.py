"""`[posture]`: where the platform's own source is."""

from pathlib import Path

from pydantic import Field

from printflow_reliability.settings.section import Section


class PostureSettings(Section):
    """The platform's source, which `printflow posture` and the assets `platform_posture` and `action_plan` judge."""

    source: Path = Field(
        description="Directory of a checkout of the platform, best as it is deployed, with its .env files. It is only "
        "read; what leads out of it is not followed.",
    )
