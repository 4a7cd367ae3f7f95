"""`printflow alerts`: what was sent where, a test through every route, and what a person does about an alert."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

import typer

from printflow_reliability.alerts.attention import acknowledge_alert, duration, silence_alert
from printflow_reliability.alerts.message import Message
from printflow_reliability.alerts.outbox import Recorded, recorded_alerts
from printflow_reliability.alerts.routes.sending import send
from printflow_reliability.console import JSON_OPTION, finish, invocation, person_named, say, table
from printflow_reliability.parallel import run_parallel
from printflow_reliability.records.database import open_records
from printflow_reliability.text import moment

app = typer.Typer(help="Alerts: who was told of what, and what a person does about them.", no_args_is_help=True)
KEY = typer.Argument(metavar="KEY", help="The alert's key, as printflow alerts list shows it.")
BY = typer.Option(None, "--by", metavar="PERSON", help="Who decides; default: the user who runs this.")


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
    message = Message(
        why="trigger",
        dedup_key="test",
        severity="info",
        title="Test alert: nothing is wrong",
        body="Sent by `printflow alerts test`.",
        raised_at=datetime.now(UTC),
        source=settings.platform.name,
        environment=settings.platform.environment,
    )
    refusals = run_parallel([partial(send, route, message) for route in settings.alert_route])
    names = [route.name for route in settings.alert_route]
    errors = {name: refusal.reason if refusal else None for name, refusal in zip(names, refusals, strict=True)}
    told = bool(errors) and not any(errors.values())
    finish(
        lambda: {"ok": told, "routes": errors},
        as_json=json,
        show=lambda: _show_routes(errors),
        code=0 if told else 1,
    )


@app.command("ack")
def ack_command(ctx: typer.Context, key: str = KEY, by: str | None = BY, json: bool = JSON_OPTION) -> None:
    """Acknowledge an open alert: a person takes care of it, and it is not escalated."""
    settings = invocation(ctx).settings()
    person = person_named(by)
    with open_records(settings.records) as connection:
        given = acknowledge_alert(connection, key, person)
    already = "was already acknowledged" if given.before else "is acknowledged"
    finish(
        lambda: {"key": key, "by": given.person, "at": given.at, "before": given.before},
        as_json=json,
        show=lambda: say(f"Alert {key} {already} by {given.person}, {moment(given.at)}."),
        code=0,
    )


@app.command("silence")
def silence_command(
    ctx: typer.Context,
    key: str = KEY,
    lasting: str = typer.Option(..., "--for", metavar="DURATION", help="For how long: 30m, 2h or 7d."),
    reason: str = typer.Option(
        ..., "--reason", metavar="TEXT", help="Why nobody needs to hear of it; kept with the silence."
    ),
    by: str | None = BY,
    json: bool = JSON_OPTION,
) -> None:
    """Send nothing of one alert for a while; what is still wrong afterwards is sent then. Not for paid orders."""
    settings = invocation(ctx).settings()
    person, wanted = person_named(by), duration(lasting)
    with open_records(settings.records) as connection:
        until = silence_alert(connection, key, wanted, reason, person)
    finish(
        lambda: {"key": key, "until": until, "by": person, "reason": reason},
        as_json=json,
        show=lambda: say(f"Nobody is told of {key} until {moment(until)}, says {person}: {reason}"),
        code=0,
    )


def _show_alerts(alerts: Sequence[Recorded]) -> None:
    if not alerts:
        say("No alert was ever raised.")
        return
    rows = [
        (
            alert.severity,
            _state(alert),
            moment(alert.last_raised_at),
            str(alert.times),
            alert.title,
            alert.dedup_key,
            _told(alert),
        )
        for alert in alerts
    ]
    table(("severity", "", "last raised", "times", "what", "key", "who was told"), rows)


def _state(alert: Recorded) -> str:
    """What became of it: resolved, silenced until a moment, acknowledged by a person, escalated, or open."""
    if alert.resolved_at is not None:
        return "resolved"
    if alert.silenced_until is not None:
        return f"silenced until {moment(alert.silenced_until)}"
    if alert.acknowledged_by is not None:
        return f"acknowledged by {alert.acknowledged_by}"
    return "escalated" if alert.escalated_at is not None else "open"


def _told(alert: Recorded) -> str:
    """Each route once: told, unless something of this alert still waits for it."""
    states: dict[str, str] = {}
    for delivery in alert.deliveries:
        route = delivery["route"]
        if delivery["withdrawn"]:
            states.setdefault(route, delivery["withdrawn"])
        elif states.get(route) != "NOT TOLD":
            states[route] = "told" if delivery["delivered_at"] else "NOT TOLD"
    return ", ".join(f"{route}: {state}" for route, state in states.items())


def _show_routes(errors: Mapping[str, str | None]) -> None:
    if not errors:
        say("No [[alert_route]] is configured: nobody would hear of an alert.")
        return
    table(("route", ""), [(name, error or "took it") for name, error in errors.items()])
