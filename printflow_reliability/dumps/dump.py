"""Dumping one database: pg_dump, compressed by zstd and encrypted with age as it is sent; nothing of it touches a disk.

The archive and the row counts are of one snapshot. The manifest is written last, after the lock was read back.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from printflow_reliability.dumps.manifest import Manifest, new_key
from printflow_reliability.dumps.pg_dump import dump_command
from printflow_reliability.dumps.retention import class_of, locked_until
from printflow_reliability.dumps.snapshot import dumping, snapshot
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.locked_objects.encryption import encrypt
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.locked_objects.upload import LockedUpload, part_bytes, put_locked
from printflow_reliability.piped import piped
from printflow_reliability.platform.connect import answer_watch
from printflow_reliability.programs import Programs
from printflow_reliability.settings import ClusterSettings, DumpsSettings

SMALLEST_ARCHIVE = 500
"""Bytes; that of an empty database has some 800."""
CANCEL_SECONDS = 2.0
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Dumper:
    """What dumping needs."""

    store: LockedStore
    dumps: DumpsSettings
    programs: Programs
    clock: Clock = utc_now


def dump_database(
    dumper: Dumper, cluster: ClusterSettings, database: str, earlier: Iterable[tuple[datetime, str]]
) -> Manifest:
    """Dump a database into the bucket.

    Args:
        dumper: with what.
        cluster, database: which.
        earlier: when its whole dumps were taken, and their retention classes.

    Raises:
        ConfigError: pg_dump of the server's version is not installed, or the clock is off.
        CouldNotTell: the database or the store failed; nothing is left that looks like a dump.
    """
    began = time.monotonic()
    source = dumping(cluster)
    limit = dumper.dumps.timeout_seconds
    with snapshot(source, database, seconds=limit) as taken, ThreadPoolExecutor(max_workers=1) as pool:
        taken_at = dumper.clock()
        dumper.store.require_lock(taken_at)
        retention = class_of(taken_at, earlier)
        until = locked_until(taken_at, retention, dumper.dumps)
        key = new_key(cluster.name, database, taken_at, retention)
        argv, environment = dump_command(dumper.programs, source, database, taken)
        watches = [answer_watch(source)]
        with LockedUpload(dumper.store, key, until=until, part_size=part_bytes(taken.database_bytes)) as upload:
            with piped(dumper.programs, argv, env=environment, timeout=limit, watches=watches) as process:
                counting = pool.submit(taken.count)
                assert process.stdout is not None  # noqa: S101 - the program has a pipe
                try:
                    archive_bytes = encrypt(process.stdout, upload, dumper.dumps.recipients)
                except BaseException:
                    taken.connection.cancel_safe(timeout=CANCEL_SECONDS)  # or we would wait for what nobody needs
                    raise
            content = counting.result()
            if archive_bytes < SMALLEST_ARCHIVE:
                raise CouldNotTell(f"pg_dump ended well and wrote no archive ({archive_bytes} bytes)")
            version = upload.complete()
    kept_until = dumper.store.require_locked(key, version, until)
    manifest = Manifest(
        cluster=cluster.name,
        database=database,
        key=key,
        version_id=version,
        bytes=upload.bytes,
        sha256=upload.sha256,
        archive_bytes=archive_bytes,
        taken_at=taken_at,
        retention=retention,
        locked_until=kept_until,
        recipients=dumper.dumps.recipients,
        seconds=round(time.monotonic() - began, 3),
        content=content,
    )
    put_locked(dumper.store, manifest.manifest_key, manifest.text().encode(), until)
    return manifest
