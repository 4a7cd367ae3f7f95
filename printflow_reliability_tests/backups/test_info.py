import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.backups.info import StanzaInfo, parse_info
from printflow_reliability.backups.recent import newest_sound, verdict_on_newest
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell

RECORDED: Any = json.loads((Path(__file__).parent / "resources" / "info.json").read_text())
FINISHED = datetime(2026, 11, 24, 4, 18, 7, tzinfo=UTC)
"""When the newest backup of repo1 ended."""


def info(**changes: Any) -> StanzaInfo:
    """The recorded answer, with keys of its newest backup in repo1 changed; None removes a key."""
    changed = json.loads(json.dumps(RECORDED))
    newest = changed[0]["backup"][-1]
    for key, value in changes.items():
        if value is None:
            del newest[key]
        else:
            newest[key] = value
    return parse_info(json.dumps(changed), "lab")


def verdict(stanza: StanzaInfo, *, hours: float = 1, repository: int = 1) -> Outcome:
    now = FINISHED + timedelta(hours=hours)
    return verdict_on_newest("lab", stanza, repository, None, now=now, max_age_seconds=26 * 3600).outcome


def test_recorded_info_is_read() -> None:
    newest = info().in_repository(1)[-1]

    assert newest.label == "20261124-041759F_20261124-041805I"
    assert (newest.type, newest.archive_id, newest.error) == ("incr", "15-1", False)
    assert (newest.wal_start, newest.lsn_stop) == ("00000001000000000000000A", "0/A000100")
    assert newest.references == ("20261124-041759F",)
    assert newest.finished_at == FINISHED
    assert info().in_repository(2)[0].annotations == {"by": "printflow"}


def test_a_sound_recent_backup_passes() -> None:
    assert verdict(info()) is Outcome.PASS


def test_a_backup_that_is_too_old_fails() -> None:
    assert verdict(info(), hours=27) is Outcome.FAIL


def test_a_backup_with_bad_pages_fails_although_pgbackrest_exits_0() -> None:
    assert verdict(info(error=True)) is Outcome.FAIL
    assert newest_sound(info(error=True), 1, None) == info().in_repository(1)[0]


def test_a_backup_of_which_info_does_not_tell_whether_it_met_bad_pages_is_unknown() -> None:
    assert verdict(info(error=None)) is Outcome.UNKNOWN


def test_a_backup_whose_ancestor_is_gone_is_not_sound() -> None:
    sound = newest_sound(info(reference=["20250101-000000F"]), 1, None)

    assert sound is not None
    assert sound.label == "20261124-041759F"


def test_a_backup_from_the_future_means_a_wrong_clock() -> None:
    assert verdict(info(), hours=-2) is Outcome.UNKNOWN


def test_keys_that_only_some_versions_print_may_be_missing() -> None:
    newest = info(annotation={}, lsn=None, reference=None, prior=None).in_repository(1)[-1]

    assert newest.lsn_start is None
    assert newest.references == ()


@pytest.mark.parametrize(
    ("code", "message", "outcome"),
    [
        (1, "missing stanza path", Outcome.FAIL),
        (2, "no valid backups", Outcome.FAIL),
        (3, "missing stanza data", Outcome.FAIL),
        (99, "[HostConnectError] unable to connect to 'localhost:9': [111] Connection refused", Outcome.UNKNOWN),
    ],
)
def test_a_stanza_that_is_not_there_fails_and_an_unreachable_repository_is_unknown(
    code: int, message: str, outcome: Outcome
) -> None:
    status = {"code": code, "message": message}
    answer = [
        {
            "archive": [],
            "backup": [],
            "db": [],
            "name": "lab",
            "repo": [{"cipher": "none", "key": 1, "status": status}],
            "status": {**status, "lock": {"backup": {"held": False}}},
        }
    ]

    assert verdict(parse_info(json.dumps(answer), "lab")) is outcome


@pytest.mark.parametrize("text", ["", "WARN: no\n[]", "[]", "{}", '[{"name": "lab"}]', "null"])
def test_an_answer_that_cannot_be_read_is_unknown(text: str) -> None:
    with pytest.raises(CouldNotTell, match="lab"):
        parse_info(text, "lab")


def of_another_cluster() -> StanzaInfo:
    """The recorded stanza after initdb and stanza-upgrade: all of its backups are of the former cluster."""
    changed = json.loads(json.dumps(RECORDED))
    changed[0]["db"] += [
        {**database, "id": database["id"] + 1, "system-id": 4711}
        for database in changed[0]["db"]
        if database["repo-key"] == 1
    ]
    return parse_info(json.dumps(changed), "lab")


def test_each_backup_has_its_own_clusters_identifier() -> None:
    former = RECORDED[0]["db"][0]["system-id"]

    assert {backup.system_identifier for backup in of_another_cluster().in_repository(1)} == {former}
    assert of_another_cluster().system_identifiers[1] == 4711
    assert of_another_cluster().of_cluster(1, 4711) == ()


@pytest.mark.parametrize("production", [4711, None, 815])
def test_a_former_clusters_backups_are_no_recent_ones(production: int | None) -> None:
    now = FINISHED + timedelta(hours=1)

    found = verdict_on_newest("lab", of_another_cluster(), 1, production, now=now, max_age_seconds=26 * 3600)

    assert found.outcome is Outcome.FAIL
    assert "holds no backup of lab" in found.sentence
    assert ("stanza-upgrade" in found.sentence) is (production == 815)


def test_control_characters_of_a_wrong_passphrase_do_not_hide_the_answer() -> None:
    broken = json.dumps(RECORDED).replace('"message": "ok"', '"message": "\x1f\x01"')

    assert parse_info(broken, "lab").message == "\x1f\x01"
