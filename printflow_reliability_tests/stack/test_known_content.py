"""Objects that are not what the database knows of them, told by LIST on real servers; others raise no alarm."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.files.presence import Presence
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.foreign.build import BUCKET
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform
from printflow_reliability_tests.stack.shelf import SEALED, Shelf, shelf_of

pytestmark = pytest.mark.stack

BODY, OTHER = b"a picture, whole " * 300, b"another picture! " * 300


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def shelf(sandbox: StackSandbox) -> Iterator[Shelf]:
    with shelf_of(sandbox, "known-content") as made:
        yield made


def in_parts(shelf: Shelf, key: str, body: bytes) -> str:
    """Upload in parts; the ETag, which is no MD5."""
    upload = shelf.s3.create_multipart_upload(Bucket=shelf.bucket, Key=key)["UploadId"]
    part: Any = {"Bucket": shelf.bucket, "Key": key, "UploadId": upload}
    etag = shelf.s3.upload_part(**part, PartNumber=1, Body=body)["ETag"]
    parts: Any = {"Parts": [{"ETag": etag, "PartNumber": 1}]}
    done = shelf.s3.complete_multipart_upload(**part, MultipartUpload=parts)["ETag"].strip('"')
    assert "-" in done
    return done


def test_another_size_md5_or_etag_is_named_and_what_cannot_be_compared_is_not(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same: dict[str, Any] = {"size": len(BODY), "md5": md5(BODY)}
    spelled: tuple[dict[str, Any], ...] = (
        same,
        {"md5": md5(BODY).upper()},
        {"etag": f'"{md5(BODY)}"'},
        {"etag": f'W/"{md5(BODY)}"'},
    )
    for number, known in enumerate(spelled):
        shelf.stock(f"shops/1/same {number}.png", BODY, **known)
    etag = in_parts(shelf, "shops/1/in parts.png", BODY)
    shelf.refer("shops/1/in parts.png", etag=etag, size=len(BODY))
    uncompared = 0
    for number, known in enumerate(({"md5": md5(OTHER)}, {"etag": md5(BODY)}, {"etag": f"{md5(BODY)}-9"})):
        in_parts(shelf, f"shops/1/in other parts {number}.png", BODY)
        shelf.refer(f"shops/1/in other parts {number}.png", **known)
        uncompared += 1
    for number, known in enumerate(({"etag": f"{md5(BODY)}-2"}, {"md5": "not an MD5"}, {"sha256": "0" * 64})):
        shelf.stock(f"shops/1/said otherwise {number}.png", BODY, **known)
        uncompared += 1
    shelf.put("shops/1/sealed.png", BODY, **SEALED)
    shelf.refer("shops/1/sealed.png", md5=md5(OTHER), size=len(BODY))
    uncompared += 1

    healthy, found = shelf.findings(tmp_path)
    assert found == []
    assert {check.outcome for check in healthy.checks} == {Outcome.PASS}
    (content,) = (check.detail for check in healthy.checks if check.check == "files.content")
    assert f"{uncompared} checksums not compared" in content

    wrong = {
        shelf.stock("shops/1/longer.png", BODY + b"!", size=len(BODY)): ("size_mismatch", f"{len(BODY) + 1}"),
        shelf.stock("shops/2/other md5.png", OTHER, tenant="2", **same): ("checksum_mismatch", md5(OTHER)),
        shelf.stock("shops/2/other etag.png", OTHER, tenant="2", etag=md5(BODY)): ("checksum_mismatch", "ETag"),
        shelf.stock("shops/3/shorter.png", b"", tenant="3", **same): ("size_mismatch", "has 0"),
    }
    shelf.stock("shops/3/rewritten and restored.png", OTHER, tenant="3", **same)
    shelf.put("shops/3/rewritten and restored.png", BODY)
    report, found = shelf.findings(tmp_path)
    assert {finding.key: finding.kind for finding in found} == {key: kind for key, (kind, _) in wrong.items()}
    assert all(wrong[finding.key or ""][1] in finding.detail for finding in found)
    assert {check.check: check.outcome for check in report.checks if check.check != "files.content"} == dict.fromkeys(
        ("files.missing", "files.tenancy", "files.orphans"), Outcome.PASS
    )

    asked: list[str] = []
    head = Presence.head

    def counted(present: Presence, key: str) -> ObjectHead | None:
        asked.append(key)
        return head(present, key)

    monkeypatch.setattr(Presence, "head", counted)
    monkeypatch.setattr("printflow_reliability.files.confirm_mismatched.FEW", 0)
    _, again = shelf.findings(tmp_path)
    assert [(finding.key, finding.detail) for finding in again] == [(each.key, each.detail) for each in found]
    assert not {key for key, (kind, _) in wrong.items() if kind == "size_mismatch"} & set(asked)


def test_md5_and_etag_of_the_foreign_platform_are_compared_too(foreign: ForeignPlatform) -> None:
    config = foreign.root / "printflow.toml"
    whole = config.read_text(encoding="utf-8")
    columns = "f.bytes AS size, f.sha256,"
    assert whole.count(columns) == 1
    listed = foreign.s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    etags = {item["Key"]: item["ETag"].strip('"') for item in listed}
    assert len(etags) > 1
    key = sorted(etags)[0]
    values = ", ".join(f"('{name.replace(chr(39), chr(39) * 2)}', '{etag}')" for name, etag in etags.items())
    known = (
        f"f.bytes AS size, f.sha256, (SELECT e FROM (VALUES {values}) AS v (k, e) WHERE k = "
        "'shops/' || m.slug || '/print/' || f.id || '/' || f.file_name) AS etag,"
    )
    try:
        config.write_text(whole.replace(columns, known), encoding="utf-8")
        healthy = foreign.run("files", "reconcile", "--json")
        config.write_text(whole.replace(columns, known.replace(etags[key], "0" * 32)), encoding="utf-8")
        found = foreign.run("files", "reconcile", "--json")
    finally:
        config.write_text(whole, encoding="utf-8")
    assert healthy.exit_code == 0, healthy
    assert found.exit_code == 1, found
    assert {finding["kind"] for finding in found.document["findings"]} == {"checksum_mismatch"}
    assert key in {finding["key"] for finding in found.document["findings"]}
