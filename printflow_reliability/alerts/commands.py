"""`printflow alerts`: what was sent where, and a test through every route."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import typer

from printflow_reliability.alerts.delivery import send
from printflow_reliability.alerts.outbox import Recorded, recorded_alerts
from printflow_reliability.console import JSON_OPTION, finish, invocation, say, table
from printflow_reliability.records.database import open_records
from printflow_reliability.text import moment

app = typer.Typer(help="What was sent where.", no_args_is_help=True)


@app.command("list")
def list_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """List the newest alerts, open ones first; exits with 1 while one is open."""
    settings = invocation(ctx).settings()
    with open_records(settings.records) as connection:
        alerts = recorded_alerts(connection)
    finish(
        lambda: {"alerts": [asdict(alert) for alert in alerts]},
        as_json=json,
        show=lambda: _show_alerts(alerts),
        code=1 if any(alert.resolved_at is None for alert in alerts) else 0,
    )


@app.command("test")
def send_test(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """Send a test alert through every route now; exits with 1 if one did not take it."""
    settings = invocation(ctx).settings()
    document = {
        "event": "trigger",
        "dedup_key": "test",
        "severity": "info",
        "title": "Test alert: nothing is wrong",
        "body": "Sent by `printflow alerts test`.",
        "raised_at": datetime.now(UTC).isoformat(),
        "times": 1,
        "source": settings.platform.name,
        "environment": settings.platform.environment,
    }
    refusals = {route.name: send(route, document) for route in settings.alert_route}
    errors = {name: refusal.reason if refusal else None for name, refusal in refusals.items()}
    told = bool(errors) and not any(errors.values())
    finish(
        lambda: {"ok": told, "routes": errors},
        as_json=json,
        show=lambda: _show_routes(errors),
        code=0 if told else 1,
    )


def _show_alerts(alerts: Sequence[Recorded]) -> None:
    if not alerts:
        say("No alert was ever raised.")
        return
    rows = [
        (
            alert.severity,
            "open" if alert.resolved_at is None else "resolved",
            moment(alert.last_raised_at),
            str(alert.times),
            alert.title,
            ", ".join(
                f"{delivery['route']}: {'told' if delivery['delivered_at'] else 'NOT TOLD'}"
                for delivery in alert.deliveries
            ),
        )
        for alert in alerts
    ]
    table(("severity", "", "last raised", "times", "what", "who was told"), rows)


def _show_routes(errors: Mapping[str, str | None]) -> None:
    if not errors:
        say("No [[alert_route]] is configured: nobody would hear of an alert.")
        return
    table(("route", ""), [(name, error or "took it") for name, error in errors.items()])
