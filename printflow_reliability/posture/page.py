"""The scoreboard and every item of posture as a page for any browser; nothing in it is loaded from elsewhere."""

import os
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.checks import worst
from printflow_reliability.errors import ConfigError
from printflow_reliability.posture.action_plan import Status
from printflow_reliability.posture.items import WORDS
from printflow_reliability.posture.report import PostureReport
from printflow_reliability.settings import Settings
from printflow_reliability.text import moment, printable

TEMPLATES = Environment(
    loader=PackageLoader("printflow_reliability.posture", "."), autoescape=True, undefined=StrictUndefined
)
TEMPLATES.filters["printable"] = printable
CLASSES = {Status.DONE: "pass", Status.PARTLY: "warn", Status.NOT: "fail", Status.UNMEASURED: "unknown"}


def render(report: PostureReport, settings: Settings, now: datetime) -> str:
    """The page: how the plan stands, item by item, then what the source shows, worst first.

    Args:
        report: what was found.
        settings: the whole configuration, for the platform's name.
        now: when it was found (UTC).
    """
    statuses = Counter(row.status for row in report.plan)
    outcome = worst(check.outcome for check in report.checks)
    return TEMPLATES.get_template("report.html").render(
        report=report,
        platform=settings.platform,
        at=moment(now),
        outcome=outcome,
        verdict=OUTCOME_WORDS[outcome],
        statuses=[(status, CLASSES[status], statuses[status]) for status in Status],
        classes=CLASSES,
        words=WORDS,
    )


def write_page(file: Path, report: PostureReport, settings: Settings) -> None:
    """Write the page; the file is there whole or as it was.

    Raises:
        ConfigError: it cannot be written.
    """
    text = render(report, settings, datetime.now(UTC))
    partial = ""
    try:
        descriptor, partial = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as page:
            page.write(text)
        Path(partial).replace(file)
    except (OSError, ValueError) as refused:
        if partial:
            Path(partial).unlink(missing_ok=True)
        why = getattr(refused, "strerror", None) or "it is no path"
        raise ConfigError(f"{file} cannot be written: {why}", "name another file with --html") from None
