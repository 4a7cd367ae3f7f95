"""Deleting copies of the configuration whose locks have ended: a plan first; the two newest whole ones stay."""

from printflow_reliability.config_backup.manifest import Copies
from printflow_reliability.config_backup.store import open_store, required, stored_in
from printflow_reliability.dumps.dump import Clock, utc_now
from printflow_reliability.locked_objects.expiry import Expiry, ExpiryReport, carried_out, left_overs, whole_copy
from printflow_reliability.settings import Settings

KEPT = 2
"""Whole copies that stay: the newest, and what it is compared with."""


def expire_copies(settings: Settings, *, apply: bool, clock: Clock = utc_now) -> ExpiryReport:
    """Delete the copies of this machine whose locks have ended, or plan it.

    Raises:
        ConfigError: no copies are configured.
        CouldNotTell: the bucket does not answer; nothing more is deleted.
    """
    section, _ = required(settings)
    store = open_store(settings)
    plan = plan_expiry(stored_in(store, section.name), clock)
    return ExpiryReport(carried_out(store, plan) if apply else plan, apply, "name")


def plan_expiry(copies: Copies, clock: Clock = utc_now) -> list[Expiry]:
    """What is to become of every copy, oldest first."""
    now = clock()
    newest = {copy.manifest.key for copy in [copy for copy in copies.copies if copy.present][-KEPT:]}
    plan = []
    for copy in copies.copies:
        manifest = copy.manifest
        if manifest.locked_until > now:
            why = f"locked until {manifest.locked_until:%F}"
        elif manifest.key in newest:
            why = f"of the newest {KEPT}"
        else:
            why = f"its lock ended {manifest.locked_until:%F}"
            plan.append(whole_copy(copy, manifest.name, why, manifest.locked_until))
            continue
        plan.append(Expiry(manifest.key, manifest.name, (), manifest.bytes, why))
    return [*plan, *left_overs(copies.incomplete, now)]
