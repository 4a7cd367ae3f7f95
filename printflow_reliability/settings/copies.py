"""`[copies]`: what the 3-2-1-1-0 rule is judged by."""

from pydantic import Field

from printflow_reliability.settings.section import Section


class CopiesSettings(Section):
    """How `printflow copies` sees whether a copy is out of everybody's reach."""

    probe_key: str = Field(
        default="printflow-probe/object-lock",
        min_length=1,
        max_length=1000,
        description="Key of the object in the bucket of [dumps] on which Object Lock is tried: it is locked for a day, "
        "and must not be deleted, nor its lock shortened, before that. Another, `KEY.unlocked`, is deleted to see that "
        "the credentials may delete at all.",
    )
