"""What scenarios of the runbook are made of: steps, and this installation's own names in them."""

import configparser
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import ClusterSettings, Settings


@dataclass(frozen=True)
class Step:
    """One step: what to do and why, and the command for it; a step without one is done by a person.

    `findings` tells that the command may end with exit code 1 here, since finding something is its purpose: a
    recovery that is a warning has to be looked at, and stays.
    """

    text: str
    command: str | None = None
    findings: bool = False


@dataclass(frozen=True)
class Facts:
    """What only the emergency knows; placeholders in capitals until it is given."""

    at: str = "TIME"
    table: str = "TABLE"
    tenant: str = "TENANT"
    point: str = "NAME"
    identity: str = "AGE_KEY_FILE"


@dataclass(frozen=True)
class Scenario:
    """A kind of failure: its title, the question of the decision tree that leads to it, and its steps."""

    name: str
    title: str
    question: str
    steps: Sequence[Step]


class Names:
    """This installation's names, as they stand in commands."""

    def __init__(self, settings: Settings, config: Path, facts: Facts) -> None:
        self.settings = settings
        self.facts = facts
        self.into = settings.runbook.directory
        self._config = config

    @property
    def configuration(self) -> Path:
        """Where the copy of the configuration is brought back to."""
        return self.into.with_name(f"{self.into.name}-configuration")

    def printflow(self, *arguments: str) -> str:
        """A command of this program."""
        return shlex.join(["printflow", "--config", str(self._config), *arguments])

    def as_server(self, *arguments: str) -> str:
        """A program that runs as the servers' user."""
        runner = self.settings.runner()
        other = ("runuser", "-u", runner.run_as, "--") if runner.identity() else ()
        return shlex.join([*other, *arguments])

    def server_program(self, name: str) -> str:
        """One of PostgreSQL's programs; by its name alone where none is installed, since people type it elsewhere."""
        try:
            return self.settings.runner().postgres(name)
        except ConfigError:
            return name

    def recovered(self, cluster: ClusterSettings) -> Path:
        """The data directory of a recovered cluster."""
        return self.into / cluster.name / "data"

    def recovered_psql(self, cluster: ClusterSettings, database: str | None = None) -> list[str]:
        """How to reach a recovered cluster: its socket is its only door."""
        where = ["-h", str(self.into / cluster.name / "s"), "-p", "5432", "-U", cluster.superuser]
        return [*where, "-d", database or cluster.database]

    def data(self, cluster: ClusterSettings) -> str:
        """Production's data directory, as the backup tool knows it."""
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(cluster.pgbackrest_config.read_text(encoding="utf-8"))
            return parser[cluster.stanza]["pg1-path"]
        except (OSError, configparser.Error, KeyError):
            raise ConfigError(
                f"{cluster.pgbackrest_config} does not say where cluster {cluster.name} lives (pg1-path of "
                f"[{cluster.stanza}])",
                "mend it: backups need it too",
            ) from None

    def by_hand(self, cluster: ClusterSettings, what: str) -> str | None:
        """The installation's own command for a cluster: stop, start or psql; None where the file names none."""
        command: str | None = getattr(cluster, f"{what}_command")
        return command


def recover_command(names: Names, to: str, repository: int | None) -> str:
    """The command that recovers every cluster beside production."""
    where = ("--repo", str(repository)) if repository is not None else ()
    return names.printflow("recover", "--to", to, "--into", str(names.into), *where)


def inspect_recovered(names: Names) -> list[Step]:
    """A look into each recovered cluster, where a query for that is configured."""
    return [
        Step(
            f"Look into the recovered {cluster.name}: is its newest heartbeat what you expect?",
            names.as_server("psql", *names.recovered_psql(cluster), "-c", cluster.heartbeat),
        )
        for cluster in names.settings.cluster
        if cluster.heartbeat
    ]
