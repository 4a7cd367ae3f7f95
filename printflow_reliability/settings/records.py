"""`[records]`: this system's own database."""

from pydantic import Field

from printflow_reliability.addresses import PostgresUrl
from printflow_reliability.settings.section import SECRET, Section


class RecordsSettings(Section):
    """This system's own database: drills, findings, the print-file ledger, holds and alerts.

    Create its tables, and upgrade them after an update, with `printflow records migrate`. Keep it outside the protected
    clusters: a disaster would otherwise take the platform and the evidence at once.
    """

    url: PostgresUrl = Field(
        json_schema_extra=SECRET,
        description="Connection string of a role that owns the tables: postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
    )
