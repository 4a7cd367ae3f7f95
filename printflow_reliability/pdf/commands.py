"""`printflow pdf`: the verdict on single files, and the sweep over all that are referenced."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import typer
from botocore.exceptions import ClientError

from printflow_reliability.checks import Outcome
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, Invocation, finish, invocation, progress, say, table
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.pdf.inspection import Inspection, Problem, Verdict
from printflow_reliability.pdf.sweep import SweepReport, sweep
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.settings import PdfSettings
from printflow_reliability.storage.address import bucket_and_key
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.objects import NOT_THERE
from printflow_reliability.storage.silence import receive
from printflow_reliability.text import agreed, counted, seconds

ISOLATION = {
    "other_user": "a user of its own (only root can)",
    "no_network": "a bar on the network",
    "no_files": "a bar on other files",
    "no_programs": "a bar on other programs",
}
"""What the process that opens files gives up, as a person reads that it could not."""
SHOWN = 20
app = typer.Typer(help="PDF inspection: whether print files can be printed.", no_args_is_help=True)


@app.command("inspect")
def inspect_command(
    ctx: typer.Context,
    files: list[str] = typer.Argument(metavar="PATH|s3://BUCKET/KEY...", help="BUCKET as printflow.toml names it."),
    json: bool = JSON_OPTION,
) -> None:
    """Inspect single files in the isolated worker: exit code 0 all are good, 1 not all, 2 could not tell."""
    limits = _limits(invocation(ctx), files)
    with (
        InspectionWorker(limits) as worker,
        tempfile.TemporaryDirectory(prefix="printflow-pdf-") as directory,
        progress("files") as advance,
    ):
        inspected: list[tuple[str, Inspection]] = []
        for number, file in enumerate(files, 1):
            inspected.append((file, _judged(invocation(ctx), worker, file, Path(directory), alone=len(files) == 1)))
            advance(number, len(files))
    verdicts = {inspection.verdict for _, inspection in inspected}
    finish(
        lambda: {"files": [{"path": file, **inspection.as_json()} for file, inspection in inspected]},
        as_json=json,
        show=lambda: _show_inspected(inspected),
        code=1 if verdicts - {Verdict.GOOD, Verdict.UNKNOWN} else 2 if Verdict.UNKNOWN in verdicts else 0,
    )


def _judged(called: Invocation, worker: InspectionWorker, file: str, directory: Path, *, alone: bool) -> Inspection:
    """The verdict on one file; of several, one that cannot be had is unknown, and the others are judged.

    Raises:
        ConfigError, CouldNotTell: it cannot be had, and is the only one.
    """
    try:
        path = _fetched(called, file, directory) if file.startswith("s3://") else _local(file)
    except (ConfigError, CouldNotTell) as refused:
        if alone:
            raise
        return Inspection(Verdict.UNKNOWN, None, (Problem("not_judged", refused.sentence),), None)
    return worker.inspect(path)


def _show_inspected(inspected: Sequence[tuple[str, Inspection]]) -> None:
    order = list(Verdict)
    rows = [
        (inspection.verdict, "-" if inspection.pages is None else str(inspection.pages), file, inspection.reason)
        for file, inspection in sorted(inspected, key=lambda pair: -order.index(pair[1].verdict))
    ]
    table(("verdict", "pages", "file", "why"), rows)


@app.command("sweep")
def sweep_command(
    ctx: typer.Context,
    tenant: list[str] | None = typer.Option(None, "--tenant", metavar="ID", help="Only this tenant; may be repeated."),
    everything: bool = typer.Option(False, "--all", help="Fetch and inspect also what has not changed since."),
    json: bool = JSON_OPTION,
) -> None:
    """Inspect every print file that the databases refer to; unchanged ones are known from before."""
    settings = invocation(ctx).settings()
    with progress("print files") as advance:
        report = sweep(settings, tenants=tenant or None, everything=everything, advance=advance)
    conclude(settings, report, as_json=json, show=lambda: _show(report))


def _show(report: SweepReport) -> None:
    check = report.checks[0]
    word = {Outcome.PASS: "ok", Outcome.WARN: "warning", Outcome.FAIL: "FAILED", Outcome.UNKNOWN: "COULD NOT TELL"}
    say(f"{word[check.outcome]}: {check.detail}")
    rows = [
        (finding.severity, finding.owner or "-", finding.key or "-", finding.detail, finding.action)
        for finding in report.findings[:SHOWN]
    ]
    if rows:
        table(("severity", "owner", "key", "what", "what to do"), rows)
    if len(report.findings) > SHOWN:
        say(f"... and {len(report.findings) - SHOWN:,} more: printflow pdf sweep --json")
    more = (
        f", {report.missing:,} more {agreed(report.missing, 'is', 'are')} not in the bucket (printflow files reconcile)"
    )
    missing = more if report.missing else ""
    if report.checked or report.missing or check.outcome is not Outcome.UNKNOWN:
        unchanged = f"{report.unchanged:,} unchanged since their last inspection"
        say(f"{counted(report.checked, 'print file')}, {unchanged}, in {seconds(report.seconds)}{missing}")
    lacking = [words for name, words in ISOLATION.items() if not report.isolation.get(name, True)]
    if lacking:
        say(f"isolation: this machine did not give the process that opens the files {', '.join(lacking)}")


def _limits(called: Invocation, files: list[str]) -> PdfSettings:
    """The configured limits and rules; a local file may be judged without any configuration, by the defaults."""
    try:
        return called.settings().pdf
    except ConfigError:
        if called.config is not None or any(file.startswith("s3://") for file in files):
            raise
        return PdfSettings()


def _local(file: str) -> Path:
    path = Path(file)
    if not path.is_file():
        raise ConfigError(f"there is no file {file}", "name a file, or s3://BUCKET/KEY")
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    return path


def _fetched(called: Invocation, address: str, directory: Path) -> Path:
    """The object at an address, fetched into a directory.

    Raises:
        ConfigError: there is no such bucket in the file, or no such object.
        CouldNotTell: the bucket does not answer.
    """
    name, key = bucket_and_key(address)
    settings = called.settings()
    bucket = settings.bucket_named(name)
    path = directory / "fetched.pdf"
    with s3_errors(bucket):
        try:
            answer = s3_client(bucket).get_object(Bucket=bucket.bucket, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in NOT_THERE:
                raise ConfigError(
                    f"there is no object {address}", "printflow files reconcile lists near misses"
                ) from None
            raise
        if answer["ContentLength"] > settings.pdf.max_bytes:
            raise CouldNotTell(f"{address} has {answer['ContentLength']} bytes", "raise pdf.max_bytes to inspect it")
        with path.open("wb") as file:
            receive(bucket, answer["Body"], file)
    return path
