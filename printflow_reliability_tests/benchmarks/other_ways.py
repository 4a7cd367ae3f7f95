"""What else finds missing files, beside the reconciliation: rclone with sort and comm, and a HEAD for each key.

Both only look for differences; neither knows tenants, sizes, versions or whether a difference is real.
"""

import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore

from printflow_reliability.platform.connect import connect
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_store
from printflow_reliability_tests.benchmarks.peak import peak_mb

SAMPLE = 5_000
IN_FLIGHT = 32
POLL_SECONDS = 0.05
REFERENCES = 'SELECT key FROM bench_references ORDER BY key COLLATE "C"'


def rclone_installed() -> bool:
    """Whether there is an rclone to compare with; set-up does not install it (apt-get install rclone)."""
    return shutil.which("rclone") is not None


def rclone(settings: Settings, bucket: BucketSettings, directory: Path) -> dict[str, float]:
    """`rclone lsf`, sort and comm against the references; the peak memory of the largest of them in MB."""
    secrets = {
        "RCLONE_CONFIG_B_TYPE": "s3",
        "RCLONE_CONFIG_B_PROVIDER": "Other",
        "RCLONE_CONFIG_B_ENDPOINT": str(bucket.endpoint_url or ""),
        "RCLONE_CONFIG_B_ACCESS_KEY_ID": str(bucket.access_key_id),
        "RCLONE_CONFIG_B_SECRET_ACCESS_KEY": str(bucket.secret_access_key),
        "RCLONE_CONFIG_B_REGION": str(bucket.region),
        "RCLONE_CA_CERT": str(bucket.ca_file or ""),
    }
    # rclone would refuse the certificates that AWS_CA_BUNDLE names.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {**inherited, **secrets, "RCLONE_CONFIG": os.devnull, "LC_ALL": "C"}
    listed, ordered, named = (directory / name for name in ("listed", "ordered", "named"))
    cluster = settings.cluster_named(settings.tenancy.cluster)
    with connect(cluster) as connection, named.open("w", encoding="utf-8") as file:
        file.writelines(f"{key}\n" for (key,) in connection.execute(REFERENCES))
    lsf = ["rclone", "lsf", "--recursive", "--files-only", "--fast-list", f"B:{bucket.bucket}"]
    peak = _run(lsf, listed, environment)
    peak = max(peak, _run(["sort", str(listed)], ordered, environment))
    peak = max(peak, _run(["comm", "-3", str(ordered), str(named)], directory / "different", environment))
    return {"findings": float(len((directory / "different").read_text().splitlines())), "peak_mb": peak}


def _run(argv: list[str], target: Path, environment: dict[str, str]) -> float:
    peak = 0.0
    with target.open("wb") as file, subprocess.Popen(argv, stdout=file, env=environment) as process:
        while process.poll() is None:
            peak = max(peak, peak_mb(process.pid))
            time.sleep(POLL_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return peak


def heads(bucket: BucketSettings, count: int) -> int:
    """A HEAD for each of the first keys of the bucket, several at once; how many were asked."""
    store = s3_store(bucket)
    keys: list[str] = []
    for page in store.list(chunk_size=1000):
        keys += [item["path"] for item in page]
        if len(keys) >= count:
            break
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        return sum(1 for _ in pool.map(lambda key: obstore.head(store, key), keys[:count]))
