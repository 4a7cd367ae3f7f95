"""`[[link]]`: rows of one cluster that name rows of another."""

from pydantic import Field

from printflow_reliability.settings.section import Section


class LinkSettings(Section):
    """Rows of one cluster that name rows of another, which no foreign key can check.

    A drill checks in its clones that every value of `query` is among those of `target_query`.
    """

    name: str = Field(description="What the drill's findings call the link.")
    cluster: str = Field(description="The `name` of the [[cluster]] whose rows refer to another.")
    database: str | None = Field(
        default=None, description="Another database of that cluster than the one its `url` leads to."
    )
    query: str = Field(description="Query that returns each value that is referred to, as the column `value`.")
    target_cluster: str = Field(description="The `name` of the [[cluster]] that is referred to.")
    target_database: str | None = Field(
        default=None, description="Another database of the target cluster than the one its `url` leads to."
    )
    target_query: str = Field(description="Query that returns each value that exists there, as the column `value`.")
