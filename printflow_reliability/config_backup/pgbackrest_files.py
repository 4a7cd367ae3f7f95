"""Files that pgBackRest's configuration names: certificates and keys, without which no repository is reached."""

from collections.abc import Iterator
from pathlib import Path

from printflow_reliability.backups.configuration import command_options
from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import ClusterSettings

ENDINGS = ("-file", "-gcs-key")
"""How options end whose values are files."""


def named_files(cluster: ClusterSettings) -> Iterator[Path]:
    """The files that the configurations of a cluster name, and not these themselves."""
    for file in dict.fromkeys((cluster.pgbackrest_config, cluster.drill_pgbackrest_config)):
        if file is None:
            continue
        try:
            options = command_options(file, cluster.stanza, "archive-push")
        except ConfigError:
            continue  # that it cannot be read is said where it is to be copied
        for name, value in options.items():
            if name.endswith(ENDINGS) and value.startswith("/"):
                yield Path(value)
