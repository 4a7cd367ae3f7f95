"""A print file on this machine that a person gives, or that was fetched: inspected before any of it is stored."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from printflow_reliability.errors import ConfigError
from printflow_reliability.orders.judgement import HELD_VERDICTS
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.pdf.worker import InspectionWorker


@contextmanager
def private_copy(path: Path, most_bytes: int) -> Iterator[IO[bytes]]:
    """A copy of a person's file, so that what is inspected is what is stored.

    Raises:
        ConfigError: it cannot be read, or is larger than any print file may be.
    """
    with tempfile.NamedTemporaryFile(prefix="printflow-repair-") as copy:
        try:
            if not path.is_file():
                raise ConfigError(f"--file: {path} is no file", "name a PDF")
            if path.stat().st_size > most_bytes:
                raise ConfigError(f"--file: {path} has more than {most_bytes:,} bytes (pdf.max_bytes)", "name a PDF")
            with path.open("rb") as given:
                shutil.copyfileobj(given, copy)
        except OSError as unreadable:
            raise ConfigError(f"--file: {path} cannot be read ({unreadable.strerror})", "name a PDF") from None
        copy.flush()
        yield copy


def inspected(worker: InspectionWorker, file: IO[bytes]) -> tuple[str, str]:
    """The SHA-256 of a file, and why it must not be printed; empty if it may be.

    Raises:
        CouldNotTell: the worker cannot be started.
    """
    size = Path(file.name).stat().st_size
    if size > worker.rules.max_bytes:
        return "", f"it has {size:,} bytes, and pdf.max_bytes allows {worker.rules.max_bytes:,}"
    inspection = worker.inspect(Path(file.name))
    if inspection.verdict is Verdict.UNKNOWN or inspection.sha256 is None:
        return "", f"it could not be judged: {inspection.reason}"
    if inspection.verdict in HELD_VERDICTS:
        return "", f"it is {inspection.verdict}: {inspection.reason}"
    return inspection.sha256, ""
