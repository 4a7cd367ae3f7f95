"""Our own memory: the records' database and Dagster's storage, dumped like any database, wherever they live."""

from printflow_reliability.settings import ClusterSettings, Settings

RECORDS, DAGSTER = "printflow-records", "printflow-dagster"
"""What dumps call the cluster of each: neither need be one of printflow.toml."""


def own_memory(settings: Settings) -> tuple[ClusterSettings, ...]:
    """Each database as a cluster that has it alone; one that serves both is there once."""
    urls = {settings.records.url: RECORDS}
    if settings.dagster.storage_url is not None:
        urls.setdefault(settings.dagster.storage_url, DAGSTER)
    template = settings.cluster[0]
    return tuple(
        template.model_copy(update={"name": name, "url": url, "dump_url": None, "config_url": None})
        for url, name in urls.items()
    )
