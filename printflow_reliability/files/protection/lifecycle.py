"""Lifecycle rules that would end what a rollback or a heal needs: versions must outlive the longest kept backup.

A database that is restored from the oldest backup names the objects of then. Where a rule has ended their versions
meanwhile, its rows are there and its files are not.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from printflow_reliability.checks import Outcome
from printflow_reliability.files.protection.configuration import BucketConfiguration
from printflow_reliability.files.protection.item import BYTES_OF_A_COMMAND, Item, as_argument, named, s3api
from printflow_reliability.files.protection.judgement import not_told
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.text import counted, printable

NAME = "lifecycle"
DAYS_OF_A_WEEK, DAYS_OF_A_MONTH = 7, 31
ENDING = ("Expiration", "NoncurrentVersionExpiration")


def longest_retention(settings: Settings) -> int:
    """For how many days the oldest backup or dump that is kept lies behind now."""
    kept = settings.backups.retention
    days: list[float] = [kept.daily, kept.weekly * DAYS_OF_A_WEEK, kept.monthly * DAYS_OF_A_MONTH, kept.wal_days or 0]
    if (dumps := settings.dumps) is not None:
        locks = (dumps.daily_days, dumps.weekly_days, dumps.monthly_days)
        days += [min(lock, dumps.max_lock_days) for lock in locks]
    return int(-(-max(days) // 1))


def lifecycle(bucket: BucketSettings, found: BucketConfiguration, longest_days: int) -> Item:
    """Whether every version outlives the oldest backup.

    A rule for a prefix or a tag warns, since it may cover what no row names; any other one fails.
    """
    if not found.lifecycle.known:
        return not_told(NAME, found.lifecycle)
    rules: Sequence[Mapping[str, Any]] = found.lifecycle.value.get("Rules", ())
    early = [rule for rule in rules if rule.get("Status") == "Enabled" and _too_early(rule, longest_days)]
    if not early:
        ending = sum(any(kind in rule for kind in ENDING) for rule in rules)
        why = "no lifecycle rule ends a version" if not ending else "each lifecycle rule lets versions live"
        return Item(NAME, Outcome.PASS, f"{why} before the longest backup retention, {counted(longest_days, 'day')}")
    said = "; ".join(_said(rule, longest_days) for rule in early)
    return Item(
        NAME,
        Outcome.WARN if all(_narrow(rule) for rule in early) else Outcome.FAIL,
        f"{said}; backups are kept for up to {counted(longest_days, 'day')}, and would name objects that are gone",
        _mended(bucket, rules, longest_days),
    )


def _too_early(rule: Mapping[str, Any], longest_days: int) -> bool:
    return _noncurrent_days(rule) < longest_days or _ends_current(rule)


def _noncurrent_days(rule: Mapping[str, Any]) -> float:
    ended: Mapping[str, Any] | None = rule.get("NoncurrentVersionExpiration")
    return float("inf") if ended is None else float(ended.get("NoncurrentDays", 0))


def _ends_current(rule: Mapping[str, Any]) -> bool:
    return any(how in rule.get("Expiration", {}) for how in ("Days", "Date"))


def _said(rule: Mapping[str, Any], longest_days: int) -> str:
    where = _narrow(rule)
    only = f" below {where}" if where else ""
    if (days := _noncurrent_days(rule)) < longest_days:
        return f"{named(rule)}{only} ends noncurrent versions after {counted(int(days), 'day')}"
    expiration = rule["Expiration"]
    when = f"after {counted(expiration['Days'], 'day')}" if "Days" in expiration else f"on {expiration['Date']}"
    return f"{named(rule)}{only} ends the objects themselves {when}"


def _narrow(rule: Mapping[str, Any]) -> str:
    """What the rule is limited to, by prefix or tag; empty where it may cover every object."""
    limits = rule.get("Filter", {})
    limits = limits.get("And", limits)
    prefix = limits.get("Prefix") or rule.get("Prefix")
    tags = [limits["Tag"]] if "Tag" in limits else limits.get("Tags", [])
    if prefix:
        return printable(str(prefix))
    return printable(f"the tag {tags[0]['Key']}") if tags else ""


def _mended(bucket: BucketSettings, rules: Sequence[Mapping[str, Any]], longest_days: int) -> str:
    """The command that sets the same rules, but for what ends too early."""
    kept: list[dict[str, Any]] = []
    for rule in rules:
        mended = deepcopy(dict(rule))
        if mended.get("Status") == "Enabled":
            if _noncurrent_days(mended) < longest_days:
                mended["NoncurrentVersionExpiration"]["NoncurrentDays"] = longest_days
            if _ends_current(mended):
                del mended["Expiration"]
        if {*mended} - {"ID", "Status", "Filter", "Prefix"}:
            kept.append(mended)
    if not kept:
        return s3api(bucket, "delete-bucket-lifecycle")
    argument = as_argument({"Rules": kept})
    if len(argument) > BYTES_OF_A_COMMAND:
        return s3api(bucket, "get-bucket-lifecycle-configuration")
    return s3api(bucket, "put-bucket-lifecycle-configuration", "--lifecycle-configuration", argument)
