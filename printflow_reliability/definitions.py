"""The Dagster entry point: everything in the folder defs/."""

import importlib
import pkgutil
import warnings

import dagster as dg

from printflow_reliability import defs as folder


def load_definitions() -> dg.Definitions:
    """The definitions of each module of the folder, over the systems of the configuration as it is now.

    Dagster's daemon begins its code server anew every minute. Dagster's own loader of folders would load all component
    libraries that are installed each time, and describe them: as much work as the whole of these definitions.
    """
    with warnings.catch_warnings():
        for category in (dg.PreviewWarning, dg.BetaWarning):  # as Dagster's own loader does
            warnings.simplefilter("ignore", category)
        names = sorted(module.name for module in pkgutil.iter_modules(folder.__path__))
        modules = [importlib.import_module(f"{folder.__name__}.{name}") for name in names]
        found = [module.definitions for module in modules if hasattr(module, "definitions")]
        return dg.Definitions.merge(*(made() if callable(made) else made for made in found))


defs = load_definitions()
