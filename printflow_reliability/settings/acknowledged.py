"""`[[acknowledged]]`: warnings that a platform has on purpose."""

import difflib

from pydantic import Field, field_validator

from printflow_reliability.register import REGISTER
from printflow_reliability.settings.section import Section


class AcknowledgedSettings(Section):
    """A warning that this platform has on purpose, and why.

    It no longer counts as a warning and is always shown with its reason. Each warning that can be acknowledged says
    which lines would do so. Failures, and what could not be told, are never acknowledged.
    """

    check: str = Field(description="Name of the check that warns, such as drill.checksums.")
    about: str = Field(description="What the warning names, exactly as it says.")
    reason: str = Field(min_length=1, description="Why it is as it should be; shown beside the check from then on.")

    @field_validator("check")
    @classmethod
    def _registered(cls, value: str) -> str:
        if value not in REGISTER:
            close = difflib.get_close_matches(value, REGISTER, n=1)
            raise ValueError(f'there is no check "{value}"' + (f'; did you mean "{close[0]}"?' if close else ""))
        return value
