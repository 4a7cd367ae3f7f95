"""`printflow files show`, `acknowledge` and `recheck`: findings one by one, from pass to pass."""

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from printflow_reliability.checks import Outcome, exit_code
from printflow_reliability.console import JSON_OPTION, finish, invocation, person_named, say
from printflow_reliability.errors import ConfigError
from printflow_reliability.files.acknowledged import acknowledge, known_finding, withdraw
from printflow_reliability.files.recheck import Rechecked, recheck
from printflow_reliability.findings import Severity
from printflow_reliability.records import lasting_findings
from printflow_reliability.records.database import open_records
from printflow_reliability.records.lasting_findings import LastingFinding, State
from printflow_reliability.text import counted, moment, printable

SHOWN = 100
ID = typer.Argument(metavar="ID", help="The finding's number, as `files show` lists it.")


def show_command(
    ctx: typer.Context,
    number: int | None = typer.Argument(None, metavar="[ID]", help="One finding; without it, the worst hundred."),
    json: bool = JSON_OPTION,
) -> None:
    """Show one finding with its history, or how many there are and the worst of them."""
    settings = invocation(ctx).settings()
    if number is not None:
        found = known_finding(settings, number)
        finish(found.as_json, as_json=json, show=lambda: _show(found), code=_code([found]))
    with open_records(settings.records) as records:
        states = lasting_findings.states(records)
        worst = lasting_findings.unresolved(records, SHOWN)
    document: Mapping[str, Any] = {"states": dict(states), "findings": [finding.as_json() for finding in worst]}
    finish(lambda: dict(document), as_json=json, show=lambda: _show_all(states, worst), code=_code(worst))


def acknowledge_command(
    ctx: typer.Context,
    number: int = ID,
    reason: str = typer.Option(
        "", "--reason", metavar="TEXT", help="Why nothing is to be done; kept with the finding."
    ),
    by: str | None = typer.Option(None, "--by", metavar="PERSON", help="Who says so; default: the user who runs this."),
    withdrawn: bool = typer.Option(False, "--withdraw", help="Nobody knows of it any more: it alarms again."),
    json: bool = JSON_OPTION,
) -> None:
    """Say that a file is known to be missing: its finding is shown and no longer alarms.

    It ends where the finding does: a file that comes back and is lost again is another finding. Paid orders are held
    as before.
    """
    settings = invocation(ctx).settings()
    if withdrawn and reason:
        raise ConfigError("--withdraw needs no --reason", f"printflow files acknowledge {number} --withdraw")
    found = withdraw(settings, number) if withdrawn else acknowledge(settings, number, person_named(by), reason)
    finish(found.as_json, as_json=json, show=lambda: _show(found), code=0)


def recheck_command(
    ctx: typer.Context,
    numbers: list[int] | None = typer.Argument(None, metavar="[ID]...", help="Only these findings."),
    json: bool = JSON_OPTION,
) -> None:
    """Ask about reported findings again, and about nothing else; without IDs, about the worst ten thousand."""
    done = recheck(invocation(ctx).settings(), numbers or None)
    known = {again for again in done if again.finding.state == State.ACKNOWLEDGED and again.outcome is Outcome.FAIL}
    outcomes = [Outcome.PASS, *(again.outcome for again in done if again not in known)]
    counts = {outcome: sum(again.outcome is outcome for again in done) for outcome in Outcome}
    document = {
        "resolved": counts[Outcome.PASS],
        "continuing": counts[Outcome.FAIL],
        "unknown": counts[Outcome.UNKNOWN],
        "findings": [again.as_json() for again in done],
    }
    finish(lambda: document, as_json=json, show=lambda: _show_rechecked(done, document), code=exit_code(outcomes))


def _code(found: Sequence[LastingFinding]) -> int:
    """1 where something needs a person."""
    unknown_to_all = (finding for finding in found if finding.state in (State.APPEARING, State.CONTINUING))
    return int(any(finding.severity != Severity.INFO for finding in unknown_to_all))


def _show(finding: LastingFinding) -> None:
    say(f"finding {finding.id}: {finding.kind.replace('_', ' ')}, {finding.state}")
    if finding.key is not None:
        say(f"  key       {printable(finding.key)}")
    for word, value in (("bucket", finding.bucket), ("tenant", finding.tenant), ("query", finding.reference)):
        if value is not None:
            say(f"  {word:<9} {printable(value)}")
    say(f"  {printable(finding.detail)}.")
    say(f"  since     {moment(finding.appeared_at)}; last seen {moment(finding.seen_at)}")
    if finding.acknowledged_at is not None and finding.person and finding.reason:
        known = f"{printable(finding.person)} since {moment(finding.acknowledged_at)}: {printable(finding.reason)}"
        say(f"  known to  {known}")
    if finding.resolved_at is not None:
        say(f"  resolved  {moment(finding.resolved_at)}")
    else:
        say(f"Next: {printable(finding.action)}, then: printflow files recheck {finding.id}")


def _show_all(states: Mapping[str, int], worst: Sequence[LastingFinding]) -> None:
    say(f"findings: {', '.join(f'{count:,} {state}' for state, count in states.items())}")
    for finding in worst:
        named = finding.key if finding.key is not None else finding.reference or "-"
        what = f"{finding.kind.replace('_', ' ')}: {printable(named)}"
        say(f"{finding.id:<8}{finding.severity.upper():<9}{finding.state:<13}{what}")
    if worst:
        say(f"Next: printflow files show {worst[0].id}")


def _show_rechecked(done: Sequence[Rechecked], document: Mapping[str, Any]) -> None:
    word = {Outcome.PASS: "resolved", Outcome.FAIL: "as before", Outcome.UNKNOWN: "COULD NOT TELL"}
    for again in sorted(done, key=lambda again: again.outcome is Outcome.PASS)[:SHOWN]:
        say(f"{word[again.outcome]:<15}{again.finding.id}: {printable(again.finding.key or '-')}")
        say(f"{'':15}{printable(again.detail)}.")
    if not done:
        say("OK: no finding is left to be asked about.")
        return
    say(
        f"{counted(len(done), 'finding')}: {document['resolved']} resolved, {document['continuing']} as before, "
        f"{document['unknown']} could not be told"
    )
