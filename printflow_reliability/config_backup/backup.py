"""Making a copy of the configuration: gathered, archived, encrypted and sent in one stream; the manifest last."""

import shlex
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.clusters import TROUBLE
from printflow_reliability.checks import Outcome
from printflow_reliability.config_backup.clusters import cluster_parts
from printflow_reliability.config_backup.judgement import Judged, checks_of
from printflow_reliability.config_backup.local_files import local_files
from printflow_reliability.config_backup.manifest import ARCHIVE, Copies, Entry, Manifest, folder, new_key
from printflow_reliability.config_backup.members import (
    ENVIRONMENT,
    Fingerprints,
    Kind,
    Member,
    Parts,
    Trouble,
    permissions,
)
from printflow_reliability.config_backup.pgbackrest_files import named_files
from printflow_reliability.config_backup.redis_queues import RedisCopy
from printflow_reliability.config_backup.report import ConfigReport
from printflow_reliability.config_backup.store import open_store, required, stored_in, whole
from printflow_reliability.config_backup.tar import TarStream
from printflow_reliability.dumps.dump import Clock, Dumper, dump_database, utc_now
from printflow_reliability.dumps.own_memory import own_memory
from printflow_reliability.dumps.recent import Look
from printflow_reliability.dumps.store import open_store as open_dumps
from printflow_reliability.dumps.stored import stored_in as dumps_in
from printflow_reliability.errors import ConfigError
from printflow_reliability.locked_objects.encryption import encrypt
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.locked_objects.upload import SMALLEST_PART, LockedUpload, put_locked
from printflow_reliability.settings import Origins, Settings, origins
from printflow_reliability.text import storable

Tell = Callable[[str], None]


@dataclass
class Gathered:
    """What went into the archive so far, and what could not."""

    settings: Settings
    config: Path
    earlier: Copies
    tell: Tell
    fingerprints: Fingerprints
    entries: list[Entry] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    redis: dict[str, int] = field(default_factory=dict)

    def members(self) -> Iterator[Member]:
        """Every member, of all sources in turn; what one of them lacks is kept, and ends nothing."""
        for part in self._parts():
            if isinstance(part, Trouble):
                self.miss(part)
            else:
                yield part

    def miss(self, trouble: Trouble) -> None:
        """Keep, and say, what is not in the copy."""
        shown = self.settings.redact(trouble.why)
        self.troubles.append(replace(trouble, path=storable(trouble.path), why=storable(shown)))
        self.tell(f"not copied: {shown}")

    def include(self, member: Member) -> None:
        """Keep what a member is, without its content."""
        self.entries.append(
            Entry(
                path=storable(member.path),
                kind=member.kind,
                mode=permissions(member.mode),
                owner=member.owner or str(member.uid),
                group=member.group or str(member.gid),
                fingerprint=self.fingerprints.of(member) if member.compared else None,
            )
        )

    def _parts(self) -> Parts:
        section, _ = required(self.settings)
        made_of = _origins(self.settings, self.config)
        named = [path for cluster in self.settings.cluster for path in named_files(cluster)]
        configurations = [cluster.pgbackrest_config for cluster in self.settings.cluster]
        yield from local_files([*made_of.files, *configurations, *named, *section.paths])
        yield _variables(made_of.variables)
        programs = self.settings.runner()
        for cluster in self.settings.cluster:
            yield from cluster_parts(cluster, programs)
        for server in section.redis:
            copy = RedisCopy(server)
            yield from copy.parts()
            self.redis[server.name] = copy.keys
            if copy.others and not copy.keys and not self._ever_copied(server.name):
                patterns = ", ".join(server.patterns)
                why = f"Redis {server.name} has keys, and none matches {patterns}: is that the queues' prefix?"
                yield Trouble(copy.folder, Outcome.WARN, why)

    def _ever_copied(self, name: str) -> bool:
        return any(manifest.redis.get(name) for manifest in whole(self.earlier))


@operation("copy of the configuration")
def back_up(settings: Settings, config: Path, *, tell: Tell = lambda _: None, clock: Clock = utc_now) -> ConfigReport:
    """Copy configuration and secrets, our own memory and the queues' state, and judge what the bucket has then.

    Args:
        settings: the whole configuration.
        config: the file that it was read from.
        tell: hears of everything that could not be copied.
        clock: the time that locks are counted from.

    Raises:
        ConfigError: no copies are configured, the bucket has no Object Lock, or the clock is off.
        CouldNotTell: the bucket does not answer; nothing is left that looks like a copy.
    """
    section, dumps = required(settings)
    store = open_store(settings)
    store.require_lock(clock())
    store.end_stale_uploads(clock(), prefix=folder(section.name), suffix=ARCHIVE)
    gathered = Gathered(
        settings, config, stored_in(store, section.name), tell, Fingerprints(section.fingerprint_secret)
    )
    memory = _dump_memory(settings, gathered, clock)
    began = time.monotonic()
    taken_at = clock()
    days = min(section.lock_days, dumps.max_lock_days)
    until = (taken_at + timedelta(days=days)).replace(microsecond=0)
    key = new_key(section.name, taken_at)
    recipients = section.recipients or dumps.recipients
    with LockedUpload(store, key, until=until, part_size=SMALLEST_PART) as upload:
        archive_bytes = encrypt(TarStream(gathered.members(), gathered.include), upload, recipients)
        version = upload.complete()
    manifest = Manifest(
        key=key,
        version_id=version,
        bytes=upload.bytes,
        sha256=upload.sha256,
        archive_bytes=archive_bytes,
        taken_at=taken_at,
        locked_until=store.require_locked(key, version, until),
        recipients=recipients,
        seconds=round(time.monotonic() - began, 3),
        name=section.name,
        host=socket.gethostname(),
        config=storable(str(config.resolve())),
        secret_id=gathered.fingerprints.secret_id,
        entries=tuple(gathered.entries),
        troubles=tuple(gathered.troubles),
        redis=gathered.redis,
        dumps=memory,
    )
    put_locked(store, manifest.manifest_key, manifest.text().encode(), until)
    return _report(settings, store, clock(), (manifest,))


def list_copies(settings: Settings, *, clock: Clock = utc_now) -> ConfigReport:
    """All copies in the bucket, oldest first, and whether there is a recent one.

    Raises:
        ConfigError: no copies are configured.
        CouldNotTell: the bucket does not answer.
    """
    return _report(settings, open_store(settings), clock(), None)


def _report(settings: Settings, store: LockedStore, now: datetime, made: Sequence[Manifest] | None) -> ConfigReport:
    section, dumps = required(settings)
    copies = stored_in(store, section.name)
    dump_store = open_dumps(settings)
    look = Look(dump_store, dumps, dumps_in(dump_store), now)
    judged = Judged(store, section, copies, own_memory(settings), look, settings.acknowledged, now)
    return ConfigReport(
        tuple(copy.manifest for copy in copies.copies) if made is None else tuple(made),
        checks_of(judged),
        copies=copies,
    )


def _dump_memory(settings: Settings, gathered: Gathered, clock: Clock) -> dict[str, str]:
    """Dump our own databases; the key of each dump. One that cannot be dumped keeps nothing else from being copied."""
    _, dumps = required(settings)
    store = open_dumps(settings)
    dumper = Dumper(store, dumps, settings.runner(), clock)
    made: dict[str, str] = {}
    known = dumps_in(store)
    for own in own_memory(settings):
        where = f"dumps/{own.name}"
        try:
            earlier = [(dump.manifest.taken_at, dump.manifest.retention) for dump in known.of(own.name, own.database)]
            made[f"{own.name}/{own.database}"] = dump_database(dumper, own, own.database, earlier).key
        except TROUBLE as trouble:
            gathered.miss(Trouble(where, Outcome.UNKNOWN, f"{own.name}: {trouble.sentence}"))
    return made


def _origins(settings: Settings, config: Path) -> Origins:
    """Raises:
    ConfigError: the file changed since it was read, and cannot be read any more.
    """
    try:
        return origins(settings, config)
    except (OSError, ValueError) as changed:
        raise ConfigError(f"{config} cannot be read any more ({changed})", "correct the file") from None


def _variables(variables: Mapping[str, str]) -> Member:
    """The variables as a shell reads them: `set -a; . variables.env`."""
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    return Member(ENVIRONMENT, Kind.FILE, text.encode("utf-8", "surrogateescape"))
