"""What an intruder, or a person in a hurry, does so that a repository does not come back; S3 is in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from moto import mock_aws

from printflow_reliability.backups.configuration import repository_options
from printflow_reliability.backups.undelete import plan as planning
from printflow_reliability.backups.undelete.bookkeeping import Bookkeeping, chosen, shortcomings, whole_versions
from printflow_reliability.backups.undelete.plan import RepositoryPlan, plan_repository
from printflow_reliability.backups.undelete.repository import VersionedRepository
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.storage.version_listing import Entry
from printflow_reliability_tests.backups.bookkeeping import info, signed
from printflow_reliability_tests.minimal_settings import minimal_settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET: Final = "backups"
REGION: Final = "eu-central-1"
SETTINGS = minimal_settings()
CLUSTER = SETTINGS.cluster[0]
STANZA = CLUSTER.stanza
ARCHIVE_INFO, BACKUP_INFO = f"repo/archive/{STANZA}/archive.info", f"repo/backup/{STANZA}/backup.info"
SEGMENT = f"repo/archive/{STANZA}/15-1/0000000100000000/00000001000000000000000A-0a1b.zst"
PARTS = [b"a" * 5 * 1024**2, b"b"]
THEN = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)


class Plain:
    """Reads what is not encrypted."""

    def read(self, name: str, body: bytes) -> str:
        assert name.startswith(("archive/", "backup/"))
        return body.decode(errors="replace")


@contextmanager
def plain(*_: object) -> Iterator[Plain]:
    yield Plain()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    monkeypatch.setattr(planning, "reader", plain)
    with mock_aws():
        client = boto3.client("s3", region_name=REGION, aws_access_key_id="k", aws_secret_access_key="s")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        versioning(client, "Enabled")
        yield client


@pytest.fixture
def repository(tmp_path: Path, s3: "S3Client") -> VersionedRepository:
    file = tmp_path / "pgbackrest.conf"
    lines = ["path=/repo", "type=s3", f"s3-bucket={BUCKET}", f"s3-region={REGION}", "s3-key=k", "s3-key-secret=s"]
    lines.append(f"s3-endpoint=s3.{REGION}.amazonaws.com")
    file.write_text("[global]\n" + "".join(f"repo1-{line}\n" for line in lines), encoding="utf-8")
    return VersionedRepository(repository_options(file, STANZA, 1), file, STANZA)


def versioning(client: "S3Client", status: Any) -> None:
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": status})


def put_in_parts(client: "S3Client", key: str) -> None:
    upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    where: Any = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
    done = [client.upload_part(**where, PartNumber=n, Body=body)["ETag"] for n, body in enumerate(PARTS, 1)]
    parts: Any = [{"ETag": etag, "PartNumber": n} for n, etag in enumerate(done, 1)]
    client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})


def healthy(client: "S3Client") -> None:
    for key, text in ((ARCHIVE_INFO, info()), (BACKUP_INFO, info())):
        for name in (key, f"{key}.copy"):
            client.put_object(Bucket=BUCKET, Key=name, Body=text.encode())
    put_in_parts(client, SEGMENT)


def now() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1)


class OfThen(VersionedRepository):
    """The same, where some versions were made on a day of November, and all others a day later."""

    of_then: frozenset[str]

    def entries(self) -> Iterator[Entry]:
        for entry in super().entries():
            yield replace(entry, at=THEN if entry.version_id in self.of_then else THEN + timedelta(days=1))


def a_day_later(repository: VersionedRepository) -> OfThen:
    found = OfThen(repository.options, repository.file, repository.stanza)
    versions = frozenset(entry.version_id for entry in repository.entries())
    object.__setattr__(found, "of_then", versions)
    return found


def planned(repository: VersionedRepository, before: datetime = THEN + timedelta(hours=1)) -> RepositoryPlan:
    return plan_repository(SETTINGS, CLUSTER, repository, before)


def test_a_copy_is_known_as_such_though_its_etag_is_another(s3: "S3Client", repository: VersionedRepository) -> None:
    healthy(s3)
    size = sum(map(len, PARTS))
    repository = a_day_later(repository)
    s3.put_object(Bucket=BUCKET, Key=SEGMENT, Body=b"x" * size)  # garbage of the same size
    (step,) = planned(repository).steps
    repository.carry_out(step)
    # What came in parts is copied in one: as on AWS, its etag is another.
    assert s3.head_object(Bucket=BUCKET, Key=SEGMENT)["ETag"].strip('"') != step.version.etag
    assert planned(repository).steps == ()


@pytest.mark.parametrize("with_body", [b"x", b"x" * (5 * 1024**2 + 1)], ids=["other size", "same size"])
def test_garbage_is_no_copy(s3: "S3Client", repository: VersionedRepository, with_body: bytes) -> None:
    healthy(s3)
    repository = a_day_later(repository)
    s3.put_object(Bucket=BUCKET, Key=SEGMENT, Body=with_body)
    assert [step.key for step in planned(repository).steps] == [SEGMENT]


@pytest.mark.parametrize("code", ["InvalidRequest", "AccessDenied", "NoSuchVersion", "InvalidObjectState"])
def test_one_version_that_nobody_here_can_read_takes_nothing_from_the_others(
    s3: "S3Client", repository: VersionedRepository, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    healthy(s3)
    repository = a_day_later(repository)
    newest = {
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"encrypted with the intruder's own key (SSE-C)")["VersionId"]
        for key in (ARCHIVE_INFO, f"{ARCHIVE_INFO}.copy", BACKUP_INFO, f"{BACKUP_INFO}.copy")
    }
    refuse(monkeypatch, repository, code, newest)
    found = planned(repository)
    assert (len(found.steps), found.problems) == (4, ())


def test_where_every_version_is_refused_nothing_is_told(
    s3: "S3Client", repository: VersionedRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy(s3)
    refuse(monkeypatch, repository, "AccessDenied", None)
    with pytest.raises(CouldNotTell, match=r"AccessDenied for a version of .*\.info"):
        planned(repository, now())


def refuse(
    monkeypatch: pytest.MonkeyPatch, repository: VersionedRepository, code: str, versions: set[str] | None
) -> None:
    """Let the store refuse to hand out these versions; all of them for None."""
    client = repository._client
    get_object = client.get_object

    def refusing(**asked: Any) -> Any:
        if versions is None or asked["VersionId"] in versions:
            raise client.exceptions.ClientError({"Error": {"Code": code}}, "GetObject")
        return get_object(**asked)

    monkeypatch.setattr(client, "get_object", refusing)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (THEN - timedelta(days=1), "there was no file of stanza"),
        (THEN + timedelta(days=2), "had been deleted already"),
    ],
)
def test_a_moment_without_any_file_is_no_healthy_one(
    s3: "S3Client", repository: VersionedRepository, before: datetime, said: str
) -> None:
    healthy(s3)
    repository = a_day_later(repository)
    for entry in list(repository.entries()):
        s3.delete_object(Bucket=BUCKET, Key=entry.key)
    with pytest.raises(CouldNotTell, match=said):
        planned(repository, before)


def test_an_empty_repository_is_no_healthy_one(repository: VersionedRepository) -> None:
    with pytest.raises(CouldNotTell, match="no version of one"):
        planned(repository, now())


def test_suspended_versioning_is_to_be_enabled_again_and_none_at_all_is_a_loss(
    s3: "S3Client", repository: VersionedRepository
) -> None:
    healthy(s3)
    versioning(s3, "Suspended")
    with pytest.raises(CouldNotTell, match="versions of before are still there") as told:
        planned(repository, now())
    assert "Status=Enabled" in told.value.next_step
    other = {**repository.options.values, "s3-bucket": "never"}
    s3.create_bucket(Bucket="never", CreateBucketConfiguration={"LocationConstraint": REGION})
    with pytest.raises(ConfigError, match="never enabled"):
        planned(replace(repository, options=replace(repository.options, values=other)), now())


def of_stanza(key: str, clusters: str = "", *labels: str) -> str:
    listed = "[backup:current]\n" + "".join(f'{label}={{"a":1}}\n' for label in labels) if labels else ""
    return signed(f'{listed}[cipher]\ncipher-pass="{key}"\n[db:history]\n{clusters or one}\n')


one = '1={"db-id":7301,"db-version":"15"}'
two = f'{one}\n2={{"db-id":7302,"db-version":"16"}}'


@pytest.mark.parametrize(
    ("newest_first", "expected"),
    [
        ([of_stanza("k"), of_stanza("k")], 0),
        ([of_stanza("k", two), of_stanza("k")], 0),  # upgraded since: it alone knows the newer WAL
        ([of_stanza("other"), of_stanza("k")], 1),  # stanza-create after the wipe
        ([of_stanza("k", '1={"db-id":9999,"db-version":"15"}'), of_stanza("k")], 1),  # of another cluster
        ([of_stanza("other"), of_stanza("k", two), of_stanza("k")], 1),
    ],
)
def test_a_stanza_that_was_made_anew_never_hides_the_key_of_what_comes_back(
    newest_first: list[str], expected: int
) -> None:
    moments = [THEN + timedelta(days=len(newest_first) - 1 - n) for n in range(len(newest_first))]
    whole = [
        Bookkeeping(Entry("k", f"v{n}", at), text)
        for n, (at, text) in enumerate(zip(moments, newest_first, strict=True))
    ]
    choice = chosen(whole, frozenset(), THEN + timedelta(hours=1))
    assert choice == whole[expected]
    problems = shortcomings("archive/x/archive.info", choice, whole, frozenset())
    assert ["made anew" in problem for problem in problems] == [True] * (choice is not whole[0])


def test_a_backup_that_is_listed_and_not_there_is_said_before_anything_is_done() -> None:
    whole = [Bookkeeping(Entry("k", "v", THEN), of_stanza("k", one, "20261101-030000F", "20261102-030000F"))]
    (problem,) = shortcomings("backup/x/backup.info", whole[0], whole, frozenset({"20261101-030000F"}))
    assert "1 backup without a manifest (20261102-030000F)" in problem


def test_a_thousand_new_versions_hide_none_of_then() -> None:
    noise = [Entry("k", f"new{n}", THEN + timedelta(days=1, seconds=n), 1) for n in range(1000, 0, -1)]
    huge = Entry("k", "huge", THEN - timedelta(seconds=1), 10**12)
    good = Entry("k", "good", THEN - timedelta(seconds=2), 1)
    read: list[str] = []

    def text(entry: Entry) -> str | None:
        read.append(entry.version_id)
        return of_stanza("k") if entry is good else "garbage"

    whole = whole_versions([[*noise, huge, good]], text, THEN)
    assert [version.version for version in whole] == [good]
    assert (len(read), "huge" in read) == (201, False)
