"""Each text here is what pgBackRest 2.45 really said."""

import pytest

from printflow_reliability.backups.causes import AskedRepository, Kind, find_cause, shortened

WHERE = AskedRepository("live_db", "live", "/etc/pgb.conf", "repo2")


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (
            "[HostConnectError] unable to connect to 'localhost:1': [111] Connection refused",
            "localhost:1 cannot be reached: Connection refused",
        ),
        (
            "ERROR: [049]: unable to get address for 'no-such-host.invalid': [-2] Name or service not known",
            "no-such-host.invalid is not known",
        ),
        (
            "[FileReadError] timeout after 5000ms waiting for read from 'localhost:52275'",
            "localhost:52275 takes connections and does not answer",
        ),
        (
            "unable to verify certificate presented by 'localhost:22078': [20] unable to get local issuer certificate",
            "localhost:22078 is not trusted: unable to get local issuer certificate",
        ),
        (
            "[CryptoError] unable to find hostname '127.0.0.1' in certificate common name or subject alternative names",
            "not for the host name 127.0.0.1",
        ),
        (
            "ERROR: [095]: unable to set user-defined CA certificate location: [2147483650] no details available",
            "repo2-storage-ca-file",
        ),
        ("HTTP request failed with 403 (Forbidden):\n<Error><Code>InvalidAccessKeyId</Code><Message>", "repo2-s3-key"),
        (
            "HTTP request failed with 403 (Forbidden):\n<Error><Code>SignatureDoesNotMatch</Code><Message>",
            "repo2-s3-key-secret",
        ),
        ("HTTP request failed with 403 (Forbidden):\n*** Path/Query ***:\nHEAD /bucket/repo1", "repo2-s3-bucket"),
        ("HTTP request failed with 404 (Not Found):\n<Error><Code>NoSuchBucket</Code>", "there is no bucket"),
        ("HTTP request failed with 503 (Slow Down):\n", "S3 answered 503 (Slow Down)"),
        (
            "ERROR: [041]: unable to open file '/repo/backup/live/backup.info' for read: [13] Permission denied",
            "may not read /repo/backup/live/backup.info",
        ),
    ],
)
def test_what_stands_in_the_way_is_named_with_the_next_step(said: str, named: str) -> None:
    cause = find_cause(said, WHERE)

    assert cause is not None
    assert cause.kind is Kind.UNREACHABLE
    assert named in cause.what
    assert "/etc/pgb.conf" in cause.next_step or "S3" in cause.next_step


@pytest.mark.parametrize(
    "said",
    [
        "[FormatError] unable to load info file '/x':\nFormatError: key/value found outside of section at line 1: \x1f",
        "ERROR: [095]: unable to flush",
        "CryptoError: cipher header invalid",
    ],
)
def test_a_wrong_passphrase_is_told_from_an_untrusted_certificate_although_both_are_crypto_errors(said: str) -> None:
    cause = find_cause(said, WHERE)

    assert cause is not None
    assert cause.kind is Kind.UNDECIPHERABLE
    assert "repo2-cipher-pass" in cause.what


def test_a_restore_from_a_stanza_that_is_not_there_says_so() -> None:
    said = "WARN: repo1: [FileMissingError] unable to load info file '/x/backup.info' or '/x/backup.info.copy':\n"

    cause = find_cause(said, WHERE)

    assert cause is not None
    assert cause.kind is Kind.MISSING
    assert "stanza-create" in cause.next_step


def test_words_that_are_not_known_are_shortened_to_their_first_line() -> None:
    assert find_cause("ERROR: [999]: something new", WHERE) is None
    assert shortened("\n  first \nsecond") == "first"
    assert len(shortened("x" * 9999)) < 400
