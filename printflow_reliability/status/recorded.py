"""Lines from what the records know: orders, repositories, drills, the outbox, and who watches."""

from collections.abc import Iterator
from datetime import UTC, datetime

from printflow_reliability.backups.wal import CONTINUITY, repository_scope
from printflow_reliability.checks import Outcome
from printflow_reliability.findings import Severity
from printflow_reliability.orders.holds import Hold
from printflow_reliability.orders.names import ARTWORK
from printflow_reliability.orders.problems import check_command
from printflow_reliability.overview.facts import Drill, Facts
from printflow_reliability.readiness.dagster_seen import dagster_verdict
from printflow_reliability.recency import recent_within
from printflow_reliability.settings import Settings
from printflow_reliability.status.line import Line
from printflow_reliability.text import agreed, counted, moment, printable, seconds, shell_word

SHOWN_ORDERS = 10
"""Held orders with a line of their own; the others share one."""
NAMED_ORDERS = 20
"""Of the others, how many that line names."""
JUDGED_SECONDS = 900.0
"""The guard judges several times a minute; a quarter of an hour later nobody knows of new orders."""
WAITING_SECONDS = 300.0
"""How long an alert may wait for its route: a round of delivery takes half a minute at most."""
PROGRAM = "printflow "


def recorded_lines(settings: Settings, facts: Facts) -> Iterator[Line]:
    """The lines of these facts, but for those of single checks."""
    yield from _orders(facts)
    yield from _recoverable(settings, facts)
    yield _drill(facts)
    yield _outbox(facts)
    yield from _watchers(facts)
    yield from _dagster(settings, facts)


def _orders(facts: Facts) -> Iterator[Line]:
    for hold in facts.holds[:SHOWN_ORDERS]:
        held = seconds(max((facts.at - hold.since).total_seconds(), 0))
        text = f"order {printable(hold.order)} is held for {held}: {printable(hold.reason)}"
        yield Line("orders", Outcome.FAIL, text, _command(hold), Severity.CRITICAL)
    if more := facts.holds[SHOWN_ORDERS:]:
        named = ", ".join(printable(hold.order) for hold in more[:NAMED_ORDERS])
        rest = f" and {counted(left, 'other')}" if (left := len(more) - NAMED_ORDERS) > 0 else ""
        text = f"{counted(len(more), 'more order')} {agreed(len(more), 'is', 'are')} held: {named}{rest}"
        yield Line("orders", Outcome.FAIL, text, "printflow orders held", Severity.CRITICAL)
    if facts.holds:
        return
    judged = facts.answer(ARTWORK)
    if judged is None:
        yield Line("orders", Outcome.UNKNOWN, "paid orders were never judged", "printflow orders held")
    elif judged.age_seconds > JUDGED_SECONDS:
        text = f"no order is held, and nobody has judged paid orders for {seconds(judged.age_seconds)}"
        yield Line("orders", Outcome.UNKNOWN, text, "printflow orders held", Severity.CRITICAL)
    elif judged.result.outcome is Outcome.PASS:
        text = f"no paid order is held, judged {seconds(max(judged.age_seconds, 0))} ago"
        yield Line("orders", Outcome.PASS, text, "printflow orders held")


def _command(hold: Hold) -> str:
    """The command of the hold's next step, as a plan: nothing is written before a person has seen it."""
    action = hold.action
    if not action.startswith(PROGRAM):
        action = action.rpartition("then: ")[2]
    return action.removesuffix(" --apply") if action.startswith(PROGRAM) else check_command(hold.order)


def _recoverable(settings: Settings, facts: Facts) -> Iterator[Line]:
    allowed = recent_within(CONTINUITY).total_seconds()
    for cluster in settings.cluster:
        command = f"printflow wal verify {shell_word(cluster.name)}"
        for repository in cluster.repositories:
            name = f"{cluster.name} repo{repository}"
            answer = facts.answer(CONTINUITY, repository_scope(cluster.name, repository))
            if answer is None:
                text = f"{name}: until when it can be restored was never verified"
                yield Line("recovery", Outcome.UNKNOWN, text, command, Severity.CRITICAL)
                continue
            ago = f"verified {seconds(max(answer.age_seconds, 0))} ago"
            until = answer.result.numbers.get("recoverable_until_timestamp_seconds")
            since = answer.result.numbers.get("recoverable_from_timestamp_seconds")
            outcome, text = answer.result.outcome, answer.result.detail
            if outcome is Outcome.PASS and (until is None or since is None):
                outcome, text = Outcome.UNKNOWN, f"{name}: no moment is known that it can restore"
            elif outcome is Outcome.PASS and until is not None and since is not None:
                text = f"{name}: recoverable from {_at(since)} to {_at(until)}"
                outcome = Outcome.UNKNOWN if answer.age_seconds > allowed else outcome
            yield Line("recovery", outcome, f"{text} ({ago})", command, Severity.CRITICAL)


def _drill(facts: Facts) -> Line:
    newest, passed = facts.drills.get("newest"), facts.drills.get("passed")
    if newest is None:
        return Line("drill", Outcome.FAIL, "no restore was ever proven", "printflow drill run")
    command = f"printflow drill show {newest.id}"
    outcome = Outcome(newest.outcome)
    ago = seconds(max((facts.at - newest.finished_at).total_seconds(), 0))
    if outcome in (Outcome.PASS, Outcome.WARN):
        return Line("drill", Outcome.PASS, f"drill {newest.id} passed {ago} ago{_measured(newest)}", command)
    verb = "failed" if outcome is Outcome.FAIL else "could not tell"
    proof = f"the last that passed is drill {passed.id}" if passed else "none ever passed"
    return Line("drill", outcome, f"drill {newest.id} {verb} {ago} ago; {proof}", command)


def _measured(drill: Drill) -> str:
    parts = [("RTO", drill.rto_seconds), ("RPO", drill.rpo_seconds)]
    told = [f"{word} {seconds(value)}" for word, value in parts if value is not None]
    return f": {', '.join(told)}" if told else ""


def _outbox(facts: Facts) -> Line:
    command, unresolved = "printflow alerts list", sum(facts.open_alerts.values())
    opened = f"{counted(unresolved, 'alert')} {agreed(unresolved, 'is', 'are')} open"
    if facts.waiting and facts.waiting_since is not None:
        waited = (facts.at - facts.waiting_since).total_seconds()
        waiting = (
            f"{counted(facts.waiting, 'delivery', 'deliveries')} of alerts {agreed(facts.waiting, 'waits', 'wait')}"
        )
        text = f"{waiting}, for {seconds(max(waited, 0))}; {opened}"
        late = waited > WAITING_SECONDS
        return Line("alerts", Outcome.FAIL if late else Outcome.PASS, text, command, Severity.CRITICAL)
    return Line("alerts", Outcome.PASS, f"no alert waits for its route; {opened}", command)


def _watchers(facts: Facts) -> Iterator[Line]:
    command = "printflow watch --once"
    alive = [watcher for watcher in facts.watchers if watcher.alive]
    if not alive:
        text = "nobody judges paid orders: neither Dagster nor printflow watch was heard of lately"
        yield Line("guard", Outcome.FAIL, text, command, Severity.CRITICAL)
    for watcher in alive:
        role = "judges paid orders" if watcher.on_duty else "stands by"
        text = f"{printable(watcher.holder)} {role}, without a break since {moment(watcher.since)}"
        yield Line("guard", Outcome.PASS, text, command)
    for watcher in facts.watchers:
        if not watcher.alive:
            text = f"{printable(watcher.holder)} was last heard of at {moment(watcher.until)}"
            yield Line("guard", Outcome.WARN, text, command)


def _dagster(settings: Settings, facts: Facts) -> Iterator[Line]:
    if settings.readiness.dagster:
        answers = {(answer.result.check, answer.result.scope): answer for answer in facts.answers}
        verdict = dagster_verdict(settings, answers)
        yield Line("dagster", verdict.outcome, verdict.sentence, "printflow ready")


def _at(timestamp: float) -> str:
    return moment(datetime.fromtimestamp(timestamp, UTC))
