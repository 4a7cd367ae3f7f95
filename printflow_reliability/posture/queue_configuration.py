"""How the platform's queues are configured: off `sync`, on a Redis of their own, by Horizon, print jobs apart.

Jobs on `sync` run within the request of a customer and are gone with it; a `retry_after` below the longest timeout runs
a job twice while it still runs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from printflow_reliability.findings import Severity
from printflow_reliability.posture.applications import Application, Kind, Platform
from printflow_reliability.posture.dotenv import Environment
from printflow_reliability.posture.items import Item, Judged, Place, Rule
from printflow_reliability.posture.jobs import timeouts
from printflow_reliability.posture.php.configuration import Configuration, Setting
from printflow_reliability.posture.php.syntax import UNKNOWN, Unknown, arguments, called, evaluate, line, text, walk
from printflow_reliability.posture.sources import PhpSource

CHECK = "posture.queues"
WORKER_SECONDS = 60
"""The timeout of `queue:work` and of a Horizon supervisor that names none."""


def _rule(name: str, plan: str, expected: str, why: str, severity: Severity = Severity.ERROR) -> Rule:
    return Rule(name=name, check=CHECK, plan=(plan,), expected=expected, why=why, severity=severity)


CONNECTION = _rule(
    "queue_connection",
    "P0-4",
    "QUEUE_CONNECTION is redis",
    "Jobs run in the customer's request, or wait in the database that orders need.",
    Severity.CRITICAL,
)
AFTER_COMMIT = _rule(
    "after_commit", "P1-1", "after_commit is true", "A job otherwise looks for an order that is not yet committed."
)
RETRY_AFTER = _rule(
    "retry_after", "P1-7", "retry_after is above the longest timeout", "A job is otherwise begun again while it runs."
)
HORIZON = _rule(
    "horizon", "P0-4", "laravel/horizon with config/horizon.php", "Nobody otherwise sees depth and failures."
)
PRINT_QUEUE = _rule(
    "print_queue",
    "P0-4",
    "a supervisor of production that works for the print queue alone",
    "Print files otherwise wait behind mails and thumbnails.",
)
OWN_REDIS = _rule(
    "queue_redis",
    "P1-3",
    "a Redis of the queues' own, apart from the cache",
    "A cache that is full evicts jobs, or a job store that is full stops the cache.",
)
REDIS_HOST = _rule(
    "pdf_redis",
    "P1-3",
    "REDIS_HOST is set in the pdf-service",
    "BullMQ is otherwise off, and PDFs are made in requests.",
)
STRICT = _rule(
    "strict_mode",
    "P0-5",
    "strict_mode is true",
    "The pdf-service is otherwise replaced by another renderer without a word, and prints differ.",
    Severity.CRITICAL,
)
DELEGATION = _rule("delegation", "P1-3", "the delegation flag is true", "The pdf-service is there and is not asked.")
OUTSIDE = _rule(
    "outside_call",
    "P1-7",
    "timeout() and retry() on each call to another service",
    "A service that hangs otherwise holds the request or the worker.",
    Severity.WARNING,
)
PRINT = re.compile(r"print|pdf|artwork|render", re.IGNORECASE)
NO_CALLS = frozenset(
    {"fake", "macro", "response", "sequence", "pool", "globaloptions", "preventstrayrequests", "assertsent"}
)
BUILDERS = re.compile(
    r"(?:get|post|put|patch|delete|head|send|baseurl|timeout|connecttimeout|retry|attach)$|with|as|accept"
)
"""The framework's own methods that begin a call to another service."""
FLAG = re.compile(r"delegat|enabled|^use_|via_pdf", re.IGNORECASE)


@dataclass(frozen=True)
class LaravelConfiguration:
    """The configuration files of a Laravel application that say how it queues."""

    application: Application
    environment: Environment
    queue: Configuration
    database: Configuration
    cache: Configuration
    horizon: Configuration

    def worker_timeout(self, queue: object) -> float | None:
        """The timeout in seconds of the worker of a queue; the shortest of all where the queue is not known."""
        if self.horizon.missing:
            return None  # `queue:work --timeout` is an argument that no configuration has
        supervisors = list(self.supervisors())
        mine = [timeout for queues, timeout, _ in supervisors if isinstance(queue, str) and queue in queues]
        known = mine or [timeout for _, timeout, _ in supervisors]
        if not known or any(timeout is None for timeout in known):
            return None
        return min(timeout for timeout in known if timeout is not None)

    def supervisors(self) -> Iterator[tuple[list[object], float | None, Place]]:
        """The queues, timeout and place of every Horizon supervisor of production; `defaults` complete it."""
        names = dict.fromkeys((*self.horizon.keys("defaults"), *self.horizon.keys("environments", "production")))
        for name in names:
            queues, timeout = self._of(name, "queue"), self._of(name, "timeout")
            listed = queues.value if isinstance(queues.value, list) else [queues.value]
            seconds = timeout.value if timeout.value is not None else WORKER_SECONDS
            known = isinstance(seconds, int | float) and not isinstance(seconds, bool)
            yield listed, float(seconds) if known else None, queues.place  # type: ignore[arg-type]

    def _of(self, supervisor: str, key: str) -> Setting:
        own = self.horizon.get("environments", "production", supervisor, key)
        in_environment = supervisor in self.horizon.keys("environments", "production")
        if in_environment and (own.value is not None):
            return own
        return self.horizon.get("defaults", supervisor, key)


def read_configuration(platform: Platform, application: Application, environment: Environment) -> LaravelConfiguration:
    """The configuration of a Laravel application's queues in an environment."""

    def read(name: str) -> Configuration:
        return Configuration(platform.checkout, application.path(f"config/{name}.php"), environment)

    return LaravelConfiguration(
        application, environment, read("queue"), read("database"), read("cache"), read("horizon")
    )


def judge_queues(
    platform: Platform,
    source: PhpSource,
    configured: LaravelConfiguration,
    environments: Mapping[str, Environment],
    framework: int | None,
) -> list[Item]:
    """The items of the queues of a Laravel application, and of how it asks the pdf-service."""
    judged = Judged()
    connection = _connection(configured, judged)
    _redis_connections(configured, connection, source, framework, judged)
    _horizon(configured, judged)
    _own_redis(configured, connection, judged)
    for service in platform.of(Kind.PDF_SERVICE):
        _pdf_redis(environments[service.root], judged)
    _delegation(platform, configured, judged)
    _outside_calls(source, judged)
    return judged.items


def _connection(configured: LaravelConfiguration, judged: Judged) -> object:
    variable = configured.environment.get("QUEUE_CONNECTION")
    setting = configured.queue.get("default")
    if variable is not None:
        place = Place(configured.environment.path, variable.line)
        value: object = variable.value.strip()
        found = f"QUEUE_CONNECTION is {variable.shown}"
    else:
        place, value = setting.place, setting.value
        found = "the default connection is " + ("not known" if not setting.known else f"{value}")
    name = value if isinstance(value, str) and value else None
    driver = (
        configured.queue.get("connections", name, "driver").value if name and not configured.queue.missing else name
    )
    outcome = None if name is None or isinstance(driver, Unknown) else driver == "redis"
    judged.add(CONNECTION, outcome, found, subject="QUEUE_CONNECTION", place=place)
    return name


def _redis_connections(
    configured: LaravelConfiguration, name: object, source: PhpSource, framework: int | None, judged: Judged
) -> None:
    if not isinstance(name, str):
        name = "redis"
    after = configured.queue.get("connections", name, "after_commit")
    said = "is not known" if not after.known else "is true" if after.value is True else "is not true"
    judged.add(
        AFTER_COMMIT,
        None if not after.known else after.value is True,
        f"after_commit of the connection {name} {said}",
        subject=f"queue.connections.{name}",
        place=after.place,
    )
    retry = configured.queue.get("connections", name, "retry_after")
    seconds = _number(retry.value)
    longest = [setting.value for _, setting in timeouts(source, framework) if isinstance(setting.value, int)]
    unknown = [job.declared.name for job, setting in timeouts(source, framework) if not setting.known]
    workers = [timeout for _, timeout, _ in configured.supervisors()] or [float(WORKER_SECONDS)]
    limits = [float(limit) for limit in (*longest, *workers) if limit is not None]
    subject = f"queue.connections.{name}"
    if seconds is None:
        if retry.known:
            found = f"retry_after of the connection {name} is not set"
            judged.add(RETRY_AFTER, False, found, subject=subject, place=retry.place)
        else:
            judged.add(RETRY_AFTER, None, "retry_after is not known", subject=subject, place=retry.place)
    elif seconds <= max(limits):
        found = f"retry_after is {seconds:g} s, and the longest timeout {max(limits):g} s"
        judged.add(RETRY_AFTER, False, found, subject=subject, place=retry.place)
    elif unknown or None in workers or source.unread:
        what = f"the timeout of {unknown[0]}" if unknown else "the timeout of some worker or job"
        judged.add(RETRY_AFTER, None, f"{what} is not known", subject=subject, place=retry.place)
    else:
        found = f"retry_after is {seconds:g} s, above {max(limits):g} s"
        judged.add(RETRY_AFTER, True, found, subject=subject, place=retry.place)


def _number(value: object) -> float | None:
    if isinstance(value, str) and value.strip().isdigit():
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _horizon(configured: LaravelConfiguration, judged: Judged) -> None:
    application, horizon = configured.application, configured.horizon
    required = "laravel/horizon" in application.requires
    there = required and not horizon.missing
    place = Place(horizon.path if there else application.manifest)
    found = "laravel/horizon is required and configured" if there else "there is no configured laravel/horizon"
    outcome = None if there and horizon.why_unknown else there
    judged.add(
        HORIZON,
        outcome,
        f"{found}{', which cannot be read' if outcome is None else ''}",
        subject="Horizon",
        place=place,
    )
    supervisors = list(configured.supervisors()) if there else []
    for queues, _, where in supervisors:
        if len(queues) == 1 and isinstance(queues[0], str) and PRINT.search(queues[0]):
            found = f"the queue {queues[0]} has a supervisor of its own"
            judged.add(PRINT_QUEUE, True, found, subject="Horizon", place=where)
            return
    unknown = bool(horizon.why_unknown and there) or any(UNKNOWN in queues for queues, _, _ in supervisors)
    found = "no supervisor works for the print queue alone"
    judged.add(PRINT_QUEUE, None if unknown else False, found, subject="Horizon", place=place)


def _own_redis(configured: LaravelConfiguration, connection: object, judged: Judged) -> None:
    name = connection if isinstance(connection, str) else "redis"
    queue = configured.queue.get("connections", name, "connection")
    store = configured.cache.get("default")
    place = queue.place
    if configured.queue.get("connections", name, "driver").value not in ("redis", UNKNOWN):
        judged.add(OWN_REDIS, False, "the queues are not on Redis", subject="Redis", place=place)
        return
    driver = configured.cache.get("stores", store.value, "driver") if isinstance(store.value, str) else store
    if driver.known and store.known and driver.value not in (None, "redis"):
        judged.add(OWN_REDIS, True, "the cache is not on Redis", subject="Redis", place=place)
        return
    cache = configured.cache.get("stores", "redis", "connection")
    ours, theirs = _address(configured, queue.value), _address(configured, cache.value)
    if ours is None or theirs is None:
        found = "the servers of queues and cache cannot be told from config/ and .env"
        judged.add(OWN_REDIS, None, found, subject="Redis", place=place)
        return
    found = "queues and cache are on " + ("the same Redis server" if ours == theirs else "two Redis servers")
    judged.add(OWN_REDIS, ours != theirs, found, subject="Redis", place=place)


def _address(configured: LaravelConfiguration, connection: object) -> tuple[object, ...] | None:
    """What tells one Redis server from another; a number of a database does not. None where it is not known."""
    if not isinstance(connection, str):
        return None
    url, host, port = (configured.database.get("redis", connection, key).value for key in ("url", "host", "port"))
    if isinstance(url, str) and url:
        return (re.sub(r"/\d*$", "", url),)
    if not isinstance(host, str) or isinstance(port, Unknown):
        return None
    return host.strip().lower(), str(port or 6379)


def _pdf_redis(environment: Environment, judged: Judged) -> None:
    if environment.why_unknown:
        found = f"the environment of the pdf-service {environment.why_unknown}"
        judged.add(REDIS_HOST, None, found, subject="REDIS_HOST", place=Place(environment.path))
        return
    for name in ("REDIS_HOST", "REDIS_URL"):
        if (variable := environment.get(name)) and variable.value:
            place = Place(environment.path, variable.line)
            judged.add(REDIS_HOST, True, f"{name} is set", subject=name, place=place)
            return
    judged.add(REDIS_HOST, False, "REDIS_HOST is not set", subject="REDIS_HOST", place=Place(environment.path))


def _delegation(platform: Platform, configured: LaravelConfiguration, judged: Judged) -> None:
    """`strict_mode` and the flags beside it, wherever in config/ they are."""
    seen = False
    for path in platform.checkout.below(configured.application.path("config"), ".php"):
        configuration = Configuration(platform.checkout, path, configured.environment)
        for keys in configuration.find("strict_mode"):
            seen = True
            strict = configuration.get(*keys)
            found = f"strict_mode is {_worth(strict)}"
            outcome = None if not strict.known else strict.value is True
            judged.add(STRICT, outcome, found, subject=".".join(keys), place=strict.place)
            for key in configuration.keys(*keys[:-1]):
                if FLAG.search(key):
                    flag = configuration.get(*keys[:-1], key)
                    outcome = None if not flag.known else flag.value is True
                    judged.add(DELEGATION, outcome, f"{key} is {_worth(flag)}", subject=key, place=flag.place)
    if not seen and platform.of(Kind.PDF_SERVICE):
        place = Place(configured.application.path("config"))
        judged.add(STRICT, None, "no configuration has a key strict_mode", subject="strict_mode", place=place)


def _worth(setting: Setting) -> str:
    if not setting.known:
        return "not known"
    return (
        {True: "true", False: "false"}.get(setting.value, "not set") if isinstance(setting.value, bool) else "not true"
    )


def _outside_calls(source: PhpSource, judged: Judged) -> None:
    for path, tree in source.trees.items():
        for call in walk(tree, "scoped_call_expression"):
            holder = text(call.child_by_field_name("scope")).rpartition("\\")[2]
            first = called(call).lower()
            if holder != "Http" or first in NO_CALLS:
                continue
            names, chain = {called(call).lower()}, call
            while chain.parent is not None and chain.parent.type == "member_call_expression":
                chain = chain.parent
                names.add(called(chain).lower())
            lacking = [f"{name}()" for name in ("timeout", "retry") if name not in names]
            found = f"Http:: without {' and '.join(lacking)}" if lacking else "Http:: with timeout() and retry()"
            place = Place(path, line(call))
            # A macro of the application's own may have set both.
            own = lacking and not BUILDERS.match(first)
            judged.add(OUTSIDE, None if own else not lacking, found, subject=str(place), place=place)
        for made in walk(tree, "object_creation_expression"):
            written = text(made.named_children[0]) if made.named_children else ""
            if written.rpartition("\\")[2] != "Client" or "guzzle" not in text(tree).lower():
                continue
            options = [evaluate(argument) for argument in arguments(made)]
            bounded = any(isinstance(option, dict) and "timeout" in option for option in options)
            found = f"a Guzzle client {'with' if bounded else 'without'} timeout"
            judged.add(OUTSIDE, bounded, found, subject=str(Place(path, line(made))), place=Place(path, line(made)))
