"""`[pdf_service]`: where the platform makes print-ready files."""

from pathlib import Path

from pydantic import Field

from printflow_reliability.addresses import HttpUrl
from printflow_reliability.settings.section import SECRET, Section


class PdfServiceSettings(Section):
    """The platform's pdf-service, which `orders repair` asks to make a print-ready file again.

    It is sent `{"order", "item", "tenant", "version"}` as JSON by POST, with an `Idempotency-Key` that stays the same
    however often one file is asked for. It answers `{"key": KEY}` with 200 or 201 once the file is in the bucket, or
    202 while it is at work; then it is asked again until `timeout_seconds` are over. What it answers is not believed:
    the file is looked up, inspected, and must lie in the item's own `folder`.
    """

    url: HttpUrl = Field(description="Address that a request is posted to, such as https://pdf.internal/print-files.")
    token: str = Field(json_schema_extra=SECRET, min_length=1, description="Bearer token. Write env: or file:.")
    timeout_seconds: float = Field(
        default=60,
        gt=0,
        description="How long a file may take to be made. Set it just above what the service needs for a large one.",
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authority that signed its certificate. Absent: the system's authorities.",
    )
