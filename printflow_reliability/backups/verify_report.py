"""Reading what `pgbackrest verify --output=text --verbose` prints, strictly: what is not understood is never healthy.

It exits with 0 in every case of damage, says "status: ok" of a backup without a manifest and of an archive that is
gone, and "No usable backup.info file" of a repository that it could not reach. So every line counts.
"""

import re
from dataclasses import dataclass

_STANZA = re.compile(r"stanza: (?P<name>\S+)")
_STATUS = re.compile(r"status: (?P<status>\w+)")
_ARCHIVE = re.compile(r"  archiveId: (?P<id>\S+), total WAL checked: (?P<checked>\d+), total valid WAL: (?P<valid>\d+)")
_NO_ARCHIVE = re.compile(r"  archiveId: none found")
_BACKUP = re.compile(
    r"  backup: (?P<label>\S+), status: (?P<status>[\w -]+), "
    r"total files checked: (?P<checked>\d+), total valid files: (?P<valid>\d+)"
)
_NO_BACKUP = re.compile(r"  backup: none found")
_COUNTS = re.compile(r"    missing: \d+, checksum invalid: \d+, size invalid: \d+, other: \d+")
_UNUSABLE = re.compile(r"  (?P<what>No usable .+ file)")

_LOG = re.compile(r"\s*(?:[\d-]+ [\d:.]+ P\d+ +)?(?P<level>INFO|DETAIL|WARN|ERROR): (?P<said>.*)")
_BAD_FILE = re.compile(r"(?P<what>invalid checksum|invalid size|file missing) '(?P<file>[^']+)'")
_BAD_RESULT = re.compile(r"invalid result (?P<file>\S+): (?P<why>\[(?P<code>\d+)\].*)")
_BAD_COPY = re.compile(r"(?:<REPO:\w+>/)?(?P<file>\S+) is missing or unusable, using copy")
_DUPLICATE = re.compile(r"duplicate WAL '(?P<file>\S+)' for '\S+' exists, skipping")

_TRANSPORT = frozenset({39, 41, 42, 49, 59, 66, 72, 101, 105})
"""pgBackRest's codes for a file that could not be fetched: of that file nothing is known."""


@dataclass(frozen=True)
class VerifiedArchive:
    """An archive folder: segments checked and valid."""

    archive_id: str
    checked: int
    valid: int


@dataclass(frozen=True)
class VerifiedBackup:
    """A backup: its status in pgBackRest's word, files checked and valid."""

    label: str
    status: str
    checked: int
    valid: int


@dataclass(frozen=True)
class BadFile:
    """A file that verify named, and what it says of it ("checksum invalid")."""

    name: str
    problem: str


@dataclass(frozen=True)
class VerifyReport:
    """One run of verify on one repository.

    Attributes:
        status: "ok" or "error", as it prints.
        archives, backups: what was checked.
        unusable: bookkeeping files that it could not use at all; also so when the repository cannot be reached.
        bad_files: the files that it named, each once.
        unreadable: the files that could not be fetched, and why.
        not_understood: the first line of the report that is none of those known here; None if all were.
    """

    status: str
    archives: tuple[VerifiedArchive, ...] = ()
    backups: tuple[VerifiedBackup, ...] = ()
    unusable: tuple[str, ...] = ()
    bad_files: tuple[BadFile, ...] = ()
    unreadable: tuple[str, ...] = ()
    not_understood: str | None = None


def parse_verify(report: str, log: str, stanza: str) -> VerifyReport:
    """Read the report (stdout) and the log (stderr, level detail) of one run."""
    lines = [line for line in report.splitlines() if line.strip()]
    status = ""
    archives, backups, unusable = [], [], []
    unknown = None
    for number, line in enumerate(lines):
        if number == 0 and (found := _STANZA.fullmatch(line)) and found["name"] == stanza:
            continue
        if number == 1 and (found := _STATUS.fullmatch(line)):
            status = found["status"]
        elif found := _ARCHIVE.fullmatch(line):
            archives.append(VerifiedArchive(found["id"], int(found["checked"]), int(found["valid"])))
        elif found := _BACKUP.fullmatch(line):
            backups.append(VerifiedBackup(found["label"], found["status"], int(found["checked"]), int(found["valid"])))
        elif found := _UNUSABLE.fullmatch(line):
            unusable.append(found["what"])
        elif not (_COUNTS.fullmatch(line) or _NO_ARCHIVE.fullmatch(line) or _NO_BACKUP.fullmatch(line)):
            unknown = unknown or line
    if not status:
        unknown = unknown or "(no status)"
    bad, unreadable = _bad_files(log)
    return VerifyReport(status, tuple(archives), tuple(backups), tuple(unusable), bad, unreadable, unknown)


def _bad_files(log: str) -> tuple[tuple[BadFile, ...], tuple[str, ...]]:
    """The files that the log calls bad, and those that it could not fetch. It says much else, which is passed over."""
    bad: dict[str, BadFile] = {}
    unreadable = []
    for line in log.splitlines():
        said = found["said"] if (found := _LOG.match(line)) else ""
        if found := _BAD_FILE.fullmatch(said):
            problem = {"file missing": "is missing", "invalid size": "has the wrong size"}.get(
                found["what"], "does not match its checksum"
            )
        elif (found := _BAD_RESULT.match(said)) and int(found["code"]) in _TRANSPORT:
            unreadable.append(f"{found['file']} could not be read: {found['why']}")
            continue
        elif found := _BAD_RESULT.match(said):
            problem = f"cannot be read ({found['why'].strip()})"
        elif found := _BAD_COPY.match(said):
            problem = "is missing or damaged; pgBackRest reads its copy"
        elif found := _DUPLICATE.match(said):
            problem = "is stored twice with different contents"
        else:
            continue
        bad.setdefault(found["file"], BadFile(found["file"], problem))
    return tuple(bad.values()), tuple(unreadable)
