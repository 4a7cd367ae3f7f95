"""What can go wrong, said so that a person on call knows what to do next.

Every error carries what failed and the next step. The command line prints both and exits with 2, Dagster shows both
as the run's failure; neither shows a traceback for them.
"""


class PrintflowError(Exception):
    """A failure that a person can act on.

    Attributes:
        what: what failed, on which object, in one sentence.
        next_step: what to do now; a command where there is one. Empty if nothing can be said.
    """

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what if not next_step else f"{what}\nNext: {next_step}")
        self.what = what
        self.next_step = next_step

    @property
    def sentence(self) -> str:
        """What failed and the next step, on one line."""
        return f"{self.what}. Next: {self.next_step}" if self.next_step else self.what

    def __reduce__(self) -> tuple[type["PrintflowError"], tuple[str, str]]:
        return type(self), (self.what, self.next_step)


class ConfigError(PrintflowError):
    """The configuration or the arguments are wrong; `what` names the key or the argument."""


class CouldNotTell(PrintflowError):
    """A system was unreachable, refused, answered incompletely or too late: the outcome is unknown, never healthy."""


class LockHeld(PrintflowError):
    """Somebody else is doing this right now; `what` names who."""


class Refused(PrintflowError):
    """Going on would be dangerous (an empty listing, half of all files missing, a clone that is production)."""
