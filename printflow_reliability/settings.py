"""`printflow.toml` and its secrets, typed: the one place that reads configuration and environment variables.

A mistake ends with one message that names the file's own key ("cluster[0].stanzza") and says what would be right.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from printflow_reliability.addresses import EndpointUrl, HttpUrl, PostgresUrl
from printflow_reliability.checks import REGISTER
from printflow_reliability.errors import ConfigError
from printflow_reliability.findings import Severity
from printflow_reliability.programs import Programs

SANDBOX_HOME = ".sandbox"
"""Where a sandbox lives unless PRINTFLOW_HOME says otherwise; its configuration is the default one."""
LARGEST_NUMBER = 1_000_000_000
"""Of seconds and the like, thirty years: more overflows the clocks and limits of other programs."""

ENDED_STATUSES = ("cancelled", "canceled", "refunded", "fulfilled", "completed", "shipped", "delivered")
"""What shops call an order that waits for print no more."""
Named = TypeVar("Named", "ClusterSettings", "BucketSettings")


class Section(BaseModel):
    """A table of the file: unknown keys are errors, and so are values that no server or system call could take."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _usable(cls, value: object) -> object:
        if isinstance(value, str | Path) and "\0" in str(value):
            raise ValueError("holds a NUL character")
        if isinstance(value, float) and value > LARGEST_NUMBER:
            raise ValueError(f"is larger than {LARGEST_NUMBER:,}")
        return value


class PlatformSettings(Section):
    """`[platform]`: what people call the platform."""

    name: str
    environment: str = "production"


class RecordsSettings(Section):
    """`[records]`: this system's own database."""

    url: PostgresUrl


class ProgramsSettings(Section):
    """`[programs]`: how PostgreSQL's and pgBackRest's programs are run.

    `run_as` is the user when we are root; it keeps its groups. Server programs are those of each cluster's own major
    version, where packages put them; `postgres_bin` names another folder.
    """

    run_as: str = "postgres"
    postgres_bin: Path | None = None


class ClusterSettings(Section):
    """`[[cluster]]`: one PostgreSQL cluster, protected by one pgBackRest stanza.

    `drill_pgbackrest_config` is what drills read repositories with (default: `pgbackrest_config`): keys of S3 that can
    list and read, and no more. A posix or cifs repository must not be writable to the user that drills run as; a member
    of its group can read it. Of other kinds it cannot be tried: the drill runs, and drill.isolation is unknown.
    `heartbeat` is a query returning the newest heartbeat as one timestamptz, so that the RPO is measured.
    `superuser` is the role that initdb made, for recoveries in which production can no longer be asked. `stop_command`,
    `start_command` and `psql_command` are what the runbook tells people to type; nothing here runs them.
    """

    name: str
    url: PostgresUrl
    engine: Literal["pgbackrest"] = "pgbackrest"
    stanza: str = ""
    pgbackrest_config: Path
    drill_pgbackrest_config: Path | None = None
    repositories: tuple[int, ...] = (1,)
    heartbeat: str | None = None
    superuser: str = "postgres"
    stop_command: str | None = None
    start_command: str | None = None
    psql_command: str | None = None

    @property
    def database(self) -> str:
        """The database that its url leads to."""
        return str(conninfo_to_dict(self.url).get("dbname") or "postgres")

    @model_validator(mode="after")
    def _fill_in(self) -> Self:
        object.__setattr__(self, "stanza", self.stanza or self.name)
        object.__setattr__(self, "drill_pgbackrest_config", self.drill_pgbackrest_config or self.pgbackrest_config)
        return self


class BucketSettings(Section):
    """`[[bucket]]`: an S3 bucket and how to reach it; `name` is what this file and the findings call it.

    `heal_access_key_id` and its secret may write; only `files heal --apply` and `tenant restore --apply` use them.
    """

    name: str
    bucket: str
    endpoint_url: EndpointUrl | None = None
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: str | None = None
    heal_access_key_id: str | None = None
    heal_secret_access_key: str | None = None
    ca_file: Path | None = None
    replica: str | None = None

    @property
    def label(self) -> str:
        """Its name as errors say it, and what S3 calls it where that is another."""
        return self.name if self.name == self.bucket else f"{self.name} ({self.bucket})"


class TenantRowsSettings(Section):
    """`[[tenancy.elsewhere]]`: rows of tenants in another cluster, which no foreign key ties to the tenants' table.

    They are told by `column`, and by foreign keys among themselves. `restore_url` and `unrestorable` as in `[tenancy]`.
    """

    cluster: str
    column: str = "tenant_id"
    restore_url: PostgresUrl | None = None
    unrestorable: tuple[str, ...] = ()


class TenancySettings(Section):
    """`[tenancy]`: a query returning `tenant` (UUID) and `base_path` of each tenant.

    A tenant's rows are those of `table` by its primary key, those whose `column` names the tenant, and those that
    belong to these by foreign keys. `tables` names tables that must be found so. `restore_url` leads to the same
    database with a role that may write; only `tenant restore` uses it, and writes nothing without --apply.
    `unrestorable` names tables that a tenant restore leaves out, since it cannot bring their rows back.
    """

    cluster: str
    tenants: str
    table: str = "tenants"
    column: str = "tenant_id"
    tables: tuple[str, ...] = ()
    restore_url: PostgresUrl | None = None
    unrestorable: tuple[str, ...] = ()
    elsewhere: tuple[TenantRowsSettings, ...] = ()

    @property
    def parts(self) -> "tuple[tuple[str, TenancySettings | TenantRowsSettings], ...]":
        """Where rows of tenants are, the tenants themselves first, each with its key in the file."""
        elsewhere = ((f"tenancy.elsewhere[{index}]", part) for index, part in enumerate(self.elsewhere))
        return (("tenancy", self), *elsewhere)


class ReferenceSettings(Section):
    """`[[reference]]`: one catalog query returning tenant, owner, key; `platform.catalog` knows the rest."""

    name: str
    cluster: str
    bucket: str
    database: str | None = None
    kind: Literal["print-ready", "design", "proof", "image", "derived"]
    query: str


class LinkSettings(Section):
    """`[[link]]`: rows of one cluster that name rows of another; `query` and `target_query` each return `value`."""

    name: str
    cluster: str
    database: str | None = None
    query: str
    target_cluster: str
    target_database: str | None = None
    target_query: str


class SmokeSettings(Section):
    """`[[smoke]]`: a query that the application needs, asked of a recovered database, and what it must return.

    `value` is the first column of the first row, as text.
    """

    name: str
    cluster: str
    database: str | None = None
    query: str
    min_rows: int = Field(default=1, ge=0)
    max_rows: int | None = Field(default=None, ge=0)
    value: str | None = None


class OrdersSettings(Section):
    """`[orders]`: a query returning order, tenant, paid_at, key for each paid order's item that goes to print.

    `lookup` is asked with one order's number (`%(order)s`) about those that `paid` no longer returns; it returns order
    and status, whatever that is. A hold of such an order is lifted only if the status is one of `ended`, or no row is
    there. A paid order without any item must come with a NULL key: join items with LEFT JOIN.
    """

    cluster: str
    bucket: str
    grace_seconds: float = Field(default=300, ge=0)
    paid: str
    lookup: str | None = None
    ended: tuple[str, ...] = ENDED_STATUSES


class BackupsSettings(Section):
    """`[backups]`: how old the newest base backup may be and how far WAL archiving may lag, in seconds."""

    max_age_seconds: float = Field(default=26 * 3600, gt=0)
    max_wal_lag_seconds: float = Field(default=600, gt=0)
    timeout_seconds: float = Field(default=6 * 3600, gt=0)


class ManualStepSettings(Section):
    """`[[drills.manual_step]]`: what people still have to do afterwards; `seconds` once a game day timed it."""

    name: str
    seconds: float | None = Field(default=None, ge=0)


class DrillsSettings(Section):
    """`[drills]`: where clones live, where reports go, and the objectives in seconds.

    Reports are locked against deletion (S3 Object Lock) for `report_lock_days`; 0 is for a bucket without a lock.
    People read them below `reports_url` if there is such an address, else as s3://. With `ask_production` off a drill
    needs nothing of production but the repository: it compares with recorded fences.
    Tables up to `digest_max_bytes` are compared by content at the fence, larger ones by their number of rows. Replay in
    which nothing moves for `stall_seconds` is given up.
    """

    directory: Path = Path("drills")
    reports_bucket: str | None = None
    reports_url: str | None = None
    report_lock_days: int = Field(default=400, ge=0)
    report_lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"
    rto_target_seconds: float = Field(default=3600, gt=0)
    rpo_target_seconds: float = Field(default=300, gt=0)
    phase_timeout_seconds: float = Field(default=4 * 3600, gt=0)
    stall_seconds: float = Field(default=900, gt=0)
    digest_max_bytes: int = Field(default=64 * 1024**2, ge=0)
    ask_production: bool = True
    shrink_threshold: float = Field(default=0.2, gt=0, lt=1)
    shrink_ignored: tuple[str, ...] = ()
    max_age_seconds: float = Field(default=8 * 86400, gt=0)
    manual_step: tuple[ManualStepSettings, ...] = ()


class RunbookSettings(Section):
    """`[runbook]`: where a recovery in earnest goes, and who does what: shown to people, never acted upon."""

    directory: Path = Path("recovery")
    activation: tuple[str, ...] = (
        "a check of this program says that rows, WAL or files are lost",
        "a database server does not come back within 10 minutes",
        "any sign of an intruder",
    )
    roles: dict[str, str] = {}
    call_tree: tuple[str, ...] = ()


class FilesSettings(Section):
    """`[files]`: reconciliation. An unreferenced object younger than the grace period is not an orphan yet.

    A pass in which more than `max_missing_fraction` of the references miss their object is refused as a likely
    misconfiguration rather than reported.
    """

    orphan_grace_seconds: float = Field(default=24 * 3600, ge=0)
    max_missing_fraction: float = Field(default=0.5, gt=0, le=1)


class PdfSettings(Section):
    """`[pdf]`: limits of the isolated worker (bytes, seconds) and the print rules (dots per inch)."""

    max_bytes: int = Field(default=512 * 1024**2, gt=0)
    max_pages: int = Field(default=2000, gt=0)
    timeout_seconds: float = Field(default=30, gt=0)
    memory_bytes: int = Field(default=1024**3, gt=0)
    min_dpi: float = Field(default=0, ge=0)
    require_embedded_fonts: bool = False
    require_trim_box: bool = False


class AcknowledgedSettings(Section):
    """`[[acknowledged]]`: a warning that this platform has on purpose, and why: it no longer is one, but always shown.

    `check` is the check that warns, `about` what the warning names; each warning that can be acknowledged says both.
    """

    check: str
    about: str
    reason: str = Field(min_length=1)

    @field_validator("check")
    @classmethod
    def _registered(cls, value: str) -> str:
        if value not in REGISTER:
            close = difflib.get_close_matches(value, REGISTER, n=1)
            raise ValueError(f'there is no check "{value}"' + (f'; did you mean "{close[0]}"?' if close else ""))
        return value


class AlertRouteSettings(Section):
    """`[[alert_route]]`: where alerts go. A webhook gets a POST of JSON with a stable `dedup_key`."""

    name: str
    kind: Literal["webhook"] = "webhook"
    url: HttpUrl
    token: str | None = None
    min_severity: Severity = Severity.WARNING


class SentrySettings(Section):
    """`[sentry]`: where unexpected errors of this system itself are reported; absent, nowhere."""

    dsn: HttpUrl


class DagsterSettings(Section):
    """`[dagster]`: runs of assets that are looked at again and again (files, paid orders, deliveries of alerts), their
    events and their output are deleted `keep_runs_days` after they ended. What holds evidence of drills, backups,
    recoveries or held orders is never deleted, nor what a person launched.
    """

    keep_runs_days: int = Field(
        default=90,
        ge=1,
        description="Days after which Dagster's runs of assets that are looked at again and again are deleted, "
        "with their events and their output. Runs that hold evidence of drills, backups, recoveries "
        "or held orders, and runs that a person launched, are kept for ever. Lower it where "
        "Dagster's database grows too large.",
    )


class Settings(Section):
    """The whole file."""

    platform: PlatformSettings
    records: RecordsSettings
    programs: ProgramsSettings = ProgramsSettings()
    cluster: tuple[ClusterSettings, ...] = Field(min_length=1)
    bucket: tuple[BucketSettings, ...] = Field(min_length=1)
    tenancy: TenancySettings
    reference: tuple[ReferenceSettings, ...] = Field(min_length=1)
    link: tuple[LinkSettings, ...] = ()
    smoke: tuple[SmokeSettings, ...] = ()
    orders: OrdersSettings
    backups: BackupsSettings = BackupsSettings()
    drills: DrillsSettings = DrillsSettings()
    runbook: RunbookSettings = RunbookSettings()
    files: FilesSettings = FilesSettings()
    pdf: PdfSettings = PdfSettings()
    acknowledged: tuple[AcknowledgedSettings, ...] = ()
    alert_route: tuple[AlertRouteSettings, ...] = ()
    sentry: SentrySettings | None = None
    dagster: DagsterSettings = DagsterSettings()
    _secrets: tuple[str, ...] = PrivateAttr(default=())

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that came through a secret indirection, longest first, for redaction."""
        return self._secrets

    def cluster_named(self, name: str) -> ClusterSettings:
        """The cluster of that name.

        Raises:
            ConfigError: there is none; the message lists those there are.
        """
        return _named(self.cluster, name, "cluster")

    def bucket_named(self, name: str) -> BucketSettings:
        """The bucket that this file calls by that name.

        Raises:
            ConfigError: there is none; the message lists those there are.
        """
        return _named(self.bucket, name, "bucket")

    def runner(self) -> Programs:
        """The runner of external programs that this configuration describes."""
        return Programs(
            run_as=self.programs.run_as,
            postgres_bin=self.programs.postgres_bin,
            path=os.environ.get("PATH", os.defpath),
            secrets=self.secrets,
        )

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        clusters = {cluster.name for cluster in self.cluster}
        buckets = {bucket.name for bucket in self.bucket}
        for kind, names in (("cluster", self.cluster), ("bucket", self.bucket), ("reference", self.reference)):
            seen: set[str] = set()
            for entry in names:
                if entry.name in seen:
                    raise ValueError(f'{kind}: the name "{entry.name}" is given twice; names are unique')
                seen.add(entry.name)
        uses: list[tuple[str, str, set[str]]] = [
            ("tenancy.cluster", self.tenancy.cluster, clusters),
            ("orders.cluster", self.orders.cluster, clusters),
            ("orders.bucket", self.orders.bucket, buckets),
        ]
        for index, elsewhere in enumerate(self.tenancy.elsewhere):
            uses.append((f"tenancy.elsewhere[{index}].cluster", elsewhere.cluster, clusters))
        for index, reference in enumerate(self.reference):
            uses.append((f"reference[{index}].cluster", reference.cluster, clusters))
            uses.append((f"reference[{index}].bucket", reference.bucket, buckets))
        for index, link in enumerate(self.link):
            uses.append((f"link[{index}].cluster", link.cluster, clusters))
            uses.append((f"link[{index}].target_cluster", link.target_cluster, clusters))
        for index, smoke in enumerate(self.smoke):
            uses.append((f"smoke[{index}].cluster", smoke.cluster, clusters))
        for index, bucket in enumerate(self.bucket):
            if bucket.replica is not None:
                uses.append((f"bucket[{index}].replica", bucket.replica, buckets))
        if self.drills.reports_bucket is not None:
            uses.append(("drills.reports_bucket", self.drills.reports_bucket, buckets))
        for key, name, known in uses:
            if name not in known:
                raise ValueError(f'{key}: nothing is named "{name}" here; there is {_listed(known)}')
        return self


def default_home(environ: Mapping[str, str]) -> Path:
    """Where the sandbox of this working directory lives: PRINTFLOW_HOME, or `.sandbox`."""
    return Path(environ.get("PRINTFLOW_HOME") or SANDBOX_HOME)


def find_config(given: Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """The configuration file to use: the one given, then $PRINTFLOW_CONFIG, then the running sandbox's.

    Raises:
        ConfigError: none of them exists.
    """
    environ = os.environ if environ is None else environ
    if given is not None:
        return given
    if named := environ.get("PRINTFLOW_CONFIG"):
        return Path(named)
    sandbox = default_home(environ) / "printflow.toml"
    if sandbox.exists():
        return sandbox
    raise ConfigError(
        "no configuration: neither --config nor $PRINTFLOW_CONFIG is given, and no sandbox runs here",
        "printflow --config printflow.toml ..., or start a sandbox: printflow sandbox up",
    )


def load(path: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check a configuration file. Relative paths in it are relative to it.

    Raises:
        ConfigError: it cannot be read, is not TOML, has an unknown or missing key, or a secret is missing.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {path}", "printflow --config FILE ...") from None
    except OSError as unreadable:
        raise ConfigError(f"{path} cannot be read: {unreadable.strerror}", "name another: --config FILE") from None
    except UnicodeDecodeError as other:
        raise ConfigError(f"{path} is not UTF-8 (byte {other.start})", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as broken:
        raise ConfigError(f"{path} is not TOML: {broken}", "mend the line it names") from None
    except RecursionError:
        raise ConfigError(f"{path} is not TOML that can be read: it is nested too deeply") from None
    base = path.resolve().parent
    secrets: set[str] = set()
    resolved = _resolve_secrets(raw, "", base, os.environ if environ is None else environ, secrets)
    try:
        settings = Settings.model_validate(resolved)
    except ValidationError as invalid:
        raise ConfigError(f"{path}: " + "; ".join(_explain(error) for error in invalid.errors())) from None
    settings = _absolute_paths(settings, base)
    settings._secrets = tuple(sorted(secrets, key=len, reverse=True))
    return settings


def _resolve_secrets(value: Any, key: str, base: Path, environ: Mapping[str, str], secrets: set[str]) -> Any:
    """The value with each "env:NAME" and "file:PATH" replaced; what they held is added to `secrets`."""
    if isinstance(value, dict):
        return {
            name: _resolve_secrets(inner, f"{key}.{name}" if key else name, base, environ, secrets)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_resolve_secrets(inner, f"{key}[{n}]", base, environ, secrets) for n, inner in enumerate(value)]
    if not isinstance(value, str):
        return value
    if value.startswith("env:"):
        name = value.removeprefix("env:")
        if not environ.get(name):
            raise ConfigError(f"{key}: the environment variable {name} is not set", f"export {name}=...")
        secret = environ[name]
    elif value.startswith("file:"):
        path = base / value.removeprefix("file:")
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except OSError as unreadable:
            raise ConfigError(
                f"{key}: the secret file {path} cannot be read ({unreadable.strerror})", "create it with mode 0600"
            ) from None
        except UnicodeDecodeError:
            raise ConfigError(f"{key}: the secret file {path} is not UTF-8", "write the secret into it") from None
        except ValueError:
            raise ConfigError(f"{key}: the name of the secret file holds a NUL character") from None
        if not secret:
            raise ConfigError(f"{key}: the secret file {path} is empty", "write the secret into it")
    else:
        return value
    secrets.update(_secret_parts(secret))
    return secret


def _secret_parts(secret: str) -> Iterator[str]:
    """What must never be shown: the value and, of a URL, its password alone too."""
    yield secret
    if password := re.match(r"[a-z0-9+]+://[^:/@]*:([^@]+)@", secret):
        yield password[1]


def _explain(error: ErrorDetails) -> str:
    """One validation error in the file's own words."""
    key = ""
    for part in error["loc"]:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(sorted(known))}"
        return f"{key}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{key}: is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{key}: {message}" if key else message


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that the table at this place may have; the last part of `loc` is the unknown one."""
    model: Any = Settings
    for part in loc[:-1]:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            candidates = (annotation, *getattr(annotation, "__args__", ()))
            model = next(one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel))
    return list(model.model_fields)


def _absolute_paths(settings: Settings, base: Path) -> Settings:
    """The settings with every relative path made absolute, from the folder of the file."""

    def absolute(section: Section) -> Section:
        paths = {name: base / value for name, value in section if isinstance(value, Path)}
        return section.model_copy(update=paths) if paths else section

    updates: dict[str, Any] = {}
    for name, value in settings:
        if isinstance(value, Section):
            updates[name] = absolute(value)
        elif isinstance(value, tuple):
            updates[name] = tuple(absolute(one) for one in value)
    return settings.model_copy(update=updates)


def _named(entries: tuple[Named, ...], name: str, kind: str) -> Named:
    for entry in entries:
        if entry.name == name:
            return entry
    raise ConfigError(f'there is no {kind} named "{name}"', f"use one of: {_listed({one.name for one in entries})}")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
