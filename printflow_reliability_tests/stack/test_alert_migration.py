"""An outbox of an earlier release goes on: what waited is delivered, in order, and nobody is paged by the upgrade."""

import pytest

from printflow_reliability.records.database import connect
from printflow_reliability.records.migration import migrate
from printflow_reliability_tests.stack.alert_records import Outbox, named
from printflow_reliability_tests.stack.plain import plain_cluster
from printflow_reliability_tests.stack.plain_settings import settings_of

pytestmark = pytest.mark.stack

BEFORE = """
INSERT INTO alerts (dedup_key, severity, title, body, times, raised_at, resolved_at) VALUES
    ('check:wal.lag', 'critical', 'first', 'see', 7, now() - interval '3 hours', now() - interval '2 hours'),
    ('check:wal.lag', 'critical', 'second', 'see', 40, now() - interval '1 hour', NULL);
INSERT INTO deliveries (alert_id, route, event) VALUES
    (2, 'pager', 'trigger'), (1, 'pager', 'resolve'), (1, 'pager', 'trigger');
UPDATE deliveries SET delivered_at = now(), attempts = 1 WHERE (alert_id, event) = (1, 'trigger')"""


def test_what_waited_is_delivered_in_order_and_nothing_is_escalated_at_once() -> None:
    with plain_cluster(archiving=False) as cluster:
        settings = settings_of(cluster, records="postgres")
        migrate(settings.records, "0009")
        with connect(settings.records) as connection:
            connection.execute(BEFORE)
            migrate(settings.records)
            outbox = Outbox(settings, connection)
            outbox.routes(named("pager"), escalate_minutes=15)
            outbox.round()
            assert [(message.why, message.title) for _, message in outbox.told] == [
                ("resolve", "first"),
                ("trigger", "second"),
            ]
            outbox.raised()
            outbox.later(16)
            outbox.round()
            assert outbox.heard("pager", "check:wal.lag") == ["resolve", "trigger", "escalate"]
