"""Every heap and index of a clone, checked by pg_amcheck: rows that an index lost, order that a collation changed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from printflow_reliability.drills.clones.clone import PORT, Clone
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.programs import ProgramFailed

CORRUPTION = 2
"""pg_amcheck's exit code when it found something."""
PROBLEM = re.compile(r'^(?:heap table|btree index|relation) "([^"]+)"(?:, [^:]*)?:$')


@dataclass(frozen=True)
class AmcheckFinding:
    """A relation ("database.schema.name") that is not sound, and the first thing said about it."""

    cluster: str
    relation: str
    detail: str


def check_relations(clone: Clone, *, jobs: int, timeout: float) -> tuple[AmcheckFinding, ...]:
    """Check every database of a promoted clone, the catalogs too.

    Raises:
        CouldNotTell: pg_amcheck could not do it.
    """
    argv = [
        *(clone.programs.postgres("pg_amcheck"), "--all", "--install-missing"),
        *("--heapallindexed", "--parent-check", f"--jobs={jobs}"),
        *("--host", str(clone.sockets), "--port", str(PORT)),
        *("--username", clone.production.superuser, "--maintenance-db=postgres", "--no-password"),
    ]
    with clone.connect("postgres"):
        pass  # pg_amcheck connects by itself and installs its extension: where that leads is proven first
    try:
        answer = clone.programs.run(argv, timeout=timeout, accept=(0, CORRUPTION))
    except ProgramFailed as failed:
        raise CouldNotTell(
            f"pg_amcheck could not check the clone of {clone.cluster.name}: {failed.what}",
            "is the extension amcheck (postgresql-contrib) installed where drills run?",
        ) from None
    return parse_findings(clone.cluster.name, answer.stdout)


def parse_findings(cluster: str, text: str) -> tuple[AmcheckFinding, ...]:
    """The relations that pg_amcheck complains about, each once.

    It prints a line naming the relation, then indented lines saying what is wrong with it.
    """
    lines = text.splitlines()
    found: dict[str, str] = {}
    for number, line in enumerate(lines):
        if problem := PROBLEM.match(line):
            detail = lines[number + 1].strip() if number + 1 < len(lines) else ""
            found.setdefault(problem[1], detail.removeprefix("ERROR:").strip())
        elif line and not line.startswith(" ") and not found:
            found.setdefault("(unnamed)", line.strip())
    return tuple(AmcheckFinding(cluster, relation, detail) for relation, detail in found.items())


def describe(findings: Sequence[AmcheckFinding], shown: int = 3) -> str:
    """A phrase for a person."""
    named = "; ".join(f"{one.relation}: {one.detail}" for one in findings[:shown])
    more = f"; and {len(findings) - shown} more" if len(findings) > shown else ""
    return f"{len(findings)} relations are not sound: {named}{more}"
