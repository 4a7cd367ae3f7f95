"""The Dagster entry point: everything in defs/, and the configuration they read when they run."""

import dagster as dg

from printflow_reliability.defs import alerting, backups, drills, files, order_sensor, orders, platform
from printflow_reliability.defs.configuration import Configuration

defs = dg.Definitions.merge(
    platform.definitions,
    backups.definitions,
    drills.definitions,
    files.definitions,
    orders.definitions,
    order_sensor.definitions,
    alerting.definitions,
    dg.Definitions(
        resources={"configuration": Configuration()},
        # The steps wait for servers and programs, which are processes of their own: one more process a step would
        # cost seconds and isolate nothing. Runs are separate processes all the same.
        executor=dg.in_process_executor,
    ),
)
