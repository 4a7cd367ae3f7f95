"""Where the graph gets its settings: printflow.toml, read when a run or a sensor needs it.

Read late on purpose: the definitions load and validate on a machine that has no configuration at all.
"""

from pathlib import Path

import dagster as dg
from pydantic import Field

from printflow_reliability.alerts.sentry import client as sentry
from printflow_reliability.settings import Settings, find_config, load


class Configuration(dg.ConfigurableResource[Settings]):
    """The configuration of the installation."""

    file: str = Field(
        default="", description="The printflow.toml to use; empty: $PRINTFLOW_CONFIG, then that of the running sandbox."
    )

    def settings(self) -> Settings:
        """The settings as the file says now; Sentry is set up as they say, in whichever process of Dagster this is.

        Raises:
            ConfigError: there is no file, or it is wrong.
        """
        settings = load(self.path())
        sentry.start(settings, "Dagster")
        return settings

    def path(self) -> Path:
        """The file that is used.

        Raises:
            ConfigError: there is none.
        """
        return find_config(Path(self.file) if self.file else None)


definitions = dg.Definitions(
    resources={"configuration": Configuration()},
    # The steps wait for servers and programs, which are processes of their own: one more process a step would cost
    # seconds and isolate nothing. Runs are separate processes all the same.
    executor=dg.in_process_executor,
)
