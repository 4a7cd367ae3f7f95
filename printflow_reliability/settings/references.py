"""`[[reference]]`: the queries that say which objects the platform's rows refer to."""

from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from printflow_reliability.settings.section import Section

SpellingRule: TypeAlias = Literal[
    "trim",
    "html",
    "url",
    "query_string",
    "backslash",
    "percent",
    "plus",
    "leading_slash",
    "doubled_slash",
    "lower_case",
    "nfc",
    "nfd",
]


class DiskSettings(Section):
    """One disk of the rows of a query that returns `disk`, such as a disk of Laravel's `config/filesystems.php`.

    A disk that is not named here is a finding for each row on it. A row without a disk lies in the reference's
    `bucket`.
    """

    name: str = Field(description="What the rows call the disk.")
    bucket: str | None = Field(
        default=None,
        description="The `name` of the [[bucket]] behind it. Absent: its files lie in no bucket (a local disk), and "
        "its rows are left out.",
    )
    prefix: str = Field(
        default="",
        description="What the disk puts in front of every key, with its slash at the end (Laravel: `root`). It is put "
        "there once the key is spelled as `spelling` says.",
    )


class ReferenceSettings(Section):
    """One query of the catalog: it returns a row for each object that the platform refers to.

    Columns: `tenant`, `owner` (what the platform calls the thing: "order 10482") and `key`; optionally `bucket` (the
    `name` of a [[bucket]]) or `disk` (the `name` of a [[reference.disk]]), where rows choose theirs, `size` in bytes,
    `sha256`, `md5`, `etag`, and `soft_deleted` (true: the object is still needed, but its absence is only information).
    A key that ends in a slash covers every object below it. Rows without a key are skipped; rows whose file lies in no
    bucket are for the query to leave out.

    What no query returns, nobody references: `printflow files catalog` looks for columns that hold keys and that no
    query covers. At least one query is needed. Examples: docs/platform/references.md.
    """

    name: str = Field(description="What the findings call the query; unique.")
    cluster: str = Field(description="The `name` of the [[cluster]] that the query runs in.")
    bucket: str = Field(description="The `name` of the [[bucket]] that the keys lie in, where a row names no other.")
    database: str | None = Field(
        default=None, description="Another database of the cluster than the one its `url` leads to."
    )
    databases: str | None = Field(
        default=None,
        description="Query that returns `database`, a row for each database of the cluster that `query` runs in, where "
        "each tenant has one. It may return `tenant` too; `query` then need not. It runs in `database`. A database "
        "that cannot be read, or that refuses `query`, is its own tenant's trouble alone.",
    )
    kind: Literal["print-ready", "design", "proof", "image", "derived"] = Field(
        description="What the objects are. It decides how bad a loss is; print-ready files are inspected as PDFs."
    )
    query: str = Field(description="The query: one SELECT statement. It runs in a read-only session.")
    strip_prefixes: tuple[str, ...] = Field(
        default=(),
        description="What the rows write in front of a key and the bucket does not have, such as "
        "`https://cdn.example.org/` or `storage/`. The longest that fits is taken away, before `spelling` is applied.",
    )
    spelling: tuple[SpellingRule, ...] = Field(
        default=(),
        description="How the platform makes an object's key of what is in its rows, in the order in which it does so. "
        "`trim`: blanks around it are none of it. `html`: `&amp;`, `&lt;`, `&gt;`, `&quot;`, `&#039;` and whatever "
        "else templates write for these, for a plus sign, `=`, a slash and a backtick stand for characters. `url`: "
        "scheme, host, query and fragment of a URL are none of it. `query_string`: nor is what follows a question "
        "mark. `backslash`: it stands for a slash. `percent`: it is percent-encoded (what is no UTF-8 stays as it is). "
        "`plus`: a plus sign stands for a space. `leading_slash`, `doubled_slash`: slashes in front, and all but one "
        "of several, are none of it. `lower_case`: the letters A to Z are small in the bucket. `nfc`, `nfd`: the "
        "bucket has that Unicode normal form. Without a rule a key is what the row says.",
    )
    disk: tuple[DiskSettings, ...] = ()

    @model_validator(mode="after")
    def _disks_are_told_apart(self) -> Self:
        names = [disk.name for disk in self.disk]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f'disk: the name "{twice}" is given twice')
        return self
