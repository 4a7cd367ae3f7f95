"""`[[alert_route]]`: where alerts go."""

from typing import Literal

from pydantic import Field

from printflow_reliability.addresses import HttpUrl
from printflow_reliability.findings import Severity
from printflow_reliability.settings.section import Section


class AlertRouteSettings(Section):
    """Where alerts go. Configure two: a route that refuses does not keep the other from being told.

    A webhook gets a POST of JSON with a stable `dedup_key`. `printflow alerts test` tries every route.
    """

    name: str = Field(description="What `printflow alerts list` calls the route.")
    kind: Literal["webhook"] = Field(default="webhook", description="How the route is spoken to.")
    url: HttpUrl = Field(description="Address that alerts are posted to.")
    token: str | None = Field(default=None, description="Sent as a bearer token in the Authorization header.")
    min_severity: Severity = Field(
        default=Severity.WARNING, description="The route is told of alerts of this severity and worse."
    )
