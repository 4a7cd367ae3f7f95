"""`[readiness]`: what `printflow ready` and `/readyz` ask beyond what the rest of the file says."""

from pydantic import Field, field_validator

from printflow_reliability.settings.section import Section

LONGEST_KEY = 1024
"""Bytes of a key in S3."""


class ReadinessSettings(Section):
    """What `printflow ready` and `/readyz` ask beyond what the rest of this file names.

    Every bucket is read. With `probe_key`, an object of 26 bytes is also written there once an hour, read back and
    removed with its version, wherever the bucket's access key may write and no default retention would keep it.
    """

    probe_key: str | None = Field(
        default=None,
        min_length=1,
        description="Key at which that object is written, the same in every bucket, such as "
        "printflow-readiness/probe. Nothing else may be there: another object is reported and never touched. "
        "Absent: buckets are only read.",
    )
    min_free_bytes: int = Field(
        default=1_000_000_000,
        ge=0,
        description="Free space in bytes that each file system must have on which drills, dumps and the spool of "
        "`printflow watch` work. Set it to what a drill needs at least.",
    )
    dagster: bool = Field(
        default=True,
        description="Whether Dagster's daemon is meant to run. Set it to false where only `printflow watch` does; then "
        "nothing is expected of Dagster.",
    )

    @field_validator("probe_key")
    @classmethod
    def _is_an_object(cls, key: str | None) -> str | None:
        if key is not None and (key.startswith("/") or key.endswith("/") or ".." in key.split("/")):
            raise ValueError("is no plain key: write it without .. and without a slash at either end")
        if key is not None and len(key.encode("utf-8", "surrogatepass")) > LONGEST_KEY:
            raise ValueError(f"has more than {LONGEST_KEY} bytes")
        return key
