"""What every table of printflow.toml has in common: unknown keys are errors, and so are unusable values."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic.config import JsonDict

SECRET: JsonDict = {"secret": True}
"""What `json_schema_extra` says of a key whose value is never shown, also where it is written literally."""
LARGEST_NUMBER = 1_000_000_000
"""Of seconds and the like, thirty years: more overflows the clocks and limits of other programs."""


class Section(BaseModel):
    """A table of the file. Its docstring and the descriptions of its keys are the file's documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _usable(cls, value: object) -> object:
        if isinstance(value, str | Path) and "\0" in str(value):
            raise ValueError("holds a NUL character")
        if isinstance(value, float) and value > LARGEST_NUMBER:
            raise ValueError(f"is larger than {LARGEST_NUMBER:,}")
        return value
