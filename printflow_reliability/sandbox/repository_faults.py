"""Faults in a pgBackRest repository: an archived segment that is gone, a stored byte that flipped."""

import time
from collections.abc import Callable, Mapping

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability.sandbox.home import SandboxHome

BUCKET, ROOT = "pgbackrest-repo1", "repo1"
ARCHIVE_SECONDS = 30.0
SWITCH = """
SELECT pg_walfile_name(pg_switch_wal())
FROM pg_logical_emit_message(true, 'sandbox', 'something to archive')"""

Mend = Callable[[], None]


def segment_missing(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    """Close some segments of live_db, and remove one that has archived ones on both sides from repo1."""
    missing = _switch_wal(home)
    _await_archived(home, _switch_wal(home))
    where, mend = _change(home, "archive/live_db/", None, named=f"/{missing}-")
    return {"cluster": "live_db", "segment": missing, **where}, mend


def byte_flipped(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    """Flip one bit in the middle of the largest file of live_db's backups in repo1."""
    where, mend = _change(home, "backup/live_db/", _flipped)
    label, _, file = where["key"].removeprefix(f"{ROOT}/backup/live_db/").partition("/")
    return {"cluster": "live_db", "label": label, "file": file, **where}, mend


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _change(
    home: SandboxHome, prefix: str, change: Callable[[bytes], bytes] | None, *, named: str = ""
) -> tuple[Mapping[str, str], Mend]:
    """Change the largest object below a prefix of repo1, or remove it where there is no change."""
    client = seaweedfs.client(home, BUCKET, "backup")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{ROOT}/{prefix}")
    listed = [item for page in pages for item in page.get("Contents", ()) if named in item["Key"]]
    if not listed:
        raise CouldNotTell(f"{BUCKET} has nothing below {ROOT}/{prefix}{named}", "printflow backup run --type full")
    key = max(listed, key=lambda item: item["Size"])["Key"]
    good = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    if change is None:
        client.delete_object(Bucket=BUCKET, Key=key)
    else:
        client.put_object(Bucket=BUCKET, Key=key, Body=change(good))

    def mend() -> None:
        client.put_object(Bucket=BUCKET, Key=key, Body=good)

    return {"bucket": BUCKET, "key": key}, mend


def _switch_wal(home: SandboxHome) -> str:
    """Close the current segment of live_db; its name."""
    with postgres.superuser(home, "live_db", "live_db") as connection:
        return str(connection.execute(SWITCH).fetchall()[0][0])


def _await_archived(home: SandboxHome, segment: str) -> None:
    deadline = time.monotonic() + ARCHIVE_SECONDS
    with postgres.superuser(home, "live_db", "live_db") as connection:
        while time.monotonic() < deadline:
            name = connection.execute("SELECT last_archived_wal FROM pg_stat_archiver").fetchall()[0][0]
            if name and name[:24] >= segment:
                return
            time.sleep(0.1)
    raise CouldNotTell(f"live_db has not archived {segment} within {ARCHIVE_SECONDS:.0f} s", "printflow wal verify")
