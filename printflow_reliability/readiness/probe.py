"""What a probe is: one system, asked for the sake of one or more checks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from printflow_reliability.checks import Outcome


@dataclass(frozen=True)
class Verdict:
    """What a probe says for one check."""

    check: str
    outcome: Outcome
    sentence: str
    numbers: Mapping[str, int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Probe:
    """A question to one system.

    Attributes:
        subject: the system, as a sentence begins with it; unique.
        checks: those that it answers, also where it does not come to an answer.
        ask: raises PrintflowError where the system does not answer.
    """

    subject: str
    checks: tuple[str, ...]
    ask: Callable[[], Sequence[Verdict]]
