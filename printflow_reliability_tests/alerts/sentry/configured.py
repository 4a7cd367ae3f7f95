"""Settings with a Sentry, and with secrets of every kind in them, written literally."""

from printflow_reliability.settings import Settings
from printflow_reliability_tests.minimal_settings import minimal_settings

ROUTE_TOKEN = "literal-route-token-9f"
SIGNING_SECRET = "literal'signing\"secret%41"
MAIL_PASSWORD = "mail pass/word+1"
CLUSTER_PASSWORD = "hunter2-of-live-db"
S3_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
S3_KEY_ID = "app-access-key-id-17"
SLACK_PATH = "services/T024BE7LD/B0AB12CD3/9aXk2mNq"
HEARTBEAT_PATH = "0d1e6b7f-4a11-4b2c-9d3e-heartbeat"
SECRETS = (
    *(ROUTE_TOKEN, SIGNING_SECRET, MAIL_PASSWORD, CLUSTER_PASSWORD, S3_SECRET, S3_KEY_ID),
    *(SLACK_PATH, HEARTBEAT_PATH),
)
ROUTES = f"""
[[alert_route]]
name = "pager"
url = "https://pager.example/hook"
token = "{ROUTE_TOKEN}"
secret = '''{SIGNING_SECRET}'''
[[alert_route]]
name = "chat"
kind = "slack"
url = "https://hooks.slack.example/{SLACK_PATH}"
[[alert_route]]
name = "mail"
kind = "email"
host = "mail.example"
sender = "printflow@shop.example"
recipients = ["oncall@shop.example"]
user = "printflow"
password = "{MAIL_PASSWORD}"
[[heartbeat]]
of = "guard"
url = "https://watcher.example/{HEARTBEAT_PATH}"
[[cluster]]
name = "admin_db"
url = "postgresql://printflow:{CLUSTER_PASSWORD}@db.example/admin_db"
pgbackrest_config = "pgbackrest.conf"
[[bucket]]
name = "secret-files"
bucket = "secret-files"
access_key_id = "{S3_KEY_ID}"
secret_access_key = "{S3_SECRET}"
"""


def configured(dsn: str, sentry: str = "", more: str = ROUTES) -> Settings:
    """Settings that report to this DSN."""
    return minimal_settings(f'[sentry]\ndsn = "{dsn}"\n{sentry}\n{more}')
