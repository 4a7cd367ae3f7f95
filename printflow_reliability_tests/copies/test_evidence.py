"""Where a copy is, as pgBackRest's configuration says."""

from pathlib import Path

import pytest

from printflow_reliability.copies.evidence import place_of_repository
from printflow_reliability.copies.rules import Medium, Place
from printflow_reliability_tests.minimal_settings import minimal_settings

S3 = "repo1-type=s3\nrepo1-s3-bucket=b\nrepo1-s3-region=eu-central-1\nrepo1-s3-endpoint={}\n"
AWS = Place(Medium.OBJECTS, "s3.eu-central-1.amazonaws.com:443", "eu-central-1")


@pytest.mark.parametrize(
    ("configuration", "place"),
    [
        ("repo1-path=/backups\n", Place(Medium.DISK)),
        ("repo1-type=cifs\n", Place(Medium.DISK)),
        ("repo1-type=sftp\n", Place(Medium.UNKNOWN)),
        ("repo1-host=backups.example\nrepo1-path=/backups\n", Place(Medium.UNKNOWN)),
        (S3.format("s3.eu-central-1.amazonaws.com"), AWS),
        (S3.format("s3.eu-central-1.amazonaws.com") + "repo1-s3-uri-style=path\n", AWS),
        (S3.format("https://s3.dualstack.eu-central-1.amazonaws.com"), AWS),
        (
            S3.format("minio.example") + "repo1-storage-port=9000\nrepo1-s3-uri-style=path\n",
            Place(Medium.OBJECTS, "minio.example:9000", "eu-central-1"),
        ),
        (S3.format("S3.EU-Central-1.amazonaws.com."), AWS),
        (
            S3.format("127.0.0.1") + "repo1-storage-port=9000\nrepo1-s3-uri-style=path\n",
            Place(Medium.OBJECTS, "localhost:9000", "eu-central-1"),
        ),
        ("repo1-type=azure\n", Place(Medium.OBJECTS, "azure", None)),
    ],
)
def test_a_repository_is_where_its_configuration_says(tmp_path: Path, configuration: str, place: Place) -> None:
    file = tmp_path / "pgbackrest.conf"
    file.write_text(f"[global]\n{configuration}", encoding="utf-8")
    cluster = minimal_settings().cluster[0].model_copy(update={"pgbackrest_config": file})
    assert place_of_repository(cluster, 1) == place


def test_a_configuration_that_cannot_be_read_tells_of_no_place(tmp_path: Path) -> None:
    cluster = minimal_settings().cluster[0].model_copy(update={"pgbackrest_config": tmp_path / "gone"})
    assert place_of_repository(cluster, 1) == Place(Medium.UNKNOWN)
