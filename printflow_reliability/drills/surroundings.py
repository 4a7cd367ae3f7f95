"""A drill's look at what it must leave as it was, before and after; a look that fails spoils only its own check."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.at_once import at_once
from printflow_reliability.drills.canaries import Canaries, compare, read_canaries
from printflow_reliability.drills.isolation import IsolationState, RepositoryState, changes, repository_state
from printflow_reliability.drills.production import Production, ask_production
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.text import counted

Result = TypeVar("Result")
CHECK = "drill.isolation"
NEXT = "Next: find out who did that; if it was a backup that ran meanwhile, drill again when none does"


class Surroundings:
    """Production and all repositories of a drill.

    Production is looked at only where drills may ask it; elsewhere they cannot reach it either.

    Attributes:
        unprovable: the repositories of which it is not known whether the drill could have written to them.
    """

    def __init__(
        self,
        settings: Settings,
        productions: Mapping[str, Production],
        pgbackrest: Callable[[ClusterSettings], PgBackRest],
    ) -> None:
        self._settings = settings
        self._productions = productions
        self._pgbackrest = pgbackrest
        self.unprovable: tuple[str, ...] = ()
        self.confined_by: Sequence[str] = ()
        self._before: IsolationState | None = None
        self._canaries: Mapping[str, Canaries] = {}
        self._why_not = "the drill did not come so far"

    def look_before(self) -> None:
        """Take the first look."""
        try:
            listed = self._list_repositories()
            # Last, since a table is a canary only as long as nobody writes to it.
            self._canaries = self._in_each(read_canaries) if self._settings.drills.ask_production else {}
            self._before = IsolationState(self._productions, listed)
        except CouldNotTell as unknown:
            self._why_not = f"what was there before is not known: {unknown.sentence}"

    def judge(self) -> CheckResult:
        """Take the second look and compare."""
        if self._before is None:
            return CheckResult(CHECK, Outcome.UNKNOWN, self._why_not)
        asked = self._settings.drills.ask_production
        try:
            now = {one.name: ask_production(one) for one in self._settings.cluster} if asked else {}
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
        listed = sum(len(one.files) for one in self._before.repositories)
        kept = (
            "slots, subscriptions, timelines, archiving and the rows of "
            f"{counted(tables, 'table')} that nobody wrote to"
            if asked
            else "and production was out of reach"
        )
        confined = f"; clones were confined by {' and '.join(self.confined_by)}" if self.confined_by else ""
        detail = f"{counted(listed, 'file')} of the repositories, {kept} are as they were{confined}"
        return CheckResult(CHECK, Outcome.PASS, detail)

    def _in_each(self, task: Callable[[ClusterSettings], Result]) -> Mapping[str, Result]:
        clusters = self._settings.cluster
        tasks: list[Callable[[], Result]] = [partial(task, cluster) for cluster in clusters]
        return dict(zip((cluster.name for cluster in clusters), at_once(tasks, give_up=_wait), strict=True))

    def _list_repositories(self) -> list[RepositoryState]:
        tasks: list[Callable[[], RepositoryState]] = [
            partial(repository_state, self._pgbackrest(cluster), number)
            for cluster in self._settings.cluster
            for number in cluster.repositories
        ]
        return at_once(tasks, give_up=_wait)


def _wait() -> None:
    """Give nothing up: a listing ends soon by itself."""
