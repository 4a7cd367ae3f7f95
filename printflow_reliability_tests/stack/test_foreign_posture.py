"""The platform's source judged on the foreign platform, by a plain user: the healthy case, with the records there."""

import pytest

from printflow_reliability_tests.posture.platforms import written
from printflow_reliability_tests.posture.well_kept import WELL_KEPT
from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform

pytestmark = pytest.mark.stack


def test_a_well_kept_source_is_judged_and_remembered(foreign: ForeignPlatform) -> None:
    source = written(foreign.root / "the shop's own source", WELL_KEPT)
    for path in (source, *source.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    ended = foreign.run("posture", "--source", str(source), "--json")

    assert (ended.exit_code, ended.document["findings"], ended.stderr) == (0, [], ""), ended
    assert foreign.run("posture", "--source", str(source), "--plan").exit_code == 0
