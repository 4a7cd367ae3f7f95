"""A printflow.toml with clusters and buckets of any names, enough for the graph."""

from pathlib import Path

HEAD = """
[platform]
name = "Printers"
[records]
url = "postgresql://localhost/records"
[tenancy]
cluster = "{0}"
tenants = "SELECT 1"
[orders]
cluster = "{0}"
bucket = "{1}"
paid = "SELECT 1"
[[reference]]
name = "artwork"
cluster = "{0}"
bucket = "{1}"
kind = "print-ready"
query = "SELECT 1"
[drills]
reports_bucket = "{2}"
"""
CLUSTER = '[[cluster]]\nname = "{}"\nurl = "postgresql://user:hush@localhost/x"\npgbackrest_config = "p.conf"\n'
BUCKET = '[[bucket]]\nname = "{0}"\nbucket = "{0}"\nsecret_access_key = "hush"\n'


def write(file: Path, clusters: list[str], buckets: list[str]) -> None:
    """Write the file: the first cluster and the first bucket hold the references, the last bucket the reports."""
    file.with_name("p.conf").write_text("".join(f"[{name}]\npg1-path=/pg\n" for name in clusters))
    head = HEAD.format(clusters[0], buckets[0], buckets[-1])
    file.write_text(head + "".join(map(CLUSTER.format, clusters)) + "".join(map(BUCKET.format, buckets)))
