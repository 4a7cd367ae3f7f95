"""A configuration that is right, with its secrets beside it and in the environment."""

GOOD = """
[platform]
name = "Print-Flow-360"

[records]
url = "env:RECORDS_URL"

[[cluster]]
name = "live_db"
url = "file:secrets/live_db"
pgbackrest_config = "pgbackrest.conf"

[[bucket]]
name = "print-files"
bucket = "printflow360"

[tenancy]
cluster = "live_db"
tenants = "SELECT id AS tenant, 'tenants/' || id || '/' AS base_path FROM tenants"

[[reference]]
name = "order item"
cluster = "live_db"
bucket = "print-files"
kind = "print-ready"
query = "SELECT 1"

[orders]
cluster = "live_db"
bucket = "print-files"
paid = "SELECT 1"
"""
ENVIRON = {"RECORDS_URL": "postgresql://printflow:hunter2@localhost/records"}
