"""One tenant, another one every time, is lost in the clones and brought back."""

import random
from collections.abc import Mapping
from functools import partial

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.platform.tenancy import tenants
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.connector import connector
from printflow_reliability.settings import Settings
from printflow_reliability.tenants.rehearsal import RehearsedPart, rehearse

CHECK = "drill.tenant"


def rehearse_one(settings: Settings, clones: Mapping[str, Clone]) -> CheckResult:
    """Delete a tenant's rows in promoted clones and bring them back, and compare."""
    try:
        known = tenants(settings, connect_with=connector(clones))
    except (CouldNotTell, ConfigError) as unknown:
        return CheckResult(CHECK, Outcome.UNKNOWN, unknown.sentence)
    if not known:
        return CheckResult(CHECK, Outcome.UNKNOWN, "the clone knows no tenant to bring back")
    chosen = random.choice(known)  # noqa: S311 - not a secret
    parts = [
        RehearsedPart(rows, clones[rows.cluster].connect, partial(clones[rows.cluster].connect, read_only=False))
        for _, rows in settings.tenancy.parts
    ]
    return rehearse(parts, chosen.id)
