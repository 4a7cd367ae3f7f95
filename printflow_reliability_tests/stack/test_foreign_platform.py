import pytest

from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform

pytestmark = pytest.mark.stack


def test_x(foreign: ForeignPlatform) -> None:
    print(foreign.root)
    for argv in ["backup run", "backup list --json", "files reconcile", "orders held","runbook", "drill run"]:
        print("$$", argv, foreign.run(*argv.split()))
    assert 0
