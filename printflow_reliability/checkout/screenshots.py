"""Keeping the screenshots of a run: in the bucket of the drills' reports, or in a directory where there is none.

They show the synthetic tenant's shop and made-up customer alone; what was filled in from a secret is covered.
"""

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import CheckoutSettings, Settings
from printflow_reliability.storage.clients import s3_client, s3_errors

KEPT_RUNS = 24
"""Runs whose screenshots stay in a directory; a bucket has its lifecycle for that."""


def keep(
    settings: Settings, checkout: CheckoutSettings, run: str, pictures: Iterable[tuple[str, Path]]
) -> Mapping[str, str]:
    """Keep the picture of each step; where each is, by the name of the step.

    Args:
        settings, checkout: the whole file, and its table.
        run: what the run is called; it sorts by time.
        pictures: the name of each step, and its picture.

    Raises:
        CouldNotTell: the bucket or the directory does not take them.
    """
    named = [(step, path, f"{number:02d}-{_slug(step)}.png") for number, (step, path) in enumerate(pictures, 1)]
    if settings.drills.reports_bucket is None:
        return _in_directory(checkout.directory, run, named)
    bucket = settings.bucket_named(settings.drills.reports_bucket)
    kept = {}
    with s3_errors(bucket):
        client = s3_client(bucket)
        for step, path, name in named:
            key = f"checkout/{run}/{name}"
            client.put_object(Bucket=bucket.bucket, Key=key, Body=path.read_bytes(), ContentType="image/png")
            kept[step] = f"s3://{bucket.bucket}/{key}"
    return kept


def _in_directory(directory: Path, run: str, named: Iterable[tuple[str, Path, str]]) -> Mapping[str, str]:
    place = directory / run
    kept = {}
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        for step, path, name in named:
            shutil.copyfile(path, place / name)
            kept[step] = str(place / name)
        runs = sorted(path for path in directory.iterdir() if path.is_dir() and RUN.fullmatch(path.name))
        for old in runs[:-KEPT_RUNS]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError as refused:
        raise CouldNotTell(f"checkout.directory: {place} cannot be written to ({refused.strerror})") from None
    return kept


RUN = re.compile(r"\d{8}T\d{6}Z-\d+")
"""What runs are called; nothing else in the directory is ours."""


def _slug(step: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", step.lower()).strip("-")[:40] or "step"
