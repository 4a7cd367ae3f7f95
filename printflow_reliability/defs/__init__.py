"""Dagster and nothing else: the lineage graph, one module per group, and what makes it run."""

import warnings

import dagster as dg

# Dagster calls backfill policies beta in each import of each process; one pass over all tenants is what they are for.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
