"""Manifests of every kind of repository: compressed, encrypted, bundled, block incremental, of older versions."""

import pytest

from printflow_reliability.backups.ledger.manifest import EMPTY, Part, StoredFile, parse_manifest
from printflow_reliability_tests.backups.ledger.manifests import Files, written

LABEL = "20261124-041759F"
A, B, C = "a" * 40, "b" * 40, "c" * 40


def test_a_file_is_compared_by_its_stored_bytes_wherever_the_manifest_has_their_checksum() -> None:
    files = {"pg_data/base/5/1": {"checksum": A, "rck": B, "repo-size": 23, "size": 8192, "timestamp": 1}}
    for cipher in (False, True):
        (file,) = parse_manifest(written(files, compression="zst", cipher=cipher), LABEL).files
        assert file == StoredFile(f"{LABEL}/pg_data/base/5/1.zst", 23, B, parts=(Part(0, 23, B),))


def test_what_an_earlier_backup_holds_is_that_ones() -> None:
    files = {
        "pg_data/a": {"checksum": A, "rck": B, "reference": "20261120-041759F", "size": 3, "timestamp": 1},
        "pg_data/b": {"checksum": A, "rck": B, "size": 3, "timestamp": 1},
    }
    assert [file.name for file in parse_manifest(written(files), LABEL).files] == [f"{LABEL}/pg_data/b.gz"]


def test_a_bundle_is_one_file_of_many_parts() -> None:
    files: Files = {
        "pg_data/a": {"bni": 1, "bno": 10, "checksum": A, "rck": B, "repo-size": 7, "size": 3, "timestamp": 1},
        "pg_data/b": {"bni": 1, "checksum": A, "rck": C, "repo-size": 10, "size": 3, "timestamp": 1},
        "pg_data/empty": {"size": 0, "timestamp": 1},
        "pg_data/large": {"checksum": A, "rck": A, "repo-size": 99, "size": 300, "timestamp": 1},
    }
    large, bundle = parse_manifest(written(files, bundle=True), LABEL).files

    assert large.name == f"{LABEL}/pg_data/large.gz"
    assert (bundle.name, bundle.size, bundle.files) == (f"{LABEL}/bundle/1", 17, 2)
    assert bundle.parts == (Part(0, 10, C), Part(10, 7, B))
    assert [bundle.has_size(size) for size in (16, 17, 18)] == [False, True, True]
    assert [large.has_size(size) for size in (98, 99, 100)] == [False, True, False]


def test_an_empty_file_is_stored_where_nothing_is_bundled() -> None:
    files = {"pg_data/empty": {"rck": B, "repo-size": 20, "size": 0, "timestamp": 1}}

    assert [file.size for file in parse_manifest(written(files), LABEL).files] == [20]


@pytest.mark.parametrize(
    ("compression", "cipher", "checksum"), [("none", False, A), ("none", True, None), ("gz", False, None)]
)
def test_without_a_checksum_of_the_stored_bytes_only_plain_files_can_be_compared(
    compression: str, cipher: bool, checksum: str | None
) -> None:
    """As in backups of pgBackRest before 2.45."""
    files = {"pg_data/a": {"checksum": A, "size": 3, "timestamp": 1}}
    (file,) = parse_manifest(written(files, compression=compression, cipher=cipher), LABEL).files

    assert file.checksum == checksum


def test_one_part_without_a_checksum_makes_its_bundle_pgbackrests_own_to_compare() -> None:
    files = {
        "pg_data/a": {"bni": 1, "checksum": A, "rck": B, "repo-size": 7, "size": 3, "timestamp": 1},
        "pg_data/b": {"bni": 1, "bno": 7, "checksum": A, "repo-size": 7, "size": 3, "timestamp": 1},
    }
    (bundle,) = parse_manifest(written(files, bundle=True), LABEL).files

    assert bundle.checksum is None


def test_a_block_incremental_is_stored_under_a_name_of_its_own() -> None:
    files = {"pg_data/a": {"bi": 1, "bim": 32, "checksum": A, "rck": B, "repo-size": 64, "size": 8192, "timestamp": 1}}
    (file,) = parse_manifest(written(files, compression="none"), LABEL).files

    assert (file.name, file.checksum) == (f"{LABEL}/pg_data/a.pgbi", B)
    without = {"pg_data/a": {"bi": 1, "checksum": A, "size": 8192, "timestamp": 1}}
    assert parse_manifest(written(without, compression="none"), LABEL).files[0].checksum is None


def test_a_plain_empty_file_has_the_checksum_of_nothing() -> None:
    (file,) = parse_manifest(written({"pg_data/a": {"size": 0, "timestamp": 1}}, compression="none"), LABEL).files

    assert file.checksum == EMPTY


def test_a_name_that_is_no_text_is_pgbackrests_own_to_read() -> None:
    files = {"pg_data/café=x": {"checksum": A, "rck": B, "size": 3, "timestamp": 1}}
    (file,) = parse_manifest(written(files, encoding="latin-1"), LABEL).files

    assert (file.name, file.checksum) == (f"{LABEL}/pg_data/caf\ufffd=x.gz", None)
    assert parse_manifest(written(files), LABEL).files[0].checksum == B


@pytest.mark.parametrize("at", range(20, 700, 37))
def test_a_flipped_byte_of_a_manifest_is_never_read_as_good(at: int) -> None:
    content = written({"pg_data/a=b": {"checksum": A, "rck": B, "size": 3, "timestamp": 1}}, bundle=True)
    if at < len(content):
        with pytest.raises(ValueError, match="manifest"):
            parse_manifest(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], LABEL)


@pytest.mark.parametrize("cut", [0, 1, 100, -5])
def test_a_manifest_that_was_cut_off_is_never_read_as_good(cut: int) -> None:
    content = written({"pg_data/a": {"checksum": A, "rck": B, "size": 3, "timestamp": 1}})
    with pytest.raises(ValueError, match="manifest"):
        parse_manifest(content[:cut], LABEL)


def test_a_manifest_of_a_kind_that_is_not_known_is_not_read_as_good() -> None:
    with pytest.raises(ValueError, match="not understood"):
        parse_manifest(written({"pg_data/a": {"size": 0, "timestamp": 1}}, compression="new"), LABEL)
