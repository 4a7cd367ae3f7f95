"""Is there a sound, recent base backup in a repository? Judged by what `info` says of it, never by an exit code."""

from datetime import datetime

from printflow_reliability.backups.causes import shortened
from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.backups.identity import former_backups, newest_identity, no_backup_of
from printflow_reliability.backups.info import (
    STATUS_MISSING_DATA,
    STATUS_MISSING_STANZA,
    STATUS_NO_BACKUPS,
    STATUS_OK,
    Backup,
    StanzaInfo,
)
from printflow_reliability.checks import Outcome
from printflow_reliability.text import seconds

CLOCK_SKEW_SECONDS = 300
"""A backup that ends further in the future than this means that one of the clocks is wrong."""


def newest_sound(info: StanzaInfo, repository: int, identity: int | None) -> Backup | None:
    """The newest backup of this cluster that met no bad page and has every backup that it builds upon."""
    backups = info.of_cluster(repository, identity)
    labels = {backup.label for backup in backups}
    sound = [backup for backup in backups if backup.error is False and labels.issuperset(backup.references)]
    return sound[-1] if sound else None


def verdict_on_newest(
    cluster: str,
    info: StanzaInfo,
    repository: int,
    production: int | None,
    *,
    now: datetime,
    max_age_seconds: float,
) -> ClusterVerdict:
    """The verdict of backup.recent on one repository of a cluster.

    Args:
        cluster: its name.
        info: the stanza.
        repository: the repository's number.
        production: the cluster's system identifier; None if it cannot be asked.
        now: the moment that ages are counted from.
        max_age_seconds: how old the newest sound backup may be.
    """
    identity = newest_identity(info, repository, production)
    where = f"{cluster} repo{repository}"
    status = info.status_of(repository)
    full_now = f"printflow backup run {cluster} --type full"
    if status.code in (STATUS_MISSING_STANZA, STATUS_MISSING_DATA):
        return ClusterVerdict(
            Outcome.FAIL,
            f"{where} has no stanza {info.name} ({status.message}); make it: "
            f"pgbackrest --stanza={info.name} stanza-create",
        )
    if status.code == STATUS_NO_BACKUPS:
        return ClusterVerdict(Outcome.FAIL, f"{where} holds no backup at all; {full_now}")
    if status.code != STATUS_OK:
        return ClusterVerdict(Outcome.UNKNOWN, f"{where}: {shortened(status.message)}")
    newest = info.of_cluster(repository, identity)[-1:]
    if not newest and former_backups(info, repository, identity):
        return ClusterVerdict(Outcome.FAIL, f"{where} {no_backup_of(cluster, info, repository, identity)}")
    if newest and newest[0].error:
        return ClusterVerdict(
            Outcome.FAIL,
            f"{where}: the newest backup {newest[0].label} met pages with bad checksums: {cluster} itself is damaged; "
            "keep the older backups, and drill one now",
        )
    if newest and newest[0].error is None:
        return ClusterVerdict(Outcome.UNKNOWN, f"{where}: info does not tell whether {newest[0].label} met bad pages")
    sound = newest_sound(info, repository, identity)
    if sound is None:
        return ClusterVerdict(Outcome.FAIL, f"{where} holds no sound backup; {full_now}")
    age = (now - sound.finished_at).total_seconds()
    if age < -CLOCK_SKEW_SECONDS:
        return ClusterVerdict(
            Outcome.UNKNOWN, f"{where}: {sound.label} ended {seconds(-age)} from now: a clock is wrong, here or there"
        )
    if age > max_age_seconds:
        return ClusterVerdict(
            Outcome.FAIL,
            f"{where}: the newest sound backup {sound.label} is {seconds(age)} old, allowed are "
            f"{seconds(max_age_seconds)}; printflow backup run {cluster}",
        )
    unasked = f" (whether it is of {cluster} is not known: it did not answer)" if production is None else ""
    return ClusterVerdict(Outcome.PASS, f"{where}: {sound.label}, {seconds(max(age, 0))} old{unasked}")
