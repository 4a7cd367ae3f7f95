"""`[[reference]]`: the queries that say which objects the platform's rows refer to."""

from typing import Literal

from pydantic import Field

from printflow_reliability.settings.section import Section


class ReferenceSettings(Section):
    """One query of the catalog: it returns a row for each object that the platform refers to.

    Columns: `tenant`, `owner` (what the platform calls the thing: "order 10482") and `key`; optionally `bucket` (the
    `name` of a [[bucket]], where rows choose their disk), `size` in bytes, `sha256`, `md5`, `etag`, and `soft_deleted`
    (true: the object is still needed, but its absence is only information). A key that ends in a slash covers every
    object below it. Rows without a key are skipped; rows whose file lies in no bucket are for the query to leave out.

    What no query returns, nobody references: `printflow files catalog` looks for columns that hold keys and that no
    query covers. At least one query is needed.
    """

    name: str = Field(description="What the findings call the query; unique.")
    cluster: str = Field(description="The `name` of the [[cluster]] that the query runs in.")
    bucket: str = Field(description="The `name` of the [[bucket]] that the keys lie in, where a row names no other.")
    database: str | None = Field(
        default=None, description="Another database of the cluster than the one its `url` leads to."
    )
    kind: Literal["print-ready", "design", "proof", "image", "derived"] = Field(
        description="What the objects are. It decides how bad a loss is; print-ready files are inspected as PDFs."
    )
    query: str = Field(description="The query: one SELECT statement. It runs in a read-only session.")
