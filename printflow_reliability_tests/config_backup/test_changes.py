"""What changed or vanished since the copy before; what could not be read is neither."""

from dataclasses import replace

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.config_backup.judgement import changes_answer
from printflow_reliability.config_backup.members import FILES, Member, Trouble
from printflow_reliability_tests.config_backup.copies import ENV, NGINX, copies, manifest

BEFORE = manifest(ENV, NGINX, age_hours=24)


@pytest.mark.parametrize(
    ("members", "outcome", "said"),
    [
        ((ENV, NGINX), Outcome.PASS, "nothing changed or vanished since 2026-11-01 12:00:00 UTC"),
        ((replace(ENV, content=b""), NGINX), Outcome.WARN, "changed since .*: files/srv/app/.env .content."),
        ((replace(ENV, mode=0o644), NGINX), Outcome.WARN, "mode 0644 instead of 0600"),
        ((replace(ENV, owner="root"), NGINX), Outcome.WARN, "owner root:www-data instead of www-data:www-data"),
        ((NGINX,), Outcome.FAIL, "vanished since .*: files/srv/app/.env"),
        ((replace(ENV, path=f"{FILES}/new"), ENV, NGINX), Outcome.PASS, "nothing changed"),
        ((replace(ENV, modified=5.0), NGINX), Outcome.PASS, "nothing changed"),
    ],
    ids=["same", "content", "mode", "owner", "vanished", "added", "touched"],
)
def test_what_differs_is_named(members: tuple[Member, ...], outcome: Outcome, said: str) -> None:
    answer = changes_answer(copies([BEFORE, manifest(*members)]))
    assert answer.outcome is outcome, answer
    assert_matches(said, answer.detail)


def assert_matches(pattern: str, text: str) -> None:
    with pytest.raises(ValueError, match=pattern):
        raise ValueError(text)


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (Trouble(ENV.path, Outcome.FAIL, "it cannot be read"), Outcome.PASS),
        (Trouble("files/srv", Outcome.FAIL, "it cannot be read"), Outcome.PASS),
        (Trouble("files/srv/app/.environment", Outcome.FAIL, "it cannot be read"), Outcome.FAIL),
        (Trouble(ENV.path, Outcome.FAIL, "it is not there", absent=True), Outcome.FAIL),
        (Trouble("files/srv", Outcome.UNKNOWN, "it did not answer"), Outcome.UNKNOWN),
        (Trouble("redis/queues", Outcome.UNKNOWN, "it did not answer"), Outcome.FAIL),
    ],
    ids=["unreadable", "its directory", "a neighbour", "not there", "no answer", "another part"],
)
def test_what_could_not_be_read_has_not_vanished(trouble: Trouble, outcome: Outcome) -> None:
    answer = changes_answer(copies([BEFORE, manifest(NGINX, troubles=(trouble,))]))
    assert answer.outcome is outcome, answer


def test_with_another_secret_nothing_is_called_the_same_or_changed() -> None:
    answer = changes_answer(copies([BEFORE, manifest(NGINX, secret_id="another")]))
    assert (answer.outcome, "fingerprint_secret" in answer.detail) == (Outcome.UNKNOWN, True)


def test_without_two_copies_there_is_nothing_to_compare() -> None:
    assert changes_answer(copies([])).outcome is Outcome.UNKNOWN
    assert changes_answer(copies([BEFORE])).outcome is Outcome.PASS


def test_of_many_changes_some_are_named_and_all_are_counted() -> None:
    many = [replace(ENV, path=f"files/{number:03}") for number in range(30)]
    answer = changes_answer(
        copies([manifest(*many, age_hours=24), manifest(*[replace(m, content=b"x") for m in many])])
    )
    assert answer.numbers["changed_files"] == 30
    assert answer.detail.endswith("and 20 more")
