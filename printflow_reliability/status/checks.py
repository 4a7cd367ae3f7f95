"""Lines from the newest answers of checks: what did not pass, what is overdue, what never answered."""

from collections.abc import Iterator, Mapping, Sequence

from printflow_reliability.backups.wal import CONTINUITY, LAG
from printflow_reliability.checks import Outcome
from printflow_reliability.orders.names import ARTWORK
from printflow_reliability.overview.facts import Facts
from printflow_reliability.readiness.canary import STORAGE
from printflow_reliability.readiness.dagster_seen import DAGSTER
from printflow_reliability.readiness.queues_seen import OF_QUEUES, QUEUES, is_watched
from printflow_reliability.readiness.recorded import BACKUPS, OUTBOX, RECORDS, RESTORES
from printflow_reliability.recency import recent_within
from printflow_reliability.records.check_results import Answer
from printflow_reliability.register import REGISTER
from printflow_reliability.settings import Settings
from printflow_reliability.status.line import OF_AREA, Line, area_of, asks, command_of
from printflow_reliability.text import counted, printable, seconds

ALWAYS_TOLD = ("backup.recent", "dump.recent", "files.missing", "pdf.integrity", "queues.age")
"""A person wants to read these also where all is well."""
TOLD_OTHERWISE = frozenset({CONTINUITY, LAG, DAGSTER, RECORDS, BACKUPS, RESTORES, OUTBOX, QUEUES})
"""What other lines tell, from newer evidence or in more detail: nobody reads one fault twice."""
PARTS_OF_ONE = (CONTINUITY, DAGSTER, STORAGE)
"""Checks whose parts are recorded beside the whole, and looked at again with it."""


def check_lines(settings: Settings, facts: Facts) -> Iterator[Line]:
    """A line for each answer that needs one, and one for all that passed."""
    whole = {answer.result.check: answer for answer in facts.answers if not answer.result.scope}
    passed = 0
    for answer in whole.values():
        line = _line(answer, facts)
        if line is not None:
            yield line
        elif answer.result.outcome is Outcome.PASS and answer.result.check not in TOLD_OTHERWISE:
            passed += 1
    yield from (_part(answer) for answer in facts.answers if _counts(answer, whole))
    watched = [check for check in REGISTER if is_watched(settings, check)]
    yield from _never_answered([check for check in watched if check not in whole], drilled=bool(facts.drills))
    if passed:
        yield Line("checks", Outcome.PASS, f"{counted(passed, 'other check')} passed when last due", "printflow ready")


def _line(answer: Answer, facts: Facts) -> Line | None:
    check, outcome, age = answer.result.check, answer.result.outcome, answer.age_seconds
    if check in TOLD_OTHERWISE or (check == ARTWORK and (facts.holds or outcome is Outcome.PASS)):
        return None
    ago = f"{seconds(max(age, 0))} ago"
    if outcome is not Outcome.PASS:
        text = f"{check}: {printable(answer.result.detail)} ({ago})"
        return Line(area_of(check), outcome, text, _command_of(check, facts), answer.result.severity)
    allowed = recent_within(check).total_seconds()
    if age > allowed:
        text = f"{check} last passed {ago}, and is due every {seconds(allowed)}"
        return Line(area_of(check), Outcome.UNKNOWN, text, command_of(check), REGISTER[check].severity)
    if check in ALWAYS_TOLD:
        return Line(area_of(check), outcome, f"{printable(answer.result.detail)} ({ago})", command_of(check))
    return None


def _command_of(check: str, facts: Facts) -> str:
    """The first command of the remedy; for a check of drills whose remedy names none, that which shows the newest."""
    command, newest = command_of(check), facts.drills.get("newest")
    return f"printflow drill show {newest.id}" if newest and command == OF_AREA["drill"] else command


def _counts(answer: Answer, whole: Mapping[str, Answer]) -> bool:
    """Whether this is of a part, not well, and newer than what is known of the whole."""
    check = answer.result.check
    if not answer.result.scope or answer.result.outcome is Outcome.PASS:
        return False
    if check in PARTS_OF_ONE or area_of(check) in OF_QUEUES:
        return False
    return check not in whole or answer.answered_at > whole[check].answered_at


def _part(answer: Answer) -> Line:
    check = answer.result.check
    ago = f"{seconds(max(answer.age_seconds, 0))} ago"
    text = f"{check}, {printable(answer.result.scope)}: {printable(answer.result.detail)} ({ago})"
    return Line(area_of(check), answer.result.outcome, text, command_of(check), answer.result.severity)


def _never_answered(checks: Sequence[str], *, drilled: bool) -> Iterator[Line]:
    """A line for each command that answers some; that no drill ever ended is said by the line of drills."""
    missing: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        if check not in TOLD_OTHERWISE and check != ARTWORK and (drilled or area_of(check) != "drill"):
            missing.setdefault((area_of(check), asks(check)), []).append(check)
    for (area, command), names in missing.items():
        yield Line(area, Outcome.UNKNOWN, f"never answered: {_listed(names)}", command)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
