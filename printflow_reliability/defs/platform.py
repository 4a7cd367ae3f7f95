"""The real systems at the top of the graph: where data starts. Dagster watches them, it does not make them."""

import dagster as dg

from printflow_reliability.defs.graph import configured


@dg.definitions
def definitions() -> dg.Definitions:
    """The clusters and buckets of printflow.toml."""
    graph = configured()
    return dg.Definitions(assets=graph.systems, metadata={"configuration": graph.note} if graph.note else None)
