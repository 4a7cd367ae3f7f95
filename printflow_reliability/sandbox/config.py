"""Writes the `printflow.toml` of a sandbox: its own servers, and the platform's catalog as it is in `catalog.toml`.

A second file, `verification.toml`, is the same for the machine that verifies dumps: it alone knows their secret key.
"""

from pathlib import Path

from printflow_reliability.sandbox import credentials, node_pdf_service, postgres, seaweedfs
from printflow_reliability.sandbox.home import SandboxHome, programs, write
from printflow_reliability.sandbox.receiver import server as receiver

CATALOG = Path(__file__).with_name("catalog.toml")
CHECKOUT = Path(__file__).with_name("checkout.toml")

HEAD = """\
# Written by `printflow sandbox up`; a change here is lost.

[platform]
name = "Print-Flow-360"
environment = "sandbox"

[records]
url = "file:secrets/records.url"

[programs]
run_as = "postgres"
"""
CLUSTER = """
[[cluster]]
name = "{name}"
url = "file:secrets/{name}.url"
pgbackrest_config = "pgbackrest/pgbackrest.conf"
drill_pgbackrest_config = "pgbackrest/drill.conf"
repositories = [1, 2]
heartbeat = "SELECT max(at) FROM heartbeats"
stop_command = "env PRINTFLOW_HOME={home} printflow sandbox stop {name}"
start_command = "env PRINTFLOW_HOME={home} printflow sandbox start {name}"
psql_command = "{as_server}psql -h {sockets} -p {port} -U postgres -d {name}"
"""
BUCKET = """
[[bucket]]
name = "{name}"
bucket = "{name}"
endpoint_url = "{endpoint}"
region = "{region}"
access_key_id = "file:secrets/s3-{identity}.key"
secret_access_key = "file:secrets/s3-{identity}.secret"
ca_file = "certs/ca.pem"
"""
AUDITED = """\
audit_access_key_id = "file:secrets/s3-audit.key"
audit_secret_access_key = "file:secrets/s3-audit.secret"
"""
HEALED = """\
heal_access_key_id = "file:secrets/s3-app.key"
heal_secret_access_key = "file:secrets/s3-app.secret"
replica = "print-files-replica"
"""
TAIL = """
[[backups.break_glass]]
repository = 2
access_key_id = "file:secrets/s3-break-glass.key"
secret_access_key = "file:secrets/s3-break-glass.secret"

[drills]
directory = "drills"
reports_bucket = "reports"

[dumps]
bucket = "dumps"
recipients = ["{recipient}"]
{identity}
[config_backup]
fingerprint_secret = "file:secrets/config.fingerprints"
paths = ["certs"]

[[config_backup.redis]]
name = "redis"
url = "file:secrets/redis.url"

[dagster]
storage_url = "file:secrets/dagster.url"

[[drills.manual_step]]
name = "point the names in DNS at the recovered clusters"
seconds = 300

[[drills.manual_step]]
name = "give the application the secrets of the recovered clusters"

[runbook]
directory = "recovery"
call_tree = ["the person on call: sandbox pager", "the founder: sandbox phone"]

[runbook.roles]
lead = "decides, and writes down when what was done"
hands = "types the commands, and reads them out first"

[files]
orphan_grace_seconds = 20
quarantine_bucket = "reports"

[[acknowledged]]
check = "copies.files"
about = "print-files: copies"
reason = "the sandbox has two S3 servers, and so two copies"

[[acknowledged]]
check = "copies.files"
about = "print-files: media"
reason = "print files are in object storage alone"

[[acknowledged]]
check = "copies.files"
about = "print-files: immutable"
reason = "faults are planted in the replica, so that it is not locked"

[[acknowledged]]
check = "files.protection"
about = "print-files object lock"
reason = "faults are planted by deleting versions"

[[acknowledged]]
check = "files.protection"
about = "print-files MFA delete"
reason = "SeaweedFS has none"

[[acknowledged]]
check = "files.protection"
about = "print-files public access block"
reason = "SeaweedFS has none; it serves this machine only"

[[acknowledged]]
check = "files.protection"
about = "print-files encryption"
reason = "the sandbox's files are made up"

[[alert_route]]
name = "on call"
url = "{receiver}/alerts"
token = "file:secrets/receiver.token"
min_severity = "warning"

[http]
port = {http}

[[http.token]]
name = "platform"
token = "file:secrets/http.token"
scopes = ["orders:read", "files:accept", "health:read"]

[readiness]
probe_key = "printflow-readiness/probe"

"""
IDENTITY = 'identity_file = "secrets/dumps.identity"\n'
"""What only the machine that verifies dumps has."""
QUEUES = """
[[redis]]
name = "redis"
url = "file:secrets/redis.watcher.url"

[[queue]]
name = "default"
kind = "laravel-database"
cluster = "live_db"
oldest_seconds = 900

[[queue.order]]
job = 'App\\Jobs\\MakePrintFile'
path = "data.command.orderId"

[[worker]]
name = "platform"
cluster = "live_db"
query = "SELECT max(at) FROM heartbeats"
max_age_seconds = 604800
"""
PDF_SERVICE = """
[[queue]]
name = "print files"
kind = "bullmq"
redis = "redis"
queue = "print-files"
oldest_seconds = 300

[[queue.order]]
job = "make"
path = "order"

[pdf_service]
url = "{endpoint}/print-files"
token = "file:secrets/pdf-service.token"
timeout_seconds = 20
"""
BUCKETS = {"print-files": "printflow", "print-files-replica": "printflow", "reports": "printflow", "dumps": "dumps"}
"""The buckets that the product uses, and whom it signs in as."""


def write_config(home: SandboxHome) -> None:
    """Write the configuration file and the secret urls it points to."""
    urls = {"records.url": postgres.url(home, "system_db", "records", "records")}
    urls |= {"dagster.url": postgres.url(home, "system_db", "dagster", "dagster")}
    urls |= {f"{cluster}.url": postgres.url(home, cluster, "printflow") for cluster in postgres.PROTECTED}
    urls |= {f"{cluster}.restore.url": postgres.url(home, cluster, "platform_app") for cluster in postgres.PROTECTED}
    urls |= {"live_db.repair.url": postgres.url(home, "live_db", "printflow_repair")}
    urls |= {"redis.watcher.url": f"redis://watcher:{home.secret('redis.watcher')}@127.0.0.1:{home.port('redis')}/0"}
    urls |= {"redis.url": f"redis://:{home.secret('redis.password')}@127.0.0.1:{home.port('redis')}/0"}
    for name, url in urls.items():
        write(home.path("secrets", name), url + "\n", mode=0o600)
    text = HEAD
    for name in postgres.PROTECTED:
        text += CLUSTER.format(
            name=name,
            home=home.wished,
            sockets=home.path("sockets"),
            port=home.port(name),
            as_server="runuser -u postgres -- " if programs().identity() else "",
        )
    for name, identity in BUCKETS.items():
        region = seaweedfs.BUCKETS[name]
        text += BUCKET.format(
            name=name, endpoint=seaweedfs.endpoint(home, region), region=seaweedfs.REGIONS[region], identity=identity
        )
        text += AUDITED if name in seaweedfs.POLICIES["audit"] else ""
        text += HEALED if name == "print-files" else ""
    tail = {
        "receiver": receiver(home).endpoint,
        "http": home.port("http"),
        "recipient": credentials.dump_recipient(home),
    }
    rest = CATALOG.read_text(encoding="utf-8")
    if not node_pdf_service.missing():
        endpoint = node_pdf_service.server(home).endpoint
        checkout = CHECKOUT.read_text(encoding="utf-8").format(endpoint=endpoint)
        rest = PDF_SERVICE.format(endpoint=endpoint) + rest + checkout
    rest = QUEUES + rest
    for file, identity in ((home.config, ""), (home.verification_config, IDENTITY)):
        write(file, text + TAIL.format(**tail, identity=identity) + rest, mode=0o600)
