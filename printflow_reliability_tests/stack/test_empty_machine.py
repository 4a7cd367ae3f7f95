"""Nothing is left but the offsite region: with a read-only credential and one age key the platform comes back.

The machine is empty: a mount namespace in which the sandbox's own directory is, with all its secrets, not there.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from printflow_reliability.sandbox import postgres, seaweedfs
from printflow_reliability.sandbox.home import programs
from printflow_reliability_tests.stack.configured import copy_of
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.dumped import BUCKET
from printflow_reliability_tests.stack.wal import switch_wal

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root hides a directory in a mount namespace"),
]
CLUSTER = "live_db"
RECOVERY = r"""
set -euo pipefail
mount -t tmpfs -o mode=0755,size=1g tmpfs "$HOME_OF_SANDBOX"
test ! -e "$HOME_OF_SANDBOX/printflow.toml"

$PRINTFLOW config restore --bucket "$BUCKET" --endpoint "$ENDPOINT" --region eu-central-1 --ca-file "$SAFE/ca.pem" \
    --identity "$SAFE/age.key" --into "$SAFE/back" --apply
cp -a "$SAFE/back/files/." /

# Nothing else of the old machine is needed: pgBackRest and PostgreSQL alone.
CONF="$HOME_OF_SANDBOX/pgbackrest/drill.conf"
install -d -o postgres -m 0700 "$SAFE/data" "$SAFE/s"
AS="runuser -u postgres --"
$AS pgbackrest --config="$CONF" --stanza=live_db --repo=2 --pg1-path="$SAFE/data" --archive-mode=off --type=default \
    restore
cat >> "$SAFE/data/postgresql.auto.conf" <<EOF
listen_addresses = ''
unix_socket_directories = '$SAFE/s'
port = 5432
shared_preload_libraries = ''
logging_collector = off
EOF
$AS "$PG_CTL" start --wait --silent --pgdata "$SAFE/data" --log "$SAFE/s/log" || { cat "$SAFE/s/log"; exit 1; }
trap '$AS "$PG_CTL" stop --silent --mode=immediate --pgdata "$SAFE/data"' EXIT
PSQL="psql --no-psqlrc --quiet --tuples-only --no-align -h $SAFE/s -p 5432 -U postgres -v ON_ERROR_STOP=1"
until test "$($PSQL -d postgres -c 'SELECT pg_is_in_recovery()')" = f; do sleep 0.2; done
$PSQL -d live_db -c 'SELECT count(*) FROM tenants' > "$SAFE/tenants"

$PSQL -d postgres -c 'CREATE DATABASE records_back'
$PRINTFLOW --config "$HOME_OF_SANDBOX/printflow.toml" dump restore --cluster printflow-records \
    --identity "$SAFE/age.key" --into "host=$SAFE/s port=5432 user=postgres dbname=records_back" --apply
$PSQL -d records_back -c 'SELECT version_num FROM alembic_version' > "$SAFE/records"
"""


@pytest.fixture
def safe(backed_up: StackSandbox) -> Iterator[Path]:
    """What a person has in the safe, and where the machine has room; it can be entered by the servers' user."""
    with tempfile.TemporaryDirectory(prefix="pfe-", dir="/tmp") as directory:
        os.chmod(directory, 0o755)  # noqa: PTH101, S103 - the servers' user must get in
        place = Path(directory)
        shutil.copyfile(backed_up.home.path("secrets", "dumps.identity"), place / "age.key")
        shutil.copyfile(backed_up.home.path("certs", "ca.pem"), place / "ca.pem")
        (place / "age.key").chmod(0o600)
        yield place


@pytest.mark.timeout(300)
def test_an_empty_machine_brings_the_platform_back_from_the_offsite_region_alone(
    backed_up: StackSandbox, safe: Path
) -> None:
    home = backed_up.home
    copy_of(backed_up)
    switch_wal(backed_up, CLUSTER)
    with postgres.superuser(home, CLUSTER, CLUSTER) as connection:
        expected = connection.execute("SELECT count(*) FROM tenants").fetchone()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(safe),
        "HOME_OF_SANDBOX": str(home.root),
        "SAFE": str(safe),
        "BUCKET": BUCKET,
        "ENDPOINT": seaweedfs.endpoint(home, "offsite"),
        "PRINTFLOW": str(Path(sys.executable).with_name("printflow")),
        "PG_CTL": programs().postgres("pg_ctl"),
        "AWS_ACCESS_KEY_ID": home.secret("s3-recovery.key"),
        "AWS_SECRET_ACCESS_KEY": home.secret("s3-recovery.secret"),
    }
    with backed_up.stopped("primary"):
        done = subprocess.run(
            ["/usr/bin/unshare", "--mount", "--propagation=private", "/bin/bash", "-c", RECOVERY],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            cwd="/",
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert expected == (int((safe / "tenants").read_text()),)
    with postgres.superuser(home, "system_db", "records") as connection:
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert version == ((safe / "records").read_text().strip(),)
    # And the old machine is as it was: what was written into its place was the namespace's own.
    assert json.loads(home.path("sandbox.json").read_text())
