"""The version that a program needs is that of its newest migration, and each follows the one before."""

from alembic.script import ScriptDirectory

from printflow_reliability.records.database import MIGRATIONS, VERSION


def test_the_version_is_the_one_that_alembic_upgrades_to() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_current_head() == VERSION
    numbers = [script.revision for script in scripts.walk_revisions()]
    assert numbers == [f"{number:04}" for number in range(len(numbers), 0, -1)]
