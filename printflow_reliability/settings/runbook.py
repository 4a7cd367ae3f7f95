"""`[runbook]`: what the runbook of a recovery in earnest says of people and places."""

from pathlib import Path

from pydantic import Field

from printflow_reliability.settings.section import Section


class RunbookSettings(Section):
    """Who does what in a recovery, and where it goes. The runbook shows this to people; nothing acts upon it."""

    directory: Path = Field(
        default=Path("recovery"),
        description="Directory that `printflow recover` restores into, as the runbook says it.",
    )
    activation: tuple[str, ...] = Field(
        default=(
            "a check of this program says that rows, WAL or files are lost",
            "a database server does not come back within 10 minutes",
            "any sign of an intruder",
        ),
        description="When the runbook is to be activated: one sentence for each reason.",
    )
    roles: dict[str, str] = Field(
        default={}, description='Who does what: a table of roles and their duties, such as lead = "decides".'
    )
    call_tree: tuple[str, ...] = Field(
        default=(), description="Whom to call, in this order, until somebody answers: names with telephone numbers."
    )
