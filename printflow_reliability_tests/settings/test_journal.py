"""A journal whose silence would be noticed only where nobody looks any more is refused."""

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability_tests.minimal_settings import minimal_settings

JOURNAL = """
[journal]
cluster = "live_db"
query = "SELECT 1 AS number, now() AS at, '' AS event"
"""
QUIET = '[[bucket]]\nname = "quiet"\nbucket = "quiet"\njournal_silence_seconds = {}\n'


@pytest.mark.parametrize(
    "more", [JOURNAL, f"{JOURNAL}look_back_seconds = 3600\n", JOURNAL + QUIET.format(129600), QUIET.format(200000)]
)
def test_a_journal_is_looked_at_for_longer_than_it_may_be_silent(more: str) -> None:
    settings = minimal_settings(more)
    if settings.journal is not None:
        quiet = [settings.journal.silence_of(bucket) for bucket in settings.bucket]
        assert quiet == [3600.0] + [129600.0] * (len(quiet) - 1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (f"{JOURNAL}look_back_seconds = 3599\n", "journal.max_silence_seconds: 3600 is more than"),
        (JOURNAL + QUIET.format(200000), "bucket quiet: journal_silence_seconds: 200000 is more than"),
    ],
)
def test_silence_beyond_what_is_looked_at_is_refused(more: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        minimal_settings(more)
