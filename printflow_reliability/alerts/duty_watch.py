"""Who looked after a work and has fallen silent: a person hears of a dead daemon or watch from the one that lives."""

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.outbox import Alert, open_alerts, raise_alert, resolve_alert
from printflow_reliability.findings import Severity
from printflow_reliability.records.leases import absent, forget_absent, there
from printflow_reliability.settings import Settings
from printflow_reliability.text import seconds

PREFIX = "absent:"


def mind_absent(records: psycopg.Connection[TupleRow], settings: Settings, work: str, holder: str) -> None:
    """Raise an alert for each that has fallen silent, and resolve those of whoever is back or was taken away."""
    prefix = f"{PREFIX}{work}:"
    gone = set(forget_absent(records, work)) | there(records, work)
    known = set(open_alerts(records, prefix))
    for who in gone:
        if f"{prefix}{who}" in known:
            resolve_alert(records, settings, f"{prefix}{who}")
    for who, silent in absent(records, work, holder).items():
        if f"{prefix}{who}" not in known:
            raise_alert(records, settings, _alert(prefix, work, who, silent, holder))


def _alert(prefix: str, work: str, who: str, silent: float, holder: str) -> Alert:
    body = (
        f"It was last heard of {seconds(silent)} ago. {holder} does the work meanwhile, and there is no other.\n"
        "Next: look whether it runs (systemctl status printflow-watch; of Dagster: its daemon, its code server and the "
        "sensor paid_orders_guard), and start it. One that was taken away for good is forgotten after a day."
    )
    return Alert(f"{prefix}{who}", Severity.ERROR, f"{who} has fallen silent ({work})", body)
