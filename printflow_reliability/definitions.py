"""The Dagster entry point: everything in the folder defs/."""

import gc
import importlib
import pkgutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from printflow_reliability import defs as folder


def load_definitions() -> dg.Definitions:
    """The definitions of each module of the folder, over the systems of the configuration as it is now.

    Dagster's daemon begins its code server anew every minute. Dagster's own loader of folders would load all component
    libraries that are installed each time, and describe them: as much work as the whole of these definitions. For the
    same reason the modules of defs/ import what only a run needs when it runs.
    """
    with _nothing_collected(), warnings.catch_warnings():
        for category in (dg.PreviewWarning, dg.BetaWarning):  # as Dagster's own loader does
            warnings.simplefilter("ignore", category)
        names = sorted(module.name for module in pkgutil.iter_modules(folder.__path__))
        modules = [importlib.import_module(f"{folder.__name__}.{name}") for name in names]
        found = [module.definitions for module in modules if hasattr(module, "definitions")]
        return dg.Definitions.merge(*(made() if callable(made) else made for made in found))


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """No search for garbage: what is loaded stays for as long as the process lives, and is searched never again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


defs = load_definitions()
