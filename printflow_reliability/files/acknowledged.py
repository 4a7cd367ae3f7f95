"""Files that are known to be missing: a person has said so, with a reason. They are told of, and no longer alarm.

An acknowledgement is of one finding, and ends with it: should the file come back and be lost again, or a file that
could be brought back be lost for good, that is another finding. Paid orders are held as before.
"""

from collections.abc import Mapping
from dataclasses import replace

from printflow_reliability.errors import ConfigError
from printflow_reliability.files import kinds
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.records import lasting_findings
from printflow_reliability.records.database import open_records
from printflow_reliability.records.lasting_findings import About, Acknowledgement, LastingFinding
from printflow_reliability.settings import Settings
from printflow_reliability.text import moment, storable


def as_acknowledged(finding: Finding, known_of: Mapping[About, Acknowledgement]) -> Finding:
    """The finding as information, with who knows of it, if anybody does."""
    if finding.kind not in kinds.MISSING:
        return finding
    known = known_of.get(About.of(finding))
    if known is None:
        return finding
    said = f"known to {known.person} since {moment(known.acknowledged_at)}: {known.reason}"
    return replace(finding, severity=Severity.INFO, detail=f"{finding.detail}; {said}")


def known_finding(settings: Settings, number: int) -> LastingFinding:
    """One finding with its history.

    Raises:
        ConfigError: there is none of that number.
        CouldNotTell: the records are away.
    """
    with open_records(settings.records) as records:
        found = lasting_findings.finding(records, number) if 0 < number < 2**63 else None
    if found is None:
        raise ConfigError(f"there is no finding {number}", "printflow files show lists them")
    return found


def acknowledge(settings: Settings, number: int, person: str, reason: str) -> LastingFinding:
    """A person knows that a file is missing.

    Raises:
        ConfigError: there is no such finding, it is resolved or is none of a missing file, or there is no reason.
        CouldNotTell: the records are away.
    """
    found = known_finding(settings, number)
    if not person.strip() or not reason.strip():
        raise ConfigError("an acknowledgement needs a person and a reason", '--by NAME --reason "the shop has closed"')
    if found.resolved_at is not None:
        raise ConfigError(f"finding {number} is resolved since {moment(found.resolved_at)}", "printflow files show")
    if found.kind not in kinds.MISSING:
        raise ConfigError(
            f"finding {number} is of kind {found.kind}, and only missing files can be acknowledged", found.action
        )
    return _changed(settings, number, storable(person.strip()), storable(reason.strip()))


def withdraw(settings: Settings, number: int) -> LastingFinding:
    """Nobody knows of it any more: from the next pass on it alarms again.

    Raises:
        ConfigError: there is no such finding, or nobody knows of it.
        CouldNotTell: the records are away.
    """
    if known_finding(settings, number).acknowledged_at is None:
        raise ConfigError(f"finding {number} is not acknowledged", f"printflow files show {number}")
    return _changed(settings, number, None, None)


def _changed(settings: Settings, number: int, person: str | None, reason: str | None) -> LastingFinding:
    with open_records(settings.records) as records:
        lasting_findings.acknowledge(records, number, person, reason)
    return known_finding(settings, number)
