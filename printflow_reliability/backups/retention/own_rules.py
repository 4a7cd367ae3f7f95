"""pgBackRest's own retention: after each backup it expires what these settings say, whatever the policy keeps."""

from pathlib import Path

from printflow_reliability.backups.configuration import YES, RepositoryOptions, command_options, repository_options
from printflow_reliability.backups.retention.gfs import Policy
from printflow_reliability.backups.retention.pgbackrest_expire import KEEP_ALL
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.settings import ClusterSettings

EXPIRES = "backup"
"""The command whose sections count: a backup expires others when it has ended (`expire-auto`)."""
DAYS_IN_MONTH, DAYS_IN_WEEK = 31, 7


def conflicts(cluster: ClusterSettings, number: int, policy: Policy) -> tuple[Finding, ...]:
    """The settings by which pgBackRest may expire what the policy keeps.

    Raises:
        ConfigError: its configuration file cannot be read.
    """
    file = cluster.pgbackrest_config
    automatic = command_options(file, cluster.stanza, EXPIRES).get("expire-auto", "y")
    if automatic.lower() not in YES:
        return ()
    options = repository_options(file, cluster.stanza, number, EXPIRES)
    return tuple(
        _finding(cluster, file, number, name, value)
        for name, value in options.values.items()
        if _cuts(options, name, policy)
    )


def _cuts(options: RepositoryOptions, name: str, policy: Policy) -> bool:
    """Whether an option lets pgBackRest expire what the policy keeps; a value that is no number it refuses itself."""
    value = options.get(name) or ""
    if name not in ("retention-full", "retention-diff", "retention-archive") or not value.isdigit():
        return False
    if name == "retention-full" and options.get("retention-full-type") == "time":
        # The oldest backup that is kept is that of a month, a week or a day so long ago.
        return int(value) < max(policy.monthly * DAYS_IN_MONTH, policy.weekly * DAYS_IN_WEEK, policy.daily)
    return int(value) < policy.daily + policy.weekly + policy.monthly


def _finding(cluster: ClusterSettings, file: Path, number: int, name: str, value: str) -> Finding:
    what = "WAL" if name == "retention-archive" else "backups"
    return Finding(
        kind="retention_conflict",
        severity=Severity.WARNING,
        detail=f"repo{number}-{name}={value} in {file} lets pgBackRest expire {what} that [backups.retention] keeps",
        action=f"set repo{number}-{name}={KEEP_ALL} in {file}",
        bucket=f"repo{number}",
        owner=f"cluster {cluster.name}",
    )
