"""`[tenancy]`: who the tenants are, and which rows belong to them."""

from pydantic import Field

from printflow_reliability.addresses import PostgresUrl
from printflow_reliability.settings.section import SECRET, Section

UNRESTORABLE = (
    "Tables (`schema.table`, or `table` where one schema alone has it) that a tenant restore leaves out, since it "
    "cannot bring their rows back. Each drill warns of such a table until it is named here, and of a name that is no "
    "longer needed."
)


class TenantRowsSettings(Section):
    """Rows of tenants in another cluster, which no foreign key ties to the tenants' table.

    They are told by `column`, and by foreign keys among themselves.
    """

    cluster: str = Field(description="The `name` of the [[cluster]] that holds these rows.")
    column: str = Field(default="tenant_id", description="Column that names the tenant of a row.")
    restore_url: PostgresUrl | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Connection string of a role that may write to this database; as in [tenancy].",
    )
    unrestorable: tuple[str, ...] = Field(default=(), description=UNRESTORABLE)


class TenancySettings(Section):
    """Who the tenants are, where their files lie, and which rows belong to them.

    A tenant's rows are those of `table` by its primary key, those whose `column` names the tenant, and those that
    belong to these by foreign keys.
    """

    cluster: str = Field(description="The `name` of the [[cluster]] that holds the tenants.")
    tenants: str = Field(
        description="Query that returns `tenant` (what identifies a tenant, such as a UUID) and `base_path` (the "
        "prefix of the keys of the tenant's files: it ends in a slash and does not begin with one), one row for each "
        "tenant, or for each of its base paths where it has several."
    )
    base_path_required: bool = Field(
        default=True,
        description="Whether every tenant has a base path. Off: where `base_path` is NULL, or the query returns no "
        "such column, a tenant's files may lie anywhere but below another tenant's base path, and no orphan is said "
        "to be the tenant's.",
    )
    nested_base_paths: bool = Field(
        default=False,
        description="Whether a tenant's base path may lie within another tenant's, as a branch's within its company's: "
        "a file then belongs to the innermost. Off: files.tenancy is unknown where that is so.",
    )
    table: str = Field(default="tenants", description="The table of tenants, with its schema where that is not public.")
    column: str = Field(default="tenant_id", description="Column that names the tenant of a row in every other table.")
    tables: tuple[str, ...] = Field(
        default=(),
        description="Tables that must turn out to hold rows of tenants. A name that does not is an error, so that a "
        "lost foreign key is noticed before a tenant is restored without it.",
    )
    restore_url: PostgresUrl | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Connection string of a role that may write to the same database. Only `tenant restore` uses it, "
        "and it writes nothing without --apply.",
    )
    unrestorable: tuple[str, ...] = Field(default=(), description=UNRESTORABLE)
    elsewhere: tuple[TenantRowsSettings, ...] = ()

    @property
    def parts(self) -> "tuple[tuple[str, TenancySettings | TenantRowsSettings], ...]":
        """Where rows of tenants are, the tenants themselves first, each with its key in the file."""
        elsewhere = ((f"tenancy.elsewhere[{index}]", part) for index, part in enumerate(self.elsewhere))
        return (("tenancy", self), *elsewhere)
