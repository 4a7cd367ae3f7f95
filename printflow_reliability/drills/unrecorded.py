"""Numbers of drills that the records did not take: kept in a file of their own until the next drill records them."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from printflow_reliability.drills import history
from printflow_reliability.records.session import Records

log = logging.getLogger(__name__)

SUFFIX = ".unrecorded.json"


def keep(directory: Path, document: Mapping[str, Any]) -> Path:
    """Write a drill's document into a file that only its owner can read, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"drill-{document['id']}-{document['started_at'].replace(':', '')}{SUFFIX}"
    half = file.with_suffix(".half")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump({**document, "unrecorded": str(file)}, out, indent=2)
        out.flush()
        os.fsync(out.fileno())
    half.replace(file)
    return file


def record_kept(records: Records, directory: Path) -> None:
    """Record what such files hold and remove them. Killed in between, it does the same again and nothing twice."""
    for file in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            document = {**json.loads(file.read_text(encoding="utf-8")), "unrecorded": None}
            if not history.record(records, document):
                history.record_anew(records, document)
        except (OSError, ValueError, KeyError, TypeError) as unreadable:
            log.warning("%s holds no drill that can be recorded (%s); it is left there", file, unreadable)
            continue
        file.unlink()
        log.warning("drill %s is recorded now; its numbers were kept in %s", document["id"], file)
