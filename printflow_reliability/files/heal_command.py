"""`printflow files heal`: bring missing objects back, planned first and written only when told to."""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

import typer

from printflow_reliability.console import (
    APPLY_OPTION,
    JSON_OPTION,
    invocation,
    moment,
    print_json,
    printable,
    progress,
    say,
    size,
)
from printflow_reliability.errors import ConfigError
from printflow_reliability.files.heal import heal
from printflow_reliability.files.heal_plan import Chosen
from printflow_reliability.files.heal_report import Deed, HealAction, HealReport
from printflow_reliability.text import counted, shell_word

SHOWN = 20
WORDS = {
    Deed.FAILED: "FAILED",
    Deed.UNDECIDED: "UNDECIDED",
    Deed.UNHEALABLE: "LOST",
    Deed.PLANNED: "would be healed",
    Deed.HEALED: "healed",
    Deed.THERE: "there",
}


def heal_command(
    ctx: typer.Context,
    tenant: list[str] | None = typer.Option(None, "--tenant", metavar="ID", help="Only this tenant; may be repeated."),
    key: str | None = typer.Option(None, "--key", metavar="KEY", help="Only this object."),
    version: str | None = typer.Option(
        None, "--version", metavar="VERSION_ID", help="With --key: the version to bring back, chosen by you."
    ),
    source: str | None = typer.Option(
        None, "--source", metavar="BUCKET", help="With --version: the bucket that has it, such as the replica."
    ),
    apply: bool = APPLY_OPTION,
    json: bool = JSON_OPTION,
) -> None:
    """Bring missing objects back from prior versions or from the replica.

    Only keys that have no object now are written, each is read back, and what was written is recorded. Size, checksums
    and ETag that the reference queries return choose the version; where nothing tells, you are asked.
    """
    settings = invocation(ctx).settings()
    if (version and key is None) or (source and version is None):
        raise ConfigError("--version belongs to a --key, and --source to a --version", "printflow files heal --help")
    if source is not None:
        settings.bucket_named(source)
    chosen = None if key is None else Chosen(key, version, source)
    with progress("objects") as advance:
        report = heal(settings, tenants=tenant or None, chosen=chosen, apply=apply, advance=advance)
    if json:
        print_json(report.as_json())
    else:
        _Shown(report, tenant or (), chosen).show()
    raise typer.Exit(report.exit_code)


@dataclass(frozen=True)
class _Shown:
    """A report for people, and what was asked for."""

    report: HealReport
    tenants: Sequence[str]
    chosen: Chosen | None

    def show(self) -> None:
        """Each object with what became of it, then the verdict and the next command."""
        for one in self.report.actions[:SHOWN]:
            say(f"{WORDS[one.deed]:<16}{printable(one.key)}")
            say(f"{'':16}{printable(one.owner or 'nobody')}: {printable(one.detail)}")
            self._options(one)
        if (more := len(self.report.actions) - SHOWN) > 0:
            say(f"... and {more:,} more; all of them: {self._command()} --json")
        if not self.report.actions and not self.report.unknown:
            which = f"{self.chosen.key!r} is not missing" if self.chosen else "No object is missing"
            say(f"{which}: everything that is referred to is there.")
        elif self.report.actions:
            self._applied() if self.report.applied else self._planned()
        if self.report.unknown:
            say(f"COULD NOT TELL whether more is missing: {printable(self.report.unknown)}")

    def _options(self, action: HealAction) -> None:
        """The versions that a person chooses from, each with the command that brings it back."""
        for one in action.options:
            source = "" if one.source == action.bucket else f" --source {quote(one.source)}"
            what = f'{moment(one.modified_at)}, {size(one.size)}, bucket "{one.source}"'
            command = f"printflow files heal --key {shell_word(action.key)} --version {quote(one.version_id)}{source}"
            say(f"{'':16}- version of {what}: {command} --apply")

    def _planned(self) -> None:
        planned, left = self.report.count(Deed.PLANNED), len(self.report.actions) - self.report.count(Deed.PLANNED)
        say(f"{counted(planned, 'object')} can be brought back, {left:,} cannot without a person.")
        if planned:
            say(f"Next: {self._command()} --apply")

    def _applied(self) -> None:
        left = self.report.count(Deed.FAILED, Deed.UNDECIDED, Deed.UNHEALABLE)
        back = self.report.count(Deed.HEALED, Deed.THERE)
        say(f"{counted(back, 'object')} {_are(back)} back, {left:,} {_are(left)} not.")
        if self.report.count(Deed.FAILED):
            say(f"Next: remove the cause that is named above, then run: {self._command()} --apply")

    def _command(self) -> str:
        words = ["printflow files heal", *(f"--tenant {quote(one)}" for one in self.tenants)]
        if self.chosen is not None:
            words.append(f"--key {shell_word(self.chosen.key)}")
            words += [f"--version {quote(self.chosen.version_id)}"] if self.chosen.version_id else []
            words += [f"--source {quote(self.chosen.source)}"] if self.chosen.source else []
        return " ".join(words)


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
