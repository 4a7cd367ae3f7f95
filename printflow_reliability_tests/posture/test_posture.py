"""The platform as the action plan found it is red, a well-kept one green, item by item; what is unseen is unknown."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.posture.items import Item, check_results
from printflow_reliability.posture_checks import POSTURE_CHECKS
from printflow_reliability_tests.posture.as_found import AS_FOUND, RED
from printflow_reliability_tests.posture.platforms import judged
from printflow_reliability_tests.posture.secrets import APP_KEY, INTERNAL, LIVE_AWS, LIVE_STRIPE
from printflow_reliability_tests.posture.well_kept import WELL_KEPT

CHECKS = [check.name for check in POSTURE_CHECKS]


@pytest.fixture(scope="module")
def as_found(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    return judged(tmp_path_factory.mktemp("as_found"), AS_FOUND)


@pytest.fixture(scope="module")
def well_kept(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    return judged(tmp_path_factory.mktemp("well_kept"), WELL_KEPT)


def outcomes(items: list[Item]) -> Mapping[str, Outcome]:
    return {answer.check: answer.outcome for answer in check_results(items, CHECKS)}


def ringing(check: str, sees: str) -> object:
    return pytest.param(check, marks=pytest.mark.alarm(check, sees))


@pytest.mark.parametrize("kind", RED)
def test_as_it_was_found_every_item_is_wrong_and_has_its_place(kind: str, as_found: list[Item]) -> None:
    places = [str(item.place) for item in as_found if item.rule.name == kind and item.outcome is Outcome.FAIL]
    assert RED[kind] in places


@pytest.mark.parametrize("kind", RED)
def test_the_same_item_of_a_well_kept_platform_is_good(kind: str, well_kept: list[Item]) -> None:
    found = {item.outcome for item in well_kept if item.rule.name == kind}
    # What is looked for and must not be there has no item where it is not there.
    assert found == {Outcome.PASS} or (not found and kind in {"silent_skip", "swallowed_error", "live_keys"})


def test_nothing_of_a_well_kept_platform_is_wrong_or_unknown(well_kept: list[Item]) -> None:
    assert [item.sentence for item in well_kept if item.outcome is not Outcome.PASS] == []


@pytest.mark.parametrize("check", [ringing(check, "ring") for check in CHECKS])
def test_each_check_rings_on_the_platform_as_it_was_found(check: str, as_found: list[Item]) -> None:
    assert outcomes(as_found)[check] is Outcome.FAIL


@pytest.mark.parametrize("check", [ringing(check, "silent") for check in CHECKS])
def test_each_check_is_silent_on_a_well_kept_platform(check: str, well_kept: list[Item]) -> None:
    assert outcomes(well_kept)[check] is Outcome.PASS


UNSEEN: Mapping[str, dict[str, str | bytes]] = {
    "posture.environment": {".env": b"APP_ENV=\xff\xfe"},
    "posture.queues": {"config/queue.php": "<?php return array_merge($defaults, []);"},
    "posture.jobs": {"app/Jobs/Broken.php": "<?php class Broken implements ShouldQueue { public $tries = "},
    "posture.skips": {"app/Services/Broken.php": "<?php function f( { foreach"},
    "posture.files": {"infrastructure/main.tf": 'resource "aws_s3_bucket" "print_files" {}'},
    "posture.monitoring": {"config/sentry.php": "<?php return load('sentry');"},
    "posture.health": {"infrastructure/probes.yml": "targets: []"},
    "posture.delivery": {"composer.lock": '{"content": "of another version"}'},
}


@pytest.mark.parametrize("check", [ringing(check, "unknown") for check in CHECKS])
def test_each_check_could_not_tell_where_its_file_cannot_be_read(check: str, tmp_path: Path) -> None:
    assert outcomes(judged(tmp_path, {**WELL_KEPT, **UNSEEN[check]}))[check] is Outcome.UNKNOWN


def test_what_nothing_answers_is_unknown() -> None:
    assert set(outcomes([]).values()) == {Outcome.UNKNOWN}


def test_no_item_shows_a_secret(as_found: list[Item], well_kept: list[Item]) -> None:
    said = repr([*as_found, *well_kept]) + "".join(str(item.as_json()) for item in (*as_found, *well_kept))
    assert not [secret for secret in (APP_KEY, APP_KEY[7:20], INTERNAL, LIVE_STRIPE, LIVE_AWS) if secret in said]
