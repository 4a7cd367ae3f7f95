"""What there is of each cluster's data, and where: seen now, in production, in the repositories and in the dumps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from printflow_reliability.backups.backup_list import BackupListing
from printflow_reliability.backups.clusters import TROUBLE
from printflow_reliability.backups.configuration import repository_options
from printflow_reliability.backups.s3_endpoint import S3Endpoint
from printflow_reliability.backups.window.window import WindowReport
from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.copies.rules import Copy, Medium, Place
from printflow_reliability.dumps.content import Known, content_answer
from printflow_reliability.dumps.recent import Look, recent_verdicts
from printflow_reliability.dumps.store import open_store, required
from printflow_reliability.dumps.stored import stored_in
from printflow_reliability.dumps.verifications import newest
from printflow_reliability.errors import ConfigError, PrintflowError
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.platform.connect import connect
from printflow_reliability.settings import BucketSettings, ClusterSettings, Settings

DISKS = ("posix", "cifs")
OBJECT_STORES = ("s3", "azure", "gcs")
LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Dumps:
    """The dumps of all clusters as they are now."""

    look: Look
    known: Known


def home_of(settings: Settings) -> Place:
    """Where the platform is: its print files' bucket is of the same region as its servers."""
    return place_of_bucket(settings.bucket_named(settings.orders.bucket))


def copies_of(
    settings: Settings,
    cluster: ClusterSettings,
    listing: BackupListing,
    window: WindowReport,
    dumps: Dumps | PrintflowError | None,
) -> Iterator[Copy]:
    """Every copy that a cluster has or should have.

    Args:
        settings: of the installation.
        cluster: which.
        listing: the backups as they are listed now.
        window: what the repositories can restore.
        dumps: its dumps; why they cannot be seen; None where none are configured.
    """
    yield _live(cluster)
    verdicts = next(found.verdicts for found in listing.clusters if found.name == cluster.name)
    for position, number in enumerate(cluster.repositories):
        name = f"repo{number}"
        # Of a stanza that cannot be asked there is one verdict for all its repositories.
        seen = [verdicts[min(position, len(verdicts) - 1)]]
        seen += [
            found.verdict
            for found in window.repositories
            if (found.cluster, found.repository) == (cluster.name, number)
        ]
        outcome = worst(verdict.outcome for verdict in seen)
        # A window that is still short of what is promised holds a whole copy all the same.
        state = Outcome.PASS if outcome is Outcome.WARN else outcome
        evidence = next((verdict.sentence for verdict in seen if verdict.outcome is outcome), "")
        yield Copy(cluster.name, name, place_of_repository(cluster, number), state, evidence)
    if dumps is not None:
        yield _dumped(settings, cluster, dumps)


def place_of_repository(cluster: ClusterSettings, number: int) -> Place:
    """Where a repository is, as pgBackRest's configuration says; unknown where another host has it."""
    try:
        options = repository_options(cluster.pgbackrest_config, cluster.stanza, number)
    except ConfigError:
        return Place(Medium.UNKNOWN)
    kind = options.get("type")
    if options.get("host") or kind not in (*DISKS, *OBJECT_STORES):
        return Place(Medium.UNKNOWN)
    if kind in DISKS:
        return Place(Medium.DISK)
    if kind != "s3":
        return Place(Medium.OBJECTS, endpoint=kind, region=options.get(f"{kind}-account", f"{kind}-bucket"))
    try:
        address = S3Endpoint(options, cluster.pgbackrest_config).address
    except ConfigError:
        return Place(Medium.OBJECTS)
    return Place(Medium.OBJECTS, _server(address), options.get("s3-region"))


def dumps_of(settings: Settings, now: datetime) -> Dumps | PrintflowError | None:
    """The dumps as they are now; why they cannot be seen; None where none are configured."""
    if settings.dumps is None:
        return None
    try:
        store = open_store(settings)
        stored = stored_in(store)
        return Dumps(
            Look(store, settings.dumps, stored, now), Known(required(settings), stored, newest(settings), {}, now)
        )
    except TROUBLE as away:
        return away


def store_of(dumps: Dumps | PrintflowError | None) -> LockedStore | None:
    """The bucket of dumps, where it answers."""
    return dumps.look.store if isinstance(dumps, Dumps) else None


def _live(cluster: ClusterSettings) -> Copy:
    place = Place(Medium.DISK)
    try:
        with connect(cluster) as connection:
            connection.execute("SELECT 1")
    except TROUBLE as away:
        return Copy(cluster.name, "the cluster itself", place, Outcome.UNKNOWN, away.what)
    return Copy(cluster.name, "the cluster itself", place, Outcome.PASS, "it answers")


def _dumped(settings: Settings, cluster: ClusterSettings, dumps: Dumps | PrintflowError) -> Copy:
    place = place_of_bucket(settings.bucket_named(required(settings).bucket))
    if isinstance(dumps, PrintflowError):
        return Copy(cluster.name, "dumps", place, Outcome.UNKNOWN, dumps.what, locked=None)
    recent = recent_verdicts(dumps.look, cluster)
    found = worst(verdict.outcome for verdict in recent) if recent else Outcome.FAIL
    locked = {Outcome.UNKNOWN: None, Outcome.FAIL: False}.get(found, True)
    content: CheckResult = content_answer(dumps.known, [cluster], [cluster.name])
    outcomes = [*(verdict.outcome for verdict in recent), content.outcome]
    outcome = worst(outcomes) if recent else Outcome.FAIL
    sentences = [verdict.sentence for verdict in recent if verdict.outcome is outcome]
    evidence = sentences[0] if sentences else content.detail
    state = Outcome.PASS if outcome is Outcome.WARN else outcome
    return Copy(cluster.name, "dumps", place, state, evidence, locked=locked)


def place_of_bucket(bucket: BucketSettings) -> Place:
    """Where a bucket is, by its endpoint and region."""
    server = bucket.endpoint_url or f"https://s3.{bucket.region}.amazonaws.com"
    return Place(Medium.OBJECTS, _server(server), bucket.region)


def _server(address: str) -> str:
    """Host and port, as two ways to write one address have them in common; AWS by its regional name."""
    split = urlsplit(address)
    host = (split.hostname or "").rstrip(".").replace(".dualstack.", ".")
    host = "localhost" if host in LOOPBACK else host
    if host.endswith(".amazonaws.com") and ".s3." in host:
        host = host[host.index(".s3.") + 1 :]  # the bucket in front of it
    port = split.port or {"https": 443, "http": 80}.get(split.scheme)
    return f"{host}:{port}"
