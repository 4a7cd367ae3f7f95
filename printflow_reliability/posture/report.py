"""`printflow posture`: everything that a checkout shows, and the plan that it is measured by."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from printflow_reliability.checks import CheckResult, Outcome, within
from printflow_reliability.errors import ConfigError, PrintflowError
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.posture.action_plan import PlanRow, Status, scoreboard
from printflow_reliability.posture.applications import Kind, Platform, find_applications
from printflow_reliability.posture.bullmq import judge_bullmq
from printflow_reliability.posture.bullmq_jobs import judge_queued
from printflow_reliability.posture.checkout import NotRead, open_checkout
from printflow_reliability.posture.delivery import judge_delivery
from printflow_reliability.posture.environment import environments, judge_environment
from printflow_reliability.posture.health import judge_health
from printflow_reliability.posture.items import WORDS, Item, Place, Rule, check_results
from printflow_reliability.posture.jobs import judge_jobs
from printflow_reliability.posture.monitoring import judge_monitoring
from printflow_reliability.posture.node.sources import node_source
from printflow_reliability.posture.node_skips import judge_node_skips
from printflow_reliability.posture.protection import judge_protection
from printflow_reliability.posture.queue_configuration import judge_queues, read_configuration
from printflow_reliability.posture.silent_skips import judge_skips
from printflow_reliability.posture.sources import php_sources
from printflow_reliability.posture.versions import locked, major
from printflow_reliability.posture_checks import POSTURE_CHECKS
from printflow_reliability.records.check_results import Answer, newest
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings

NOT_FOLLOWED = Rule(
    name="not_read",
    check="posture.delivery",
    plan=("P2-4",),
    expected="a file within the checkout that can be read",
    why="What stands in it is not known, and is not taken for sound.",
    severity=Severity.WARNING,
)
_ORDER = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN, Outcome.PASS)


@dataclass(frozen=True)
class PostureReport:
    """What a checkout shows.

    Attributes:
        source: the checkout.
        items: everything that was looked at, wrong ones first, each group by severity and place.
        plan: the scoreboard.
        checks: the answer of each registered check of posture.
        not_read: files that were passed over.
    """

    source: Path
    items: Sequence[Item]
    plan: Sequence[PlanRow]
    checks: tuple[CheckResult, ...]
    not_read: Sequence[NotRead]

    @property
    def findings(self) -> Sequence[Finding]:
        """What is wrong or unknown, worst first."""
        return [item.finding for item in self.unwell]

    @property
    def unwell(self) -> Sequence[Item]:
        """The items that are not good."""
        return [item for item in self.items if item.outcome is not Outcome.PASS]

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """Items by outcome, and items of the plan by status."""
        outcomes = Counter(item.outcome for item in self.items)
        statuses = Counter(row.status for row in self.plan)
        return {f"{WORDS[outcome]}_items": outcomes[outcome] for outcome in _ORDER} | {
            f"plan_{status.replace(' ', '_')}": statuses[status] for status in Status
        }

    def as_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            "ok": all(check.outcome is Outcome.PASS for check in self.checks),
            "source": str(self.source),
            "findings": [{**item.finding.as_json(), **item.as_json()} for item in self.unwell],
            "plan": [row.as_json() for row in self.plan],
            "checks": [check.as_json() for check in self.checks],
            "not_read": [{"file": file.path, "why": file.why} for file in self.not_read],
            **self.numbers,
        }


def judge_source(settings: Settings, source: Path | None, now: datetime | None = None) -> PostureReport:
    """Judge a checkout, and measure the plan by it and by what the checks answered last.

    Args:
        settings: the configuration; the records are asked for the answers of checks, and may be away.
        source: the checkout; the one of `[posture]` by default.
        now: the moment of it (UTC).

    Raises:
        ConfigError: no source is known, or it is no checkout.
    """
    configured = settings.posture.source if settings.posture is not None else None
    directory = source if source is not None else configured
    if directory is None:
        raise ConfigError(
            "no checkout of the platform is named",
            "printflow posture --source DIR, or set source in [posture] of printflow.toml",
        )
    platform = find_applications(open_checkout(directory))
    items = sorted([*judge(platform), *judge_queued(settings)], key=_urgency)
    names = [check.name for check in POSTURE_CHECKS]
    checks = check_results(items, names)
    # realpath, since resolve() raises where links lead in a circle.
    if source is not None and (configured is None or os.path.realpath(configured) != str(platform.checkout.root)):
        checks = within(f"source {platform.checkout.root}", checks)
    plan = scoreboard(items, _answers(settings), now or datetime.now(UTC))
    return PostureReport(platform.checkout.root, items, plan, checks, platform.checkout.not_read)


def judge(platform: Platform) -> list[Item]:
    """Every item of a platform."""
    read = environments(platform)
    sources = php_sources(platform)
    items = judge_environment(platform, read)
    for source in sources:
        application = source.application
        framework = major(locked(platform, application).versions.get("laravel/framework", ""))
        configured = read_configuration(platform, application, read[application.root])
        items += judge_queues(platform, source, configured, read, framework)
        items += judge_jobs(source, framework, configured.worker_timeout)
        items += judge_skips(source)
        items += judge_protection(platform, source, read[application.root])
    scripts = [
        node_source(platform, application, read[application.root])
        for application in platform.applications
        if application.kind is not Kind.LARAVEL
    ]
    for script in scripts:
        items += judge_node_skips(script)
        if script.application.kind is Kind.PDF_SERVICE:
            items += judge_bullmq(script)
    items += judge_monitoring(platform, sources, scripts, read)
    items += judge_health(platform, sources, scripts)
    items += judge_delivery(platform, sources)
    # What a release shares with the next one is no source: deployments link it out of the release on purpose.
    shared = {
        application.path(directory)
        for application in platform.of(Kind.LARAVEL)
        for directory in ("storage", "public/storage")
    }
    items += [_not_read(file) for file in platform.checkout.not_read if file.path not in shared]
    items += [_not_read(file) for file in platform.unreadable]
    return items


def _not_read(file: NotRead) -> Item:
    return Item(
        rule=NOT_FOLLOWED, outcome=Outcome.UNKNOWN, subject=file.path, found=f"it {file.why}", place=Place(file.path)
    )


def _answers(settings: Settings) -> Mapping[str, Answer]:
    """The newest whole answers of checks; none where the records are away, so that nothing is claimed."""
    try:
        with open_records(settings.records) as connection:
            return {answer.result.check: answer for answer in newest(connection) if not answer.result.scope}
    except PrintflowError:
        return {}


def _urgency(item: Item) -> tuple[int, int, str, int]:
    return _ORDER.index(item.outcome), -item.rule.severity.rank, item.place.file, item.place.line
