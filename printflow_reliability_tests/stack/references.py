"""The keys that one reference query of a platform names."""

from contextlib import closing

from printflow_reliability.platform.catalog import open_catalog
from printflow_reliability.settings import Settings


def keys_of(settings: Settings, name: str) -> list[str]:
    """The keys of the reference with this name, each once, in byte order."""
    reference = next(entry for entry in settings.reference if entry.name == name)
    catalog = open_catalog(settings.model_copy(update={"reference": (reference,)}))
    with closing(catalog.references(reference.bucket)) as stream:
        return sorted({row.key for row in stream})
