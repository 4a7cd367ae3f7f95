"""The least that printflow.toml may say."""

CONFIG = """
[platform]
name = "Print-Flow-360"
[records]
url = "postgresql://localhost/records"
[programs]
postgres_bin = "/usr/bin"
[[cluster]]
name = "live_db"
url = "postgresql://localhost/live_db"
pgbackrest_config = "pgbackrest.conf"
[[bucket]]
name = "print-files"
bucket = "print-files"
[tenancy]
cluster = "live_db"
tenants = "SELECT 1"
[[reference]]
name = "r"
cluster = "live_db"
bucket = "print-files"
kind = "proof"
query = "SELECT 1"
[orders]
cluster = "live_db"
bucket = "print-files"
paid = "SELECT 1"
[runbook]
call_tree = ["on call", "founder"]
"""
