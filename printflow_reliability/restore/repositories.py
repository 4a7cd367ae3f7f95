"""Which repository a drill or a recovery restores from: all clusters come back from the same."""

from printflow_reliability.errors import ConfigError
from printflow_reliability.settings import Settings


def common_repositories(settings: Settings) -> tuple[int, ...]:
    """The repositories that every cluster has, in order; at least one.

    Raises:
        ConfigError: they have none in common.
    """
    common = sorted(set.intersection(*(set(cluster.repositories) for cluster in settings.cluster)))
    if not common:
        each = "; ".join(f"{cluster.name} has {_named(cluster.repositories)}" for cluster in settings.cluster)
        raise ConfigError(
            f"the clusters have no repository in common, so no drill or recovery can restore all of them: {each}",
            "back every cluster up to one repository, and name it in `repositories` of each [[cluster]]",
        )
    return tuple(common)


def choose_repository(settings: Settings, given: int | None) -> int:
    """The repository to restore from: the one given, or the first that all clusters have.

    Raises:
        ConfigError: not every cluster has it.
    """
    common = common_repositories(settings)
    if given is None:
        return common[0]
    if given not in common:
        shared = ", ".join(map(str, common))
        raise ConfigError(f"--repo: every cluster must have the repository; they share {shared}", f"--repo {common[0]}")
    return given


def _named(repositories: tuple[int, ...]) -> str:
    return ", ".join(f"repo{number}" for number in repositories) or "none"
