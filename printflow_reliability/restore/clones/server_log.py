"""What of a clone's server log is worth telling a person: causes, and none of the advice that would do harm here."""

import re

MOST = 12
ENTRY = re.compile(
    r"^\d{4}-\d\d-\d\d [\d:.]+ \S+ \[\d+\] (?P<process>[a-z][a-z ]* )?(?P<level>[A-Z]+\d?):  ?(?P<text>.*)$"
)
CAUSES = frozenset({"WARNING", "ERROR", "FATAL", "PANIC"})
MORE = frozenset({"DETAIL", "CONTEXT"})
"""Said of the entry before."""
LEFT_OUT = frozenset({"HINT", "STATEMENT"})
OURS, OF_A_STATEMENT = "client backend ", frozenset({"WARNING", "ERROR"})
"""What a statement of ours was answered is told where it was asked, and may hold what is in rows."""
USUAL = 3
EXPECTED = re.compile(
    r"the database system is (?:starting up|not (?:yet )?accepting connections|shutting down)"
    r"|terminating (?:connection|walreceiver process|background worker .*) due to administrator command"
    r"|role \".*\" does not exist"
)
"""What is said of our own knocking, and of the end that we made."""


def relevant_lines(log: str, most: int = MOST) -> str:
    """The last lines that say why a server ended, with what pgBackRest said; its last words where nothing does.

    HINTs are left out: PostgreSQL advises to remove backup_label, which in a restored cluster destroys data.
    """
    chosen: list[str] = []
    usual: list[str] = []
    wanted = shown = False
    for line in log.splitlines():
        entry = ENTRY.match(line)
        if entry is None:
            # A tab goes on with the line above; anything else a restore_command has said.
            shown = shown if line.startswith("\t") else bool(line.strip()) and "HINT:" not in line
        elif entry["level"] in LEFT_OUT:
            shown = False
        elif entry["level"] in MORE:
            shown = wanted
        else:
            ours = entry["process"] == OURS and entry["level"] in OF_A_STATEMENT
            shown = wanted = not ours and entry["level"] in CAUSES and not EXPECTED.search(entry["text"])
            usual += [] if wanted or ours else [line]
        chosen += [line] if shown else []
    return "\n".join(chosen[-most:] or usual[-USUAL:])
