"""Probes of what lies outside this system: clusters, Redis, the pdf-service, and this machine's own disks."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.paths import is_there
from printflow_reliability.platform.connect import connect
from printflow_reliability.platform.redis_server import asking as asking_redis
from printflow_reliability.posting import NotAnswered, Post, posting
from printflow_reliability.readiness.probe import Probe, Verdict
from printflow_reliability.readiness.queues_seen import QUEUES
from printflow_reliability.settings import ClusterSettings, PdfServiceSettings, RedisSettings, Settings
from printflow_reliability.text import size

DATABASES, DISK, PDF_SERVICE = "ready.databases", "ready.disk", "ready.pdf_service"
STATEMENT_SECONDS = 5
MOST_IN_USE = 0.95
"""Of the connections that others than superusers may have; the platform itself is refused soon after."""
LOOK = """
SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"""


def system_probes(settings: Settings) -> list[Probe]:
    """A probe of each cluster and each Redis, one of the disks, and one of the pdf-service."""
    clusters = [
        Probe(f'cluster "{cluster.name}"', (DATABASES,), partial(_cluster, cluster)) for cluster in settings.cluster
    ]
    return [
        *clusters,
        *(Probe(f'Redis "{server.name}"', (QUEUES,), partial(_redis, server)) for server in settings.redis),
        Probe("the disk of this machine", (DISK,), partial(_disk, settings)),
        Probe("the pdf-service", (PDF_SERVICE,), partial(_pdf_service, settings.pdf_service)),
    ]


def _cluster(cluster: ClusterSettings) -> Sequence[Verdict]:
    with connect(cluster, statement_seconds=STATEMENT_SECONDS) as connection:
        standby, used, most = connection.execute(LOOK).fetchall()[0]
    name, numbers = f'cluster "{cluster.name}"', {"connections": used}
    if standby:
        sentence = f"{name} is a standby and takes no writes. Next: let its url lead to the primary server"
        return [Verdict(DATABASES, Outcome.FAIL, sentence, numbers)]
    if used >= most * MOST_IN_USE:
        sentence = (
            f"{name} has {used} of {most} connections in use, so that the platform is about to be refused. Next: end "
            "sessions that nobody needs (pg_stat_activity), or raise max_connections"
        )
        return [Verdict(DATABASES, Outcome.FAIL, sentence, numbers)]
    return [Verdict(DATABASES, Outcome.PASS, f"{name} answers, with {used} of {most} connections in use", numbers)]


def _redis(server: RedisSettings) -> Sequence[Verdict]:
    """Whether it answers now; what it keeps is in the records, as of a look of the last minutes."""
    with asking_redis(server) as client:
        client.ping()
    return [Verdict(QUEUES, Outcome.PASS, f'Redis "{server.name}" answers')]


def _disk(settings: Settings) -> Sequence[Verdict]:
    wanted = settings.readiness.min_free_bytes
    places = {"drills": settings.drills.directory, "the spool": settings.watch.spool_directory}
    if settings.dumps is not None:
        places["dumps"] = settings.dumps.directory
    free = {what: _free_bytes(place) for what, place in places.items()}
    numbers = {"disk_free_bytes": min(free.values())}
    short = [f"{what} ({places[what]}) has {size(left)}" for what, left in free.items() if left < wanted]
    if short:
        sentence = f"space is short: {'; '.join(short)}, wanted are {size(wanted)}. Next: free space there (df -h)"
        return [Verdict(DISK, Outcome.FAIL, sentence, numbers)]
    return [Verdict(DISK, Outcome.PASS, f"at least {size(numbers['disk_free_bytes'])} are free", numbers)]


def _free_bytes(place: Path) -> int:
    """What is free where the directory is, or would be made.

    Raises:
        CouldNotTell: the file system does not say.
    """
    try:
        there = next(path for path in (place, *place.absolute().parents) if is_there(path))
        return shutil.disk_usage(there).free
    except OSError as refused:
        raise CouldNotTell(
            f"the space left at {str(place)[:100]} cannot be seen ({refused.strerror})",
            "let this user look there, or name another directory in printflow.toml",
        ) from None


def _pdf_service(service: PdfServiceSettings | None) -> Sequence[Verdict]:
    """By GET and without the token: any answer but an error of the server's own shows that it lives."""
    if service is None:
        return [Verdict(PDF_SERVICE, Outcome.PASS, "no pdf-service is configured")]
    look = "look at the pdf-service and its log"
    try:
        with posting(service.ca_file) as post:
            reply = post(Post(service.url, b"", {}, method="GET"), STATEMENT_SECONDS)
    except NotAnswered as silent:
        raise CouldNotTell(f"the pdf-service {silent.reason}", look) from None
    except OSError as unreadable:
        raise ConfigError(
            f"pdf_service.ca_file: cannot be used ({unreadable.strerror})", "name the authority's certificate"
        ) from None
    if reply.status >= 500:
        return [Verdict(PDF_SERVICE, Outcome.FAIL, f"the pdf-service answers {reply.status}. Next: {look}")]
    return [Verdict(PDF_SERVICE, Outcome.PASS, f"the pdf-service answers ({reply.status} to a GET)")]
