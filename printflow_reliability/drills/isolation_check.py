"""A drill's look at what it must leave as it was, before and after; a look that fails spoils only its own check."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.canaries import Canaries, compare, read_canaries
from printflow_reliability.drills.isolation import IsolationState, RepositoryState, changes, repository_state
from printflow_reliability.drills.world.each_cluster import of_each
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.parallel import run_parallel
from printflow_reliability.restore.production import Production, ask_production
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.text import counted

CHECK = "drill.isolation"
NEXT = "Next: find out who did that; if it was a backup that ran meanwhile, drill again when none does"


class IsolationCheck:
    """Production and all repositories of a drill.

    Production is looked at only where drills may ask it; elsewhere they cannot reach it either.

    Attributes:
        unprovable: the repositories of which it is not known whether the drill could have written to them.
        confined_by: by which means the clones were kept in their directories.
    """

    def __init__(self, settings: Settings, stanza: Callable[[ClusterSettings], PgBackRest]) -> None:
        self._settings = settings
        self._stanza = stanza
        self._begun = False
        self.unprovable: Sequence[str] = ()
        self.confined_by: Sequence[str] = ()
        self._before: IsolationState | None = None
        self._canaries: Mapping[str, Canaries] = {}
        self._why_not = "the drill did not come so far"

    def take_baseline(self, productions: Mapping[str, Production]) -> None:
        """Take the first look, at clusters that are these."""
        self._begun = True
        try:
            listed = self._list_repositories()
            # Last, since a table is a canary only as long as nobody writes to it.
            if self._settings.drills.ask_production:
                self._canaries = of_each(self._settings.cluster, read_canaries)
            self._before = IsolationState(productions, listed)
        except CouldNotTell as unknown:
            self._why_not = f"what was there before is not known: {unknown.sentence}"

    def check(self) -> CheckResult | None:
        """Take the second look and compare; None if the drill ended before the first."""
        if not self._begun:
            return None
        if self._before is None:
            return CheckResult(CHECK, Outcome.UNKNOWN, self._why_not)
        asked = self._settings.drills.ask_production
        try:
            now = {cluster.name: ask_production(cluster) for cluster in self._settings.cluster} if asked else {}
            found = changes(self._before, IsolationState(now, self._list_repositories()))
        except CouldNotTell as unknown:
            return CheckResult(CHECK, Outcome.UNKNOWN, f"what is there after is not known: {unknown.sentence}")
        unproven, tables = list(self.unprovable), 0
        for cluster in self._settings.cluster if asked else ():
            try:
                compared = compare(cluster, self._canaries[cluster.name])
            except CouldNotTell as unknown:
                unproven.append(unknown.sentence)
                continue
            found += compared.harm
            tables += compared.tables
        if found:
            return CheckResult(CHECK, Outcome.FAIL, f"changed during the drill: {'; '.join(found)}. {NEXT}")
        if unproven:
            return CheckResult(CHECK, Outcome.UNKNOWN, f"nothing changed, but {'; '.join(unproven)}")
        listed = sum(len(repository.files) for repository in self._before.repositories)
        kept = (
            "slots, subscriptions, timelines, archiving and the rows of "
            f"{counted(tables, 'table')} that nobody wrote to"
            if asked
            else "and production was out of reach"
        )
        confined = f"; clones were confined by {' and '.join(self.confined_by)}" if self.confined_by else ""
        detail = f"{counted(listed, 'file')} of the repositories, {kept} are as they were{confined}"
        return CheckResult(CHECK, Outcome.PASS, detail)

    def _list_repositories(self) -> list[RepositoryState]:
        tasks: list[Callable[[], RepositoryState]] = [
            partial(repository_state, self._stanza(cluster), number)
            for cluster in self._settings.cluster
            for number in cluster.repositories
        ]
        return run_parallel(tasks)
