"""`[[bucket]]`: the S3 buckets, and how to reach them."""

from pathlib import Path

from pydantic import Field

from printflow_reliability.addresses import EndpointUrl
from printflow_reliability.settings.section import SECRET, Section


class BucketSettings(Section):
    """One S3 bucket and how to reach it. At least one is needed; the drills' reports may go into one of their own."""

    name: str = Field(description="What this file, the commands and the findings call the bucket; unique.")
    bucket: str = Field(description="What S3 calls the bucket.")
    endpoint_url: EndpointUrl | None = Field(
        default=None,
        description="Address of the S3 server, such as https://s3.example.org:8333, without user or query. "
        "Absent: AWS.",
    )
    region: str = Field(
        default="us-east-1", description="The bucket's region; servers other than AWS mostly ignore it."
    )
    access_key_id: str | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Access key. It only needs to list and read, except for the buckets of the drills' reports "
        "and of dumps. Absent: the AWS SDK's own chain (environment, profile, instance role).",
    )
    secret_access_key: str | None = Field(
        json_schema_extra=SECRET, default=None, description="The secret of `access_key_id`."
    )
    heal_access_key_id: str | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Access key that may write. Only `files heal --apply`, `files rollback --apply`, "
        "`orders repair --apply` and `tenant restore --apply` use it.",
    )
    heal_secret_access_key: str | None = Field(
        json_schema_extra=SECRET, default=None, description="The secret of `heal_access_key_id`."
    )
    audit_access_key_id: str | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Access key that may read the bucket's configuration, and no object. Only `files protect` uses it. "
        "Absent: `access_key_id`.",
    )
    audit_secret_access_key: str | None = Field(
        json_schema_extra=SECRET, default=None, description="The secret of `audit_access_key_id`."
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authority that signed the server's certificate. Absent: the system's authorities.",
    )
    replica: str | None = Field(
        default=None,
        description="The `name` of another [[bucket]] that holds copies of this one. Missing files are looked for "
        "there, and brought back from there, when this bucket has no version of them. `copies` counts it, and its own "
        "replica after it.",
    )

    @property
    def label(self) -> str:
        """Its name as errors say it, and what S3 calls it where that is another."""
        return self.name if self.name == self.bucket else f"{self.name} ({self.bucket})"
