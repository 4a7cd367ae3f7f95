"""`printflow files heal`: bring missing objects back, planned first and written only when told to."""

from collections import Counter
from collections.abc import Sequence
from shlex import quote

import typer

from printflow_reliability.console import APPLY_OPTION, JSON_OPTION, finish, invocation, progress, say
from printflow_reliability.errors import ConfigError
from printflow_reliability.files.heal import heal
from printflow_reliability.files.heal_deleted_command import heal_by_policy
from printflow_reliability.files.heal_plan import Chosen
from printflow_reliability.files.heal_report import HealAction, HealReport, HealStatus
from printflow_reliability.text import counted, moment, printable, shell_word, size

SHOWN = 20
WORDS = {
    HealStatus.FAILED: "FAILED",
    HealStatus.UNDECIDED: "UNDECIDED",
    HealStatus.UNHEALABLE: "LOST",
    HealStatus.ERASED: "erased",
    HealStatus.RETRIEVE: "to retrieve",
    HealStatus.RETRIEVING: "retrieving",
    HealStatus.PLANNED: "would be healed",
    HealStatus.HEALED: "healed",
    HealStatus.THERE: "there",
}


def heal_command(
    ctx: typer.Context,
    tenant: list[str] | None = typer.Option(None, "--tenant", metavar="ID", help="Only this tenant; may be repeated."),
    key: str | None = typer.Option(None, "--key", metavar="KEY", help="Only this object."),
    version: str | None = typer.Option(
        None, "--version", metavar="VERSION_ID", help="With --key: the version to bring back, chosen by you."
    ),
    source: str | None = typer.Option(
        None,
        "--source",
        metavar="BUCKET",
        help="With --version: the bucket that has it, such as the replica. Needed where several miss the key.",
    ),
    bucket: str | None = typer.Option(
        None,
        "--bucket",
        metavar="BUCKET",
        help="With --key: the only bucket that it is brought back into. Needed where several share the --source.",
    ),
    by_policy: bool = typer.Option(
        False,
        "--by-policy",
        help="Only what files.heal_automatically would bring back by itself after a pass over all tenants.",
    ),
    apply: bool = APPLY_OPTION,
    json: bool = JSON_OPTION,
) -> None:
    """Bring missing objects back from prior versions or from the replica.

    Only keys that have no object now are written, each is read back, and what was written is recorded. Size, checksums
    and ETag that the reference queries return choose the version; where nothing tells, you are asked. Archived versions
    are retrieved first: --apply asks for it, and once more, when they are readable, brings them back.
    """
    settings = invocation(ctx).settings()
    if by_policy:
        if tenant or key or version or source or bucket:
            raise ConfigError("--by-policy looks at all tenants and chooses by itself", "printflow files heal --help")
        heal_by_policy(settings, apply=apply, as_json=json)
    if (version and key is None) or (source and version is None):
        raise ConfigError("--version belongs to a --key, and --source to a --version", "printflow files heal --help")
    if bucket and key is None:
        raise ConfigError("--bucket belongs to a --key", "printflow files heal --help")
    for named in filter(None, (source, bucket)):
        settings.bucket_named(named)
    chosen = None if key is None else Chosen(key, version, source, bucket)
    with progress("objects") as advance:
        report = heal(settings, tenants=tenant or None, chosen=chosen, apply=apply, advance=advance)
    finish(report.as_json, as_json=json, show=lambda: show(report, tenant or (), chosen), code=report.exit_code)


def show(report: HealReport, tenants: Sequence[str], chosen: Chosen | None) -> None:
    """Each object with what became of it, then the verdict and the next command."""
    again, buckets = _command(tenants, chosen), Counter(action.key for action in report.actions)
    for action in report.actions[:SHOWN]:
        say(f"{WORDS[action.deed]:<16}{printable(action.key)}")
        say(f"{'':16}{printable(action.owner or 'nobody')}: {printable(action.detail)}")
        _show_options(action, alone=buckets[action.key] == 1)
    if (more := len(report.actions) - SHOWN) > 0:
        say(f"... and {more:,} more; all of them: {again} --json")
    if report.actions:
        _conclude(report, again)
    elif not report.unknown:
        # A key that was mistyped is nobody's, and is not there either.
        say(f"OK: no row refers to {printable(repr(chosen.key))} in vain." if chosen else "OK: no object is missing.")
    if report.unknown:
        say(f"COULD NOT TELL whether more is missing: {printable(report.unknown)}")


def _show_options(action: HealAction, *, alone: bool) -> None:
    """The versions that a person chooses from, each with the command that brings it back.

    Args:
        action: with its options.
        alone: no other bucket misses the key too.
    """
    for option in action.options:
        command = f"printflow files heal --key {shell_word(action.key)} --version {quote(option.version_id)}"
        if option.source != action.bucket or not alone:
            command += f" --source {quote(option.source)}"
        command += "" if alone else f" --bucket {quote(action.bucket)}"
        what = f'bucket "{option.source}", {moment(option.modified_at)} ({size(option.size)})'
        say(f"{'':16}version of {what}: {command} --apply")


def _conclude(report: HealReport, again: str) -> None:
    left = report.count(HealStatus.FAILED, HealStatus.UNDECIDED, HealStatus.UNHEALABLE)
    planned, back = report.count(HealStatus.PLANNED), report.count(HealStatus.HEALED, HealStatus.THERE)
    retrieve, under_way = (report.count(deed) for deed in (HealStatus.RETRIEVE, HealStatus.RETRIEVING))
    if not report.applied:
        say(f"{counted(planned, 'object')} can be brought back, {left:,} cannot without a person.")
        if retrieve:
            bytes_ = sum(action.size or 0 for action in report.actions if action.deed is HealStatus.RETRIEVE)
            say(f"{counted(retrieve, 'object')} ({size(bytes_)}) must be retrieved from an archive first.")
        if planned or retrieve:
            say(f"Next: {again} --apply")
        return
    if under_way:
        say(f"{counted(under_way, 'object')} {_verb(under_way)} being retrieved. Next, once they can be read: {again}")
    say(f"{counted(back, 'object')} {_verb(back)} back, {left:,} {_verb(left)} not.")
    if report.count(HealStatus.FAILED):
        say(f"Next: remove the cause that is named above, then run: {again} --apply")


def _command(tenants: Sequence[str], chosen: Chosen | None) -> str:
    words = ["printflow files heal", *(f"--tenant {quote(tenant)}" for tenant in tenants)]
    if chosen is not None:
        words.append(f"--key {shell_word(chosen.key)}")
        words += [f"--version {quote(chosen.version_id)}"] if chosen.version_id else []
        words += [f"--source {quote(chosen.source)}"] if chosen.source else []
        words += [f"--bucket {quote(chosen.bucket)}"] if chosen.bucket else []
    return " ".join(words)


def _verb(number: int) -> str:
    return "is" if number == 1 else "are"
