"""`[[smoke]]`: what the application must be able to ask of a recovered database."""

from pydantic import Field

from printflow_reliability.settings.section import Section


class SmokeSettings(Section):
    """A query that the application needs. A drill runs it, read-only, in the recovered clone.

    Without any, the drill warns: it then proves that the data came back, but not that the application can use it.
    """

    name: str = Field(description="What the drill's findings call the query.")
    cluster: str = Field(description="The `name` of the [[cluster]] that the query runs in.")
    database: str | None = Field(
        default=None, description="Another database of the cluster than the one its `url` leads to."
    )
    query: str = Field(description="The query: one SELECT statement.")
    min_rows: int = Field(default=1, ge=0, description="The fewest rows that it must return.")
    max_rows: int | None = Field(
        default=None, ge=0, description="The most rows that it may return; absent: any number."
    )
    value: str | None = Field(
        default=None, description="What the first column of the first row must be, as text; absent: anything."
    )
