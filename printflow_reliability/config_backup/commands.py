"""`printflow config backup`, `list`, `verify`, `restore`, `expire`: encrypted copies of configuration and secrets."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.conclusion import conclude
from printflow_reliability.config_backup.backup import back_up, list_copies
from printflow_reliability.config_backup.expire import expire_copies
from printflow_reliability.config_backup.report import ConfigReport
from printflow_reliability.config_backup.restore import ConfigRestore, restore_config
from printflow_reliability.config_backup.store import NEWEST, bucket_of, open_store, required
from printflow_reliability.config_backup.verification import VerificationReport, verify_config
from printflow_reliability.console import APPLY_OPTION, JSON_OPTION, finish, invocation, progress, say, table
from printflow_reliability.dumps.commands import show_expiry
from printflow_reliability.dumps.identity import identities
from printflow_reliability.errors import ConfigError
from printflow_reliability.locked_objects.identity import read_identities
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.settings import find_config
from printflow_reliability.settings.config_backup import DEFAULT_NAME
from printflow_reliability.storage.clients import s3_client
from printflow_reliability.text import agreed, counted, moment, printable, size

Key = Annotated[str, typer.Argument(metavar="KEY", help="A copy, as config list shows it; the newest by default.")]
WORDS = {Outcome.PASS: "OK", Outcome.UNKNOWN: "COULD NOT TELL"}


def backup_command(ctx: typer.Context, as_json: bool = JSON_OPTION) -> None:
    """Copy configuration and secrets, the records and the queues' state now, encrypted, under Object Lock.

    What cannot be read is named, and everything else is copied all the same.
    """
    asked = invocation(ctx)
    settings = asked.settings()
    with progress("configuration"):
        report = back_up(settings, find_config(asked.config), tell=partial(say, err=True))
    conclude(settings, report, as_json=as_json, show=lambda: _show_copies(report))


def list_command(ctx: typer.Context, as_json: bool = JSON_OPTION) -> None:
    """List the copies of the configuration, and say whether one is recent and what changed since the one before."""
    settings = invocation(ctx).settings()
    report = list_copies(settings)
    conclude(settings, report, as_json=as_json, show=lambda: _show_copies(report))


def verify_command(ctx: typer.Context, key: Key = NEWEST, as_json: bool = JSON_OPTION) -> None:
    """Read a copy of the configuration whole, and compare it with its manifest.

    This needs dumps.identity_file, which belongs on another machine than the one that makes copies. What is found is
    kept in the records: config.content.
    """
    settings = invocation(ctx).settings()
    report = verify_config(settings, key=key)
    conclude(settings, report, as_json=as_json, show=lambda: _show_verified(report))


def expire_command(ctx: typer.Context, apply: bool = APPLY_OPTION, as_json: bool = JSON_OPTION) -> None:
    """Delete the copies of this machine whose locks have ended; the two newest stay."""
    report = expire_copies(invocation(ctx).settings(), apply=apply)
    show = partial(show_expiry, report, "config")
    finish(report.as_json, as_json=as_json, show=show, code=1 if report.refused else 0)


def restore_command(
    ctx: typer.Context,
    key: Key = NEWEST,
    into: Path = typer.Option(..., "--into", metavar="DIR", help="A directory that is empty or not there."),
    add: bool = typer.Option(False, "--add", help="Write beside what is in DIR; nothing there is replaced."),
    name: str | None = typer.Option(
        None, "--name", metavar="NAME", help="Of which machine; default: config_backup.name, or main."
    ),
    identity: Path | None = typer.Option(
        None, "--identity", metavar="FILE", help="File with a secret key of age; default: dumps.identity_file."
    ),
    bucket: str | None = typer.Option(
        None,
        "--bucket",
        metavar="NAME",
        help="What S3 calls the bucket. Then no printflow.toml is read, as on an empty machine; the credentials are "
        "those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and need only list and read.",
    ),
    endpoint: str | None = typer.Option(
        None, "--endpoint", metavar="URL", help="With --bucket: the S3 server's address; default: AWS."
    ),
    region: str = typer.Option("us-east-1", "--region", metavar="NAME", help="With --bucket: the bucket's region."),
    ca_file: Path | None = typer.Option(
        None, "--ca-file", metavar="FILE", help="With --bucket: PEM file of the authority of the server's certificate."
    ),
    apply: bool = APPLY_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Bring a copy of the configuration back into a directory, with permissions; owners too, where root runs this.

    The directory is there whole or not at all. Nothing is put in its place on this machine: look at it first.
    """
    if bucket is not None:
        if identity is None:
            raise ConfigError("--bucket needs the file with a secret key of age", "--identity FILE")
        where = bucket_of(bucket, endpoint, region, ca_file)
        store = LockedStore(where, s3_client(where))
        keys, named = read_identities(identity, "--identity"), DEFAULT_NAME
    else:
        settings = invocation(ctx).settings()
        store = open_store(settings)
        section, dumps = required(settings)
        named = section.name
        keys = read_identities(identity, "--identity") if identity else identities(dumps)
    done = restore_config(store, keys, into, name=name or named, key=key, add=add, apply=apply)
    finish(done.as_json, as_json=as_json, show=lambda: _show_restore(done), code=1 if done.needs_person else 0)


def _show_copies(report: ConfigReport) -> None:
    rows = [
        (
            moment(copy.taken_at),
            printable(copy.host),
            counted(copy.files, "file"),
            size(copy.bytes),
            str(len(copy.troubles)) if copy.troubles else "-",
            f"{copy.locked_until:%Y-%m-%d %H:%M:%S}",
            report.state(copy),
            copy.key,
        )
        for copy in report.made
    ]
    if rows:
        table(("taken", "of", "holds", "size", "lacks", "locked until (UTC)", "state", "key"), rows)
    for check in report.checks:
        _say_verdict(check)


def _show_verified(report: VerificationReport) -> None:
    found = report.verified
    word = WORDS.get(found.outcome, found.outcome.upper())
    say(f"{word}: {found.manifest.key}, taken {moment(found.manifest.taken_at)}: {found.detail}")
    for check in report.checks:
        if check.outcome is not found.outcome:
            _say_verdict(check)


def _show_restore(done: ConfigRestore) -> None:
    manifest = done.manifest
    say(f"{manifest.key}, taken {moment(manifest.taken_at)} of {printable(manifest.host)}")
    if done.done is None:
        table(("mode", "owner", "path"), [(e.mode, f"{e.owner}:{e.group}", e.path) for e in manifest.entries])
        say(f"{counted(manifest.files, 'file')} would be written into {done.into}. Next: the same command with --apply")
    else:
        files = counted(done.done.files, "file")
        say(f"OK: {files}, {size(done.done.bytes)}, written into {done.into}")
        say(f"printflow.toml is {done.into}/files{manifest.config}")
        if done.done.unowned:
            verb = agreed(done.done.unowned, "belongs", "belong")
            say(f"WARN: {counted(done.done.unowned, 'path')} {verb} to you, since only root can give files away")
    for name, key in manifest.dumps.items():
        say(f"dump of {name}, made with it: printflow dump restore {key} --into URL")
    for trouble in manifest.troubles:
        say(f"WARN: not in this copy: {trouble.why}")


def _say_verdict(check: CheckResult) -> None:
    say(f"{WORDS.get(check.outcome, check.outcome.upper())}: {check.detail}")
