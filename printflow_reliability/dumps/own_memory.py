"""Our own memory: the records' database and Dagster's storage, dumped like any database, wherever they live.

`config backup` takes these dumps; they are listed, verified, restored and expired with all others.
"""

from collections.abc import Sequence

from printflow_reliability.backups.clusters import chosen
from printflow_reliability.dumps.stored import Stored
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.settings.clusters import OWN_DAGSTER, OWN_RECORDS


def own_memory(settings: Settings) -> tuple[ClusterSettings, ...]:
    """Each database as a cluster that has it alone; one that serves both is there once."""
    urls = {settings.records.url: OWN_RECORDS}
    if settings.dagster.storage_url is not None:
        urls.setdefault(settings.dagster.storage_url, OWN_DAGSTER)
    template = settings.cluster[0]
    return tuple(
        template.model_copy(update={"name": name, "url": url, "dump_url": None, "config_url": None})
        for url, name in urls.items()
    )


def chosen_with_own_memory(
    settings: Settings, names: Sequence[str] | None, stored: Stored
) -> tuple[ClusterSettings, ...]:
    """The clusters of these names, our own memory among them where dumps of it are stored; all for None.

    Raises:
        ConfigError: there is no cluster of that name.
    """
    own = {cluster.name: cluster for cluster in own_memory(settings) if stored.of(cluster.name)}
    if names is None:
        return (*chosen(settings, None), *own.values())
    return tuple(own[name] if name in own else settings.cluster_named(name) for name in names)
