"""What an object carries comes back with it: headers, metadata of any language, tags, and its lock."""

from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from typing import Any

import pytest
from botocore.exceptions import ClientError

from printflow_reliability.files.carried import Lock, headers_of, keep_lock, mail_safe, tagging_of

NOW = datetime.now(UTC).replace(microsecond=0)
SOON, LATER = NOW + timedelta(days=1), NOW + timedelta(days=30)


@pytest.mark.parametrize("text", ["Ämil", "карта 7", "🎴", "caf\u00e9 " * 30])
def test_metadata_that_is_no_ascii_is_sent_as_s3_itself_shows_it(text: str) -> None:
    # A store that is not S3 answers with the bytes, which http.client takes for Latin-1.
    for shown in (text.encode().decode("latin-1"), text):
        kept = headers_of({"Metadata": {"name": shown}})["Metadata"]["name"]
        assert kept.isascii()
        assert str(make_header(decode_header(kept))) == text
        assert mail_safe(kept) == kept


def test_a_default_lock_that_lasts_longer_stays_and_one_that_has_ended_is_not_renewed() -> None:
    class Store:
        def __init__(self, has: dict[str, Any]) -> None:
            self.has, self.asked = has, []  # type: ignore[var-annotated]

        def head_object(self, **_: Any) -> dict[str, Any]:
            return self.has

        def put_object_retention(self, **asked: Any) -> None:
            self.asked.append(asked["Retention"])

    def kept(was: Lock, has: dict[str, Any]) -> Any:
        store: Any = Store(has)
        assert keep_lock(store, "b", "k", "v", was, NOW) == ""
        return store.asked

    default = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": LATER}
    assert kept(Lock("GOVERNANCE", SOON), default) == []
    assert kept(Lock("COMPLIANCE", SOON), default) == [{"Mode": "COMPLIANCE", "RetainUntilDate": LATER}]
    assert kept(Lock("GOVERNANCE", LATER), {}) == [{"Mode": "GOVERNANCE", "RetainUntilDate": LATER}]
    assert kept(Lock("GOVERNANCE", NOW - timedelta(days=1)), {}) == []
    assert kept(Lock(), default) == []


def test_tags_and_locks_that_a_key_may_not_know_or_set_are_named_and_the_file_is_back() -> None:
    class Store:
        def refuse(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": self.code}}, "Any")

        def __init__(self, code: str) -> None:
            self.code = code

        get_object_tagging = put_object_retention = put_object_legal_hold = refuse

        def head_object(self, **_: Any) -> dict[str, Any]:
            return {}

    refusing: Any = Store("AccessDenied")
    without: Any = Store("NotImplemented")
    assert tagging_of(refusing, "b", "k", "v") == (
        "",
        "its tags could not be read: the store answers AccessDenied for it",
    )
    assert tagging_of(without, "b", "k", "v") == ("", "")
    said = keep_lock(refusing, "b", "k", "v", Lock("GOVERNANCE", LATER), NOW)
    assert said == "it could not be locked as it was: the store answers AccessDenied for it"
