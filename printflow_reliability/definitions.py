"""The Dagster entry point: everything in the folder defs/."""

import warnings
from pathlib import Path

import dagster as dg

import printflow_reliability.defs


def load_definitions() -> dg.Definitions:
    """The definitions of the folder, over the systems of the configuration as it is now."""
    with warnings.catch_warnings():
        # As dg.load_from_defs_folder does itself; that one needs a pyproject.toml, and an installed package has none.
        for category in (dg.PreviewWarning, dg.BetaWarning):
            warnings.simplefilter("ignore", category)
        return dg.ComponentTree.from_module(
            defs_module=printflow_reliability.defs, project_root=Path(__file__).parent.parent
        ).build_defs()


defs = load_definitions()
