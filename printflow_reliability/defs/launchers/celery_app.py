"""What a Celery worker loads, by the settings of the run launcher in dagster.yaml, so that both agree on the broker:

    celery -A printflow_reliability.defs.launchers.celery_app worker -Q dagster --concurrency 1

The broker's address is in the environment, as dagster.yaml names it, and never among the arguments or in a file.
"""

import os
import sys
from typing import NoReturn

import dagster as dg
import yaml  # type: ignore[import-untyped]
from celery import Celery
from dagster._core.instance.ref import InstanceRef
from dagster_celery.tasks import create_execute_job_task

from printflow_reliability.defs.launchers.celery_runs import CeleryRuns


def worker_app() -> Celery:
    """The app of the run launcher of $DAGSTER_HOME/dagster.yaml; ends the process with 2 where there is none."""
    home = os.environ.get("DAGSTER_HOME", "")
    if not home:
        _stop("DAGSTER_HOME is not set")
    try:
        launcher = InstanceRef.from_dir(home).run_launcher  # not the instance: each run opens its own
    except (dg.DagsterError, OSError, yaml.YAMLError) as wrong:
        _stop(f"{home}/dagster.yaml cannot be read: {wrong}")
    if not isinstance(launcher, CeleryRuns):
        _stop(f"{home}/dagster.yaml launches runs by {type(launcher).__name__}, not by CeleryRuns")
    create_execute_job_task(launcher.celery)
    return launcher.celery


def _stop(why: str) -> NoReturn:
    next_step = "set DAGSTER_HOME, and put the blocks of deploy/launchers/celery.yaml into its dagster.yaml"
    print(f"{why}\nNext: {next_step}", file=sys.stderr)
    raise SystemExit(2)


app = worker_app()
