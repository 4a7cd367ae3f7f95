"""What a platform does without is not missed, and what printflow.toml calls for is."""

from printflow_reliability.readiness.queues_seen import is_watched
from printflow_reliability.register import REGISTER
from printflow_reliability_tests.minimal_settings import minimal_settings

QUEUES = '[[redis]]\nname = "jobs"\nurl = "redis://127.0.0.1:1/0"\n[posture]\nsource = "/srv/shop"\n'


def missing(sections: str) -> set[str]:
    settings = minimal_settings(sections)
    return {check.partition(".")[0] for check in REGISTER if not is_watched(settings, check)}


def test_checks_of_sections_that_are_not_there_are_not_watched() -> None:
    assert missing("") == {"queues", "redis", "dump", "config", "posture"}


def test_checks_of_sections_that_are_there_are() -> None:
    assert missing(QUEUES) == {"queues", "dump", "config"}
