"""Whether a Redis keeps what it was given: its append-only file, what it evicts, its replicas, its room, a restart.

Where CONFIG is refused, as by a managed Redis, INFO says most of it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

import redis
from redis.exceptions import ResponseError

from printflow_reliability.checks import CheckResult, Outcome, scope_of
from printflow_reliability.errors import PrintflowError
from printflow_reliability.platform.redis_server import asking
from printflow_reliability.queues.emptied import KEYS, Run, flushes
from printflow_reliability.queues.verdicts import Verdict, answer
from printflow_reliability.settings import RedisSettings
from printflow_reliability.text import counted, printable, seconds, size, storable

CHECK = "redis.durability"
RESTART_SECONDS = 3600
"""How long a restart is told of."""
ROOM_WARN, ROOM_FAIL = 0.8, 0.95
"""Shares of maxmemory."""
CACHE = re.compile(rb"(^|[:_])cache(:|_database_)")
"""Keys of a cache as Laravel and others call them."""
SAMPLE = 1000
SHOWN = (
    *("redis_version", "role", "loading", "aof_enabled", "appendfsync", "aof_last_write_status"),
    *("rdb_last_bgsave_status", "maxmemory_policy", "maxmemory", "used_memory", "evicted_keys"),
    *("connected_slaves", "uptime_in_seconds"),
)
MEASURED = {
    "aof_enabled": "aof_enabled",
    "used_memory": "used_memory_bytes",
    "maxmemory": "maxmemory_bytes",
    "evicted_keys": "evicted_keys",
    "connected_slaves": "replicas",
    "rdb_changes_since_last_save": "unsaved_changes",
    "uptime_in_seconds": "uptime_seconds",
}
"""Facts of INFO that become metrics, and what these are called."""


@dataclass(frozen=True)
class Durability:
    """What one Redis said of itself.

    Attributes:
        name: what printflow.toml calls it.
        unreadable: why nothing is known; empty where something is.
        facts: of INFO, and of CONFIG where it is allowed.
        config_refused: whether CONFIG GET was refused.
        cache: a key of a cache that was seen in the same database; empty where none was.
        database: the number of the database that the address names.
        flushes: how often it was told to forget its data since it was started; None where it does not tell.
    """

    name: str
    unreadable: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    config_refused: bool = False
    cache: str = ""
    database: int = 0
    flushes: Mapping[str, int] | None = None

    @property
    def numbers(self) -> dict[str, float]:
        """Its keys that do not end by themselves, and how often it was told to forget them, for the next look."""
        held = self.facts.get(f"db{self.database}", {})
        # A worker that is started again makes its locks and heartbeats at once, also where all else is lost.
        return {KEYS: float(held.get("keys", 0) - held.get("expires", 0)), **(self.flushes or {})}

    @property
    def run_id(self) -> str:
        """What changes with every start; empty where it is not told."""
        return str(self.facts.get("run_id", ""))

    def as_json(self) -> dict[str, Any]:
        """As `queues` prints it."""
        shown = {name: self.facts.get(name) for name in SHOWN}
        return {"name": self.name, "unreadable": self.unreadable or None, **shown}


def durability(server: RedisSettings) -> Durability:
    """What a Redis says of itself."""
    try:
        with asking(server) as client:
            facts: dict[str, Any] = dict(client.info())
            configured = _configured(client)
            number = int(client.connection_pool.connection_kwargs.get("db") or 0)
            cache, told = _cache_key(client), flushes(client)
            return Durability(server.name, "", facts | (configured or {}), configured is None, cache, number, told)
    except PrintflowError as away:
        return Durability(server.name, away.sentence)


def _configured(client: "redis.Redis") -> dict[str, Any] | None:
    """The settings that INFO does not tell; None where they are refused."""
    try:
        found: Any = client.config_get("appendfsync")
    except ResponseError:
        return None
    return {"appendfsync": found["appendfsync"]} if "appendfsync" in found else None


def _cache_key(client: "redis.Redis") -> str:
    try:
        found: Any = client.scan(0, count=SAMPLE)
    except ResponseError:
        return ""
    return next((printable(storable(key)) for key in found[1] if CACHE.search(key)), "")


def durability_check(
    servers: Sequence[RedisSettings], found: Sequence[Durability], runs: Mapping[str, Run]
) -> CheckResult:
    """The answer on all of them.

    Args:
        servers: of printflow.toml.
        found: what each said.
        runs: what the records know of each since the look before; none where they are away.
    """
    verdicts = [verdict for given in _of_each(servers, found, runs) for verdict in given]
    return answer(CHECK, verdicts, f"{counted(len(servers), 'Redis', 'Redis servers')}: what is written is kept")


def durability_parts(
    servers: Sequence[RedisSettings], found: Sequence[Durability], runs: Mapping[str, Run]
) -> list[CheckResult]:
    """What is recorded of each Redis by itself, with the numbers that it tells.

    Args:
        servers, found, runs: as of `durability_check`.
    """
    return [
        replace(
            answer(CHECK, verdicts, "what is written is kept", _numbers(said.facts)),
            scope=scope_of(redis=[printable(server.name)]),
        )
        for server, said, verdicts in zip(servers, found, _of_each(servers, found, runs), strict=True)
    ]


def _of_each(
    servers: Sequence[RedisSettings], found: Sequence[Durability], runs: Mapping[str, Run]
) -> list[list[Verdict]]:
    databases: dict[str, set[str]] = {}
    for said in found:
        databases.setdefault(said.run_id, set()).add(f"db{said.database}")
    return [
        [*server_verdicts(server, said, runs.get(server.name, Run()), databases[said.run_id])]
        for server, said in zip(servers, found, strict=True)
    ]


def _numbers(facts: Mapping[str, Any]) -> dict[str, int | float]:
    """The numbers by what metrics call them; what INFO does not tell is left out."""
    numbers = {metric: facts[fact] for fact, metric in MEASURED.items() if isinstance(facts.get(fact), int | float)}
    if numbers.get("maxmemory_bytes") == 0:  # no limit
        del numbers["maxmemory_bytes"]
    lags = [float(replica.get("lag", 0)) for replica in _replicas(facts)]
    return numbers | ({"replica_lag_seconds": max(lags)} if lags else {})


def _replicas(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [fact for name, fact in facts.items() if re.fullmatch(r"slave[0-9]+", str(name)) and isinstance(fact, dict)]


def server_verdicts(server: RedisSettings, said: Durability, run: Run, databases: Set[str]) -> Iterator[Verdict]:
    """The verdicts on one Redis; `databases` are those of its instance that printflow.toml names."""
    name = f"Redis {server.name}"
    if said.unreadable:
        yield Verdict(Outcome.UNKNOWN, said.unreadable)
        return
    facts = said.facts
    if "aof_enabled" not in facts or "role" not in facts:
        yield Verdict(Outcome.UNKNOWN, f"{name} does not say in INFO how it keeps its data")
        return
    if facts.get("loading"):
        yield Verdict(Outcome.UNKNOWN, f"{name} is still loading its data from disk")
        return
    if facts["role"] != "master":
        yield Verdict(
            Outcome.UNKNOWN,
            f"{name} is a replica: what its primary keeps is not known. Next: let url in [[redis]] lead to the primary",
        )
        return
    yield Verdict(Outcome.PASS, "")
    findings = [*_replication(server, facts), *_room(facts)]
    if not server.may_lose:
        findings += [
            *_persistence(facts, config_refused=said.config_refused),
            *_eviction(facts),
            *_cache(said, databases),
        ]
        findings += [*_emptied(run)]
    if run.restarted is not None and run.restarted < RESTART_SECONDS:
        findings.append((Outcome.WARN, f"was started again {seconds(float(facts.get('uptime_in_seconds', 0)))} ago"))
    for outcome, what in findings:
        yield Verdict(outcome, f"{name}: {what}")


Finding = tuple[Outcome, str]


def _emptied(run: Run) -> Iterator[Finding]:
    if run.emptied is not None and run.emptied < RESTART_SECONDS:
        yield (
            Outcome.FAIL,
            f"its data were gone at once {seconds(run.emptied)} ago, by FLUSHALL, FLUSHDB or a restart that found "
            "nothing to load: the jobs that waited are lost. Next: see which paid orders lack their files with "
            "printflow orders held, and have their jobs dispatched again",
        )


def _persistence(facts: Mapping[str, Any], *, config_refused: bool) -> Iterator[Finding]:
    if not facts["aof_enabled"]:
        changes = counted(int(facts.get("rdb_changes_since_last_save", 0)), "change")
        yield Outcome.FAIL, f"its append-only file is off: a crash now loses {changes}. Next: CONFIG SET appendonly yes"
    else:
        if "aof_last_write_status" not in facts:
            yield Outcome.UNKNOWN, "whether its last write to the append-only file succeeded INFO does not tell"
        elif facts["aof_last_write_status"] != "ok":
            yield Outcome.FAIL, "its last write to the append-only file failed: is its disk full?"
        if facts.get("aof_last_bgrewrite_status", "ok") != "ok":
            yield Outcome.WARN, "it could not rewrite its append-only file, which grows without end"
        policy = facts.get("appendfsync")
        if policy == "no":
            yield Outcome.FAIL, "appendfsync is no: a crash loses what the kernel has not written. Set it to everysec"
        elif policy not in ("always", "everysec"):
            why = "its user may not ask CONFIG GET" if config_refused else "CONFIG does not tell"
            yield Outcome.WARN, f"when its append-only file reaches the disk is not known: {why} (appendfsync)"
    if "rdb_last_bgsave_status" not in facts:
        yield Outcome.UNKNOWN, "whether its last snapshot succeeded INFO does not tell"
    elif facts["rdb_last_bgsave_status"] != "ok":
        yield Outcome.FAIL, "its last snapshot failed, and it may refuse every write until one succeeds"


def _eviction(facts: Mapping[str, Any]) -> Iterator[Finding]:
    policy, evicted = facts.get("maxmemory_policy"), int(facts.get("evicted_keys", 0))
    if policy is None:
        yield Outcome.UNKNOWN, "what it evicts is not known: INFO does not tell its maxmemory_policy"
    elif policy != "noeviction":
        limited = int(facts.get("maxmemory", 0)) > 0 or evicted > 0
        does = "evicts jobs once its memory is full" if str(policy).startswith("allkeys") else "evicts keys that expire"
        yield (
            Outcome.FAIL if limited and str(policy).startswith("allkeys") else Outcome.WARN,
            f"its eviction policy is {policy}: it {does}. Next: CONFIG SET maxmemory-policy noeviction",
        )
    if evicted:
        yield (
            Outcome.WARN if policy == "noeviction" else Outcome.FAIL,
            f"{counted(evicted, 'key')} {'was' if evicted == 1 else 'were'} evicted since it was started",
        )


def _cache(said: Durability, databases: Set[str]) -> Iterator[Finding]:
    others = sorted(name for name in said.facts if re.fullmatch(r"db[0-9]+", str(name)) and name not in databases)
    if said.cache:
        yield Outcome.WARN, f'a cache lies in the same database (key "{said.cache}"): it takes the room of the jobs'
    elif others:
        yield Outcome.WARN, f"it holds {', '.join(others)} besides: a cache there takes the room of the jobs"


def _room(facts: Mapping[str, Any]) -> Iterator[Finding]:
    most, used = int(facts.get("maxmemory", 0)), int(facts.get("used_memory", 0))
    if most and used >= ROOM_WARN * most:
        outcome = Outcome.FAIL if used >= ROOM_FAIL * most else Outcome.WARN
        yield outcome, f"{size(used)} of its maxmemory of {size(most)} are used"


def _replication(server: RedisSettings, facts: Mapping[str, Any]) -> Iterator[Finding]:
    following = 0
    for replica in _replicas(facts):
        where = f"replica {replica.get('ip')}:{replica.get('port')}"
        lag = float(replica.get("lag", 0))
        if replica.get("state") != "online":
            yield Outcome.WARN, f"{where} is not in step yet: {replica.get('state')}"
        elif lag > server.replica_lag_seconds:
            yield Outcome.FAIL, f"{where} has not answered for {seconds(lag)}"
        else:
            following += 1
    if following < server.replicas:
        yield Outcome.FAIL, f"{counted(following, 'replica')} in step, {server.replicas} needed"
