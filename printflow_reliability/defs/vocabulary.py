"""The names that the graph's modules share: groups, owners, partitions, pools, and when a number is too old."""

from datetime import timedelta

import dagster as dg

OWNERS = ("team:reliability",)
PLATFORM = "platform"
"""The group of the real systems, which Dagster watches and does not make."""

TENANTS = dg.DynamicPartitionsDefinition(name="tenants")
"""One partition a tenant; a sensor adds those that the platform knows."""
HELD_ORDERS = dg.DynamicPartitionsDefinition(name="held_orders")
"""One partition a paid order in trouble; healthy orders cost none."""

REPOSITORY_POOL = "backup_repository"
"""Drills and base backups, one at a time: dagster.yaml allows one step of each pool.

Two drills would fight for memory and disk; pgBackRest locks a stanza while it backs it up; and a drill fails if the
repositories change while it runs, which is what a backup does to them.
"""

EVERY_HOUR = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3), warn_window=timedelta(hours=2))
EVERY_DAY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))
EVERY_WEEK = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=9), warn_window=timedelta(days=8))
EVERY_HALF_HOUR = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=1), warn_window=timedelta(minutes=45))
