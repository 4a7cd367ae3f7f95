"""`[[cluster]]`: the PostgreSQL clusters that are protected."""

from pathlib import Path
from typing import Annotated, Literal, Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import Field, field_validator, model_validator

from printflow_reliability.addresses import PostgresUrl
from printflow_reliability.settings.section import SECRET, Section

OWN_RECORDS, OWN_DAGSTER = "printflow-records", "printflow-dagster"
"""What dumps call the cluster of the records and of Dagster's storage; no [[cluster]] may be called so."""


class ClusterSettings(Section):
    """One PostgreSQL cluster, protected by one pgBackRest stanza. At least one is needed."""

    name: str = Field(description="What this file, the commands and the findings call the cluster; unique.")
    url: PostgresUrl = Field(
        json_schema_extra=SECRET,
        description="Connection string. The role needs pg_read_all_data and pg_monitor and, for drills, EXECUTE on "
        "pg_create_restore_point and pg_switch_wal; with EXECUTE on pg_read_binary_file(text, bigint, bigint, boolean) "
        "a drill also proves that no page of production's files was overwritten.",
    )
    engine: Literal["pgbackrest"] = Field(default="pgbackrest", description="What makes the cluster's backups.")
    stanza: str = Field(default="", description="Name of the pgBackRest stanza. Default: the cluster's `name`.")
    pgbackrest_config: Path = Field(
        description="pgBackRest's configuration file, as production uses it: for backups and verifications."
    )
    drill_pgbackrest_config: Path | None = Field(
        default=None,
        description="The configuration file that drills read repositories with. Default: `pgbackrest_config`. Give it "
        "S3 keys that can list and read, and no more: a drill tries to write, and is refused where that succeeds. A "
        "posix or cifs repository must not be writable to the user that drills run as (a member of its group can read "
        "it) unless clones can be confined. For any other kind nothing can be tried, and drill.isolation is unknown.",
    )
    repositories: tuple[Annotated[int, Field(ge=1, le=256)], ...] = Field(
        default=(1,),
        min_length=1,
        description="Numbers of the repositories in pgBackRest's configuration (repo1, repo2, ...) that must hold this "
        "cluster's backups. By convention the last is the offsite one.",
    )
    heartbeat: str | None = Field(
        default=None,
        description="Query that returns the newest heartbeat as one timestamptz, from a row that production writes "
        "every few seconds. Without it the newest moment that a drill can prove is that of its own fence.",
    )
    superuser: str = Field(
        default="postgres",
        description="The role that initdb made, for recoveries in which production can no longer be asked for it.",
    )
    standby: PostgresUrl | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Connection string of the cluster's streaming replica, where there is one; the role is that of "
        "`url`. `printflow ready` says whether it could be promoted: same cluster and timeline, how far behind (at "
        "most `drills.rpo_target_seconds`), its settings, and slots of the primary that hold WAL. For `printflow drill "
        "run --from-standby` its role needs REPLICATION, and the standby's pg_hba.conf a line `replication` for it.",
    )
    dump_url: PostgresUrl | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Connection string that logical dumps are made with. Default: `url`. Give it a role that may read "
        "large objects where there are any: pg_read_all_data does not include them before PostgreSQL 18.",
    )
    config_url: PostgresUrl | None = Field(
        json_schema_extra=SECRET,
        default=None,
        description="Connection string that the daily copy of the configuration reads roles and configuration files "
        "with. Default: `dump_url`, or `url`; with pg_monitor and pg_read_all_data that is enough on the cluster's own "
        "host. From another host only a superuser reads configuration files. What a role may not read is named.",
    )
    stop_command: str | None = Field(
        default=None,
        description="What the runbook tells people to type to stop the cluster. Nothing here runs it.",
    )
    start_command: str | None = Field(
        default=None,
        description="What the runbook tells people to type to start the cluster. Nothing here runs it.",
    )
    psql_command: str | None = Field(
        default=None,
        description="What the runbook tells people to type for psql as a superuser. Nothing here runs it.",
    )

    @property
    def database(self) -> str:
        """The database that its url leads to."""
        return str(conninfo_to_dict(self.url).get("dbname") or "postgres")

    @property
    def of_standby(self) -> "ClusterSettings | None":
        """The cluster as its standby is reached; None where it names none."""
        if self.standby is None:
            return None
        url, parts = self.standby, conninfo_to_dict(self.standby)
        several = any("," in str(parts.get(part) or "") for part in ("host", "hostaddr"))
        if several and not parts.get("target_session_attrs"):
            # The primary may be among them. A single host is asked as it is, so that a promoted server is told of.
            url = make_conninfo(url, target_session_attrs="standby")
        return self.model_copy(update={"url": url, "name": f"{self.name} (standby)"})

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in (OWN_RECORDS, OWN_DAGSTER):
            raise ValueError("is what dumps of the records and of Dagster's storage are called; choose another")
        return name

    @field_validator("repositories")
    @classmethod
    def _each_once(cls, numbers: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(numbers)) < len(numbers):
            raise ValueError("a repository is named twice")
        return numbers

    @model_validator(mode="after")
    def _fill_in(self) -> Self:
        object.__setattr__(self, "stanza", self.stanza or self.name)
        object.__setattr__(self, "drill_pgbackrest_config", self.drill_pgbackrest_config or self.pgbackrest_config)
        return self
